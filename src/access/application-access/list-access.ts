/** Whom an application is assigned to, page by page. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { SubjectKind } from '../application-roles/schemas.ts';
import { type ListedSubject, subjectColumns, subjectJoins, subjectsBehind, subjectsWithinLimit } from '../subject-rows.ts';

export type ListedAccess = ListedSubject;

/** By subject, without ended ones; for a limited administrator, those within the limit. */
export async function listAccess(
  context: InstanceContext, applicationId: string, { limit, cursor, subjectType }: { limit: number; cursor?: string | undefined; subjectType?: SubjectKind | undefined },
): Promise<{ items: ListedAccess[]; next: string | null }> {
  const { keyring } = context.core;
  const instanceId = context.instance.id;
  const scope = `${instanceId}\napplication-access\n${applicationId}\n${subjectType ?? ''}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.$queryRaw<ListedAccess[]>`
    SELECT ${subjectColumns}
    FROM "ApplicationAccess" a ${subjectJoins}
    WHERE a."instanceId" = ${instanceId} AND a."applicationId" = ${applicationId} AND ${subjectsBehind(after, subjectType)}
      AND (a."expiresAt" IS NULL OR a."expiresAt" > ${context.now()}::timestamptz) AND u."recycledAt" IS NULL AND ${subjectsWithinLimit(context)}
    ORDER BY a."subjectId" LIMIT ${limit + 1}`;
  return pageFrom(keyring, scope, rows, limit, (row) => [row.subjectId]);
}
