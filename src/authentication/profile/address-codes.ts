/**
 * Codes that show that a mailbox or a telephone is somebody's own: of one flow, for one address, five attempts, used
 * once, and void once another is sent. Whether anybody gets the message is the caller's to say; the rows are the same.
 */
import { sha256 } from '../../core/secrets.ts';
import { foldIdentifier } from '../../directory/index.ts';
import { sendNotification, type TemplateName } from '../../notifications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Refusal } from '../factors/factor.ts';
import type { FlowState } from '../flow/store.ts';
import { consumeChallenge, findSent, issueChallenge } from '../challenges.ts';
import { takeCodeAttempt } from '../throttles.ts';
import type { Proof } from '../types.ts';

export type AddressChannel = 'email' | 'sms';
export interface Address { readonly channel: AddressChannel; readonly value: string }

export const codeSeconds = 600;
const mostSends = 6;

export interface CodeMessage {
  readonly purpose: 'registration' | 'verify' | 'recovery';
  /** What the code is for, whether or not anybody gets it. */
  readonly address: Address;
  readonly template: TemplateName;
  /** Undefined: nobody gets it, with the same writes. */
  readonly to: string | undefined;
  readonly variables: (code: string) => Record<string, string>;
}

/** Sends a code; earlier ones of the flow are void. `more` is written in the same transaction. */
export async function sendAddressCode(context: InstanceContext, flow: FlowState, message: CodeMessage, more?: (tx: InstanceContext) => Promise<void>): Promise<Refusal | undefined> {
  const { address } = message;
  const of = challengeOf(flow, message);
  const tooMany = { code: 'Operation.Failure.Too.Many.Attempts', unchecked: true } as const;
  if (await context.db.challenge.count({ where: { flowId: flow.id, purpose: of.purpose } }) >= mostSends) return tooMany;
  return context.transaction(async (tx) => {
    const issued = await issueChallenge(tx, { ...of, destination: destinationOf(address), kind: 'code', lifetimeSeconds: codeSeconds });
    if ('retryAt' in issued) return { ...tooMany, retryAt: issued.retryAt };
    await more?.(tx);
    // An address that had too many gets no more, and nothing is said of it: the limit would tell which address is real.
    await sendNotification(tx, { template: message.template, channel: address.channel, to: message.to, locale: flow.request.locale, variables: message.variables(issued.code), whenLimited: 'drop' });
    return undefined;
  });
}

type About = Pick<CodeMessage, 'purpose' | 'address'>;

/** Checks a code: paid for before it is compared, used once; tries are counted for the address over all flows. */
export async function checkAddressCode(context: InstanceContext, flow: FlowState, about: About, typed: string): Promise<Refusal | undefined> {
  const attempt = await takeCodeAttempt(context, { method: methodOf(about.address.channel), who: { identifier: `${about.purpose}:${about.address.value}` }, knownBrowserId: undefined });
  if (!attempt.allowed) return { code: 'Operation.Failure.Too.Many.Attempts', retryAt: attempt.retryAt, unchecked: true };
  if (!await consumeChallenge(context, challengeOf(flow, about), destinationOf(about.address), typed)) return { code: 'Operation.Failure.Code.Invalid', field: 'code' };
  await attempt.giveBack();
  return undefined;
}

/** From when on another code may be asked for; undefined: none is on its way. */
export async function findSentCode(context: InstanceContext, flow: FlowState, about: About): Promise<{ resendAt: string } | undefined> {
  const sent = await findSent(context, challengeOf(flow, about));
  return sent && { resendAt: sent.resendAt.toISOString() };
}

/** Another address is another challenge: a code of the one before does not count, and is not waited for. */
const challengeOf = (flow: FlowState, { purpose, address }: About) => ({ flowId: flow.id, purpose: `${purpose}:${sha256(address.value).slice(0, 16)}`, method: methodOf(address.channel) } as const);

/** Whose it is, the flow knows; before there is an account nobody's. */
const destinationOf = ({ value }: Address) => ({ userId: '', address: value });

/** What was shown: this mailbox, this telephone. */
export const addressProof = (context: InstanceContext, address: Address, use: Proof['use']): Proof => ({
  method: methodOf(address.channel), authenticator: authenticatorOf(context, address), categories: ['possession'], amr: [address.channel === 'email' ? 'otp' : 'sms'],
  phishingResistant: false, provenAt: context.now(), use });

export const authenticatorOf = (context: InstanceContext, address: Address): string => `${address.channel === 'email' ? 'mailbox' : 'phone'}/${addressHash(context, address)}`;

export const addressHash = (context: InstanceContext, { channel, value }: Address): string =>
  context.core.keyring.hmac('address', `${context.instance.id}\n${channel}\n${channel === 'email' ? foldIdentifier(value) : value}`);

const methodOf = (channel: AddressChannel) => (channel === 'email' ? 'otp_email' : 'otp_sms');

/** Enough to know one's own again. */
export function maskAddress({ channel, value }: Address): string {
  if (channel === 'email') return `${value.slice(0, 1)}…${value.slice(value.lastIndexOf('@'))}`;
  return `${value.slice(0, 3)}…${value.slice(-3)}`;
}
