/** Runs of a rule over all users: begun by an edit, taken on by a job (apply-rule.ts), read by whoever waits for it. */
import { append } from '../../events/index.ts';
import type { GroupRuleRun } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { noRuleHere } from './errors.ts';
import { groupRuleApplied } from './events.ts';
import { loadGroup, loadGroupForUpdate } from './group.ts';

export const ruleJob = 'directory.group-rule';

/** In the transaction of the edit: a run from the first user on; one that is under way stops. */
export async function beginRuleRun(tx: InstanceContext, groupId: string): Promise<void> {
  const { id: instanceId } = tx.instance;
  await tx.db.$executeRaw`
    INSERT INTO "GroupRuleRun" ("instanceId", "groupId", "updatedAt") VALUES (${instanceId}, ${groupId}, ${tx.now()})
    ON CONFLICT ("instanceId", "groupId") DO UPDATE SET "revision" = "GroupRuleRun"."revision" + 1, "state" = 'waiting', "afterId" = '', "evaluated" = 0,
      "total" = 0, "matched" = 0, "errors" = 0, "error" = NULL, "startedAt" = NULL, "finishedAt" = NULL, "updatedAt" = excluded."updatedAt"`;
  await tx.core.jobs.enqueue(tx.db, ruleJob, { instanceId, groupId }, { singletonKey: `${instanceId}/${groupId}` });
}

/** After a unit was renamed, which is a change of all its members: for the rules that ask for names of units. */
export async function beginRunsForUnitNames(tx: InstanceContext): Promise<void> {
  const groups = await tx.db.group.findMany({ where: { kind: 'dynamic', rule: { contains: 'organizationalUnits' } }, select: { id: true }, orderBy: { id: 'asc' } });
  for (const { id } of groups) await beginRuleRun(tx, id);
}

/** Applies the rule to everybody again, from the first user on. @throws Problem 404, 409 (static) */
export async function restartRuleRun(context: InstanceContext, groupId: string): Promise<GroupRuleRun> {
  return context.transaction(async (tx) => {
    const group = await loadGroupForUpdate(tx, groupId);
    if (group.kind === 'static') throw noRuleHere();
    await beginRuleRun(tx, groupId);
    await append(tx, groupRuleApplied(groupId));
    return loadRuleRun(tx, groupId);
  });
}

/** @throws Problem 404, 409 (static) */
export async function loadRuleRun(context: InstanceContext, groupId: string): Promise<GroupRuleRun> {
  const { id: instanceId } = context.instance;
  const run = await context.db.groupRuleRun.findUnique({ where: { instanceId_groupId: { instanceId, groupId } } });
  if (run) return run;
  await loadGroup(context, groupId);
  throw noRuleHere();
}

export function viewRuleRun({ state, evaluated, total, matched, errors, error, startedAt, finishedAt }: GroupRuleRun) {
  return {
    state: state as 'waiting' | 'running' | 'completed' | 'failed', evaluated, total, matched, errors, error,
    startedAt: startedAt?.toISOString() ?? null, finishedAt: finishedAt?.toISOString() ?? null,
  };
}
