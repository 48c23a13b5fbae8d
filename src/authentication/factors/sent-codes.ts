/** Codes by mail and by text: to the address that was typed, or the proven one of whoever is meant. */
import { z } from 'zod';
import { consumeChallenge, findSent } from '../challenges.ts';
import type { Factor } from './factor.ts';
import { isFirstFactorHere } from './offered.ts';
import { addressOf, challengeOf, findMeant, hintOf, sendChallenge, verifyChallenge } from './send-challenge.ts';

const input = z.object({ code: z.string().min(4).max(30) });

export const otpEmail = sentCode('otp_email');
export const otpSms = sentCode('otp_sms');

function sentCode(method: 'otp_email' | 'otp_sms'): Factor<z.infer<typeof input>> {
  return {
    method,
    categories: ['possession'],
    phishingResistant: false,
    steps: ['first_factor', 'second_factor'],
    input,

    async describe(context, facts, step) {
      if (step === 'first_factor' && !isFirstFactorHere(context, facts, method)) return [];
      // Only who is known by a proof sees where it goes, or that it could go nowhere.
      const address = facts.user && addressOf(await findMeant(context, facts), method);
      if (facts.user && !address) return [];
      const sent = await findSent(context, challengeOf(facts, method));
      return [{
        method, do: `${method}.verify`, prepare: `${method}.prepare`, ...(address && { hint: hintOf(address) }),
        fields: sent ? [{ name: 'code', type: 'text', required: true, autocomplete: 'one-time-code', inputMode: 'numeric', maxLength: 30 }] : [],
        ...(sent && { sent: { resendAt: sent.resendAt.toISOString() } }) }];
    },

    async prepare(context, facts) {
      const { codeSeconds } = context.instance.settings.methods;
      return sendChallenge(context, facts, {
        method, kind: 'code', template: 'sign_in_code', lifetimeSeconds: codeSeconds,
        variables: ({ code }) => ({ code, minutes: minutesOf(codeSeconds) }) });
    },

    verify: (context, facts, { code }) => verifyChallenge(context, facts, method, (of, destination) => consumeChallenge(context, of, destination, code)),
  };
}

/** Whole minutes, never more than there are. */
export const minutesOf = (seconds: number): string => String(Math.max(1, Math.floor(seconds / 60)));
