import { decodeCursor, encodeCursor, pageFrom } from '../../core/http/paging.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { memberColumns, type MemberRow, viewMember } from '../member-rows.ts';
import { endOf, loadOrganizationalUnit } from './organizational-unit.ts';
import { rootOrganizationalUnitId } from './root.ts';

export interface ListUnitMembers {
  /** Whether members of the units below count, too. */
  descendants: boolean;
  limit: number;
  cursor?: string | undefined;
}

type Row = MemberRow & { readonly isPrimary: boolean };

/** Users looked at for one page of the root: most of them may be in units further down. */
const usersLookedAt = 5_000;

/** A page of the members of a unit, each user once, oldest first. @throws Problem 404 */
export async function listUnitMembers(context: InstanceContext, unitId: string, { descendants, limit, cursor }: ListUnitMembers) {
  const { path } = await loadOrganizationalUnit(context, unitId);
  const { keyring } = context.core;
  const scope = `${context.instance.id}\norganizational-unit-members\n${unitId}\n${descendants}`;
  const [after = ''] = decodeCursor(keyring, scope, cursor) ?? [];
  const position = { after: String(after), limit };
  const view = (items: readonly Row[]) => items.filter(({ recycledAt }) => recycledAt === null)
    .map((row) => ({ user: viewMember(row, context.now()), isPrimary: row.isPrimary }));
  if (unitId === rootOrganizationalUnitId && !descendants) {
    const { rows, lastSeen } = await membersOfRoot(context, position);
    const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
    return { items: view(page.items), next: page.next ?? (lastSeen === undefined ? null : encodeCursor(keyring, scope, [lastSeen])) };
  }
  const rows = unitId === rootOrganizationalUnitId ? await everybody(context, position)
    : descendants ? await membersOfSubtree(context, path, position) : await membersOfUnit(context, unitId, position);
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return { items: view(page.items), next: page.next };
}

interface Keyset { after: string; limit: number }

const membersOfUnit = (context: InstanceContext, unitId: string, { after, limit }: Keyset) => context.db.$queryRaw<Row[]>`
  SELECT ${memberColumns}, "member"."isPrimary"
    FROM "OrganizationalUnitMember" AS "member" JOIN "User" AS "user" ON "user"."instanceId" = "member"."instanceId" AND "user"."id" = "member"."userId"
   WHERE "member"."instanceId" = ${context.instance.id} AND "member"."organizationalUnitId" = ${unitId} AND "member"."userId" > ${after}
   ORDER BY "member"."userId" LIMIT ${limit + 1}`;

/**
 * The first members of all units, in order, end where the page does: only units whose first one lies before that end can
 * have more of them. So the work is one look into each unit's index and some into few of them, not all memberships.
 */
const membersOfSubtree = (context: InstanceContext, path: string, { after, limit }: Keyset) => context.db.$queryRaw<Row[]>`
  WITH "firsts" AS MATERIALIZED (
    SELECT "unit"."id", "first"."userId" FROM "OrganizationalUnit" AS "unit" CROSS JOIN LATERAL (
      SELECT "userId" FROM "OrganizationalUnitMember" WHERE "instanceId" = ${context.instance.id} AND "organizationalUnitId" = "unit"."id" AND "userId" > ${after} ORDER BY "userId" LIMIT 1) AS "first"
     WHERE "unit"."instanceId" = ${context.instance.id} AND "unit"."path" >= ${path} AND "unit"."path" < ${endOf(path)}
  ), "page" AS MATERIALIZED (
    SELECT DISTINCT "next"."userId" FROM "firsts" CROSS JOIN LATERAL (
      SELECT "userId" FROM "OrganizationalUnitMember" WHERE "instanceId" = ${context.instance.id} AND "organizationalUnitId" = "firsts"."id" AND "userId" > ${after} ORDER BY "userId" LIMIT ${limit + 1}) AS "next"
     WHERE "firsts"."userId" <= (SELECT max("userId") FROM (SELECT DISTINCT "userId" FROM "firsts" ORDER BY 1 LIMIT ${limit + 1}) AS "smallest")
     ORDER BY 1 LIMIT ${limit + 1}
  )
  SELECT ${memberColumns}, EXISTS (
      SELECT 1 FROM "OrganizationalUnitMember" AS "primary" JOIN "OrganizationalUnit" AS "unit" ON "unit"."instanceId" = "primary"."instanceId" AND "unit"."id" = "primary"."organizationalUnitId"
       WHERE "primary"."instanceId" = ${context.instance.id} AND "primary"."userId" = "page"."userId" AND "primary"."isPrimary" AND "unit"."path" >= ${path} AND "unit"."path" < ${endOf(path)}) AS "isPrimary"
    FROM "page" JOIN "User" AS "user" ON "user"."instanceId" = ${context.instance.id} AND "user"."id" = "page"."userId"
   ORDER BY "user"."id"`;

/** The root with all below it. */
const everybody = (context: InstanceContext, { after, limit }: Keyset) => context.db.$queryRaw<Row[]>`
  SELECT ${memberColumns}, true AS "isPrimary" FROM "User" AS "user"
   WHERE "user"."instanceId" = ${context.instance.id} AND "user"."id" > ${after} ORDER BY "user"."id" LIMIT ${limit + 1}`;

/** Who is in the root itself, or in no unit. `lastSeen`: more may follow behind this user. */
async function membersOfRoot(context: InstanceContext, { after, limit }: Keyset): Promise<{ rows: Row[]; lastSeen: string | undefined }> {
  const { id } = context.instance;
  const rows = await context.db.$queryRaw<(Row & { place: number; isMember: boolean })[]>`
    WITH "seen" AS MATERIALIZED (
      SELECT "candidate"."id", "candidate"."place", COALESCE("own"."isPrimary", true) AS "isPrimary",
             "own"."userId" IS NOT NULL OR NOT EXISTS (SELECT 1 FROM "OrganizationalUnitMember" AS "any" WHERE "any"."instanceId" = ${id} AND "any"."userId" = "candidate"."id") AS "isMember"
        FROM (SELECT "id", row_number() OVER (ORDER BY "id")::int AS "place" FROM (
                SELECT "id" FROM "User" WHERE "instanceId" = ${id} AND "id" > ${after} ORDER BY "id" LIMIT ${usersLookedAt}) AS "window") AS "candidate"
        LEFT JOIN "OrganizationalUnitMember" AS "own" ON "own"."instanceId" = ${id} AND "own"."userId" = "candidate"."id" AND "own"."organizationalUnitId" = ${rootOrganizationalUnitId}
    )
    SELECT ${memberColumns}, "seen"."place", "seen"."isPrimary", "seen"."isMember" FROM "seen"
      JOIN "User" AS "user" ON "user"."instanceId" = ${id} AND "user"."id" = "seen"."id"
     WHERE "seen"."place" = ${usersLookedAt} OR "seen"."id" IN (SELECT "id" FROM "seen" WHERE "isMember" ORDER BY "id" LIMIT ${limit + 1})
     ORDER BY "user"."id"`;
  const last = rows.find(({ place }) => place === usersLookedAt);
  return { rows: rows.filter(({ isMember }) => isMember).slice(0, limit + 1), lastSeen: last?.id };
}
