/** Finds uploads of all instances that somebody has to get on with: past the scoped client, and each with its instance. */
import type { BatchStatement } from '../../core/batch-statements.ts';
import type { Core } from '../../core/core.ts';

const statement: BatchStatement = {
  name: 'stalled-role-batches',
  text: `SELECT "instanceId", "id" FROM "RoleBatch" WHERE "status" IN ('receiving', 'waiting', 'running') AND "status" <> 'receiving' AND "progressedAt" < $1::timestamptz ORDER BY "progressedAt" LIMIT 1000`,
};

/** Those that wait or run, and have not got on for so many seconds. */
export function findStalledBatches(core: Core, seconds: number): Promise<{ instanceId: string; id: string }[]> {
  return core.batches.run(statement, [new Date(core.now().getTime() - seconds * 1000)]);
}
