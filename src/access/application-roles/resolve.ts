/** Whom and what the rows of a change mean: roles by key or id, users by what they are known by; each kind in one statement. */
import { foldIdentifier, unitsWithinLimit, usersWithinLimit, limitPathsOf } from '../../directory/index.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Row } from './rows.ts';
import type { SubjectKind } from './schemas.ts';

export interface Subject { readonly kind: SubjectKind; readonly id: string }
export interface RoleName { readonly id: string; readonly key: string; readonly applicationId: string }

/** Why a row cannot be applied. The code is stable. */
export interface RowFailure { readonly code: string; readonly detail: string }
export const isFailure = (value: object): value is RowFailure => 'code' in value;

const noSuch = (code: string, detail: string): RowFailure => ({ code: `Operation.Failure.${code}.Not.Exist`, detail });

export type SubjectReference = Pick<Row, 'userId' | 'username' | 'email' | 'externalId' | 'groupId' | 'organizationalUnitId'>;

/**
 * The roles that references name, by reference. Within a transaction they are kept from deletion until it ends.
 * A key never reads as an id (schemas.ts).
 */
export async function resolveRoles(context: InstanceContext, applicationId: string, references: Iterable<string>, { lock }: { lock: boolean }): Promise<Map<string, RoleName>> {
  const wanted = [...new Set(references)];
  if (wanted.length === 0) return new Map();
  const rows = await context.db.$queryRaw<{ id: string; key: string }[]>`
    SELECT "id", "key" FROM "ApplicationRole"
    WHERE "instanceId" = ${context.instance.id} AND "applicationId" = ${applicationId} AND ("key" = ANY (${wanted}::text[]) OR "id" = ANY (${wanted}::text[]))
    ORDER BY "id" ${lock ? Prisma.sql`FOR KEY SHARE` : Prisma.empty}`;
  const roles = rows.map(({ id, key }) => ({ id, key, applicationId }));
  return new Map(roles.flatMap((role) => [[role.id, role], [role.key, role]]));
}

/**
 * Whom each reference names, in their order, or why nobody. Within a transaction the subjects are kept from deletion.
 * Who is outside the principal's limit does not exist for it.
 */
export async function resolveSubjects(context: InstanceContext, references: readonly SubjectReference[], options: { lock: boolean }): Promise<(Subject | RowFailure)[]> {
  const lock = options.lock ? Prisma.sql`FOR KEY SHARE` : Prisma.empty;
  const instanceId = context.instance.id;
  const named = <Name extends keyof SubjectReference>(name: Name) => references.flatMap((reference) => reference[name] ?? []);

  async function find(values: readonly string[], column: 'usernameKey' | 'emailKey' | 'externalId'): Promise<{ id: string; key: string; verified: boolean }[]> {
    if (values.length === 0) return [];
    const name = Prisma.raw(`"${column}"`);
    return context.db.$queryRaw`
      SELECT "id", ${name} AS "key", ${column === 'emailKey' ? Prisma.raw('"emailVerified"') : Prisma.raw('true')} AS "verified"
      FROM "User" WHERE "instanceId" = ${instanceId} AND ${name} = ANY (${[...new Set(values)]}::text[]) AND "recycledAt" IS NULL ORDER BY "id" ${lock}`;
  }

  /** Those that are not there: most often none, and so no rows to read. */
  async function findMissing(ids: readonly string[], table: 'User' | 'Group' | 'OrganizationalUnit'): Promise<Set<string>> {
    if (ids.length === 0) return new Set();
    const rows = await context.db.$queryRaw<{ id: string }[]>`
      WITH held AS MATERIALIZED (SELECT "id" FROM ${Prisma.raw(`"${table}"`)} WHERE "instanceId" = ${instanceId} AND "id" = ANY (${ids}::text[]) ${table === 'User' ? Prisma.sql`AND "recycledAt" IS NULL` : Prisma.empty} ORDER BY "id" ${lock})
      SELECT w."id" FROM unnest(${ids}::text[]) AS w("id") WHERE NOT EXISTS (SELECT 1 FROM held WHERE held."id" = w."id")`;
    return new Set(rows.map(({ id }) => id));
  }

  const noUsers = await findMissing(named('userId'), 'User');
  const byUsername = new Map((await find(named('username').map(foldIdentifier), 'usernameKey')).map(({ id, key }) => [key, id]));
  const byEmail = new Map((await find(named('email').map(foldIdentifier), 'emailKey')).map((row) => [row.key, row]));
  const byExternalId = Map.groupBy(await find(named('externalId'), 'externalId'), ({ key }) => key);
  const noGroups = await findMissing(named('groupId'), 'Group');
  const noUnits = await findMissing(named('organizationalUnitId'), 'OrganizationalUnit');

  const resolved = references.map((reference): Subject | RowFailure => {
    const { userId, username, email, externalId, groupId, organizationalUnitId } = reference;
    const user = (id: string | undefined): Subject | RowFailure => (id === undefined ? noUser : { kind: 'user', id });
    if (userId !== undefined) return user(noUsers.has(userId) ? undefined : userId);
    if (username !== undefined) return user(byUsername.get(foldIdentifier(username)));
    if (email !== undefined) {
      const found = byEmail.get(foldIdentifier(email));
      return found?.verified === false ? unverified : user(found?.id);
    }
    if (externalId !== undefined) {
      const found = byExternalId.get(externalId) ?? [];
      return found.length > 1 ? ambiguous : user(found[0]?.id);
    }
    if (groupId !== undefined) return noGroups.has(groupId) ? noSuch('Group', 'There is no such group.') : { kind: 'group', id: groupId };
    return organizationalUnitId !== undefined && !noUnits.has(organizationalUnitId) ? { kind: 'organizational_unit', id: organizationalUnitId } : noUnit;
  });
  return limitPathsOf(context) === undefined ? resolved : withinLimit(context, resolved);
}

/** A group's members may be anywhere: whoever is limited to units gives roles to users and units. */
async function withinLimit(context: InstanceContext, resolved: readonly (Subject | RowFailure)[]): Promise<(Subject | RowFailure)[]> {
  const idsOf = (kind: SubjectKind) => resolved.flatMap((subject) => (!isFailure(subject) && subject.kind === kind ? subject.id : []));
  const users = await usersWithinLimit(context, idsOf('user'));
  const units = await unitsWithinLimit(context, idsOf('organizational_unit'));
  return resolved.map((subject) => {
    if (isFailure(subject)) return subject;
    if (subject.kind === 'group') return { code: 'Operation.Denied', detail: 'You are limited to organizational units, and the members of a group may be anywhere.' };
    if (subject.kind === 'user') return users.has(subject.id) ? subject : noUser;
    return units.has(subject.id) ? subject : noUnit;
  });
}

const noUser = noSuch('User', 'There is no such user.');
const noUnit = noSuch('Organizational.Unit', 'There is no such organizational unit.');
const unverified: RowFailure = { code: 'Operation.Failure.User.Email.Not.Verified', detail: 'The e-mail address is not verified, so anybody may have claimed it. Name the user by id, username or externalId.' };
const ambiguous: RowFailure = { code: 'Operation.Failure.User.Ambiguous', detail: 'Several users have this externalId. Name the user by id or username.' };
export const noRole = (reference: string): RowFailure => noSuch('Application.Role', `The application has no role ${reference}.`);
