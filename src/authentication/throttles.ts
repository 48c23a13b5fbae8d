/**
 * Counting failed attempts. Every attempt is paid for before it is checked, and given back when it was right, so that
 * parallel attempts cannot outrun the count. Names are counted as typed, existing or not: a lock says nothing. Browsers
 * that signed in to an account before have a count of their own, so that strangers cannot lock its owner out.
 */
import { networkOf } from '../core/addresses.ts';
import { append } from '../events/index.ts';
import { foldIdentifier, foldPhone } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { accountLocked, type LockedSubject } from './events.ts';
import type { Method } from './types.ts';

export interface Attempt {
  /** What was typed. */
  identifier: string;
  /** Set when this browser signed in to the named account before. */
  knownBrowserId: string | undefined;
}

interface Counter {
  kind: 'identifier' | 'identifier_browser' | 'address' | 'code' | 'code_browser' | 'sent' | 'sent_address';
  keyHash: string;
  limit: number;
  /** Whom a block is written down for; undefined: it is no news. */
  subject?: LockedSubject;
}

export type Taken =
  | { readonly allowed: true; /** Call when the attempt was right, or was not checked at all. */ giveBack(): Promise<void> }
  | { readonly allowed: false; readonly retryAt: Date };

/** Pays for one attempt. */
export const takeAttempt = (context: InstanceContext, attempt: Attempt): Promise<Taken> => take(context, countersOf(context, attempt));

export interface CodeAttempt {
  /** Codes of each kind are counted apart: guessing one is no reason to refuse another. */
  readonly method: Method;
  /** Who it is, when that is known; else what was typed. */
  readonly who: { readonly userId: string } | { readonly identifier: string };
  readonly knownBrowserId: string | undefined;
}

/** Pays for one try at a code: counted for each person and method over all flows, so that new flows are no new tries. */
export function takeCodeAttempt(context: InstanceContext, { method, who, knownBrowserId }: CodeAttempt): Promise<Taken> {
  const { lockout, methods: { failuresPerUser: limit } } = context.instance.settings;
  const name = `${method}\n${personOf(who)}`;
  if (knownBrowserId !== undefined) return take(context, [{ kind: 'code_browser', keyHash: hash(context, 'code_browser', `${name}\n${knownBrowserId}`), limit }]);
  const keyHash = hash(context, 'code', name);
  const code: Counter = { kind: 'code', keyHash, limit, subject: 'userId' in who ? { type: 'user', id: who.userId } : { type: 'identifier', id: identifierHash(context, who.identifier) } };
  return take(context, [addressCounter(context, lockout.failuresPerAddress), code]);
}

/** Pays for one message with a code or link. It is never given back: a message that was read still went out. */
export function takeSend(context: InstanceContext, { method, who }: Pick<CodeAttempt, 'method' | 'who'>): Promise<Taken> {
  const { sendsPerUser, sendsPerAddress } = context.instance.settings.methods;
  return take(context, [
    { kind: 'sent_address', keyHash: hash(context, 'sent_address', networkOf(context.address)), limit: sendsPerAddress },
    { kind: 'sent', keyHash: hash(context, 'sent', `${method}\n${personOf(who)}`), limit: sendsPerUser },
  ]);
}

const personOf = (who: CodeAttempt['who']): string => ('userId' in who ? `user\n${who.userId}` : `name\n${nameOf(who.identifier)}`);

async function take(context: InstanceContext, counters: readonly Counter[]): Promise<Taken> {
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
    addressCounter(context, failuresPerAddress),
    { kind: 'identifier', keyHash: hash(context, 'identifier', name), limit: failuresPerAccount, subject: { type: 'identifier', id: hash(context, 'identifier', name) } },
  ];
}

function addressCounter(context: InstanceContext, limit: number): Counter {
  const keyHash = hash(context, 'address', networkOf(context.address));
  return { kind: 'address', keyHash, limit, subject: { type: 'address', id: keyHash } };
}

/** Counts one attempt; returns until when it is refused. A refused attempt is not counted, so a block ends. */
async function count(tx: InstanceContext, { kind, keyHash, limit, subject }: Counter): Promise<Date | undefined> {
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
  if (isNew && subject && row.blockedUntil.getTime() === blockedUntil.getTime()) await append(tx, accountLocked(subject, blockedUntil));
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
