/** How much of each quota an instance has used: for the API and for statements. */
import type { InstanceContext } from '../context.ts';
import { countRowsUpTo } from './counts.ts';
import { endOfMonth, monthOf } from './months.ts';
import { limitOf, type Plan, termsOf } from './plan.ts';
import { readAssignment } from './assignment.ts';
import { type CountedQuota, kindOf, type Quota, quotaNames, quotas } from './quotas.ts';
import { countedAtOnce } from './reconcile.ts';

/** A figure; not exact where it is of the last count, which is up to an hour old. */
interface Figure { readonly used: number; readonly exact: boolean }

/** All quotas of the instance, with what the plan says and what is used. */
export async function readQuotas(context: InstanceContext) {
  const { plan } = await readAssignment(context);
  const month = monthOf(context.now());
  const monthly = await readMonthlyUsage(context, month);
  const items = await Promise.all(quotaNames.map(async (quota) => {
    const figure = await figureOf(context, plan, quota, monthly);
    const { limit, included, price } = termsOf(plan, quota);
    return {
      quota, kind: kindOf(quota), description: quotas[quota].description, limit, included, price,
      used: figure?.used ?? null, exact: figure?.exact ?? true,
      remaining: limit === null || !figure ? null : Math.max(0, limit - figure.used),
      resetsAt: kindOf(quota) === 'monthly' || kindOf(quota) === 'distinct' ? endOfMonth(month).toISOString() : null,
    };
  }));
  return { plan, items };
}

/** What the month used, by quota. */
export async function readMonthlyUsage(context: InstanceContext, month: string): Promise<ReadonlyMap<string, number>> {
  const rows = await context.db.monthlyUsage.findMany({ where: { month } });
  return new Map(rows.map(({ quota, used }) => [quota, Number(used)]));
}

/** Undefined for rates: they pass. */
async function figureOf(context: InstanceContext, plan: Plan, quota: Quota, monthly: ReadonlyMap<string, number>): Promise<Figure | undefined> {
  switch (kindOf(quota)) {
    case 'counted': return readCount(context, plan, quota as CountedQuota);
    case 'rate': return undefined;
    default: return { used: monthly.get(quota) ?? 0, exact: true };
  }
}

/** From the counter where there is one; else by looking, as far as that is quick, and then from the last count. */
export async function readCount(context: InstanceContext, plan: Plan, quota: CountedQuota): Promise<Figure> {
  const counter = await context.db.quotaCounter.findUnique({ where: { instanceId_quota: { instanceId: context.instance.id, quota } } });
  if (counter?.exact && limitOf(plan, quota) !== undefined) return { used: Number(counter.used), exact: true };
  const found = await countRowsUpTo(context, quota, countedAtOnce + 1);
  if (found <= countedAtOnce) return { used: found, exact: true };
  return { used: Math.max(found, Number(counter?.used ?? 0)), exact: false };
}

