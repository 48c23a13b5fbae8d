/**
 * Which roles users have and why, read for many callers in one statement over all instances: each key carries its
 * instance. Works past the scoped client, like stalled-batches.ts.
 */
import type { BatchStatement } from '../../core/batch-statements.ts';
import { type CoalescingReader, createCoalescingReader } from '../../core/coalesce.ts';
import type { Core } from '../../core/core.ts';
import type { SubjectKind } from './schemas.ts';

export interface EffectiveKey { readonly instanceId: string; readonly userId: string; /** Empty: of all applications. */ readonly applicationId: string }

/** One way in which a user has a role. */
export interface EffectiveRow {
  readonly roleId: string;
  readonly key: string;
  readonly name: string;
  readonly applicationId: string;
  readonly kind: SubjectKind;
  /** Of the group or unit that the role was given to. */
  readonly sourceId: string | null;
  readonly sourceName: string | null;
  /** Of the nested group or lower unit that the user is in. */
  readonly viaId: string | null;
  readonly viaName: string | null;
  readonly expiresAt: Date | null;
}

const keyOf = ({ instanceId, userId, applicationId }: EffectiveKey) => `${instanceId}\0${userId}\0${applicationId}`;

/**
 * Each step goes on from the one before by an index (OFFSET 0 keeps that order; a path has another collation than ids).
 * A user without a unit is in the root; a user who does not exist is in nothing. Of several ways into a group one is
 * told, that of a direct member before the others.
 */
const statement: BatchStatement = {
  name: 'effective-roles',
  text: `WITH RECURSIVE k AS MATERIALIZED (
      SELECT k.* FROM unnest($1::text[], $2::text[], $3::text[]) AS k("instanceId", "userId", app)
      JOIN "User" u ON u."instanceId" = k."instanceId" AND u.id = k."userId" AND u."recycledAt" IS NULL
    ), units AS (
      SELECT k.*, m."organizationalUnitId" AS unit FROM k JOIN "OrganizationalUnitMember" m ON m."instanceId" = k."instanceId" AND m."userId" = k."userId"
      UNION ALL
      SELECT k.*, 'ou_root' FROM k
      WHERE NOT EXISTS (SELECT 1 FROM "OrganizationalUnitMember" m WHERE m."instanceId" = k."instanceId" AND m."userId" = k."userId")
    ), places AS (
      SELECT n."instanceId", n."userId", n.app, p.id COLLATE "default" AS place, n.unit, o.name AS "unitName"
      FROM units n JOIN "OrganizationalUnit" o ON o."instanceId" = n."instanceId" AND o.id = n.unit
      CROSS JOIN LATERAL unnest(string_to_array(trim(both '/' from o.path), '/')) AS p(id)
    ), reached AS (
      SELECT k.*, m."groupId", NULL::text AS via FROM k JOIN "GroupMember" m ON m."instanceId" = k."instanceId" AND m."userId" = k."userId"
      UNION
      SELECT r."instanceId", r."userId", r.app, n."groupId", COALESCE(r.via, r."groupId")
      FROM reached r CROSS JOIN LATERAL (SELECT "groupId" FROM "GroupNesting" WHERE "instanceId" = r."instanceId" AND "childGroupId" = r."groupId" OFFSET 0) n
    ), groups AS (
      SELECT DISTINCT ON ("instanceId", "userId", app, "groupId") * FROM reached ORDER BY "instanceId", "userId", app, "groupId", via NULLS FIRST
    ), held AS (
      SELECT k.*, a."roleId", a."expiresAt", 'user' AS kind, NULL::text AS source, NULL::text AS via, NULL::text AS "viaName"
      FROM k JOIN "ApplicationRoleAssignment" a ON a."instanceId" = k."instanceId" AND a."userId" = k."userId"
      UNION ALL
      SELECT g."instanceId", g."userId", g.app, a."roleId", a."expiresAt", 'group', g."groupId", g.via, NULL
      FROM groups g CROSS JOIN LATERAL (SELECT * FROM "ApplicationRoleAssignment" WHERE "instanceId" = g."instanceId" AND "groupId" = g."groupId" OFFSET 0) a
      UNION ALL
      SELECT p."instanceId", p."userId", p.app, a."roleId", a."expiresAt", 'organizational_unit', p.place, NULLIF(p.unit, p.place), p."unitName"
      FROM places p CROSS JOIN LATERAL (SELECT * FROM "ApplicationRoleAssignment" WHERE "instanceId" = p."instanceId" AND "organizationalUnitId" = p.place OFFSET 0) a
      WHERE a."withDescendants" OR p.unit = p.place
    )
    SELECT h."instanceId", h."userId", h.app AS "askedApplicationId", r.id AS "roleId", r.key, r.name, r."applicationId", h.kind, h."expiresAt",
      h.source AS "sourceId", COALESCE(s.name, o.name) AS "sourceName", h.via AS "viaId", COALESCE(v.name, h."viaName") AS "viaName"
    FROM held h
    JOIN "ApplicationRole" r ON r."instanceId" = h."instanceId" AND r.id = h."roleId" AND (h.app = '' OR r."applicationId" = h.app)
    LEFT JOIN "Group" s ON s."instanceId" = h."instanceId" AND s.id = h.source AND h.kind = 'group'
    LEFT JOIN "Group" v ON v."instanceId" = h."instanceId" AND v.id = h.via AND h.kind = 'group'
    LEFT JOIN "OrganizationalUnit" o ON o."instanceId" = h."instanceId" AND o.id = h.source AND h.kind = 'organizational_unit'
    WHERE h."expiresAt" IS NULL OR h."expiresAt" > $4::timestamptz`,
};

export type EffectiveReader = CoalescingReader<EffectiveKey, readonly EffectiveRow[]>;

export function createEffectiveReader(core: Core): EffectiveReader {
  return createCoalescingReader<EffectiveKey, readonly EffectiveRow[]>({
    keyOf,
    maxBatch: 100,
    onBatch: core.metrics.batchSizesOf(statement.name),
    async readBatch(keys) {
      const rows = await core.batches.run<EffectiveRow & Pick<EffectiveKey, 'instanceId' | 'userId'> & { askedApplicationId: string }>(statement,
        [keys.map(({ instanceId }) => instanceId), keys.map(({ userId }) => userId), keys.map(({ applicationId }) => applicationId), core.now()]);
      return Map.groupBy(rows, ({ instanceId, userId, askedApplicationId }) => keyOf({ instanceId, userId, applicationId: askedApplicationId }));
    },
  });
}
