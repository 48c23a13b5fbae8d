/** What is used in a month: counted for every call, refused where the plan has a limit. */
import type { InstanceContext } from '../context.ts';
import { usageExceeded } from './errors.ts';
import { endOfMonth, monthOf } from './months.ts';
import { limitOf, type Plan } from './plan.ts';
import { loadPlan } from './plan-cache.ts';
import type { DistinctQuota, MonthlyQuota } from './quotas.ts';
import { takeUse } from './usage-blocks.ts';
import { usageMeter } from './usage-meter.ts';

/**
 * Counts `count` uses. No I/O where the plan has no limit.
 * @throws Problem 429 with Retry-After (until the month is over), when the plan's limit is reached; nothing was counted then
 */
export async function countUse(context: InstanceContext, quota: MonthlyQuota, count = 1): Promise<void> {
  const plan = await loadPlan(context);
  const limit = limitOf(plan, quota);
  const key = { instanceId: context.instance.id, month: monthOf(context.now()), quota };
  if (limit === undefined) return usageMeter(context.core).add(key, count);
  const { taken, used } = await takeUse(context, key, count, limit);
  if (!taken) throw exceeded(context, plan, quota, limit, Math.min(used, limit));
}

/**
 * Counts somebody or something once a month, however often it is seen.
 * @throws Problem 429 when the plan has a limit, it is reached, and `subjectId` was not counted before
 */
export async function countSubject(context: InstanceContext, quota: DistinctQuota, subjectId: string): Promise<void> {
  const plan = await loadPlan(context);
  const limit = limitOf(plan, quota);
  const month = monthOf(context.now());
  const key = { instanceId: context.instance.id, month, quota };
  const meter = usageMeter(context.core);
  if (limit === undefined) return meter.see(key, subjectId);
  if (meter.hasSeen(key, subjectId)) return;
  await context.transaction(async (tx) => {
    const { count } = await tx.db.monthlyUsageSubject.createMany({ data: [{ instanceId: key.instanceId, month, quota, subjectId }], skipDuplicates: true });
    if (count === 0) return;
    const taken = await tx.db.$executeRaw`
      INSERT INTO "MonthlyUsage" AS "usage" ("instanceId", "month", "quota", "used")
      SELECT ${tx.instance.id}, ${month}, ${quota}, 1 WHERE ${BigInt(limit)}::bigint >= 1
      ON CONFLICT ("instanceId", "month", "quota") DO UPDATE SET "used" = "usage"."used" + 1 WHERE "usage"."used" < ${BigInt(limit)}::bigint`;
    if (taken === 0) throw exceeded(tx, plan, quota, limit, limit);
  });
  meter.noteSeen(key, subjectId);
}

function exceeded(context: InstanceContext, plan: Plan, quota: MonthlyQuota | DistinctQuota, limit: number, used: number) {
  const now = context.now();
  return usageExceeded({ quota, plan, limit, used }, endOfMonth(monthOf(now)), now);
}
