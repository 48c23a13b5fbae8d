/** Groups in groups. The members of a nested group are members of the outer ones, in effect. */
import { append } from '../../events/index.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { lockNesting } from '../locks.ts';
import { announceMemberships, forgetMemberships } from '../memberships.ts';
import { nestedTooDeep, nestingCircle, nestingNotFound } from './errors.ts';
import { groupNested, groupUnnested } from './events.ts';
import { type GroupKind, loadGroup } from './group.ts';

/** Groups on the way from the outermost to the innermost one. */
const deepestNesting = 10;

/** Nests `childGroupId` in `groupId`; nested already, nothing changes. @throws Problem 404, 409 (circle, too deep) */
export async function nestGroup(context: InstanceContext, groupId: string, childGroupId: string): Promise<void> {
  await context.transaction(async (tx) => {
    await lockNesting(tx);                            // two nestings into each other would make a circle
    await loadGroup(tx, groupId);
    await loadGroup(tx, childGroupId, 'groupId');
    if (groupId === childGroupId) throw nestingCircle();
    const { id: instanceId } = tx.instance;
    const [row] = await tx.db.$queryRaw<{ closes: boolean; up: number; down: number }[]>`
      WITH RECURSIVE "above" AS (
          SELECT ${groupId}::text AS "id", 1 AS "depth"
        UNION SELECT "nesting"."groupId", "above"."depth" + 1 FROM "above" JOIN "GroupNesting" AS "nesting" ON "nesting"."instanceId" = ${instanceId} AND "nesting"."childGroupId" = "above"."id"
      ), "below" AS (
          SELECT ${childGroupId}::text AS "id", 1 AS "depth"
        UNION SELECT "nesting"."childGroupId", "below"."depth" + 1 FROM "below" JOIN "GroupNesting" AS "nesting" ON "nesting"."instanceId" = ${instanceId} AND "nesting"."groupId" = "below"."id"
      )
      SELECT EXISTS (SELECT 1 FROM "above" WHERE "id" = ${childGroupId}) AS "closes", (SELECT max("depth") FROM "above") AS "up", (SELECT max("depth") FROM "below") AS "down"`;
    if (row?.closes) throw nestingCircle();
    if ((row?.up ?? 0) + (row?.down ?? 0) > deepestNesting) throw nestedTooDeep(deepestNesting);
    const { count } = await tx.db.groupNesting.createMany({ data: [{ instanceId, groupId, childGroupId, createdAt: tx.now() }], skipDuplicates: true });
    if (count === 0) return;
    await append(tx, groupNested(groupId, childGroupId));
    await announceMemberships(tx, 'everybody');
  });
  forgetMemberships(context, 'everybody');
}

/** @throws Problem 404 */
export async function unnestGroup(context: InstanceContext, groupId: string, childGroupId: string): Promise<void> {
  await context.transaction(async (tx) => {
    await loadGroup(tx, groupId);
    const { count } = await tx.db.groupNesting.deleteMany({ where: { groupId, childGroupId } });
    if (count === 0) throw nestingNotFound();
    await append(tx, groupUnnested(groupId, childGroupId));
    await announceMemberships(tx, 'everybody');
  });
  forgetMemberships(context, 'everybody');
}

/** A page of the groups nested directly in a group, by their ids. @throws Problem 404 */
export async function listNestedGroups(context: InstanceContext, groupId: string, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  await loadGroup(context, groupId);
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nnested-groups\n${groupId}`;
  const [after = ''] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.$queryRaw<{ id: string; name: string; kind: GroupKind }[]>`
    SELECT "group"."id", "group"."name", "group"."kind" FROM "GroupNesting" AS "nesting"
      JOIN "Group" AS "group" ON "group"."instanceId" = "nesting"."instanceId" AND "group"."id" = "nesting"."childGroupId"
     WHERE "nesting"."instanceId" = ${context.instance.id} AND "nesting"."groupId" = ${groupId} AND "nesting"."childGroupId" > ${String(after)}
     ORDER BY "nesting"."childGroupId" LIMIT ${limit + 1}`;
  return pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
}
