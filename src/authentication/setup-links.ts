/**
 * The one-time link with which the first administrator sets the account up. Opening it spends nothing (mail scanners
 * and previews open links): it begins a flow `setup` that asks for a password, and is used up when that completes.
 */
import { perCore } from '../core/core.ts';
import { newId } from '../core/ids.ts';
import { randomToken, sha256 } from '../core/secrets.ts';
import { append } from '../events/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { BrowserTokens } from './cookies.ts';
import { setupLinkCreated } from './events.ts';
import { startFlow } from './flow/start.ts';
import { setupLinkSeconds } from './proof-kinds.ts';
import type { FlowOrigin, Proof, StartedFlow } from './types.ts';

/** Makes the link (24 h, one use). Earlier ones of the same user stop working. */
export async function createSetupLink(context: InstanceContext, userId: string): Promise<{ url: string; token: string; expiresAt: Date }> {
  const token = randomToken();
  const id = newId('setup', context.now().getTime());
  const expiresAt = new Date(context.now().getTime() + setupLinkSeconds * 1_000);
  await context.transaction(async (tx) => {
    await voidSetupLinks(tx, userId);
    await tx.db.setupLink.create({ data: { id, userId, tokenHash: sha256(token), createdAt: tx.now(), expiresAt } });
    await append(tx, setupLinkCreated(id, userId));
  });
  return { url: `${context.instance.issuer}/setup/${token}`, token, expiresAt };
}

/** Begins the flow of a link. Undefined: unknown, used or too old. */
export async function openSetupLink(context: InstanceContext, token: string, browser: BrowserTokens): Promise<StartedFlow | undefined> {
  const link = await context.db.setupLink.findUnique({
    where: { instanceId_tokenHash: { instanceId: context.instance.id, tokenHash: sha256(token) } } });
  if (!link || link.consumedAt !== null || link.expiresAt <= context.now()) return undefined;
  const proof: Proof = {
    method: 'setup_link', authenticator: link.id, categories: ['possession'], amr: ['otp'],
    phishingResistant: false, provenAt: context.now(), use: 'recovery' };
  return startFlow(context, {
    channel: 'browser', purpose: 'setup', origin: { kind: 'setup', ref: link.id }, request: {}, ...browser,
  }, { userId: link.userId, proofs: [proof] });
}

/** Links that lie about stop working: whoever had one made for an ordinary user must not become an administrator by it. */
export async function voidSetupLinks(tx: InstanceContext, userId: string): Promise<void> {
  await tx.db.setupLink.updateMany({ where: { userId, consumedAt: null }, data: { consumedAt: tx.now() } });
}

/** Uses the link up, once. */
export async function consumeSetupLink(tx: InstanceContext, linkId: string): Promise<boolean> {
  const { count } = await tx.db.setupLink.updateMany({
    where: { id: linkId, consumedAt: null, expiresAt: { gt: tx.now() } }, data: { consumedAt: tx.now() } });
  return count === 1;
}

/** Whether an administrator of this instance has signed in yet. */
export async function isSetUp(context: InstanceContext): Promise<boolean> {
  const known = knownToBeSetUp(context.core);
  if (known.has(context.instance.id)) return true;
  const administrators = await context.db.administratorAssignment.findMany({ select: { userId: true } });
  const count = await context.db.user.count({ where: { id: { in: administrators.map(({ userId }) => userId) }, lastSignInAt: { not: null } } });
  if (count > 0) known.add(context.instance.id);
  return count > 0;
}

/** It never goes back, so what is known once needs no query again. */
const knownToBeSetUp = perCore(() => new Set<string>());

/** Set-up ends at the instance's own start page, signed in. */
export const setupOrigin: FlowOrigin = {
  kind: 'setup',
  resume: async (context) => ({ redirect: `${context.instance.issuer}/` }),
  /** The link itself is not stored: whoever has it opens it again. */
  restart: async () => undefined,
};
