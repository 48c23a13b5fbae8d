/** The plan of an instance: given by the operator. */
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../context.ts';
import { planNotFound } from './errors.ts';
import * as events from './events.ts';
import { findBuiltInPlan, limitOf, type Plan, planFromRow, unlimitedPlan } from './plan.ts';
import { announceAssignment, forgetAssignment } from './plan-cache.ts';
import { countedQuotas } from './quotas.ts';
import { reconcileJob } from './reconcile.ts';

export interface Assignment { readonly plan: Plan; readonly version: number; readonly since: Date | null }

/** From then on no server acts by the plan before. */
const settledAfterSeconds = 5;

/** Past the caches. */
export async function readAssignment(context: InstanceContext): Promise<Assignment> {
  const row = await context.db.instancePlan.findUnique({ where: { instanceId: context.instance.id } });
  const plan = await readPlan(context, row?.planId ?? unlimitedPlan.id);
  return { plan, version: row?.version ?? 0, since: row?.updatedAt ?? null };
}

/**
 * Gives the instance a plan; within a second every server acts by it. What is there already stays, also where the new
 * plan has room for less: then nothing is added until there is room.
 * @throws Problem 404 (no such plan), 412
 */
export async function assignPlan(context: InstanceContext, planId: string, ifMatch?: string): Promise<Assignment> {
  const assignment = await context.transaction(async (tx) => {
    // The instance's row is the lock: a first assignment has no row of its own yet.
    await tx.db.$queryRaw`SELECT 1 FROM "Instance" WHERE "id" = ${tx.instance.id} FOR NO KEY UPDATE`;
    const before = await readAssignment(tx);
    checkEntityTag(ifMatch, before.version);
    const plan = await readPlan(tx, planId);          // a plan that is named stays: its row is held until the commit
    if (plan.id === before.plan.id) return before;
    const version = before.version + 1;
    const since = tx.now();
    await tx.db.instancePlan.upsert({ where: { instanceId: tx.instance.id }, create: { planId, version, updatedAt: since }, update: { planId, version, updatedAt: since } });
    // What one of the two does not limit is counted anew at its next use.
    const uncounted = countedQuotas.filter((quota) => limitOf(plan, quota) === undefined || limitOf(before.plan, quota) === undefined);
    await tx.db.quotaCounter.updateMany({ where: { quota: { in: uncounted } }, data: { exact: false } });
    await append(tx, events.planAssigned(tx.instance.id, before.plan.id, plan.id));
    await announceAssignment(tx);
    await tx.core.jobs.enqueue(tx.db, reconcileJob, { instanceId: tx.instance.id }, { startAfterSeconds: settledAfterSeconds, singletonKey: tx.instance.id });
    return { plan, version, since };
  });
  forgetAssignment(context.core, context.instance.id);
  return assignment;
}

async function readPlan(context: InstanceContext, planId: string): Promise<Plan> {
  const builtIn = findBuiltInPlan(planId);
  if (builtIn) return builtIn;
  const [row] = await context.db.$queryRaw<Parameters<typeof planFromRow>[0][]>`SELECT * FROM "Plan" WHERE "id" = ${planId} FOR KEY SHARE`;
  if (!row) throw planNotFound();
  return planFromRow(row);
}
