/**
 * Monthly quotas with a limit, exact over all servers: each server takes blocks of them from the row of the month and
 * hands them out from memory. Towards the limit blocks become small, and single at the end; what a server does not use
 * for a second it gives back. One that is killed leaves its block counted as used: at most 100.
 */
import { type Core, perCore } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';
import type { MonthlyQuota } from './quotas.ts';
import { nameOf, type UsageKey, usageMeter } from './usage-meter.ts';

const largestBlock = 100;
/** Of what is left, a server takes at most this part. */
const shareOfRest = 10;
/** How long a refusal is given without looking again. */
const refusedMs = 500;

interface Block {
  readonly key: UsageKey & { quota: MonthlyQuota };
  left: number;
  touched: boolean;
  /** As of the last look. */
  used: number;
  refusedUntil: number;
  refusedLimit: number;
  taking: Promise<void>;
}

const blocksOf = perCore((core) => {
  const blocks = new Map<string, Block>();
  usageMeter(core).beforeFlush(() => { giveBack(core, blocks); });
  return blocks;
});

/** Takes `count`, all or none. `used` is of all servers, with what they hold in reserve. */
export async function takeUse(context: InstanceContext, key: Block['key'], count: number, limit: number): Promise<{ taken: boolean; used: number }> {
  const blocks = blocksOf(context.core);
  let block = blocks.get(nameOf(key));
  if (!block) {
    block = { key, left: 0, touched: true, used: 0, refusedUntil: 0, refusedLimit: 0, taking: Promise.resolve() };
    blocks.set(nameOf(key), block);
  }
  block.touched = true;
  if (block.left < count) await takeInTurn(context, block, count, limit);
  const taken = block.left >= count;
  if (taken) block.left -= count;
  return { taken, used: block.used };
}

/** One look at a time: those that wait meanwhile find what it brought. */
async function takeInTurn(context: InstanceContext, block: Block, count: number, limit: number): Promise<void> {
  const turn = block.taking.then(async () => {
    if (block.left >= count || (performance.now() < block.refusedUntil && limit <= block.refusedLimit)) return;
    const wanted = Math.max(count - block.left, Math.min(largestBlock, Math.floor((limit - block.used) / shareOfRest)));
    if (await takeBlock(context, block, wanted, limit) || await takeBlock(context, block, count - block.left, limit)) return;
    block.refusedUntil = performance.now() + refusedMs;
    block.refusedLimit = limit;
  });
  block.taking = turn.catch(() => undefined);
  return turn;
}

async function takeBlock(context: InstanceContext, block: Block, size: number, limit: number): Promise<boolean> {
  const { month, quota } = block.key;
  const [row] = await context.db.$queryRaw<{ used: bigint }[]>`
    INSERT INTO "MonthlyUsage" AS "usage" ("instanceId", "month", "quota", "used")
    SELECT ${context.instance.id}, ${month}, ${quota}, ${BigInt(size)}::bigint WHERE ${BigInt(size)}::bigint <= ${BigInt(limit)}::bigint
    ON CONFLICT ("instanceId", "month", "quota") DO UPDATE SET "used" = "usage"."used" + EXCLUDED."used"
     WHERE "usage"."used" + EXCLUDED."used" <= ${BigInt(limit)}::bigint
    RETURNING "used"`;
  if (row) {
    block.left += size;
    block.used = Number(row.used);
    return true;
  }
  const found = await context.db.monthlyUsage.findUnique({ where: { instanceId_month_quota: { instanceId: context.instance.id, month, quota } } });
  block.used = Number(found?.used ?? 0);
  return false;
}

function giveBack(core: Core, blocks: Map<string, Block>): void {
  for (const [name, block] of blocks) {
    if (block.touched) {
      block.touched = false;
      continue;
    }
    if (block.left > 0) usageMeter(core).add(block.key, -block.left);
    blocks.delete(name);
  }
}
