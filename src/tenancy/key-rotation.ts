/** Moves signing keys from state to state, by hand and by schedule. */
import { type Core } from '../core/core.ts';
import type { SigningKey as SigningKeyRow } from '../generated/prisma/client.ts';
import { append } from '../events/index.ts';
import { createContext, key, type InstanceContext } from './context.ts';
import { keyIsActive, keyIsRetired, keyNotFound, nextKeyTooYoung } from './errors.ts';
import * as events from './events.ts';
import { changeInstance, toInstance } from './instances.ts';
import { type SigningAlgorithm, signingAlgorithms } from './key-material.ts';
import { newSigningKey, type NewSigningKey } from './new-instance-keys.ts';
import { forgetKeys, invalidateKeys, longestTokenSeconds } from './signing-keys.ts';

/** A next key is published for at least this long before a rotation uses it: caches of the JWKS live no longer. */
export const publicationLeadSeconds = 3_600;

/** Clocks of applications may differ by this much from ours. */
const clockSkewSeconds = 300;
const dayMs = 86_400_000;

export interface RotationOptions {
  /** A compromised key cannot wait until everybody knows its successor. */
  urgent?: boolean;
  /** Rotates only keys that have signed since before this time. */
  activeBefore?: Date;
}

/**
 * The next key of each algorithm (or of `algorithm`) signs from now on, the active one stays published until its
 * tokens have ended, and a new next key is published.
 * @returns the algorithms rotated
 * @throws Problem 409 when a next key was published too recently and the rotation is not urgent
 */
export async function rotateSigningKeys(context: InstanceContext, algorithm?: SigningAlgorithm, options: RotationOptions = {}): Promise<SigningAlgorithm[]> {
  const wanted = algorithm ? [algorithm] : [...signingAlgorithms];
  const fresh = await Promise.all(wanted.map((name) => newSigningKey(context, name, 'next')));
  return changeKeys(context, async (tx) => {
    const rotated: SigningAlgorithm[] = [];
    for (const next of fresh) if (await rotateOne(tx, next, options)) rotated.push(next.algorithm);
    return rotated;
  });
}

async function rotateOne(tx: InstanceContext, fresh: NewSigningKey, { urgent = false, activeBefore }: RotationOptions): Promise<boolean> {
  const rows = await tx.db.signingKey.findMany({ where: { algorithm: fresh.algorithm, status: { in: ['active', 'next'] } } });
  const active = rows.find((row) => row.status === 'active');
  const next = rows.find((row) => row.status === 'next');
  if (activeBefore && active?.activatedAt && active.activatedAt >= activeBefore) return false;
  if (active && next && !urgent) checkPublished(tx, active, next);
  const now = tx.now();
  if (active) {
    const retiresAt = new Date(now.getTime() + (longestTokenSeconds + clockSkewSeconds) * 1000);
    await tx.db.signingKey.update({ where: key(tx, active.id), data: { status: 'retiring', retiresAt } });
    await append(tx, events.keyRetiring(active.id, active.algorithm, { before: { status: 'active' }, after: { status: 'retiring', retiresAt: retiresAt.toISOString() } }));
  }
  // Without a next key (somebody retired it by hand a moment ago) the fresh one signs at once, and has no successor yet.
  const successor = next ?? fresh;
  if (!next) await tx.db.signingKey.create({ data: fresh });
  await tx.db.signingKey.update({ where: key(tx, successor.id), data: { status: 'active', activatedAt: now } });
  await append(tx, events.keyActivated(successor.id, successor.algorithm, { after: { status: 'active' } }));
  if (next) await addNextKey(tx, fresh);
  return true;
}

/** A key that was made together with the active one is as well known as that one. */
function checkPublished(tx: InstanceContext, active: SigningKeyRow, next: SigningKeyRow): void {
  const usableAt = new Date(next.createdAt.getTime() + publicationLeadSeconds * 1000);
  if (next.createdAt > active.createdAt && usableAt > tx.now()) throw nextKeyTooYoung(next.algorithm, usableAt);
}

