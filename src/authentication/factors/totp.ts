import { z } from 'zod';
import { isKnownBrowser } from '../browsers.ts';
import { takeCodeAttempt } from '../throttles.ts';
import { listTotpCredentials, useTotpCode } from '../totp-credentials.ts';
import type { Proof } from '../types.ts';
import type { Factor } from './factor.ts';

const input = z.object({ code: z.string().min(6).max(20) });

export const totp: Factor<z.infer<typeof input>> = {
  method: 'totp',
  categories: ['possession'],
  phishingResistant: false,
  steps: ['second_factor'],
  input,

  async describe(context, facts) {
    if (!facts.user || (await listTotpCredentials(context, facts.user.id)).length === 0) return [];
    return [{ method: 'totp', do: 'totp.verify', fields: [{ name: 'code', type: 'text', required: true, autocomplete: 'one-time-code', inputMode: 'numeric', maxLength: 20 }] }];
  },

  async verify(context, facts, { code }) {
    const userId = facts.user?.id;
    if (userId === undefined) return { code: 'Operation.Failure.Code.Invalid', field: 'code' };
    const isKnown = await isKnownBrowser(context, facts.browserId, userId);
    const attempt = await takeCodeAttempt(context, { method: 'totp', who: { userId }, knownBrowserId: isKnown ? facts.browserId : undefined });
    if (!attempt.allowed) return { code: 'Operation.Failure.Too.Many.Attempts', retryAt: attempt.retryAt, unchecked: true };
    const answer = await useTotpCode(context, userId, code);
    if (answer === 'used') return { code: 'Operation.Failure.Code.Used', field: 'code', userId };
    if (answer === 'wrong') return { code: 'Operation.Failure.Code.Invalid', field: 'code', userId };
    await attempt.giveBack();
    return { userId, proof: totpProof(answer.credentialId, context.now(), 'sign_in') };
  },
};

export const totpProof = (credentialId: string, provenAt: Date, use: Proof['use']): Proof => ({
  method: 'totp', authenticator: credentialId, categories: ['possession'], amr: ['otp'], phishingResistant: false, provenAt, use });
