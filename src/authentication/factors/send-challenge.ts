/** What codes and links by mail or text have in common: whose address it is, and how often one is sent. */
import { Problem } from '../../core/errors.ts';
import { findUserById, findUserByIdentifier, type User } from '../../directory/index.ts';
import { isRecipient, sendNotification, type TemplateName } from '../../notifications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { isKnownBrowser } from '../browsers.ts';
import { type ChallengeOf, type Destination, type IssuedChallenge, issueChallenge } from '../challenges.ts';
import type { Facts } from '../flow/facts.ts';
import { type Address, addressProof, maskAddress } from '../profile/address-codes.ts';
import { takeCodeAttempt, takeSend } from '../throttles.ts';
import type { Method } from '../types.ts';
import type { Refusal, Verified } from './factor.ts';

export type SentMethod = Extract<Method, 'otp_email' | 'otp_sms' | 'magic_link'>;

/** What was sent to a typed name is of no use once a proof, or the session, says who it is: the code would be of another step. */
export const challengeOf = (facts: Facts, method: SentMethod): ChallengeOf => ({ flowId: facts.flowId, purpose: facts.user ? 'second_factor' : 'first_factor', method });

const whoOf = (facts: Facts) => (facts.user ? { userId: facts.user.id } : { identifier: facts.identifier ?? '' });

/** Who is meant: whoever is known in this flow, else whom the typed name finds. */
export const findMeant = (context: InstanceContext, facts: Facts): Promise<User | undefined> =>
  (facts.user ? findUserById(context, facts.user.id) : findUserByIdentifier(context, facts.identifier ?? ''));

/** The proven address of a user for a method; one that no message could go to is none. */
export function addressOf(user: User | undefined, method: SentMethod): Address | undefined {
  const channel = method === 'otp_sms' ? 'sms' : 'email';
  const [value, isVerified] = channel === 'sms' ? [user?.phone, user?.phoneVerified] : [user?.email, user?.emailVerified];
  return value && isVerified && isRecipient(channel, value) ? { channel, value } : undefined;
}

export const hintOf = (address: Address): string => maskAddress(address);

const destinationOf = (user: User | undefined, address: Address | undefined): Destination | undefined =>
  (user && address ? { userId: user.id, address: address.value } : undefined);

export interface Sending {
  readonly method: SentMethod;
  readonly kind: 'code' | 'link';
  readonly template: TemplateName;
  readonly lifetimeSeconds: number;
  variables(issued: IssuedChallenge): Record<string, string>;
}

/**
 * Sends a code or link to whoever is meant. For nobody: the same queries, the same rows, and a message that goes nowhere.
 * Before a proof all limits count what was typed and where it came from, never what it finds.
 */
export async function sendChallenge(context: InstanceContext, facts: Facts, { method, kind, template, lifetimeSeconds, variables }: Sending): Promise<Refusal | undefined> {
  const { sendsPerMinute } = context.instance.settings.methods;
  const user = await findMeant(context, facts);
  const address = addressOf(user, method);
  const sending = await takeSend(context, { method, who: whoOf(facts) });
  if (!sending.allowed) return tooMany(sending.retryAt);
  const whole = await context.core.rateLimiter.take(`codes:${context.instance.id}`, { ratePerSecond: sendsPerMinute / 60, burst: sendsPerMinute });
  if (!whole.allowed) return tooMany(later(context, whole.retryAfterSeconds));
  try {
    const issued = await context.transaction(async (tx) => {
      const made = await issueChallenge(tx, { ...challengeOf(facts, method), kind, lifetimeSeconds, destination: destinationOf(user, address) });
      if (!('code' in made)) return made;
      await sendNotification(tx, {
        template, channel: method === 'otp_sms' ? 'sms' : 'email', to: address?.value, locale: user?.locale, variables: variables(made),
        whenLimited: facts.user ? 'refuse' : 'drop' });
      return made;
    });
    if ('code' in issued) return undefined;
    await sending.giveBack();
    return tooMany(issued.retryAt);
  } catch (error) {
    if (error instanceof Problem && error.status === 429) return tooMany(later(context, Number(error.headers['Retry-After'] ?? 60)));
    throw error;
  }
}

const later = (context: InstanceContext, seconds: number) => new Date(context.now().getTime() + seconds * 1_000);
const tooMany = (retryAt: Date): Refusal => ({ code: 'Operation.Failure.Too.Many.Messages', retryAt, unchecked: true });

/** Pays for a try and checks it: `isRight` consumes the challenge. */
export async function verifyChallenge(context: InstanceContext, facts: Facts, method: SentMethod, isRight: (of: ChallengeOf, destination: Destination | undefined) => Promise<boolean>): Promise<Verified | Refusal> {
  const user = await findMeant(context, facts);
  const isKnown = await isKnownBrowser(context, facts.browserId, user?.id);
  const attempt = await takeCodeAttempt(context, { method, who: whoOf(facts), knownBrowserId: isKnown ? facts.browserId : undefined });
  if (!attempt.allowed) return { code: 'Operation.Failure.Too.Many.Attempts', retryAt: attempt.retryAt, unchecked: true };
  const address = addressOf(user, method);
  const right = await isRight(challengeOf(facts, method), destinationOf(user, address));
  if (!right || !user || !address) return { code: 'Operation.Failure.Code.Invalid', field: 'code', ...(user && { userId: user.id }) };
  await attempt.giveBack();
  return { userId: user.id, proof: { ...addressProof(context, address, 'sign_in'), method } };
}
