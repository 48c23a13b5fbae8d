/**
 * Counted quotas: a row for each instance and quota whose plan has a limit, changed in the transaction that creates or
 * removes. Instances without a limit have none, so nothing is written for them and their insertions wait for nobody.
 */
import type { InstanceContext } from '../context.ts';
import { countRows } from './counts.ts';
import { quotaExceeded } from './errors.ts';
import { limitOf } from './plan.ts';
import { loadPlan } from './plan-cache.ts';
import type { CountedQuota } from './quotas.ts';

/**
 * Takes room for `count` more, within the transaction that creates them. The row stays locked until it ends: call it as
 * late as you can, after all that others may hold.
 * @throws Problem 403 with quota, limit and used, when there is no room for all of them
 */
export async function takeQuota(tx: InstanceContext, quota: CountedQuota, count = 1): Promise<void> {
  const granted = await takeUpToQuota(tx, quota, count);
  if (granted.refusal) throw granted.refusal;
}

/** The same for as many as there is room for: the first `granted` of them may be created; `refusal` is for the others. */
export async function takeUpToQuota(tx: InstanceContext, quota: CountedQuota, count: number): Promise<{ granted: number; refusal?: ReturnType<typeof quotaExceeded> }> {
  const plan = await loadPlan(tx);
  const limit = limitOf(plan, quota);
  if (limit === undefined || count === 0) return { granted: count };
  const taken = await tx.db.$executeRaw`
    UPDATE "QuotaCounter" SET "used" = "used" + ${BigInt(count)}
     WHERE "instanceId" = ${tx.instance.id} AND "quota" = ${quota} AND "exact" AND "used" + ${BigInt(count)} <= ${BigInt(limit)}`;
  if (taken === 1) return { granted: count };
  const { used } = await lockCounter(tx, quota);
  const granted = Math.min(count, Math.max(0, limit - used));
  if (granted > 0) await tx.db.$executeRaw`
    UPDATE "QuotaCounter" SET "used" = "used" + ${BigInt(granted)} WHERE "instanceId" = ${tx.instance.id} AND "quota" = ${quota}`;
  return granted === count ? { granted } : { granted, refusal: quotaExceeded({ quota, plan, limit, used: used + granted }) };
}

/** Gives back the room of `count` that are gone, within the transaction that removes them. */
export async function releaseQuota(tx: InstanceContext, quota: CountedQuota, count = 1): Promise<void> {
  if (count === 0 || limitOf(await loadPlan(tx), quota) === undefined) return;
  await tx.db.$executeRaw`
    UPDATE "QuotaCounter" SET "used" = GREATEST(0, "used" - ${BigInt(count)})
     WHERE "instanceId" = ${tx.instance.id} AND "quota" = ${quota} AND "exact"`;
}

/**
 * Locks the row, making it and counting what is there when it was not kept so far. Whoever creates holds the lock until
 * their commit, so a count under it misses nobody.
 */
export async function lockCounter(tx: InstanceContext, quota: CountedQuota): Promise<{ used: number }> {
  await tx.db.$executeRaw`
    INSERT INTO "QuotaCounter" ("instanceId", "quota", "used", "exact", "countedAt") VALUES (${tx.instance.id}, ${quota}, 0, FALSE, ${tx.now()}) ON CONFLICT DO NOTHING`;
  const [row] = await tx.db.$queryRaw<{ used: bigint; exact: boolean }[]>`
    SELECT "used", "exact" FROM "QuotaCounter" WHERE "instanceId" = ${tx.instance.id} AND "quota" = ${quota} FOR UPDATE`;
  if (row?.exact) return { used: Number(row.used) };
  return { used: await storeCount(tx, quota, true) };
}

/** Counts and stores, under the lock of the row where it is exact. */
export async function storeCount(tx: InstanceContext, quota: CountedQuota, exact: boolean): Promise<number> {
  const used = await countRows(tx, quota);
  await tx.db.$executeRaw`
    INSERT INTO "QuotaCounter" ("instanceId", "quota", "used", "exact", "countedAt") VALUES (${tx.instance.id}, ${quota}, ${BigInt(used)}, ${exact}, ${tx.now()})
    ON CONFLICT ("instanceId", "quota") DO UPDATE SET "used" = EXCLUDED."used", "exact" = EXCLUDED."exact", "countedAt" = EXCLUDED."countedAt"`;
  return used;
}
