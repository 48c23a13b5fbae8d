/**
 * Counting failed attempts. Every attempt is paid for before it is checked, and given back when it was right, so that
 * parallel attempts cannot outrun the count. Names are counted as typed, existing or not: a lock says nothing. Browsers
 * that signed in to an account before have a count of their own, so that strangers cannot lock its owner out.
 */
import { networkOf } from '../core/addresses.ts';
import { append } from '../events/index.ts';
import { foldIdentifier, foldPhone } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { accountLocked } from './events.ts';

export interface Attempt {
  /** What was typed. */
  identifier: string;
  /** Set when this browser signed in to the named account before. */
  knownBrowserId: string | undefined;
}

interface Counter { kind: 'identifier' | 'identifier_browser' | 'address'; keyHash: string; limit: number }

export type Taken =
  | { readonly allowed: true; /** Call when the attempt was right, or was not checked at all. */ giveBack(): Promise<void> }
  | { readonly allowed: false; readonly retryAt: Date };

/** Pays for one attempt. */
export async function takeAttempt(context: InstanceContext, attempt: Attempt): Promise<Taken> {
  const counters = countersOf(context, attempt);
  return context.transaction(async (tx) => {
    const paid: Counter[] = [];
    let retryAt: Date | undefined;
    for (const counter of counters) {                         // always in one order: two attempts cannot deadlock
      const blockedUntil = await count(tx, counter);
      if (blockedUntil) retryAt = new Date(Math.max(blockedUntil.getTime(), retryAt?.getTime() ?? 0));
      else paid.push(counter);
    }
    if (!retryAt) return { allowed: true, giveBack: () => giveBack(context, paid) };
    await giveBack(tx, paid);
    return { allowed: false, retryAt };
  });
}

/** A keyed hash of what was typed, for the event log: equal names can be counted, none can be read. */
export function identifierHash(context: InstanceContext, identifier: string): string {
  return hash(context, 'identifier', nameOf(identifier));
}

/** All spellings that find one account are one name, of telephone numbers too: else each were a count of its own. */
const nameOf = (identifier: string): string => foldPhone(identifier) ?? foldIdentifier(identifier);

function countersOf(context: InstanceContext, { identifier, knownBrowserId }: Attempt): Counter[] {
  const { failuresPerAccount, failuresPerAddress } = context.instance.settings.lockout;
  const name = nameOf(identifier);
  if (knownBrowserId !== undefined) {
    return [{ kind: 'identifier_browser', keyHash: hash(context, 'identifier_browser', `${name}\n${knownBrowserId}`), limit: failuresPerAccount }];
  }
  return [
    { kind: 'address', keyHash: hash(context, 'address', networkOf(context.address)), limit: failuresPerAddress },
    { kind: 'identifier', keyHash: hash(context, 'identifier', name), limit: failuresPerAccount },
  ];
}

/** Counts one attempt; returns until when it is refused. A refused attempt is not counted, so a block ends. */
async function count(tx: InstanceContext, { kind, keyHash, limit }: Counter): Promise<Date | undefined> {
  const now = tx.now();
  const { windowSeconds, blockSeconds } = tx.instance.settings.lockout;
  const windowEndsAt = new Date(now.getTime() + windowSeconds * 1_000);
  const blockedUntil = new Date(now.getTime() + blockSeconds * 1_000);
  const [row] = await tx.db.$queryRaw<{ failures: number; blockedUntil: Date | null }[]>`
    INSERT INTO "Throttle" AS t ("instanceId", kind, "keyHash", failures, "windowEndsAt")
    VALUES (${tx.instance.id}, ${kind}, ${keyHash}, 1, ${windowEndsAt})
    ON CONFLICT ("instanceId", kind, "keyHash") DO UPDATE SET
      failures = CASE WHEN t."blockedUntil" > ${now} THEN t.failures
                      WHEN t."windowEndsAt" <= ${now} OR t."blockedUntil" IS NOT NULL THEN 1
                      ELSE t.failures + 1 END,
      "windowEndsAt" = CASE WHEN t."blockedUntil" > ${now} THEN t."windowEndsAt"
                            WHEN t."windowEndsAt" <= ${now} OR t."blockedUntil" IS NOT NULL THEN ${windowEndsAt}
                            WHEN t.failures >= ${limit} THEN GREATEST(t."windowEndsAt", ${blockedUntil})
                            ELSE t."windowEndsAt" END,
      "blockedUntil" = CASE WHEN t."blockedUntil" > ${now} THEN t."blockedUntil"
                            WHEN t."windowEndsAt" <= ${now} OR t."blockedUntil" IS NOT NULL THEN NULL
                            WHEN t.failures >= ${limit} THEN ${blockedUntil}
                            ELSE NULL END
    RETURNING failures, "blockedUntil"`;
  if (!row?.blockedUntil) return undefined;
  const isNew = row.failures === limit + 1;                   // counted once more, then never again while it lasts
  if (isNew && kind !== 'identifier_browser' && row.blockedUntil.getTime() === blockedUntil.getTime()) {
    await append(tx, accountLocked({ type: kind, id: keyHash }, blockedUntil));
  }
  return row.blockedUntil;
}

async function giveBack(context: InstanceContext, counters: readonly Counter[]): Promise<void> {
  for (const { kind, keyHash } of counters) {
    await context.db.$executeRaw`
      UPDATE "Throttle" SET failures = GREATEST(failures - 1, 0)
       WHERE "instanceId" = ${context.instance.id} AND kind = ${kind} AND "keyHash" = ${keyHash} AND "blockedUntil" IS NULL`;
  }
}

const hash = (context: InstanceContext, kind: string, value: string) =>
  context.core.keyring.hmac('throttle', `${context.instance.id}\n${kind}\n${value}`);
