/**
 * Where users belong, read for many callers in one statement over all instances: each key carries its instance. The
 * reader works past the scoped client; within a transaction the same statement runs through it.
 */
import type { BatchStatement } from '../core/batch-statements.ts';
import { type CoalescingReader, createCoalescingReader } from '../core/coalesce.ts';
import type { Core } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';

export interface MembershipKey { readonly instanceId: string; readonly userId: string }

export interface MembershipRow extends MembershipKey {
  readonly kind: 'unit' | 'group';
  readonly id: string;
  readonly name: string;
  /** The path of a unit; of a group the nested one by which the user is in it. */
  readonly detail: string | null;
  readonly isPrimary: boolean;
}

/**
 * Each step goes on from the one before by an index (OFFSET 0 keeps that order). A user without a unit is in the root;
 * one who does not exist, or is deleted, is nowhere. Of several ways into a group one is told, the direct one first.
 */
const statement: BatchStatement = {
  name: 'memberships',
  text: `WITH RECURSIVE k AS MATERIALIZED (
      SELECT k.* FROM unnest($1::text[], $2::text[]) AS k("instanceId", "userId")
      JOIN "User" u ON u."instanceId" = k."instanceId" AND u.id = k."userId" AND u."recycledAt" IS NULL
    ), reached AS (
      SELECT k.*, m."groupId", NULL::text AS via FROM k JOIN "GroupMember" m ON m."instanceId" = k."instanceId" AND m."userId" = k."userId"
      UNION
      SELECT r."instanceId", r."userId", n."groupId", COALESCE(r.via, r."groupId")
      FROM reached r CROSS JOIN LATERAL (SELECT "groupId" FROM "GroupNesting" WHERE "instanceId" = r."instanceId" AND "childGroupId" = r."groupId" OFFSET 0) n
    )
    SELECT k.*, 'unit' AS kind, o.id, o.name, o.path COLLATE "default" AS detail, m."isPrimary"
    FROM k JOIN "OrganizationalUnitMember" m ON m."instanceId" = k."instanceId" AND m."userId" = k."userId"
    JOIN "OrganizationalUnit" o ON o."instanceId" = m."instanceId" AND o.id = m."organizationalUnitId"
    UNION ALL
    SELECT k.*, 'unit', o.id, o.name, o.path COLLATE "default", true
    FROM k JOIN "OrganizationalUnit" o ON o."instanceId" = k."instanceId" AND o.id = 'ou_root'
    WHERE NOT EXISTS (SELECT 1 FROM "OrganizationalUnitMember" m WHERE m."instanceId" = k."instanceId" AND m."userId" = k."userId")
    UNION ALL
    SELECT r."instanceId", r."userId", 'group', g.id, g.name, r.via, false
    FROM (SELECT DISTINCT ON ("instanceId", "userId", "groupId") * FROM reached ORDER BY "instanceId", "userId", "groupId", via NULLS FIRST) r
    CROSS JOIN LATERAL (SELECT id, name FROM "Group" WHERE "instanceId" = r."instanceId" AND id = r."groupId" OFFSET 0) g`,
};

const keyOf = ({ instanceId, userId }: MembershipKey) => `${instanceId}\0${userId}`;

export type MembershipReader = CoalescingReader<MembershipKey, readonly MembershipRow[]>;

export function createMembershipReader(core: Core): MembershipReader {
  return createCoalescingReader<MembershipKey, readonly MembershipRow[]>({
    keyOf,
    maxBatch: 100,
    onBatch: core.metrics.batchSizesOf(statement.name),
    async readBatch(keys) {
      const rows = await core.batches.run<MembershipRow>(statement, [keys.map(({ instanceId }) => instanceId), keys.map(({ userId }) => userId)]);
      return Map.groupBy(rows, keyOf);
    },
  });
}

/** Reads what the context's transaction has written, too. */
export function readMembershipRows(context: InstanceContext, userId: string): Promise<MembershipRow[]> {
  return context.db.$queryRawUnsafe<MembershipRow[]>(statement.text, [context.instance.id], [userId]);
}
