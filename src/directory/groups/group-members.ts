/** Who is in a static group. Each change is for up to a thousand users, in set statements, with an event for each. */
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { guardUsers } from '../guards.ts';
import { lockUsers } from '../lock-users.ts';
import type { BatchResult } from '../member-schemas.ts';
import { announceMemberships, forgetMemberships } from '../memberships.ts';
import { membersFollowTheRule, tooManyMembers } from './errors.ts';
import { groupMemberAdded, groupMemberRemoved } from './events.ts';
import { loadGroup, loadGroupForUpdate } from './group.ts';
import { countMembers, mostAtOnce } from './groups.ts';

/** @throws Problem 404 (no such group or user), 409 (dynamic) */
export function addGroupMembers(context: InstanceContext, groupId: string, userIds: readonly string[]): Promise<BatchResult> {
  return changing(context, groupId, async (tx) => {
    await lockUsers(tx, userIds);
    const added = await insertMembers(tx, groupId, userIds);
    return { added, removed: [], unchanged: userIds.length - added.length };
  });
}

/** Users who are no members, or do not exist, count as unchanged. @throws Problem 404, 409 (dynamic) */
export function removeGroupMembers(context: InstanceContext, groupId: string, userIds: readonly string[]): Promise<BatchResult> {
  return changing(context, groupId, async (tx) => {
    const removed = await deleteMembers(tx, groupId, userIds);
    return { added: [], removed, unchanged: userIds.length - removed.length };
  });
}

/** The direct members are these and no others. @throws Problem 404, 409 (dynamic, or has too many members to replace at once) */
export function putGroupMembers(context: InstanceContext, groupId: string, userIds: readonly string[]): Promise<BatchResult> {
  return changing(context, groupId, async (tx) => {
    await loadGroupForUpdate(tx, groupId);            // two replacements one after the other, not a mix of both
    await lockUsers(tx, userIds);
    if (await countMembers(tx, groupId) > mostAtOnce) throw tooManyMembers(mostAtOnce, 'replaced');
    const gone = await tx.db.$queryRaw<{ userId: string }[]>`
      DELETE FROM "GroupMember" WHERE "instanceId" = ${tx.instance.id} AND "groupId" = ${groupId} AND "userId" <> ALL (${userIds}::text[]) RETURNING "userId"`;
    const added = await insertMembers(tx, groupId, userIds);
    return { added, removed: gone.map(({ userId }) => userId), unchanged: userIds.length - added.length };
  });
}

/** Returns those who were no members before. The users exist. */
export async function insertMembers(tx: InstanceContext, groupId: string, userIds: readonly string[]): Promise<string[]> {
  const rows = await tx.db.$queryRaw<{ userId: string }[]>`
    INSERT INTO "GroupMember" ("instanceId", "groupId", "userId", "createdAt")
    SELECT ${tx.instance.id}, ${groupId}, "userId", ${tx.now()} FROM unnest(${userIds}::text[]) AS "new"("userId") ORDER BY "userId"
    ON CONFLICT DO NOTHING RETURNING "userId"`;
  return rows.map(({ userId }) => userId);
}

/** Returns those who were members. */
export async function deleteMembers(tx: InstanceContext, groupId: string, userIds: readonly string[]): Promise<string[]> {
  const rows = await tx.db.$queryRaw<{ userId: string }[]>`
    DELETE FROM "GroupMember" WHERE "instanceId" = ${tx.instance.id} AND "groupId" = ${groupId} AND "userId" = ANY (${userIds}::text[]) RETURNING "userId"`;
  return rows.map(({ userId }) => userId);
}

interface Changed { added: readonly string[]; removed: readonly string[]; unchanged: number }

async function changing(context: InstanceContext, groupId: string, work: (tx: InstanceContext) => Promise<Changed>): Promise<BatchResult> {
  const { changed, result } = await context.transaction(async (tx) => {
    // Held against deletion, so that a new member is not refused by the database instead.
    await tx.db.$queryRaw`SELECT 1 FROM "Group" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${groupId} FOR KEY SHARE`;
    const group = await loadGroup(tx, groupId);
    if (group.kind === 'dynamic') throw membersFollowTheRule();
    const { added, removed, unchanged } = await work(tx);
    const changed = [...added, ...removed];
    if (changed.length > 0) {
      await guardUsers(tx, changed);
      await append(tx, ...removed.map((userId) => groupMemberRemoved(groupId, userId)), ...added.map((userId) => groupMemberAdded(groupId, userId)));
      await announceMemberships(tx, changed);
    }
    return { changed, result: { added: added.length, removed: removed.length, unchanged } };
  });
  if (changed.length > 0) forgetMemberships(context, changed);
  return result;
}

