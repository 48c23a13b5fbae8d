/** What can be done in a flow. Each action checks that the flow is at its step; anything else changes nothing. */
import type { z } from 'zod';
import type { Core } from '../../core/core.ts';
import { findUserById } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findEnrolment } from '../enrolments/index.ts';
import { signInFailed } from '../events.ts';
import { type AnyFactor, type FactorStep, isRefusal, type Refusal, type Verified } from '../factors/factor.ts';
import { findFactor } from '../factors/index.ts';
import { passwordProof } from '../factors/password.ts';
import { preparePasswordFor } from '../passwords.ts';
import { mergeProofs, writeProofs } from '../proofs.ts';
import { countAttempt } from '../risk/counters.ts';
import { identifierHash } from '../throttles.ts';
import type { Notice, Proof } from '../types.ts';
import { accepted, type Action, type ActionResult, givenBack, type Input, isAt, noticeOf, nothing, orGiveBack, page, pendingWith, refuse, refused, writeNotice } from './action.ts';
import type { Decision } from './decide.ts';
import type { Facts } from './facts.ts';
import { featuresOf } from './features.ts';
import { startFlow } from './start.ts';
import { advance, type FlowState, release, reserve, sealIdentifier, writeAnswers } from './store.ts';

/** The action of a `do`, if there is one. */
export function findAction(core: Core, name: string): Action | undefined {
  const [, verb = '', ...rest] = name.split('.');
  if (rest.length === 0 && Object.hasOwn(methodActions, verb)) return methodActions[verb];
  const lists = [simpleActions, ...featuresOf(core).map(({ actions }) => actions ?? {})];
  return lists.find((list) => Object.hasOwn(list, name))?.[name];
}

/** What can be done with a method: `totp.verify`, `otp_sms.prepare`. */
const methodActions: Record<string, Action> = { prepare, verify, prepare_enrolment: prepareEnrolment, enrol };

const simpleActions: Record<string, Action> = {
  async identify(context, { situation: { flow }, decision, fields }) {
    if (!isAt(decision, 'identify')) return page;
    const identifier = (fields['identifier'] ?? '').trim();
    if (identifier === '') return refuse(context, flow, { code: 'Params.Blank', field: 'identifier' });
    if (identifier.length > 255 || /[\p{Cc}\p{Cs}]/u.test(identifier)) return refuse(context, flow, { code: 'Params.Illegal', field: 'identifier' });
    return accepted(await advance(context, flow, { sealedIdentifier: sealIdentifier(context, flow.id, identifier), notice: nothing }));
  },

  /** Goes on as who is signed in here, or takes a kept account's name instead of typing it. */
  async choose_account(context, { situation: { flow, session }, decision, browser, fields }) {
    if (!isAt(decision, 'identify', 'first_factor') || flow.userId !== null) return page;
    const account = fields['account'] ?? '';
    if (session?.userId === account) {
      return accepted(await advance(context, flow, { answers: writeAnswers({ ...flow.answers, sessionId: session.id, otherAccount: false }), notice: nothing }));
    }
    const user = browser?.accounts.includes(account) ? await findUserById(context, account) : undefined;
    if (!user) return page;
    return accepted(await advance(context, flow, { sealedIdentifier: sealIdentifier(context, flow.id, user.username), notice: nothing }));
  },

  async change_password(context, { situation: { flow, user }, decision, fields }) {
    if (!isAt(decision, 'change_password') || !user) return page;
    const typed = fields['newPassword'] ?? '';
    if (typed === '') return refuse(context, flow, { code: 'Params.Blank', field: 'newPassword' });
    if (fields['newPasswordRepeat'] !== undefined && fields['newPasswordRepeat'] !== typed) return refuse(context, flow, { code: 'Password.Not.Repeated', field: 'newPasswordRepeat' });
    const busyToken = await reserve(context, flow);
    if (busyToken === undefined) return { kind: 'changed' };
    const { verdict, hash } = await orGiveBack(context, flow, busyToken, () => preparePasswordFor(context, user, typed, 'user'));
    if (hash === undefined) {
      const [code = 'Password.Too.Weak'] = verdict.faults;
      await release(context, flow, busyToken, { ...givenBack, notice: writeNotice({ code, field: 'newPassword' }) });
      return refused;
    }
    // Who set the account up has just shown the password; who changes it has shown the old one.
    const proofs = flow.purpose === 'setup' || flow.purpose === 'recover' ? [...flow.proofs, passwordProof(context, user.id)] : flow.proofs;
    return accepted(await release(context, flow, busyToken, {
      ...givenBack, version: { increment: 1 }, notice: nothing, proofs: writeProofs(proofs), sealedPending: pendingWith(context, flow, { passwordHash: hash }) }));
  },

  async consent(context, { situation: { flow }, decision, fields }) {
    if (!isAt(decision, 'consent')) return page;
    if (fields['decision'] === 'deny') return cancel(context, flow);
    if (fields['decision'] !== 'allow') return page;
    return accepted(await advance(context, flow, { answers: writeAnswers({ ...flow.answers, allowed: true }), notice: nothing }));
  },

  /** Nothing is missing; the person only has to say so, since a page view completes nothing. */
  continue: async (_context, { decision }) => (decision.kind === 'complete' || decision.kind === 'effect' ? { kind: 'go on' } : page),

  cancel: async (context, { situation: { flow } }) => (flow.purpose === 'setup' ? page : cancel(context, flow)),

  leave: async (_context, { decision }) => (decision.kind === 'denied' ? { kind: 'denied', denied: decision } : page),

  /** "Not you?": a new flow for the same request; what was proven in the old one ends with it. */
  async switch_account(context, { situation: { flow } }) {
    if (flow.purpose === 'setup') return page;
    const started = await startFlow(context, {
      channel: 'browser', purpose: flow.purpose, origin: { kind: flow.originKind, ref: flow.originRef },
      ...(flow.applicationId !== null && { applicationId: flow.applicationId }), request: flow.request,
    }, { answers: { otherAccount: true }, ...(flow.browserId !== null && { browserId: flow.browserId }) });
    await advance(context, flow, { status: 'cancelled' });
    return { kind: 'redirect', location: started.url, setCookies: started.setCookies };
  },
};

