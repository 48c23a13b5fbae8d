import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { assignmentEvents } from './events.ts';
import { removePairs } from './write.ts';

/** How long an assignment that has ended stays: it has no effect, and can still be given a new end. */
const keptMs = 86_400_000;
const batchRows = 5_000;

interface Ended { roleId: string; key: string; applicationId: string; subjectId: string; expiresAt: Date; withDescendants: boolean }

/** Clears away assignments that ended more than a day ago, with their events. */
export async function removeEndedAssignments(context: InstanceContext): Promise<void> {
  while (await removeSome(context) === batchRows) continue;
}

function removeSome(context: InstanceContext): Promise<number> {
  return context.transaction(async (tx) => {
    const ended = await tx.db.$queryRaw<Ended[]>`
      SELECT a."roleId", r."key", r."applicationId", a."subjectId", a."expiresAt", a."withDescendants"
      FROM "ApplicationRoleAssignment" a JOIN "ApplicationRole" r ON r."instanceId" = a."instanceId" AND r."id" = a."roleId"
      WHERE a."instanceId" = ${tx.instance.id} AND a."expiresAt" < ${new Date(tx.now().getTime() - keptMs)}::timestamptz
      LIMIT ${batchRows} FOR UPDATE OF a SKIP LOCKED`;
    if (ended.length === 0) return 0;
    await removePairs(tx, ended);
    await append(tx, ...assignmentEvents(ended.map(({ roleId, key, applicationId, subjectId, expiresAt, withDescendants }) =>
      ({ kind: 'revoked', role: { id: roleId, key, applicationId }, subjectId, before: { expiresAt, withDescendants } }))));
    return ended.length;
  });
}
