/** Which plan an instance has, from memory; another server's change is known within a second. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { type Core, perCore } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';
import { findBuiltInPlan, type Plan, planFromRow, unlimitedPlan } from './plan.ts';

const ttlMs = 60_000;
const assignedKey = 'plan';
/** Plans belong to no instance. */
const ofNone = '';

const assignments = perCore((core): InstanceCache<{ planId: string }> => createInstanceCache({
  signals: core.signals, channel: 'tenancy.instance-plan', max: 5_000, ttlMs,
  load: async (instanceId) => ({ planId: (await core.database.instancePlan.findUnique({ where: { instanceId } }))?.planId ?? unlimitedPlan.id }),
}));

const plans = perCore((core): InstanceCache<Plan> => createInstanceCache({
  signals: core.signals, channel: 'tenancy.plan', max: 1_000, ttlMs,
  load: async (_, planId) => {
    const row = await core.database.plan.findUnique({ where: { id: planId } });
    return row ? planFromRow(row) : undefined;
  },
}));

/** The plan of the context's instance. Without I/O when known; may be asked inside of a transaction. */
export async function loadPlan(context: InstanceContext): Promise<Plan> {
  const { core, instance } = context;
  const { planId } = await assignments(core).getThrough(instance.id, assignedKey, async () =>
    ({ planId: (await context.db.instancePlan.findUnique({ where: { instanceId: instance.id } }))?.planId ?? unlimitedPlan.id }));
  return findBuiltInPlan(planId) ?? await plans(core).getThrough(ofNone, planId, async () => {
    const [row] = await context.db.$queryRaw<Parameters<typeof planFromRow>[0][]>`SELECT * FROM "Plan" WHERE "id" = ${planId}`;
    if (!row) throw new Error(`the plan ${planId} of the instance ${instance.id} is not there`);
    return planFromRow(row);
  });
}

/** Within the transaction of the change. */
export const announceAssignment = (tx: InstanceContext): Promise<void> => assignments(tx.core).invalidate(tx.db, tx.instance.id);
export const announcePlan = (tx: InstanceContext, planId: string): Promise<void> => plans(tx.core).invalidate(tx.db, ofNone, planId);

/** After it, so that this server does not wait for its own signal. */
export const forgetAssignment = (core: Core, instanceId: string): void => assignments(core).forgetInstance(instanceId);
export const forgetPlan = (core: Core, planId: string): void => plans(core).forget(ofNone, planId);
