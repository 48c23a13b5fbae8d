/** Writes who is in dynamic groups, in set statements with an event for each change. */
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { announceMemberships } from '../memberships.ts';
import { groupMemberAdded, groupMemberRemoved } from './events.ts';

export interface Membership { readonly groupId: string; readonly userId: string }

/** Who of the users is in which of the groups. */
export function readDynamicMembers(tx: InstanceContext, groupIds: readonly string[], userIds: readonly string[]): Promise<Membership[]> {
  return tx.db.$queryRaw<Membership[]>`
    SELECT "groupId", "userId" FROM "GroupMember" WHERE "instanceId" = ${tx.instance.id} AND "userId" = ANY (${userIds}::text[]) AND "groupId" = ANY (${groupIds}::text[])`;
}

/**
 * Makes the difference between those who are members and those who should be; the caller holds or shares the rules.
 * Returns the users for whom something changed.
 */
export async function writeDynamicMembers(tx: InstanceContext, current: readonly Membership[], wanted: readonly Membership[]): Promise<string[]> {
  const [currentKeys, wantedKeys] = [new Set(current.map(keyOf)), new Set(wanted.map(keyOf))];
  const added = wanted.filter((membership) => !currentKeys.has(keyOf(membership)));
  const removed = current.filter((membership) => !wantedKeys.has(keyOf(membership)));
  const { id: instanceId } = tx.instance;
  if (removed.length > 0) {
    await tx.db.$executeRaw`
      DELETE FROM "GroupMember" AS "member" USING unnest(${removed.map(({ groupId }) => groupId)}::text[], ${removed.map(({ userId }) => userId)}::text[]) AS "gone"("groupId", "userId")
       WHERE "member"."instanceId" = ${instanceId} AND "member"."groupId" = "gone"."groupId" AND "member"."userId" = "gone"."userId"`;
  }
  // A group that is deleted meanwhile is waited for, and then has no members to be added.
  if (added.length > 0) {
    await tx.db.$executeRaw`
      INSERT INTO "GroupMember" ("instanceId", "groupId", "userId", "createdAt")
      SELECT "group"."instanceId", "group"."id", "new"."userId", ${tx.now()}
        FROM unnest(${added.map(({ groupId }) => groupId)}::text[], ${added.map(({ userId }) => userId)}::text[]) AS "new"("groupId", "userId")
        JOIN "Group" AS "group" ON "group"."instanceId" = ${instanceId} AND "group"."id" = "new"."groupId"
         FOR KEY SHARE OF "group"
      ON CONFLICT DO NOTHING`;
  }
  const changed = [...new Set([...added, ...removed].map(({ userId }) => userId))];
  if (changed.length === 0) return changed;
  await append(tx, ...removed.map(({ groupId, userId }) => groupMemberRemoved(groupId, userId)), ...added.map(({ groupId, userId }) => groupMemberAdded(groupId, userId)));
  await announceMemberships(tx, changed);
  return changed;
}

const keyOf = ({ groupId, userId }: Membership) => `${groupId}\n${userId}`;
