import { z } from 'zod';
import { append } from '../../events/index.ts';
import { isKnownBrowser } from '../browsers.ts';
import { recoveryCodeUsed } from '../credential-events.ts';
import { tellOwner } from '../owner-notices.ts';
import { fewRecoveryCodes, findRecoveryCodes, useRecoveryCode } from '../recovery-codes.ts';
import { takeCodeAttempt } from '../throttles.ts';
import type { Factor } from './factor.ts';

const input = z.object({ code: z.string().min(16).max(40) });

export const recoveryCode: Factor<z.infer<typeof input>> = {
  method: 'recovery_code',
  categories: ['possession'],
  phishingResistant: false,
  steps: ['second_factor'],
  input,

  async describe(context, facts) {
    const codes = facts.user && await findRecoveryCodes(context, facts.user.id);
    if (!codes || codes.left === 0) return [];
    return [{ method: 'recovery_code', do: 'recovery_code.verify', fields: [{ name: 'code', type: 'text', required: true, autocomplete: 'off', maxLength: 40 }] }];
  },

  async verify(context, facts, { code }) {
    const userId = facts.user?.id;
    if (userId === undefined) return { code: 'Operation.Failure.Code.Invalid', field: 'code' };
    const isKnown = await isKnownBrowser(context, facts.browserId, userId);
    const attempt = await takeCodeAttempt(context, { method: 'recovery_code', who: { userId }, knownBrowserId: isKnown ? facts.browserId : undefined });
    if (!attempt.allowed) return { code: 'Operation.Failure.Too.Many.Attempts', retryAt: attempt.retryAt, unchecked: true };
    const isRight = await context.transaction(async (tx) => {
      const left = await useRecoveryCode(tx, userId, code);
      if (left === undefined) return false;
      await append(tx, recoveryCodeUsed(userId, left));
      if (left <= fewRecoveryCodes) await tellOwner(tx, userId, 'recovery_codes_low', { left: String(left) });
      return true;
    });
    if (!isRight) return { code: 'Operation.Failure.Code.Invalid', field: 'code', userId };
    await attempt.giveBack();
    return { userId, proof: {
      method: 'recovery_code', authenticator: `recovery_code/${userId}`, categories: ['possession'], amr: ['otp'], phishingResistant: false, provenAt: context.now(), use: 'sign_in' } };
  },
};
