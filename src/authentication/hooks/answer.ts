/** What a hook may answer: one of four words. Anything else counts as a failure. */
import { z } from 'zod';
import { isReservedClaim } from '../../access/index.ts';
import type { Trigger } from './hook.ts';

const claimValue = z.union([z.string().max(1_000), z.number(), z.boolean(), z.array(z.string().max(200)).max(100)]);
const claims = z.record(z.string().regex(/^[A-Za-z][\w:./-]{0,99}$/).refine((name) => !isReservedClaim(name), 'is a claim of the protocol, which cannot be set'), claimValue)
  .refine((value) => Object.keys(value).length <= 50 && JSON.stringify(value).length <= 8_192, 'are more than 50 claims, or more than 8,192 characters');

export const answerSchema = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('continue') }),
  z.strictObject({ action: z.literal('deny') }),
  z.strictObject({ action: z.literal('modify_claims'), claims }),
  z.strictObject({ action: z.literal('require_step'), step: z.enum(['second_factor']) }),
]);
export type HookAnswer = z.infer<typeof answerSchema>;

/** Which answers make sense where. */
const taken: Readonly<Record<Trigger, readonly HookAnswer['action'][]>> = {
  'registration.before': ['continue', 'deny'],
  'sign_in.before': ['continue', 'deny', 'require_step'],
  'profile.before': ['continue', 'deny'],
  'token.issue': ['continue', 'deny', 'modify_claims'],
  'registration.after': ['continue'], 'sign_in.after': ['continue'], 'profile.after': ['continue'],
};

/** Reads the body of an answer with 200; a text says what is wrong with it, never what is in it. */
export function readAnswer(trigger: Trigger, body: unknown): HookAnswer | string {
  const read = answerSchema.safeParse(body);
  if (!read.success) return `the answer is none of ${taken[trigger].join(', ')}: ${read.error.issues[0]?.path.map(String).join('.') || 'action'} ${read.error.issues[0]?.code ?? ''}`.slice(0, 200);
  return taken[trigger].includes(read.data.action) ? read.data : `${read.data.action} is no answer to ${trigger}; it takes ${taken[trigger].join(', ')}`;
}