async function addNextKey(tx: InstanceContext, fresh: NewSigningKey): Promise<void> {
  await tx.db.signingKey.create({ data: fresh });
  await append(tx, events.keyCreated(fresh.id, fresh.algorithm, { after: { status: 'next' } }));
}

/**
 * Takes a key out of the JWKS now: what it signed is worth nothing from here on. A next key gets a successor.
 * @throws Problem 404, 409 for the active key and for one that is retired already
 */
export async function retireSigningKey(context: InstanceContext, kid: string): Promise<SigningKeyRow> {
  const found = await context.db.signingKey.findUnique({ where: key(context, kid) });
  if (!found) throw keyNotFound();
  const successor = found.status === 'next' ? await newSigningKey(context, found.algorithm as SigningAlgorithm, 'next') : undefined;
  return changeKeys(context, async (tx) => {
    const row = await tx.db.signingKey.findUnique({ where: key(tx, kid) });
    if (!row) throw keyNotFound();
    if (row.status === 'active') throw keyIsActive();
    if (row.status === 'retired') throw keyIsRetired();
    if (row.status === 'next' && successor) await addNextKey(tx, successor);
    return retire(tx, row);
  });
}

async function retire(tx: InstanceContext, row: SigningKeyRow): Promise<SigningKeyRow> {
  await append(tx, events.keyRetired(row.id, row.algorithm, { before: { status: row.status }, after: { status: 'retired' } }));
  return tx.db.signingKey.update({ where: key(tx, row.id), data: { status: 'retired', retiresAt: tx.now(), sealedPrivateJwk: null } });
}

async function changeKeys<Result>(context: InstanceContext, work: (tx: InstanceContext) => Promise<Result>): Promise<Result> {
  try {
    return await changeInstance(context, async (tx) => {
      await invalidateKeys(tx);
      return work(tx);
    });
  } finally {
    forgetKeys(context.core, context.instance.id);
  }
}

/** The keys of the instance, newest first, for lists. */
export function listSigningKeys(context: InstanceContext): Promise<SigningKeyRow[]> {
  return context.db.signingKey.findMany({ orderBy: { id: 'desc' }, take: 200 });
}

/**
 * One round of the schedule over all instances: keys as old as the instance's `keys.rotationDays` are rotated, and
 * keys whose last token has ended are retired. One instance's failure does not keep the others from their turn.
 */
export async function rotateDueKeys(core: Core): Promise<void> {
  const now = core.now();
  const due = await core.database.signingKey.findMany({
    where: { OR: [{ status: 'active', activatedAt: { lt: new Date(now.getTime() - dayMs) } }, { status: 'retiring', retiresAt: { lte: now } }] },
    distinct: ['instanceId'], select: { instanceId: true },
  });
  for (const { instanceId } of due) {
    const row = await core.database.instance.findUnique({ where: { id: instanceId } });
    if (!row || row.status === 'deleted') continue;
    const context = createContext(core, toInstance(core, row), { principal: { kind: 'system' } });
    await rotateDueKeysOf(context).catch((error: unknown) => core.log.error({ err: error, instanceId }, 'Signing keys could not be rotated'));
  }
}

async function rotateDueKeysOf(context: InstanceContext): Promise<void> {
  const now = context.now();
  const ended = await context.db.signingKey.findMany({ where: { status: 'retiring', retiresAt: { lte: now } } });
  if (ended.length > 0) await changeKeys(context, async (tx) => { for (const row of ended) await retire(tx, row); });
  const { rotationDays } = context.instance.settings.keys;
  if (rotationDays === 0) return;
  const activeBefore = new Date(now.getTime() - rotationDays * dayMs);
  for (const algorithm of signingAlgorithms) {
    const old = await context.db.signingKey.findFirst({ where: { algorithm, status: 'active', activatedAt: { lt: activeBefore } } });
    if (old) await rotateSigningKeys(context, algorithm, { activeBefore });
  }
}
