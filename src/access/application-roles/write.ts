/** The set statements on assignments: each writes any number of rows, and takes their locks in one order. */
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Terms } from './events.ts';
import type { RoleName, Subject } from './resolve.ts';

/** One subject's having one role. */
export interface Pair { readonly name: string; readonly role: RoleName; readonly subject: Subject; readonly terms: Terms }
export const nameOfPair = (roleId: string, subjectId: string) => `${roleId} ${subjectId}`;

export interface StoredAssignment { readonly roleId: string; readonly subjectId: string; readonly expiresAt: Date | null; readonly withDescendants: boolean }

/** Sorted, so that two writers of the same rows wait for each other instead of in a circle. */
export const inOrder = (pairs: Iterable<Pair>): Pair[] => [...pairs].sort((a, b) => (a.name < b.name ? -1 : 1));

/** The pairs as a table expression of columns role, subject, ends, deep and n, their place from 1. What is the same for all goes once. */
function tableOf(pairs: readonly Pair[]): Prisma.Sql {
  const [first] = pairs;
  const subjects = Prisma.sql`unnest(${pairs.map(({ subject }) => subject.id)}::text[])`;
  if (first && pairs.every(({ role, terms }) => role === first.role && terms.withDescendants === first.terms.withDescendants && terms.expiresAt?.getTime() === first.terms.expiresAt?.getTime())) {
    return Prisma.sql`(SELECT ${first.role.id}::text AS "role", t."subject", ${first.terms.expiresAt}::timestamptz AS "ends", ${first.terms.withDescendants}::boolean AS "deep", t.n
      FROM ${subjects} WITH ORDINALITY AS t("subject", n)) AS w`;
  }
  return Prisma.sql`unnest(${pairs.map(({ role }) => role.id)}::text[], ${pairs.map(({ subject }) => subject.id)}::text[],
    ${pairs.map(({ terms }) => terms.expiresAt?.toISOString() ?? null)}::timestamptz[], ${pairs.map(({ terms }) => terms.withDescendants)}::boolean[]) WITH ORDINALITY AS w("role", "subject", "ends", "deep", n)`;
}

/** Inserts those that are not there; returns the others, which are. */
export async function insertPairs(tx: InstanceContext, pairs: readonly Pair[]): Promise<Pair[]> {
  const rows = await tx.db.$queryRaw<{ n: number }[]>`
    WITH w AS MATERIALIZED (SELECT * FROM ${tableOf(pairs)}), made AS (
      INSERT INTO "ApplicationRoleAssignment" ("instanceId", "roleId", "userId", "groupId", "organizationalUnitId", "expiresAt", "withDescendants", "createdAt")
      SELECT ${tx.instance.id}, "role", CASE WHEN starts_with("subject", 'user_') THEN "subject" END, CASE WHEN starts_with("subject", 'group_') THEN "subject" END,
        CASE WHEN starts_with("subject", 'ou_') THEN "subject" END, "ends", "deep", ${tx.now()}::timestamptz FROM w ORDER BY n
      ON CONFLICT DO NOTHING RETURNING "roleId", "subjectId"
    )
    SELECT n::int FROM w WHERE NOT EXISTS (SELECT 1 FROM made WHERE made."roleId" = w."role" AND made."subjectId" = w."subject")`;
  return rows.flatMap(({ n }) => pairs[n - 1] ?? []);
}

/** What differs from what is stored of a pair; `stored` undefined: nothing is. */
export interface Difference { readonly pair: Pair; readonly stored: Terms | undefined }

/** Which pairs are not stored, or with other terms. */
export async function comparePairs(context: InstanceContext, pairs: readonly Pair[], { lock }: { lock: boolean }): Promise<Difference[]> {
  const rows = await context.db.$queryRaw<{ n: number; isStored: boolean; expiresAt: Date | null; withDescendants: boolean | null }[]>`
    WITH w AS MATERIALIZED (SELECT * FROM ${tableOf(pairs)}), stored AS MATERIALIZED (
      SELECT w.n, a."expiresAt", a."withDescendants" FROM w JOIN "ApplicationRoleAssignment" a ON a."instanceId" = ${context.instance.id} AND a."roleId" = w."role" AND a."subjectId" = w."subject"
      ORDER BY w.n ${lock ? Prisma.sql`FOR UPDATE OF a` : Prisma.empty}
    )
    SELECT w.n::int, s.n IS NOT NULL AS "isStored", s."expiresAt", s."withDescendants" FROM w LEFT JOIN stored s ON s.n = w.n
    WHERE s.n IS NULL OR s."expiresAt" IS DISTINCT FROM w."ends" OR s."withDescendants" <> w."deep"`;
  return rows.flatMap(({ n, isStored, expiresAt, withDescendants }) => {
    const pair = pairs[n - 1];
    return pair ? [{ pair, stored: isStored ? { expiresAt, withDescendants: withDescendants ?? false } : undefined }] : [];
  });
}

