/** Compares the counters with what is there, and puts right what differs. */
import type { Core } from '../../core/core.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../context.ts';
import { forEachInstance, instanceContext } from '../instances.ts';
import { countRows, countRowsUpTo } from './counts.ts';
import { lockCounter, storeCount } from './counters.ts';
import * as events from './events.ts';
import { limitOf } from './plan.ts';
import { loadPlan } from './plan-cache.ts';
import { countedQuotas, type CountedQuota } from './quotas.ts';

export const reconcileJob = 'tenancy.reconcile-quotas';

/** Up to here a request counts by itself. */
export const countedAtOnce = 10_000;

export const reconcileAll = (core: Core): Promise<void> => forEachInstance(core, reconcileInstance);

/** For the job: a while after a plan was given, when no server acts by the one before any more. */
export async function reconcileById(core: Core, instanceId: string): Promise<void> {
  const context = await instanceContext(core, instanceId);
  if (context) await reconcileInstance(context);
}

/** Counters of limits are put right; for what has no limit the figure that `GET /quotas` shows is counted anew. */
export async function reconcileInstance(context: InstanceContext): Promise<void> {
  const plan = await loadPlan(context);
  for (const quota of countedQuotas) {
    if (limitOf(plan, quota) !== undefined) await reconcileCounter(context, quota);
    else if (await countRowsUpTo(context, quota, countedAtOnce + 1) > countedAtOnce) await context.transaction((tx) => storeCount(tx, quota, false));
  }
}

async function reconcileCounter(context: InstanceContext, quota: CountedQuota): Promise<void> {
  await context.transaction(async (tx) => {
    const { used } = await lockCounter(tx, quota);
    const found = await countRows(tx, quota);
    if (found === used) return;
    await storeCount(tx, quota, true);
    await append(tx, events.quotaCorrected(tx.instance.id, quota, used, found));
    tx.core.log.warn({ instanceId: tx.instance.id, quota, counter: used, found }, 'A quota counter did not say what is there; it was put right');
  });
}
