/** Whom an application is assigned to, page by page. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { limitPathsOf, pathWithin, userWithinLimit } from '../../directory/index.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { SubjectKind } from '../application-roles/schemas.ts';

export interface ListedAccess {
  readonly subjectType: SubjectKind;
  readonly subjectId: string;
  readonly subjectName: string;
  readonly withDescendants: boolean;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
}

/** What the ids of each kind begin with: a range of the primary key. */
const prefixes: Record<SubjectKind, readonly [string, string]> = { user: ['user_', 'user`'], group: ['group_', 'group`'], organizational_unit: ['ou_', 'ou`'] };

/** By subject, without ended ones; for a limited administrator, those within the limit. */
export async function listAccess(
  context: InstanceContext, applicationId: string, { limit, cursor, subjectType }: { limit: number; cursor?: string | undefined; subjectType?: SubjectKind | undefined },
): Promise<{ items: ListedAccess[]; next: string | null }> {
  const { keyring } = context.core;
  const instanceId = context.instance.id;
  const scope = `${instanceId}\napplication-access\n${applicationId}\n${subjectType ?? ''}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const [from, to] = subjectType ? prefixes[subjectType] : ['', '~'];
  const rows = await context.db.$queryRaw<ListedAccess[]>`
    SELECT a."subjectId", a."withDescendants", a."expiresAt", a."createdAt", COALESCE(u."displayName", g."name", o."name") AS "subjectName",
      CASE WHEN a."userId" IS NOT NULL THEN 'user' WHEN a."groupId" IS NOT NULL THEN 'group' ELSE 'organizational_unit' END AS "subjectType"
    FROM "ApplicationAccess" a
    LEFT JOIN "User" u ON u."instanceId" = a."instanceId" AND u."id" = a."userId"
    LEFT JOIN "Group" g ON g."instanceId" = a."instanceId" AND g."id" = a."groupId"
    LEFT JOIN "OrganizationalUnit" o ON o."instanceId" = a."instanceId" AND o."id" = a."organizationalUnitId"
    WHERE a."instanceId" = ${instanceId} AND a."applicationId" = ${applicationId} AND a."subjectId" >= ${from} AND a."subjectId" < ${to} AND a."subjectId" > ${String(after ?? '')}
      AND (a."expiresAt" IS NULL OR a."expiresAt" > ${context.now()}::timestamptz) AND ${withinLimit(context)}
    ORDER BY a."subjectId" LIMIT ${limit + 1}`;
  return pageFrom(keyring, scope, rows, limit, (row) => [row.subjectId]);
}

/** The members of a group may be anywhere: whoever is limited to units does not see it here. */
function withinLimit(context: InstanceContext): Prisma.Sql {
  const paths = limitPathsOf(context);
  return paths === undefined ? Prisma.sql`TRUE` : Prisma.sql`((a."userId" IS NOT NULL AND ${userWithinLimit(context, Prisma.sql`a."userId"`)}) OR (o."path" IS NOT NULL AND ${pathWithin(paths, Prisma.sql`o."path"`)}))`;
}