/** Sends a code or makes a challenge. What was sent is counted by the factor; the flow only moves on. */
async function prepare(context: InstanceContext, { situation: { flow, facts }, decision, fields, method }: Input): Promise<ActionResult> {
  const factor = findFactor(context.core, method);
  if (!isFactorStep(decision) || !factor?.prepare || !await isOffered(context, facts, factor, decision.step)) return page;
  const refusal = await factor.prepare(context, facts, { credentialId: fields['credentialId'], fields });
  return accepted(await advance(context, flow, { notice: refusal ? writeNotice(noticeOf(refusal)) : nothing }));
}

/** Checks a factor: pays first, checks without an open transaction, then writes what was found. */
async function verify(context: InstanceContext, { situation: { flow, facts }, decision, fields, method }: Input): Promise<ActionResult> {
  const factor = findFactor(context.core, method);
  // A flow for a connection waits for the answer of a source at its own step.
  const connects = flow.purpose === 'link' && method === 'identity_source' && isAt(decision, 'link_account');
  if (!factor || !(connects || (isFactorStep(decision) && await isOffered(context, facts, factor, decision.step)))) return page;
  const input = factor.input.safeParse(fields);
  if (!input.success) return refuse(context, flow, faultOf(input.error, method, fields));
  const busyToken = await reserve(context, flow);
  if (busyToken === undefined) return { kind: 'changed' };
  const result = await orGiveBack(context, flow, busyToken, async () => {
    const verified = await factor.verify(context, facts, input.data as never);
    await countAttempt(context, flow.identifier, isRefusal(verified) && !verified.unchecked ? 'wrong' : 'right');
    return verified;
  });
  return isRefusal(result)
    ? recordRefusal(context, flow, busyToken, method, result)
    : recordProof(context, flow, busyToken, result, { [isAt(decision, 'second_factor') ? 'rememberDevice' : 'remember']: ['on', 'true', '1'].includes(fields['remember'] ?? '') });
}

/** What is not drawn is not taken either: a method that this instance or application has switched off. */
const isOffered = async (context: InstanceContext, facts: Facts, factor: AnyFactor, step: FactorStep): Promise<boolean> =>
  factor.steps.includes(step) && (await factor.describe(context, facts, step)).length > 0;

