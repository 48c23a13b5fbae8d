/**
 * The password. For a name that does not exist the same queries run, the same throttle is paid, and a fixed hash is
 * checked in the same queue: the answer depends on the text that was typed, and on nothing that is stored.
 */
import { z } from 'zod';
import { maximumPasswordBytes } from '../../core/password-text.ts';
import { findUserByIdentifier } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { type BreachAnswer, isBreached } from '../breached-passwords.ts';
import { isKnownBrowser } from '../browsers.ts';
import { findPassword, rehashPassword } from '../passwords.ts';
import { takeAttempt } from '../throttles.ts';
import type { Proof } from '../types.ts';
import type { Factor, Refusal } from './factor.ts';
import { isFirstFactorHere } from './offered.ts';

const input = z.object({ password: z.string().min(1).max(maximumPasswordBytes) });

export const password: Factor<z.infer<typeof input>> = {
  method: 'password',
  categories: ['knowledge'],
  phishingResistant: false,
  steps: ['first_factor', 'second_factor'],
  input,

  async describe(context, facts, step) {
    if (step === 'first_factor' && !isFirstFactorHere(context, facts, 'password')) return [];
    return [{
      method: 'password', do: 'password.verify',
      fields: [{ name: 'password', type: 'password', required: true, autocomplete: 'current-password', maxLength: maximumPasswordBytes }] }];
  },

  async verify(context, facts, { password: typed }) {
    // Somebody already known in this flow can only prove to be that one.
    const identifier = facts.user?.username ?? facts.identifier ?? '';
    const userId = facts.user ? facts.user.id : (await findUserByIdentifier(context, identifier))?.id;
    const known = await isKnownBrowser(context, facts.browserId, userId);
    const stored = await findPassword(context, userId);
    const attempt = await takeAttempt(context, { identifier, knownBrowserId: known ? facts.browserId : undefined });
    if (!attempt.allowed) return { code: 'Operation.Failure.Too.Many.Attempts', retryAt: attempt.retryAt, unchecked: true };
    let matches: boolean;
    try {
      matches = await context.core.passwordHasher.verify(stored?.hash, typed);
    } catch (error) {
      await attempt.giveBack();
      throw error;
    }
    if (!matches || userId === undefined || !stored) return refuse(context, userId);
    await attempt.giveBack();
    if (context.core.passwordHasher.needsRehash(stored.hash)) await rehash(context, userId, stored.hash, typed);
    const breached = await findBreach(context, typed);
    return { proof: passwordProof(context, userId), userId, ...(breached && { pending: { features: { risk: { breached } } } }) };
  },
};

/** For the risk of this sign-in, where the instance asks for it: only a right password is looked up. */
async function findBreach(context: InstanceContext, typed: string): Promise<BreachAnswer | undefined> {
  const { mode, checkBreachedPasswords } = context.instance.settings.risk;
  return mode !== 'off' && checkBreachedPasswords ? isBreached(context, typed) : undefined;
}

export const passwordProof = (context: InstanceContext, userId: string): Proof => ({
  method: 'password', authenticator: `password/${userId}`, categories: ['knowledge'], amr: ['pwd'],
  phishingResistant: false, provenAt: context.now(), use: 'sign_in' });

function refuse(context: InstanceContext, userId: string | undefined): Refusal {
  const says = context.instance.settings.disclose === 'accounts' && userId === undefined;
  return says
    ? { code: 'Operation.Failure.User.Not.Exist', field: 'identifier' }
    : { code: 'Operation.Failure.Credential.Invalid', field: 'password', ...(userId !== undefined && { userId }) };
}

/** A full queue is no reason to refuse a right password: the next sign-in tries again. */
async function rehash(context: InstanceContext, userId: string, oldHash: string, typed: string): Promise<void> {
  await rehashPassword(context, userId, oldHash, typed).catch((error: unknown) => {
    context.core.log.info({ err: error, instanceId: context.instance.id }, 'A password was not hashed anew this time');
  });
}

