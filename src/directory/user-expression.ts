/** A user as expressions see one: the `user` of role mappings, dynamic groups and policies. */
import type { InstanceContext } from '../tenancy/index.ts';
import { loadMemberships, type Memberships } from './memberships.ts';
import { isUsable, type User } from './user.ts';
import { loadUser } from './users.ts';

export interface ExpressionUser {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly givenName: string | null;
  readonly familyName: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly phone: string | null;
  readonly locale: string | null;
  readonly timeZone: string | null;
  readonly externalId: string | null;
  readonly status: string;
  /** Custom fields by key; those without a value are absent. */
  readonly dict: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Names of the groups, also of those that theirs are nested in. */
  readonly groups: readonly string[];
  readonly groupIds: readonly string[];
  /** Names of the units that the user is in. */
  readonly organizationalUnits: readonly string[];
  readonly organizationalUnitIds: readonly string[];
}

/** @throws Problem 404 */
export async function expressionUser(context: InstanceContext, userId: string): Promise<ExpressionUser> {
  const [user, memberships] = await Promise.all([loadUser(context, userId), loadMemberships(context, userId)]);
  return toExpressionUser(user, memberships, context.now());
}

/** The same of a row that is there already, for batches. What is absent is null. */
export function toExpressionUser(user: User, memberships: Memberships, now: Date): ExpressionUser {
  const { id, username, displayName, emailVerified, status, customFields } = user;
  return {
    id, username, displayName, emailVerified,
    givenName: user.givenName, familyName: user.familyName, email: user.email, phone: user.phone,
    locale: user.locale, timeZone: user.timeZone, externalId: user.externalId,
    status: status === 'enabled' && !isUsable(user, now) ? 'expired' : status,
    dict: customFields,
    groups: memberships.groups.map(({ name }) => name), groupIds: memberships.groups.map((group) => group.id),
    organizationalUnits: memberships.organizationalUnits.map(({ name }) => name),
    organizationalUnitIds: memberships.organizationalUnits.map((unit) => unit.id),
  };
}
