/**
 * Taking an account back: a proven address is shown to be in hand, a new password is chosen, and the flow goes on like
 * any other, with its second factor. What the account had open ends with it.
 */
import { z } from 'zod';
import type { User } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import { sendNotification } from '../../notifications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findEnrolment, listCredentials } from '../enrolments/index.ts';
import { isRefusal } from '../factors/factor.ts';
import { accepted, type Action, givenBack, isAt, noticeOf, nothing, orGiveBack, page, pendingFor, refuse, refused, writeNotice } from '../flow/action.ts';
import { switchPurpose } from '../flow/another-purpose.ts';
import { countedProofs, type Facts, type Policy } from '../flow/facts.ts';
import type { FlowFeature } from '../flow/feature.ts';
import { advance, type FlowState, type Pending, release, reserve, sealIdentifier } from '../flow/store.ts';
import { denied, effect, met, type Requirement, unmet } from '../flow/verdicts.ts';
import { addressProof } from '../profile/address-codes.ts';
import { mergeProofs, writeProofs } from '../proofs.ts';
import { endAllOfUser, revokeAllOfUser } from '../sessions.ts';
import { recoveryOvertaken } from './errors.ts';
import { accountRecovered } from './events.ts';
import { consumeRecovery, findRecoverySent, isRecoveryValid, recoveryAddress, recoveryChannels, sendRecovery, takeRecoveryCode } from './recoveries.ts';
import { findOpenRequest, makeRequest, useRequests, withdrawRequests } from './requests.ts';

export interface RecoveryFacts {
  /** What was shown was overtaken meanwhile. */
  readonly isVoid: boolean;
  /** A passkey was the only way in: a new one is made instead of a password … */
  readonly passkeyOnly: boolean;
  /** … once a time has passed. */
  readonly wait: 'none' | 'not begun' | 'running';
  readonly newPasskeyMade: boolean;
  /** An administrator vouched for who lost the second factor, or the passkey that was lost is the only one. */
  readonly secondFactorWaived: boolean;
}

const pendingSchema = z.object({ recoveryId: z.string().optional(), channel: z.enum(['email', 'sms']).optional() });
export const recoveryOf = ({ features }: Pending) => pendingSchema.parse(features?.['recovery'] ?? {});

const isShown = (facts: Facts, policy: Policy) => countedProofs(facts, policy).some(({ use }) => use === 'recovery');

export const recover: Requirement = {
  name: 'recover',
  check(facts: Facts, policy: Policy) {
    if (facts.purpose !== 'recover') return met;
    if (facts.user === undefined || !isShown(facts, policy)) return unmet('recover');
    return facts.recovery.isVoid ? denied('recovery_void') : met;
  },
};

/** Beside the change of the password: of an account that never had one. */
export const recoverPasskey: Requirement = {
  name: 'recover_passkey',
  check(facts: Facts) {
    if (facts.purpose !== 'recover' || !facts.recovery.passkeyOnly || facts.recovery.newPasskeyMade) return met;
    if (facts.recovery.wait === 'not begun') return effect('recovery.wait');
    return facts.recovery.wait === 'running' ? denied('recovery_waiting') : unmet('enrol_factor');
  },
};

const none: RecoveryFacts = { isVoid: false, passkeyOnly: false, wait: 'none', newPasskeyMade: false, secondFactorWaived: false };

