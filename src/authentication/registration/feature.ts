/**
 * Registering: what the instance asks for, then the address is proven, and only then the account is made, with the
 * session or, where an administrator decides, without one. Nothing here says who has an account.
 */
import { type CreateUser, createUserSchema } from '../../directory/index.ts';
import { newId } from '../../core/ids.ts';
import { maximumPasswordBytes } from '../../core/password-text.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { factorsOf } from '../factors/index.ts';
import { accepted, type Action, givenBack, isAt, noticeOf, nothing, orGiveBack, page, pendingWith, refuse, refused, writeNotice } from '../flow/action.ts';
import { switchPurpose } from '../flow/another-purpose.ts';
import { countedProofs, type Facts, type Policy } from '../flow/facts.ts';
import type { FlowFeature } from '../flow/feature.ts';
import { advance, findFlow, type FlowState, release, reserve } from '../flow/store.ts';
import { met, type Requirement, unmet } from '../flow/verdicts.ts';
import { preparePasswordFor } from '../passwords.ts';
import { type Address, authenticatorOf } from '../profile/address-codes.ts';
import { stepOf } from '../profile/feature.ts';
import { drawFields, type ProfileValues, readFields, requiredCustomFields, type WantedField } from '../profile/fields.ts';
import type { Field, Notice } from '../types.ts';
import { isDomainAllowed } from './domains.ts';
import { markProven, type PendingRegistration, registrationOf } from './pending.ts';
import { sendRegistrationCode } from './send-code.ts';

export interface RegistrationFacts {
  /** What was typed waits for the address to be proven. */
  readonly address: { readonly channel: Address['channel']; readonly authenticator: string } | undefined;
  /** The account waits for an administrator. */
  readonly needsApproval: boolean;
}

export const register: Requirement = {
  name: 'register',
  check(facts: Facts, policy: Policy) {
    if (facts.purpose !== 'register' || facts.user !== undefined) return met;
    const { address } = facts.registration;
    if (address === undefined || !facts.newUser) return unmet('register');
    return countedProofs(facts, policy).some(({ authenticator }) => authenticator === address.authenticator) ? met : unmet(stepOf(address.channel));
  },
};

export const registration: FlowFeature<'registration'> = {
  name: 'registration',

  async load(context, { flow }) {
    const { address } = registrationOf(flow.pending);
    return {
      address: address && { channel: address.channel, authenticator: authenticatorOf(context, address) },
      needsApproval: flow.purpose === 'register' && context.instance.settings.registration.approval,
    };
  },

  views: {
    async register(context, { flow, facts }) {
      const { draft } = registrationOf(flow.pending);
      const fields = [...addressFields(context), ...await drawFields(context, await wantedFields(context))];
      return {
        name: 'register', fields: [...fields.map((field) => ({ ...field, ...(draft[field.name] !== undefined && { value: draft[field.name] ?? '' }) })), await passwordField(context, facts)],
        policy: { minimumLength: context.instance.settings.password.minimumLength } };
    },
  },

  actions: {
    /** From the sign-in page: to the form. With the form: takes it. */
    async register(context, input) {
      const { situation: { flow }, decision } = input;
      if (isAt(decision, 'register')) return take(context, input);
      return context.instance.settings.registration.enabled ? switchPurpose(context, flow, decision, 'register') : page;
    },
    sign_in: (context, { situation: { flow }, decision }) => switchPurpose(context, flow, decision, 'sign_in'),
    /** Another address, or a slip of the finger: back to the form, with what was typed. */
    async edit_registration(context, { situation: { flow, user }, decision }) {
      if (!isAt(decision, 'verify_email', 'verify_phone') || flow.purpose !== 'register' || user) return page;
      return accepted(await advance(context, flow, { sealedPending: pendingWith(context, flow, { newUser: undefined }), notice: nothing }));
    },
  },
};

/** The address, in the way the instance wants it. */
function addressFields({ instance: { settings } }: InstanceContext): Field[] {
  const { address } = settings.registration;
  const email: Field = { name: 'email', type: 'email', required: address === 'email', autocomplete: 'email', maxLength: 254 };
  const phone: Field = { name: 'phone', type: 'tel', required: address === 'phone', autocomplete: 'tel', inputMode: 'tel', maxLength: 20 };
  return address === 'email' ? [email] : address === 'phone' ? [phone] : [email, phone];
}

/** Addresses are asked for by themselves; what every user must have is asked for in any case. */
async function wantedFields(context: InstanceContext): Promise<WantedField[]> {
  const configured = context.instance.settings.registration.fields.filter(({ field }) => field !== 'email' && field !== 'phone');
  const required = await requiredCustomFields(context);
  return [
    ...configured.map((each) => (required.some(({ field }) => field === each.field) ? { ...each, required: true } : each)),
    ...required.filter(({ field }) => !configured.some((each) => each.field === field))];
}

async function passwordField(context: InstanceContext, facts: Facts): Promise<Field> {
  return { name: 'password', type: 'password', required: !await mayGoWithoutPassword(context, facts), autocomplete: 'new-password', maxLength: maximumPasswordBytes };
}

/** What a newcomer has from the first day: the address that was proven. */
const byAddress: ReadonlySet<string> = new Set(['otp_email', 'otp_sms', 'magic_link']);

