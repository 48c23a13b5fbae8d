/** Lists of who has a role, and of what a group or unit itself was given. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { type ListedSubject, subjectColumns, subjectJoins, subjectsBehind, subjectsWithinLimit } from '../subject-rows.ts';
import type { Subject } from './resolve.ts';
import type { SubjectKind } from './schemas.ts';

export interface ListedAssignment extends ListedSubject { readonly roleId: string }

interface Page { readonly limit: number; readonly cursor?: string | undefined }

/** A page of those who have the role now, by subject; for a limited administrator, those within the limit. */
export async function listAssignments(context: InstanceContext, roleId: string, { limit, cursor, subjectType }: Page & { subjectType?: SubjectKind | undefined }): Promise<{ items: ListedAssignment[]; next: string | null }> {
  const { keyring } = context.core;
  const instanceId = context.instance.id;
  const scope = `${instanceId}\nrole-assignments\n${roleId}\n${subjectType ?? ''}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.$queryRaw<ListedAssignment[]>`
    SELECT a."roleId", ${subjectColumns}
    FROM "ApplicationRoleAssignment" a ${subjectJoins}
    WHERE a."instanceId" = ${instanceId} AND a."roleId" = ${roleId} AND ${subjectsBehind(after, subjectType)}
      AND (a."expiresAt" IS NULL OR a."expiresAt" > ${context.now()}::timestamptz) AND u."recycledAt" IS NULL AND ${subjectsWithinLimit(context)}
    ORDER BY a."subjectId" LIMIT ${limit + 1}`;
  return pageFrom(keyring, scope, rows, limit, (row) => [row.subjectId]);
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
