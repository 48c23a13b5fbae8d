import { omit } from '../core/omit.ts';
import type { User as UserRow } from '../generated/prisma/client.ts';
import type { SourceType, UserStatus } from './schemas.ts';

/** A person of an instance. Passwords and factors are not part of it. */
export type User = Omit<UserRow, 'instanceId' | 'usernameKey' | 'emailKey' | 'status' | 'customFields' | 'recycledAt' | 'erasesAt' | 'statusBeforeRecycling'> & {
  readonly status: UserStatus;
  /** By key of the field. */
  readonly customFields: Readonly<Record<string, string | number | boolean | string[]>>;
};

/** Whether the user may sign in and use tokens at this moment. */
export function isUsable(user: Pick<User, 'status' | 'expiresAt'>, now: Date): boolean {
  return user.status === 'enabled' && (user.expiresAt === null || user.expiresAt > now);
}

export function fromRow(row: UserRow): User {
  return {
    ...omit(row, 'instanceId', 'usernameKey', 'emailKey', 'recycledAt', 'erasesAt', 'statusBeforeRecycling'),
    status: row.status as UserStatus, customFields: row.customFields as User['customFields'],
  };
}

/** As the REST API and the event log show it. With `now`, an account past its end reads `expired`. */
export function viewUser(user: User, now?: Date) {
  return {
    ...omit(user, 'version', 'sourceType', 'sourceId'),
    source: { type: user.sourceType as SourceType, id: user.sourceId },
    status: now && user.status === 'enabled' && !isUsable(user, now) ? 'expired' as const : user.status,
    expiresAt: user.expiresAt?.toISOString() ?? null,
    createdAt: user.createdAt.toISOString(),
    updatedAt: user.updatedAt.toISOString(),
    lastSignInAt: user.lastSignInAt?.toISOString() ?? null,
  };
}
