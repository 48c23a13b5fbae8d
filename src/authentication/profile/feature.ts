/** What an account must have: fields asked for at sign-in, and addresses that were proven to be the person's own. */
import { z } from 'zod';
import type { User } from '../../directory/index.ts';
import { updateUser } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { accepted, type Action, isAt, noticeOf, nothing, orGiveBack, page, pendingFor, pendingWith, refuse, refused, writeNotice, givenBack } from '../flow/action.ts';
import type { Facts } from '../flow/facts.ts';
import type { FlowFeature } from '../flow/feature.ts';
import type { Situation } from '../flow/situation.ts';
import { advance, type FlowState, type Pending, release, reserve } from '../flow/store.ts';
import { met, type Requirement, unmet } from '../flow/verdicts.ts';
import { mergeProofs, writeProofs } from '../proofs.ts';
import { addressOf, markProven } from '../registration/pending.ts';
import { sendRegistrationCode } from '../registration/send-code.ts';
import type { StepView } from '../types.ts';
import { type Address, addressProof, checkAddressCode, codeSeconds, findSentCode, maskAddress, sendAddressCode } from './address-codes.ts';
import { drawFields, findMissing, type ProfileValues, readFields } from './fields.ts';

export interface ProfileFacts {
  /** Fields that are asked for. */
  readonly missing: readonly string[];
  /** An address of the account that was not proven yet, where the instance wants it proven. */
  readonly unproven: Address['channel'] | undefined;
}

const valuesSchema = z.object({
  builtIn: z.record(z.string(), z.string()).default({}),
  customFields: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])).default({}),
  verified: z.object({ email: z.string().optional(), sms: z.string().optional() }).default({}),
});
const pendingOf = ({ features }: Pending) => valuesSchema.parse(features?.['profile'] ?? {});

export const verifyAddress: Requirement = {
  name: 'verify_address',
  check: ({ user, profile }: Facts) => (user === undefined || profile.unproven === undefined ? met : unmet(stepOf(profile.unproven))),
};

export const completeProfile: Requirement = {
  name: 'complete_profile',
  check: ({ user, newUser, profile }: Facts) => ((user === undefined && !newUser) || profile.missing.length === 0 ? met : unmet('complete_profile')),
};

export const stepOf = (channel: Address['channel']): 'verify_email' | 'verify_phone' => (channel === 'email' ? 'verify_email' : 'verify_phone');

export const profile: FlowFeature<'profile'> = {
  name: 'profile',

  async load(context, { flow, user }) {
    const newUser = flow.pending.newUser?.user;
    if (user === undefined && newUser === undefined) return { missing: [], unproven: undefined };
    const waiting = pendingOf(flow.pending);
    const given: ProfileValues = newUser ? { builtIn: { ...textsOf(newUser), ...waiting.builtIn }, customFields: { ...nonNull(newUser.customFields), ...waiting.customFields } } : waiting;
    const { address } = user ? addressToProve(context, user, flow) : { address: undefined };
    return { missing: await findMissing(context, wantedOf(context, flow), user, given), unproven: address?.channel };
  },

  views: {
    async complete_profile(context, { facts, user, flow }) {
      const fields = await drawFields(context, facts.profile.missing.map((field) => ({ field, required: true })));
      const { builtIn } = pendingOf(flow.pending);
      return { name: 'complete_profile', fields: fields.map((field) => ({ ...field, value: builtIn[field.name] ?? suggestion(user, field.name) })).map(withoutEmpty) };
    },
    verify_email: (context, situation) => viewVerify(context, situation, 'verify_email'),
    verify_phone: (context, situation) => viewVerify(context, situation, 'verify_phone'),
  },

  actions: {
    async complete_profile(context, { situation: { flow, facts, user }, decision, fields }) {
      if (!isAt(decision, 'complete_profile')) return page;
      const values = await readFields(context, facts.profile.missing.map((field) => ({ field, required: true })), fields, user?.customFields ?? {});
      if ('code' in values) return refuse(context, flow, values);
      const waiting = pendingOf(flow.pending);
      const next = { ...waiting, builtIn: { ...waiting.builtIn, ...values.builtIn }, customFields: { ...waiting.customFields, ...values.customFields } };
      return accepted(await advance(context, flow, { sealedPending: pendingFor(context, flow, 'profile', next), notice: nothing }));
    },
    verify_email: (context, input) => verify(context, input, 'verify_email'),
    verify_phone: (context, input) => verify(context, input, 'verify_phone'),
    /** Sends a code, or another one. */
    async send_code(context, { situation, decision }) {
      const { flow } = situation;
      const address = isAt(decision, 'verify_email', 'verify_phone') ? currentAddress(context, situation) : undefined;
      if (!address) return page;
      const refusal = flow.purpose === 'register' && situation.user === undefined
        ? await sendRegistrationCode(context, flow, address)
        : await sendAddressCode(context, flow, {
          purpose: 'verify', address, to: address.value, template: 'verify_address',
          variables: (code) => ({ code, minutes: String(codeSeconds / 60) }) });
      return accepted(await advance(context, flow, { notice: refusal ? writeNotice(noticeOf(refusal)) : nothing }));
    },
  },

  async store(tx, { flow, user }, userId) {
    const { builtIn, customFields, verified } = pendingOf(flow.pending);
    const email = builtIn['email'] ?? user?.email;
    const phone = builtIn['phone'] ?? user?.phone;
    const proven = {
      ...(verified.email !== undefined && verified.email === email && { emailVerified: true }),
      ...(verified.sms !== undefined && verified.sms === phone && { phoneVerified: true }) };
    if (Object.keys(builtIn).length + Object.keys(customFields).length + Object.keys(proven).length === 0) return;
    await updateUser(tx, userId, { ...builtIn, ...(Object.keys(customFields).length > 0 && { customFields }) }, proven);
  },
};

