/**
 * Administrators who are limited to parts of the tree. Whom they may not see does not exist for them (404, and left out
 * of lists): a user outside of every subtree of theirs. Whom they may change is in no other unit besides: else a
 * password given here would open what the user may do elsewhere. Nothing is asked where no limit is.
 *
 * A route that keeps to the limit says so (`limit: 'organizational-units'` in its access); all others refuse.
 */
import { denied } from '../core/errors.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { userNotFound } from './errors.ts';

/** The paths of the subtrees that the principal is limited to; undefined where nothing limits. */
export function limitPathsOf({ principal }: InstanceContext): readonly string[] | undefined {
  return principal.kind === 'user' ? principal.limit?.organizationalUnitPaths : undefined;
}

/**
 * SQL: whether a path lies in one of the subtrees. A range, which the index of paths answers ("0" follows "/"), also
 * where the paths are parameters.
 */
export function pathWithin(paths: readonly string[], path: Prisma.Sql): Prisma.Sql {
  const ranges = paths.map((start) => Prisma.sql`(${path} >= ${start} AND ${path} < ${`${start.slice(0, -1)}0`})`);
  return ranges.length === 0 ? Prisma.sql`FALSE` : Prisma.sql`(${Prisma.join(ranges, ' OR ')})`;
}

/**
 * SQL for lists and counts: whether the user with the id in this column is in a unit within the limit.
 * @example Prisma.sql`SELECT … FROM "User" AS "user" WHERE "user"."instanceId" = ${id} AND ${userWithinLimit(context, Prisma.sql`"user"."id"`)}`
 */
export function userWithinLimit(context: InstanceContext, userId: Prisma.Sql): Prisma.Sql {
  const paths = limitPathsOf(context);
  if (paths === undefined) return Prisma.sql`TRUE`;
  return Prisma.sql`${userId} IN (${membersWithin(context, paths)})`;
}

/** SQL: the ids of the users in units within the limit, one for each membership. */
function membersWithin(context: InstanceContext, paths: readonly string[]): Prisma.Sql {
  return Prisma.sql`
    SELECT "limitMember"."userId" FROM "OrganizationalUnit" AS "limitUnit"
      JOIN "OrganizationalUnitMember" AS "limitMember" ON "limitMember"."instanceId" = "limitUnit"."instanceId" AND "limitMember"."organizationalUnitId" = "limitUnit"."id"
     WHERE "limitUnit"."instanceId" = ${context.instance.id} AND ${pathWithin(paths, Prisma.sql`"limitUnit"."path"`)}`;
}

/** Of these users those whom the principal may see; all of them where nothing limits. One statement. */
export async function usersWithinLimit(context: InstanceContext, userIds: readonly string[]): Promise<Set<string>> {
  const found = await placesOf(context, userIds);
  return new Set(found === undefined ? userIds : found.filter(({ within }) => within).map(({ userId }) => userId));
}

/** Whether the principal may see the user. */
export async function isWithinLimit(context: InstanceContext, userId: string): Promise<boolean> {
  return (await usersWithinLimit(context, [userId])).has(userId);
}

/** Before anything of a user is shown. @throws Problem 404, as for a user who does not exist */
export async function rejectOutsideLimit(context: InstanceContext, userId: string, absent: () => Error = userNotFound): Promise<void> {
  if (!await isWithinLimit(context, userId)) throw absent();
}

/**
 * Before users are changed.
 * @throws what `absent` makes (404) when one is outside the limit, Problem 403 when one is in a unit outside of it, too
 */
export async function rejectChangeOutsideLimit(context: InstanceContext, userIds: readonly string[], absent: () => Error = userNotFound): Promise<void> {
  const places = await placesOf(context, userIds);
  if (places === undefined) return;
  const within = new Set(places.filter((place) => place.within).map(({ userId }) => userId));
  if (userIds.some((userId) => !within.has(userId))) throw absent();
  if (places.some((place) => !place.wholly)) throw alsoElsewhere();
}

/** Of these units those within the limit; all of them where nothing limits. */
export async function unitsWithinLimit(context: InstanceContext, organizationalUnitIds: readonly string[]): Promise<Set<string>> {
  const paths = limitPathsOf(context);
  if (paths === undefined) return new Set(organizationalUnitIds);
  const rows = await context.db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "OrganizationalUnit" WHERE "instanceId" = ${context.instance.id} AND "id" = ANY (${organizationalUnitIds}::text[]) AND ${pathWithin(paths, Prisma.sql`"path"`)}`;
  return new Set(rows.map(({ id }) => id));
}

/** Before units are shown, changed, or something is put into them. @throws what `absent` makes: the answer for a unit that does not exist */
export async function rejectUnitOutsideLimit(context: InstanceContext, organizationalUnitIds: readonly string[], absent: () => Error): Promise<void> {
  const within = await unitsWithinLimit(context, organizationalUnitIds);
  if (organizationalUnitIds.some((id) => !within.has(id))) throw absent();
}

/** For what a limited administrator cannot do at all, such as making a user who belongs nowhere within the limit. */
export const beyondLimit = (detail: string) => denied(detail);

const alsoElsewhere = () => denied('The user is in an organizational unit outside of yours, too: only an administrator of all of them may do this.');

interface Place { userId: string; within: boolean; wholly: boolean }

/** Where the users are, as seen from the limit; undefined without one. Read past all caches: an administrator acts on the truth. */
async function placesOf(context: InstanceContext, userIds: readonly string[]): Promise<Place[] | undefined> {
  const paths = limitPathsOf(context);
  if (paths === undefined) return undefined;
  const within = pathWithin(paths, Prisma.sql`"unit"."path"`);
  return context.db.$queryRaw<Place[]>`
    SELECT "member"."userId", bool_or(${within}) AS "within", bool_and(${within}) AS "wholly"
      FROM "OrganizationalUnitMember" AS "member"
      JOIN "OrganizationalUnit" AS "unit" ON "unit"."instanceId" = "member"."instanceId" AND "unit"."id" = "member"."organizationalUnitId"
     WHERE "member"."instanceId" = ${context.instance.id} AND "member"."userId" = ANY (${userIds}::text[])
     GROUP BY 1`;
}
