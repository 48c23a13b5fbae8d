/**
 * A mailed link. Opening it changes nothing: the button on its page does. In the browser that waits it goes on there;
 * on another device it shows a short code for the page that waits, and never signs in anybody itself.
 */
import { z } from 'zod';
import { consumeChallenge, consumePairing, findSent } from '../challenges.ts';
import type { Factor } from './factor.ts';
import { isFirstFactorHere } from './offered.ts';
import { addressOf, challengeOf, findMeant, hintOf, sendChallenge, verifyChallenge } from './send-challenge.ts';
import { minutesOf } from './sent-codes.ts';

const input = z.object({
  code: z.string().min(4).max(30).optional().describe('What the link showed on another device.'),
  token: z.string().max(200).optional().describe('Of the link itself, from the page that it opened.'),
}).refine(({ code, token }) => code !== undefined || token !== undefined, { path: ['code'], message: 'must be there' });

export const magicLink: Factor<z.infer<typeof input>> = {
  method: 'magic_link',
  categories: ['possession'],
  phishingResistant: false,
  steps: ['first_factor'],
  input,

  async describe(context, facts) {
    if (!isFirstFactorHere(context, facts, 'magic_link')) return [];
    const address = facts.user && addressOf(await findMeant(context, facts), 'magic_link');
    if (facts.user && !address) return [];
    const sent = await findSent(context, challengeOf(facts, 'magic_link'));
    return [{
      method: 'magic_link', do: 'magic_link.verify', prepare: 'magic_link.prepare', ...(address && { hint: hintOf(address) }),
      fields: sent ? [{ name: 'code', type: 'text', required: true, autocomplete: 'one-time-code', inputMode: 'numeric', maxLength: 30 }] : [],
      ...(sent && { sent: { resendAt: sent.resendAt.toISOString() } }) }];
  },

  async prepare(context, facts) {
    const { linkSeconds } = context.instance.settings.methods;
    return sendChallenge(context, facts, {
      method: 'magic_link', kind: 'link', template: 'magic_link', lifetimeSeconds: linkSeconds,
      variables: ({ code }) => ({ link: `${context.instance.issuer}/link/${code}`, minutes: minutesOf(linkSeconds) }) });
  },

  verify: (context, facts, { code, token }) => verifyChallenge(context, facts, 'magic_link', (of, destination) =>
    (token !== undefined ? consumeChallenge(context, of, destination, token) : consumePairing(context, of, destination, code ?? ''))),
};
