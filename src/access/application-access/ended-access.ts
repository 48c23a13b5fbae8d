import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { accessEvents } from './events.ts';

/** How long an assignment that has ended stays: it has no effect, and can still be given a new end. */
const keptMs = 86_400_000;
const batchRows = 5_000;

interface Ended { applicationId: string; subjectId: string; expiresAt: Date; withDescendants: boolean }

/** Clears away assignments that ended more than a day ago, with their events. */
export async function removeEndedAccess(context: InstanceContext): Promise<void> {
  while (await removeSome(context) === batchRows) continue;
}

function removeSome(context: InstanceContext): Promise<number> {
  return context.transaction(async (tx) => {
    const ended = await tx.db.$queryRaw<Ended[]>`
      DELETE FROM "ApplicationAccess" a USING (
        SELECT "applicationId", "subjectId" FROM "ApplicationAccess"
        WHERE "instanceId" = ${tx.instance.id} AND "expiresAt" < ${new Date(tx.now().getTime() - keptMs)}::timestamptz
        LIMIT ${batchRows} FOR UPDATE SKIP LOCKED) e
      WHERE a."instanceId" = ${tx.instance.id} AND a."applicationId" = e."applicationId" AND a."subjectId" = e."subjectId"
      RETURNING a."applicationId", a."subjectId", a."expiresAt", a."withDescendants"`;
    for (const [applicationId, rows] of Map.groupBy(ended, (row) => row.applicationId)) {
      await append(tx, ...accessEvents(applicationId, rows.map(({ subjectId, expiresAt, withDescendants }) => ({ kind: 'removed', subjectId, before: { expiresAt, withDescendants } }))));
    }
    return ended.length;
  });
}