/** Who registered proves what they typed; everybody else an address of the account, or one that waits for it. */
const currentAddress = (context: InstanceContext, { flow, user }: Situation): Address | undefined =>
  (user ? addressToProve(context, user, flow).address : addressOf(flow.pending));

function addressToProve(context: InstanceContext, user: User, flow: FlowState): { address: Address | undefined } {
  const { verifyEmail, verifyPhone } = context.instance.settings.profile;
  const { builtIn, verified } = pendingOf(flow.pending);
  const email = builtIn['email'] ?? user.email ?? undefined;
  const phone = builtIn['phone'] ?? user.phone ?? undefined;
  const isProven = (value: string, before: string | null, was: boolean, now: string | undefined) => (value === before && was) || value === now;
  if (verifyEmail && email !== undefined && !isProven(email, user.email, user.emailVerified, verified.email)) return { address: { channel: 'email', value: email } };
  if (verifyPhone && phone !== undefined && !isProven(phone, user.phone, user.phoneVerified, verified.sms)) return { address: { channel: 'sms', value: phone } };
  return { address: undefined };
}

async function verify(context: InstanceContext, { situation, decision, fields }: Parameters<Action>[1], step: 'verify_email' | 'verify_phone'): ReturnType<Action> {
  const { flow } = situation;
  const address = currentAddress(context, situation);
  if (!isAt(decision, step) || !address) return page;
  const code = (fields['code'] ?? '').trim();
  if (code === '') return refuse(context, flow, { code: 'Params.Blank', field: 'code' });
  const busyToken = await reserve(context, flow);
  if (busyToken === undefined) return { kind: 'changed' };
  const purpose = situation.user === undefined ? 'registration' : 'verify';
  const refusal = await orGiveBack(context, flow, busyToken, () => checkAddressCode(context, flow, { purpose, address }, code));
  if (refusal) {
    await release(context, flow, busyToken, { notice: writeNotice(noticeOf(refusal)), ...(refusal.unchecked && givenBack) });
    return flow.attemptsLeft <= 1 && !refusal.unchecked ? { kind: 'used up' } : refused;
  }
  const waiting = pendingOf(flow.pending);
  return accepted(await release(context, flow, busyToken, {
    ...givenBack, version: { increment: 1 }, notice: nothing,
    ...(situation.user === undefined
      // The mailbox that the account will have: who shows it is who registers.
      ? { sealedPending: pendingWith(context, flow, markProven(flow.pending, address)), proofs: writeProofs(mergeProofs(flow.proofs, [addressProof(context, address, 'sign_in')])) }
      : { sealedPending: pendingFor(context, flow, 'profile', { ...waiting, verified: { ...waiting.verified, [address.channel]: address.value } }) }) }));
}

async function viewVerify(context: InstanceContext, situation: Situation, name: 'verify_email' | 'verify_phone'): Promise<StepView> {
  const address = currentAddress(context, situation);
  if (!address) throw new Error('nothing is to be proven at this step');
  const sent = await findSentCode(context, situation.flow, { purpose: situation.user === undefined ? 'registration' : 'verify', address });
  return {
    name, to: maskAddress(address), ...(sent && { sent }),
    fields: sent ? [{ name: 'code', type: 'text', required: true, autocomplete: 'one-time-code', inputMode: 'numeric', maxLength: 12 }] : [] };
}

/** Of the instance, of the application, and of who was invited what a registration must give. */
function wantedOf(context: InstanceContext, flow: FlowState): string[] {
  const { profile: settings, registration } = context.instance.settings;
  const ofApplication = flow.applicationId !== null && Object.hasOwn(settings.requiredByApplication, flow.applicationId) ? settings.requiredByApplication[flow.applicationId] ?? [] : [];
  const ofInvited = flow.originKind === 'invitation' ? registration.fields.filter(({ required }) => required).map(({ field }) => field) : [];
  return [...settings.required, ...ofApplication, ...ofInvited];
}

const textsOf = (user: object): Record<string, string> => Object.fromEntries(Object.entries(user).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
const nonNull = (values: object | undefined) => Object.fromEntries(Object.entries(values ?? {}).filter(([, value]) => value !== null)) as ProfileValues['customFields'];
const suggestion = (user: User | undefined, name: string): string | undefined => (name === 'displayName' ? user?.displayName : undefined);
const withoutEmpty = <Value extends { value?: string | undefined }>({ value, ...rest }: Value) => ({ ...rest, ...(value !== undefined && { value }) });
