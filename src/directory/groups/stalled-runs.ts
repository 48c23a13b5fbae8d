/** Finds runs of rules, of all instances, that somebody has to get on with: past the scoped client, and each with its instance. */
import type { BatchStatement } from '../../core/batch-statements.ts';
import type { Core } from '../../core/core.ts';

const statement: BatchStatement = {
  name: 'stalled-rule-runs',
  text: `SELECT "instanceId", "groupId" FROM "GroupRuleRun" WHERE "state" IN ('waiting', 'running') AND "updatedAt" < $1::timestamptz ORDER BY "updatedAt" LIMIT 1000`,
};

/** Those that wait or run, and have not got on for so many seconds. */
export function findStalledRuns(core: Core, seconds: number): Promise<{ instanceId: string; groupId: string }[]> {
  return core.batches.run(statement, [new Date(core.now().getTime() - seconds * 1000)]);
}