export const recovery: FlowFeature<'recovery'> = {
  name: 'recovery',

  async load(context, { flow, user, proofs }) {
    if (flow.purpose !== 'recover' || !user || !proofs.some(({ use }) => use === 'recovery')) return none;
    const { recoveryId } = recoveryOf(flow.pending);
    const [isValid, passkeys, approval, wait] = await Promise.all([
      recoveryId === undefined ? false : isRecoveryValid(context, recoveryId, user), passkeysInstead(context, user.id), findOpenRequest(context, user.id, 'second_factor'), findOpenRequest(context, user.id, 'passkey')]);
    return {
      isVoid: !isValid, passkeyOnly: passkeys !== undefined, secondFactorWaived: approval?.state === 'approved' || passkeys === 'nothing else',
      wait: passkeys === undefined || (wait?.availableAt && wait.availableAt <= context.now()) ? 'none' : wait ? 'running' : 'not begun',
      newPasskeyMade: flow.pending.credentials?.some(({ method }) => method === 'webauthn') ?? false };
  },

  views: {
    async recover(context, { flow }) {
      const { channel } = recoveryOf(flow.pending);
      const sent = channel && flow.identifier !== undefined ? await findRecoverySent(context, flow, flow.identifier, channel) : undefined;
      return {
        name: 'recover', channels: recoveryChannels(context),
        ...(sent && channel && { sent: { channel, ...sent } }),
        fields: sent
          ? [{ name: 'code', type: 'text', required: true, autocomplete: 'one-time-code', inputMode: 'numeric', maxLength: 12 }]
          : [{ name: 'identifier', type: 'text', required: true, autocomplete: 'username', maxLength: 255, ...(flow.identifier !== undefined && { value: flow.identifier }) }] };
    },
  },

  effects: {
    /** Once a proof was given: before, anybody could begin it. */
    async 'recovery.wait'(context, { user }) {
      if (user) await beginWait(context, user);
      return true;
    },
  },

  actions: {
    /** From the sign-in page: to the form. With a name and a way: sends. */
    async recover(context, { situation: { flow }, decision, fields }) {
      if (!isAt(decision, 'recover')) return recoveryChannels(context).length > 0 ? switchPurpose(context, flow, decision, 'recover') : page;
      const channels = recoveryChannels(context);
      const before = recoveryOf(flow.pending);
      const identifier = (fields['identifier'] ?? flow.identifier ?? '').trim();
      const channel = channels.find((one) => one === (fields['channel'] ?? before.channel)) ?? channels[0];
      if (identifier === '') return refuse(context, flow, { code: 'Params.Blank', field: 'identifier' });
      if (identifier.length > 255 || /[\p{Cc}\p{Cs}]/u.test(identifier)) return refuse(context, flow, { code: 'Params.Illegal', field: 'identifier' });
      if (channel === undefined) return page;
      const refusal = await sendRecovery(context, flow, { identifier, channel });
      return accepted(await advance(context, flow, {
        sealedIdentifier: sealIdentifier(context, flow.id, identifier), sealedPending: pendingFor(context, flow, 'recovery', { channel }), notice: refusal ? writeNotice(noticeOf(refusal)) : nothing }));
    },
    verify_recovery: takeCode,
    /** Back to the name: it was the wrong one, or nothing arrived. */
    async edit_recovery(context, { situation: { flow }, decision }) {
      if (!isAt(decision, 'recover')) return page;
      return accepted(await advance(context, flow, { sealedPending: pendingFor(context, flow, 'recovery', {}), notice: nothing }));
    },
    /** The second factor is lost, too: an administrator decides. */
    async ask_approver(context, { situation: { flow, facts }, decision }) {
      if (!isAt(decision, 'second_factor') || flow.purpose !== 'recover' || !facts.user) return page;
      await makeRequest(context, facts.user.id, 'second_factor');
      return refuse(context, flow, { code: 'Recovery.Approver.Asked' });
    },
  },

  async store(tx, { flow, facts, user }, userId) {
    if (facts.proofs.some(({ method, use }) => method === 'webauthn' && use === 'sign_in')) await withdrawRequests(tx, userId);
    if (flow.purpose !== 'recover' || !user) return;
    const { recoveryId, channel = 'email' } = recoveryOf(flow.pending);
    if (recoveryId === undefined || !await consumeRecovery(tx, recoveryId)) throw recoveryOvertaken();
    const waived = facts.recovery.secondFactorWaived && !facts.recovery.passkeyOnly;
    if (waived) await removeSecondFactors(tx, userId, flow.createdAt);
    await useRequests(tx, userId, ['second_factor', 'passkey']);
    await endWhatWasOpen(tx, flow, userId);
    await append(tx, accountRecovered(userId, { flowId: flow.id, channel, secondFactorWaived: waived }));
    await tellOwner(tx, user, channel);
  },
};

