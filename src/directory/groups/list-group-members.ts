import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { memberColumns, type MemberRow, viewMember } from '../member-rows.ts';
import { loadGroup } from './group.ts';

export interface ListGroupMembers {
  /** Whether members of the groups nested in it count, too. */
  effective: boolean;
  limit: number;
  cursor?: string | undefined;
}

type Row = MemberRow & { readonly through: string | null };

/** A page of the members of a group, each user once, oldest first. @throws Problem 404 */
export async function listGroupMembers(context: InstanceContext, groupId: string, { effective, limit, cursor }: ListGroupMembers) {
  await loadGroup(context, groupId);
  const { keyring } = context.core;
  const scope = `${context.instance.id}\ngroup-members\n${groupId}\n${effective}`;
  const [after = ''] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await (effective ? effectiveMembers : directMembers)(context, groupId, String(after), limit);
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return {
    items: page.items.filter(({ recycledAt }) => recycledAt === null).map((row) => ({ user: viewMember(row, context.now()), through: row.through })),
    next: page.next,
  };
}

const directMembers = (context: InstanceContext, groupId: string, after: string, limit: number) => context.db.$queryRaw<Row[]>`
  SELECT ${memberColumns}, NULL::text AS "through"
    FROM "GroupMember" AS "member" JOIN "User" AS "user" ON "user"."instanceId" = "member"."instanceId" AND "user"."id" = "member"."userId"
   WHERE "member"."instanceId" = ${context.instance.id} AND "member"."groupId" = ${groupId} AND "member"."userId" > ${after}
   ORDER BY "member"."userId" LIMIT ${limit + 1}`;

/** By looks into each group's index, as for subtrees of units (organizational-units/list-unit-members.ts). */
const effectiveMembers = (context: InstanceContext, groupId: string, after: string, limit: number) => context.db.$queryRaw<Row[]>`
  WITH RECURSIVE "below" AS (
      SELECT ${groupId}::text AS "id"
    UNION SELECT "nesting"."childGroupId" FROM "below" JOIN "GroupNesting" AS "nesting" ON "nesting"."instanceId" = ${context.instance.id} AND "nesting"."groupId" = "below"."id"
  ), "firsts" AS MATERIALIZED (
    SELECT "below"."id", "first"."userId" FROM "below" CROSS JOIN LATERAL (
      SELECT "userId" FROM "GroupMember" WHERE "instanceId" = ${context.instance.id} AND "groupId" = "below"."id" AND "userId" > ${after} ORDER BY "userId" LIMIT 1) AS "first"
  ), "page" AS MATERIALIZED (
    SELECT "next"."userId", min("firsts"."id") AS "groupId", bool_or("firsts"."id" = ${groupId}) AS "isDirect" FROM "firsts" CROSS JOIN LATERAL (
      SELECT "userId" FROM "GroupMember" WHERE "instanceId" = ${context.instance.id} AND "groupId" = "firsts"."id" AND "userId" > ${after} ORDER BY "userId" LIMIT ${limit + 1}) AS "next"
     WHERE "firsts"."userId" <= (SELECT max("userId") FROM (SELECT DISTINCT "userId" FROM "firsts" ORDER BY 1 LIMIT ${limit + 1}) AS "smallest")
     GROUP BY "next"."userId" ORDER BY 1 LIMIT ${limit + 1}
  )
  SELECT ${memberColumns}, CASE WHEN "page"."isDirect" THEN NULL ELSE "page"."groupId" END AS "through"
    FROM "page" JOIN "User" AS "user" ON "user"."instanceId" = ${context.instance.id} AND "user"."id" = "page"."userId"
   ORDER BY "user"."id"`;