async function prepareEnrolment(context: InstanceContext, { situation: { flow, facts }, decision, fields, method }: Input): Promise<ActionResult> {
  const enrolment = findEnrolment(method);
  if (!isAt(decision, 'enrol_factor') || !enrolment?.prepare) return page;
  const refusal = await enrolment.prepare(context, facts, { credentialId: fields['credentialId'], fields });
  return accepted(await advance(context, flow, { notice: refusal ? writeNotice(noticeOf(refusal)) : nothing }));
}

/** Checks a new credential. It waits in the flow; the account gets it when the flow completes. */
async function enrol(context: InstanceContext, { situation: { flow, facts }, decision, fields, method }: Input): Promise<ActionResult> {
  const enrolment = findEnrolment(method);
  if (!isAt(decision, 'enrol_factor') || !enrolment) return page;
  const input = enrolment.input.safeParse(fields);
  if (!input.success) return refuse(context, flow, faultOf(input.error, method, fields));
  const busyToken = await reserve(context, flow);
  if (busyToken === undefined) return { kind: 'changed' };
  const result = await orGiveBack(context, flow, busyToken, () => enrolment.verify(context, facts, input.data as never));
  if (isRefusal(result)) return recordRefusal(context, flow, busyToken, method, result);
  return accepted(await release(context, flow, busyToken, {
    ...givenBack, version: { increment: 1 }, notice: nothing,
    proofs: writeProofs(mergeProofs(flow.proofs, [facts.recovery.passkeyOnly ? asSignIn(result.proof) : result.proof])),
    sealedPending: pendingWith(context, flow, { credentials: [...flow.pending.credentials ?? [], { method, credential: result.credential }] }) }));
}

/** A passkey that takes the place of the lost one was just used: that is one factor, as a new password is. */
const asSignIn = (proof: Proof): Proof => (proof.method === 'webauthn' ? { ...proof, use: 'sign_in', categories: ['possession'], phishingResistant: false } : proof);

const isFactorStep = (decision: Decision): decision is { kind: 'step'; step: FactorStep } => isAt(decision, 'identify', 'first_factor', 'second_factor');

/** What was wrong with the fields of a method: the first of it. */
function faultOf(error: z.ZodError, method: string, fields: Input['fields']): Notice {
  const field = String(error.issues[0]?.path[0] ?? method);
  return { code: fields[field] ? 'Params.Illegal' : 'Params.Blank', field };
}

async function recordProof(context: InstanceContext, flow: FlowState, busyToken: string, { proof, userId, pending }: Verified, answers: { remember?: boolean; rememberDevice?: boolean }): Promise<ActionResult> {
  if (flow.userId !== null && flow.userId !== userId) throw new Error('a proof of another user reached a flow');
  return accepted(await release(context, flow, busyToken, {
    ...givenBack, version: { increment: 1 }, ...(userId !== undefined && { userId }), notice: nothing,
    ...(pending && { sealedPending: pendingWith(context, flow, pending) }),
    proofs: writeProofs(mergeProofs(flow.proofs, [proof])), answers: writeAnswers({ ...flow.answers, ...answers }) }));
}

async function recordRefusal(context: InstanceContext, flow: FlowState, busyToken: string, method: string, refusal: Refusal): Promise<ActionResult> {
  const isLast = await context.transaction(async (tx) => {
    const released = await release(tx, flow, busyToken, { notice: writeNotice(noticeOf(refusal)), ...(refusal.unchecked && givenBack) });
    if (refusal.unchecked) return false;
    const subject = refusal.userId === undefined
      ? { type: 'identifier' as const, id: identifierHash(tx, flow.identifier ?? '') }
      : { type: 'user' as const, id: refusal.userId };
    await append(tx, signInFailed(subject, { flowId: flow.id, method, applicationId: flow.applicationId }));
    return released && await tx.db.flow.count({ where: { id: flow.id, attemptsLeft: 0 } }) > 0;
  });
  return isLast ? { kind: 'used up' } : refused;
}

async function cancel(context: InstanceContext, flow: FlowState): Promise<ActionResult> {
  return await advance(context, flow, { status: 'cancelled' }) ? { kind: 'cancelled' } : { kind: 'changed' };
}