async function takeCode(context: InstanceContext, { situation: { flow }, decision, fields }: Parameters<Action>[1]): ReturnType<Action> {
  const { channel } = recoveryOf(flow.pending);
  if (!isAt(decision, 'recover') || channel === undefined || flow.identifier === undefined) return page;
  const code = (fields['code'] ?? '').trim();
  if (code === '') return refuse(context, flow, { code: 'Params.Blank', field: 'code' });
  const { identifier } = flow;
  const busyToken = await reserve(context, flow);
  if (busyToken === undefined) return { kind: 'changed' };
  const result = await orGiveBack(context, flow, busyToken, () => takeRecoveryCode(context, flow, identifier, channel, code));
  if (isRefusal(result)) {
    await release(context, flow, busyToken, { notice: writeNotice(noticeOf(result)), ...(result.unchecked && givenBack) });
    return flow.attemptsLeft <= 1 && !result.unchecked ? { kind: 'used up' } : refused;
  }
  return accepted(await release(context, flow, busyToken, {
    ...givenBack, version: { increment: 1 }, userId: result.userId, notice: nothing,
    proofs: writeProofs(mergeProofs(flow.proofs, [await recoveryProof(context, result.userId, channel)])),
    sealedPending: pendingFor(context, flow, 'recovery', { channel, recoveryId: result.recovery.id }) }));
}

export async function recoveryProof(context: InstanceContext, userId: string, channel: 'email' | 'sms') {
  const user = await context.db.user.findFirst({ where: { id: userId } });
  const value = channel === 'email' ? user?.email : user?.phone;
  return addressProof(context, { channel, value: value ?? '' }, 'recovery');
}

/** No password, but passkeys: whoever has the mailbox must not be in at once. Another second factor that is there is asked for. */
async function passkeysInstead(context: InstanceContext, userId: string): Promise<'nothing else' | 'and more' | undefined> {
  if (await context.db.password.count({ where: { userId } }) > 0) return undefined;
  const methods = (await listCredentials(context, userId)).map(({ method }) => method);
  if (!methods.includes('webauthn')) return undefined;
  return methods.every((method) => method === 'webauthn') ? 'nothing else' : 'and more';
}

/** The owner is told, and stops it by signing in with the passkey. */
async function beginWait(context: InstanceContext, user: User): Promise<void> {
  await context.transaction(async (tx) => {
    if (await findOpenRequest(tx, user.id, 'passkey')) return;
    const { availableAt } = await makeRequest(tx, user.id, 'passkey');
    const address = recoveryAddress(user, 'email');
    if (address) await sendNotification(tx, { template: 'recovery_waits', channel: 'email', to: address.value, locale: user.locale, whenLimited: 'drop', variables: { displayName: user.displayName, time: timeText(availableAt ?? tx.now()) } });
  });
}

const timeText = (time: Date) => `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** What was lost would be asked for again at the next sign-in. What was made in this flow stays. */
async function removeSecondFactors(tx: InstanceContext, userId: string, before: Date): Promise<void> {
  for (const { id, method, createdAt } of await listCredentials(tx, userId)) if (createdAt < before) await findEnrolment(method)?.remove(tx, userId, id);
}

/** All sessions but the one that was just made, all that applications were granted, and all remembered devices. */
async function endWhatWasOpen(tx: InstanceContext, flow: FlowState, userId: string): Promise<void> {
  const made = await tx.db.session.findFirst({ where: { userId, endedAt: null, browserId: flow.browserId }, orderBy: { id: 'desc' }, select: { id: true } });
  await revokeAllOfUser(tx, userId);
  await endAllOfUser(tx, userId, 'password_changed', made?.id);
  await tx.db.rememberedDevice.updateMany({ where: { userId, revokedAt: null }, data: { revokedAt: tx.now() } });
}

async function tellOwner(tx: InstanceContext, user: User, channel: 'email' | 'sms'): Promise<void> {
  const address = recoveryAddress(user, 'email');
  if (!address) return;
  await sendNotification(tx, { template: 'account_recovered', channel: 'email', to: address.value, locale: user.locale, whenLimited: 'drop', variables: {
    displayName: user.displayName, time: timeText(tx.now()), address: tx.address ?? '', device: (tx.userAgent ?? channel).slice(0, 200) } });
}