/** Where a first factor is offered that needs nothing else, the next sign-in does not need a password. */
async function mayGoWithoutPassword(context: InstanceContext, facts: Facts): Promise<boolean> {
  if (context.instance.settings.registration.password === 'required') return false;
  const others = factorsOf(context.core).filter(({ method, steps }) => byAddress.has(method) && steps.includes('first_factor'));
  const offered = await Promise.all(others.map((factor) => factor.describe(context, facts, 'first_factor')));
  return offered.some((views) => views.length > 0);
}

async function take(context: InstanceContext, { situation: { flow, facts }, fields }: Parameters<Action>[1]): ReturnType<Action> {
  const wanted = await wantedFields(context);
  const draft = draftOf([...addressFields(context).map(({ name }) => name), ...wanted.map(({ field }) => field)], fields);
  const notice = (fault: Notice) => keepDraft(context, flow, draft, fault);
  const address = readAddress(context, fields);
  if ('code' in address) return notice(address);
  const values = await readFields(context, wanted, fields);
  if ('code' in values) return notice(values);
  const user = userOf(context, address, values);
  if ('code' in user) return notice(user);
  const password = fields['password'] ?? '';
  if (password === '' && !await mayGoWithoutPassword(context, facts)) return notice({ code: 'Params.Blank', field: 'password' });

  const busyToken = await reserve(context, flow);
  if (busyToken === undefined) return { kind: 'changed' };
  const hashed = password === '' ? undefined : await orGiveBack(context, flow, busyToken, () => preparePasswordFor(context, ownerOf(user), password, 'user'));
  const [fault] = hashed?.verdict.faults ?? [];
  const pending: PendingRegistration = { address, draft };
  const features = { ...flow.pending.features, registration: pending };
  if (fault !== undefined) {
    await release(context, flow, busyToken, { ...givenBack, sealedPending: pendingWith(context, flow, { features }), notice: writeNotice({ code: fault, field: 'password' }) });
    return refused;
  }
  const isProven = flow.proofs.some(({ authenticator }) => authenticator === authenticatorOf(context, address));
  const newUser = { user, proven: {} };
  const moved = await release(context, flow, busyToken, {
    ...givenBack, version: { increment: 1 }, notice: nothing,
    sealedPending: pendingWith(context, flow, { features, passwordHash: hashed?.hash, newUser, ...(isProven && markProven({ newUser }, address)) }) });
  if (!moved) return { kind: 'changed' };
  return isProven ? { kind: 'go on' } : sendFirst(context, flow.id, address);
}

/** The first code goes out with the form; what stands against it is said at the next step. */
async function sendFirst(context: InstanceContext, flowId: string, address: Address): ReturnType<Action> {
  const flow = await findFlow(context, flowId);
  if (!flow) return { kind: 'changed' };
  const refusal = await sendRegistrationCode(context, flow, address);
  if (refusal) await advance(context, flow, { notice: writeNotice(noticeOf(refusal)) });
  return { kind: 'go on' };
}

function readAddress(context: InstanceContext, fields: Readonly<Record<string, string>>): Address | Notice {
  const kinds = addressFields(context);
  const asks = (name: string) => kinds.some((field) => field.name === name);
  const email = asks('email') ? (fields['email'] ?? '').trim() : '';
  const phone = asks('phone') ? (fields['phone'] ?? '').replace(/[\s().-]/g, '') : '';
  if (email !== '') {
    if (!createUserSchema.shape.email.safeParse(email).success) return { code: 'Params.Illegal', field: 'email' };
    return isDomainAllowed(context, email) ? { channel: 'email', value: email } : { code: 'Registration.Domain.Not.Allowed', field: 'email' };
  }
  if (phone !== '') return createUserSchema.shape.phone.safeParse(phone).success ? { channel: 'sms', value: phone } : { code: 'Params.Illegal', field: 'phone' };
  return { code: 'Params.Blank', field: asks('email') ? 'email' : 'phone' };
}

/** Only what the form asked for: nothing else that was posted reaches the account. */
function userOf(context: InstanceContext, { channel, value }: Address, { builtIn, customFields }: ProfileValues): CreateUser | Notice {
  const { username: typed, ...rest } = builtIn;
  // A name that looks like an address would stand in the way of the owner of that address.
  if (typed?.includes('@') && !(channel === 'email' && typed.toLowerCase() === value.toLowerCase())) return { code: 'Registration.Username.Is.Address', field: 'username' };
  const named = createUserSchema.shape.username.safeParse(value).success ? value : undefined;
  const username = typed ?? named ?? newId('user', context.now().getTime()).replace('_', '-');
  const user = createUserSchema.safeParse({ username, ...rest, ...(channel === 'email' ? { email: value } : { phone: value }), ...(Object.keys(customFields).length > 0 && { customFields }) });
  return user.success ? user.data : { code: 'Params.Illegal', field: String(user.error.issues[0]?.path[0] ?? 'username') };
}

const ownerOf = (user: CreateUser) => ({
  id: '', username: user.username, displayName: user.displayName ?? user.username, email: user.email ?? null, phone: user.phone ?? null, givenName: user.givenName ?? null, familyName: user.familyName ?? null });

const draftOf = (names: readonly string[], fields: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(names.flatMap((name) => (fields[name] ? [[name, fields[name].slice(0, 300)]] : [])));

/** People do not type a form twice for one fault. */
async function keepDraft(context: InstanceContext, flow: FlowState, draft: Record<string, string>, fault: Notice): ReturnType<Action> {
  const features = { ...flow.pending.features, registration: { ...registrationOf(flow.pending), draft } };
  const kept = await advance(context, flow, { sealedPending: pendingWith(context, flow, { features }), notice: writeNotice(fault) });
  return kept ? refused : refuse(context, flow, fault);
}
