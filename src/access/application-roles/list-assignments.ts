/** Lists of who has a role, and of what a group or unit itself was given. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { limitPathsOf, pathWithin, userWithinLimit } from '../../directory/index.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Subject } from './resolve.ts';
import type { SubjectKind } from './schemas.ts';

export interface ListedAssignment {
  readonly roleId: string;
  readonly subjectType: SubjectKind;
  readonly subjectId: string;
  readonly subjectName: string;
  readonly withDescendants: boolean;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
}

interface Page { readonly limit: number; readonly cursor?: string | undefined }

/** What the ids of each kind begin with: a range of the primary key. */
const prefixes: Record<SubjectKind, readonly [string, string]> = { user: ['user_', 'user`'], group: ['group_', 'group`'], organizational_unit: ['ou_', 'ou`'] };

/** A page of those who have the role now, by subject; for a limited administrator, those within the limit. */
export async function listAssignments(context: InstanceContext, roleId: string, { limit, cursor, subjectType }: Page & { subjectType?: SubjectKind | undefined }): Promise<{ items: ListedAssignment[]; next: string | null }> {
  const { keyring } = context.core;
  const instanceId = context.instance.id;
  const scope = `${instanceId}\nrole-assignments\n${roleId}\n${subjectType ?? ''}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const [from, to] = subjectType ? prefixes[subjectType] : ['', '~'];
  const rows = await context.db.$queryRaw<ListedAssignment[]>`
    SELECT a."roleId", a."subjectId", a."withDescendants", a."expiresAt", a."createdAt", COALESCE(u."displayName", g."name", o."name") AS "subjectName",
      CASE WHEN a."userId" IS NOT NULL THEN 'user' WHEN a."groupId" IS NOT NULL THEN 'group' ELSE 'organizational_unit' END AS "subjectType"
    FROM "ApplicationRoleAssignment" a
    LEFT JOIN "User" u ON u."instanceId" = a."instanceId" AND u."id" = a."userId"
    LEFT JOIN "Group" g ON g."instanceId" = a."instanceId" AND g."id" = a."groupId"
    LEFT JOIN "OrganizationalUnit" o ON o."instanceId" = a."instanceId" AND o."id" = a."organizationalUnitId"
    WHERE a."instanceId" = ${instanceId} AND a."roleId" = ${roleId} AND a."subjectId" >= ${from} AND a."subjectId" < ${to} AND a."subjectId" > ${String(after ?? '')}
      AND (a."expiresAt" IS NULL OR a."expiresAt" > ${context.now()}::timestamptz) AND u."recycledAt" IS NULL AND ${withinLimit(context)}
    ORDER BY a."subjectId" LIMIT ${limit + 1}`;
  return pageFrom(keyring, scope, rows, limit, (row) => [row.subjectId]);
}

/** The members of a group may be anywhere: whoever is limited to units does not see it here. */
function withinLimit(context: InstanceContext): Prisma.Sql {
  const paths = limitPathsOf(context);
  return paths === undefined ? Prisma.sql`TRUE` : Prisma.sql`((a."userId" IS NOT NULL AND ${userWithinLimit(context, Prisma.sql`a."userId"`)}) OR (o."path" IS NOT NULL AND ${pathWithin(paths, Prisma.sql`o."path"`)}))`;
}

export interface DirectRole {
  readonly id: string;
  readonly applicationId: string;
  readonly key: string;
  readonly name: string;
  readonly withDescendants: boolean;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
}

/** A page of the roles that a group or unit itself has now. */
export async function listDirectRoles(context: InstanceContext, subject: Subject, { limit, cursor }: Page): Promise<{ items: DirectRole[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\ndirect-roles\n${subject.id}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const column = Prisma.raw(subject.kind === 'group' ? '"groupId"' : '"organizationalUnitId"');
  const rows = await context.db.$queryRaw<DirectRole[]>`
    SELECT r."id", r."applicationId", r."key", r."name", a."withDescendants", a."expiresAt", a."createdAt"
    FROM "ApplicationRoleAssignment" a JOIN "ApplicationRole" r ON r."instanceId" = a."instanceId" AND r."id" = a."roleId"
    WHERE a."instanceId" = ${context.instance.id} AND a.${column} = ${subject.id} AND a."roleId" > ${String(after ?? '')}
      AND (a."expiresAt" IS NULL OR a."expiresAt" > ${context.now()}::timestamptz)
    ORDER BY a."roleId" LIMIT ${limit + 1}`;
  return pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
}
