/**
 * How often something happened lately: a count for each window of ten minutes, one row for each key, one statement for
 * all keys of an attempt. The keys are keyed hashes, of all spellings of a name or address alike, existing or not.
 */
import { networkOf } from '../../core/addresses.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { identifierHash } from '../throttles.ts';

export const windowSeconds = 600;

export type CounterKind = 'attempt_address' | 'attempt_name' | 'failure_address' | 'failure_name' | 'sign_in_user';
export interface CounterKey { readonly kind: CounterKind; readonly keyHash: string }

/** An IPv6 subscriber is one client, with the whole /64. */
export const addressKey = (context: InstanceContext, kind: 'attempt_address' | 'failure_address'): CounterKey => ({ kind, keyHash: hash(context, networkOf(context.address)) });
export const nameKey = (context: InstanceContext, kind: 'attempt_name' | 'failure_name', identifier: string): CounterKey => ({ kind, keyHash: identifierHash(context, identifier) });
export const userKey = (context: InstanceContext, userId: string): CounterKey => ({ kind: 'sign_in_user', keyHash: hash(context, userId) });

const hash = (context: InstanceContext, value: string) => context.core.keyring.hmac('risk-counter', `${context.instance.id}\n${value}`);

/** Counts one for each key. Keys in one order: two attempts cannot deadlock. */
export async function countAll(context: InstanceContext, keys: readonly CounterKey[]): Promise<void> {
  const sorted = keys.toSorted((left, right) => (`${left.kind}${left.keyHash}` < `${right.kind}${right.keyHash}` ? -1 : 1));
  const windowStartsAt = windowOf(context.now());
  const before = new Date(windowStartsAt.getTime() - windowSeconds * 1_000);
  await context.db.$executeRaw`
    INSERT INTO "RiskCounter" AS c ("instanceId", kind, "keyHash", count, previous, "windowStartsAt")
    SELECT ${context.instance.id}, k.kind, k.hash, 1, 0, ${windowStartsAt}
      FROM unnest(${sorted.map(({ kind }) => kind)}::text[], ${sorted.map(({ keyHash }) => keyHash)}::text[]) AS k(kind, hash)
    ON CONFLICT ("instanceId", kind, "keyHash") DO UPDATE SET
      count = CASE WHEN c."windowStartsAt" >= ${windowStartsAt} THEN LEAST(c.count, 1000000000) + 1 ELSE 1 END,
      previous = CASE WHEN c."windowStartsAt" >= ${windowStartsAt} THEN c.previous WHEN c."windowStartsAt" = ${before} THEN c.count ELSE 0 END,
      "windowStartsAt" = GREATEST(c."windowStartsAt", ${windowStartsAt})`;
}

/** What was counted in the last ten minutes, in the order of `keys`; of the window before, the part that still counts. */
export async function readCounters(context: InstanceContext, keys: readonly CounterKey[]): Promise<number[]> {
  const rows = await context.db.riskCounter.findMany({ where: { OR: keys.map(({ kind, keyHash }) => ({ kind, keyHash })) } satisfies Prisma.RiskCounterWhereInput });
  const now = context.now().getTime();
  const start = windowOf(context.now()).getTime();
  const left = 1 - (now - start) / (windowSeconds * 1_000);
  return keys.map(({ kind, keyHash }) => {
    const row = rows.find((each) => each.kind === kind && each.keyHash === keyHash);
    if (!row) return 0;
    const age = start - row.windowStartsAt.getTime();
    if (age <= 0) return row.count + row.previous * left;
    return age === windowSeconds * 1_000 ? row.count * left : 0;
  });
}

const windowOf = (now: Date): Date => new Date(Math.floor(now.getTime() / (windowSeconds * 1_000)) * windowSeconds * 1_000);

/** After an answer to a factor: the attempt, and whether it was wrong. Nothing here depends on an account. */
export async function countAttempt(context: InstanceContext, identifier: string | undefined, outcome: 'right' | 'wrong'): Promise<void> {
  const { risk, captcha } = context.instance.settings;
  if (risk.mode === 'off' && captcha.ask !== 'velocity') return;
  const names = identifier === undefined ? [] : [nameKey(context, 'attempt_name', identifier), ...(outcome === 'wrong' ? [nameKey(context, 'failure_name', identifier)] : [])];
  await countAll(context, [addressKey(context, 'attempt_address'), ...(outcome === 'wrong' ? [addressKey(context, 'failure_address')] : []), ...names]);
}