/** What is stored of these pairs. */
export async function readPairs(context: InstanceContext, pairs: readonly { roleId: string; subjectId: string }[]): Promise<StoredAssignment[]> {
  if (pairs.length === 0) return [];
  return context.db.$queryRaw<StoredAssignment[]>`
    SELECT a."roleId", a."subjectId", a."expiresAt", a."withDescendants" FROM ${namesOf(pairs)}
    JOIN "ApplicationRoleAssignment" a ON a."instanceId" = ${context.instance.id} AND a."roleId" = w."role" AND a."subjectId" = w."subject"`;
}

/** Deletes those that are there, and returns them. */
export async function removePairs(tx: InstanceContext, pairs: readonly { roleId: string; subjectId: string }[]): Promise<StoredAssignment[]> {
  if (pairs.length === 0) return [];
  return tx.db.$queryRaw<StoredAssignment[]>`
    WITH held AS MATERIALIZED (
      SELECT a."roleId", a."subjectId" FROM ${namesOf(pairs)}
      JOIN "ApplicationRoleAssignment" a ON a."instanceId" = ${tx.instance.id} AND a."roleId" = w."role" AND a."subjectId" = w."subject"
      ORDER BY a."roleId", a."subjectId" FOR UPDATE OF a
    )
    DELETE FROM "ApplicationRoleAssignment" a USING held
    WHERE a."instanceId" = ${tx.instance.id} AND a."roleId" = held."roleId" AND a."subjectId" = held."subjectId"
    RETURNING a."roleId", a."subjectId", a."expiresAt", a."withDescendants"`;
}

/** As a table expression of columns role and subject. */
const namesOf = (pairs: readonly { roleId: string; subjectId: string }[]) =>
  Prisma.sql`unnest(${pairs.map(({ roleId }) => roleId)}::text[], ${pairs.map(({ subjectId }) => subjectId)}::text[]) AS w("role", "subject")`;

/** All that these subjects themselves have of the application. */
export async function readOwn(context: InstanceContext, applicationId: string, subjects: readonly Subject[]): Promise<StoredAssignment[]> {
  const idsOf = (kind: Subject['kind']) => [...new Set(subjects.flatMap((subject) => (subject.kind === kind ? subject.id : [])))];
  const columns = [['userId', idsOf('user')], ['groupId', idsOf('group')], ['organizationalUnitId', idsOf('organizational_unit')]] as const;
  const stored: StoredAssignment[] = [];
  for (const [column, ids] of columns) {
    if (ids.length === 0) continue;
    stored.push(...await context.db.$queryRaw<StoredAssignment[]>`
      SELECT a."roleId", a."subjectId", a."expiresAt", a."withDescendants" FROM "ApplicationRoleAssignment" a
      JOIN "ApplicationRole" r ON r."instanceId" = a."instanceId" AND r."id" = a."roleId" AND r."applicationId" = ${applicationId}
      WHERE a."instanceId" = ${context.instance.id} AND a.${Prisma.raw(`"${column}"`)} = ANY (${ids}::text[])`);
  }
  return stored;
}

/** Gives stored pairs new terms; the caller holds their locks. An assignment that had ended begins anew. */
export async function updatePairs(tx: InstanceContext, pairs: readonly Pair[]): Promise<void> {
  if (pairs.length === 0) return;
  await tx.db.$executeRaw`
    UPDATE "ApplicationRoleAssignment" a SET "expiresAt" = w."ends", "withDescendants" = w."deep",
      "createdAt" = CASE WHEN a."expiresAt" <= ${tx.now()}::timestamptz THEN ${tx.now()}::timestamptz ELSE a."createdAt" END
    FROM ${tableOf(pairs)} WHERE a."instanceId" = ${tx.instance.id} AND a."roleId" = w."role" AND a."subjectId" = w."subject"`;
}

/** Until the transaction ends, no other one replaces roles of this application: each sees what the one before left. */
export async function lockReplacing(tx: InstanceContext, applicationId: string): Promise<void> {
  await tx.db.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended("instanceId" || chr(10) || 'replace-roles' || chr(10) || ${applicationId}::text, 0)) FROM (SELECT ${tx.instance.id}::text AS "instanceId") AS "held"`;
}
