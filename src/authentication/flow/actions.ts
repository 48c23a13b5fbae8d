/** What can be done in a flow. Each action checks that the flow is at its step; anything else changes nothing. */
import { findUserById } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Browser } from '../browsers.ts';
import { signInFailed } from '../events.ts';
import { isRefusal, type Refusal, type Verified } from '../factors/factor.ts';
import { factors, isFactorMethod } from '../factors/index.ts';
import { passwordProof } from '../factors/password.ts';
import { preparePasswordFor } from '../passwords.ts';
import { mergeProofs, writeProofs } from '../proofs.ts';
import { identifierHash } from '../throttles.ts';
import type { Notice } from '../types.ts';
import type { Decision } from './decide.ts';
import type { Denied } from './requirements.ts';
import type { Situation } from './situation.ts';
import { startFlow } from './start.ts';
import { advance, type FlowState, release, reserve, sealIdentifier, sealPending, writeAnswers } from './store.ts';

export interface Input {
  readonly situation: Situation;
  readonly decision: Decision;
  readonly browser: Browser;
  readonly fields: Readonly<Record<string, string>>;
  /** The part of `do` before the dot. */
  readonly method: string;
}

export type ActionResult =
  /** Refused, or not possible here: the page says where things stand. */
  | { readonly kind: 'page' }
  /** Accepted. */
  | { readonly kind: 'go on' }
  /** Another request is at work or was faster. */
  | { readonly kind: 'changed' }
  | { readonly kind: 'cancelled' }
  /** The last attempt was wrong. */
  | { readonly kind: 'used up' }
  /** The person leaves a flow that cannot go on. */
  | { readonly kind: 'denied'; readonly denied: Denied }
  | { readonly kind: 'redirect'; readonly location: string; readonly setCookies: readonly string[] };

type Action = (context: InstanceContext, input: Input) => Promise<ActionResult>;

const page: ActionResult = { kind: 'page' };
const accepted = (done: boolean): ActionResult => (done ? { kind: 'go on' } : { kind: 'changed' });
const isAt = (decision: Decision, ...steps: string[]) => decision.kind === 'step' && steps.includes(decision.step);

/** The action of a `do`, if there is one. */
export function actions(name: string): Action | undefined {
  const [method = '', verb, ...rest] = name.split('.');
  if (verb === 'verify' && rest.length === 0 && isFactorMethod(method)) return verify;
  return Object.hasOwn(simpleActions, name) ? simpleActions[name] : undefined;
}

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
    const user = browser.accounts.includes(account) ? await findUserById(context, account) : undefined;
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
      return page;
    }
    // Who set the account up has just shown the password; who changes it has shown the old one.
    const proofs = flow.purpose === 'setup' ? [...flow.proofs, passwordProof(context, user.id)] : flow.proofs;
    return accepted(await release(context, flow, busyToken, {
      ...givenBack, version: { increment: 1 }, notice: nothing, proofs: writeProofs(proofs), sealedPending: sealPending(context, flow.id, { passwordHash: hash }) }));
  },

  async consent(context, { situation: { flow }, decision, fields }) {
    if (!isAt(decision, 'consent')) return page;
    if (fields['decision'] === 'deny') return cancel(context, flow);
    if (fields['decision'] !== 'allow') return page;
    return accepted(await advance(context, flow, { answers: writeAnswers({ ...flow.answers, allowed: true }), notice: nothing }));
  },

  /** Nothing is missing; the person only has to say so, since a page view completes nothing. */
  continue: async (_context, { decision }) => (decision.kind === 'complete' ? { kind: 'go on' } : page),

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

/** Checks a factor: pays first, checks without an open transaction, then writes what was found. */
async function verify(context: InstanceContext, { situation: { flow, facts }, decision, fields, method }: Input): Promise<ActionResult> {
  if (!isAt(decision, 'first_factor', 'second_factor') || !isFactorMethod(method)) return page;
  const factor = factors[method];
  const input = factor.input.safeParse(fields);
  if (!input.success) {
    const field = String(input.error.issues[0]?.path[0] ?? method);
    return refuse(context, flow, { code: fields[field] ? 'Params.Illegal' : 'Params.Blank', field });
  }
  const busyToken = await reserve(context, flow);
  if (busyToken === undefined) return { kind: 'changed' };
  const result = await orGiveBack(context, flow, busyToken, () => factor.verify(context, facts, input.data));
  return isRefusal(result)
    ? recordRefusal(context, flow, busyToken, method, result)
    : recordProof(context, flow, busyToken, result, ['on', 'true', '1'].includes(fields['remember'] ?? ''));
}

async function recordProof(context: InstanceContext, flow: FlowState, busyToken: string, { proof, userId }: Verified, remember: boolean): Promise<ActionResult> {
  if (flow.userId !== null && flow.userId !== userId) throw new Error('a proof of another user reached a flow');
  return accepted(await release(context, flow, busyToken, {
    ...givenBack, version: { increment: 1 }, userId, notice: nothing,
    proofs: writeProofs(mergeProofs(flow.proofs, [proof])), answers: writeAnswers({ ...flow.answers, remember }) }));
}

async function recordRefusal(context: InstanceContext, flow: FlowState, busyToken: string, method: string, refusal: Refusal): Promise<ActionResult> {
  const isLast = await context.transaction(async (tx) => {
    const notice = writeNotice({ code: refusal.code, ...(refusal.field && { field: refusal.field }), ...(refusal.retryAt && { retryAt: refusal.retryAt.toISOString() }) });
    const released = await release(tx, flow, busyToken, { notice, ...(refusal.unchecked && givenBack) });
    if (refusal.unchecked) return false;
    const subject = refusal.userId === undefined
      ? { type: 'identifier' as const, id: identifierHash(tx, flow.identifier ?? '') }
      : { type: 'user' as const, id: refusal.userId };
    await append(tx, signInFailed(subject, { flowId: flow.id, method, applicationId: flow.applicationId }));
    return released && await tx.db.flow.count({ where: { id: flow.id, attemptsLeft: 0 } }) > 0;
  });
  return isLast ? { kind: 'used up' } : page;
}

/** When the check itself fails (the hashing queue is full), nothing was tried and nothing is spent. */
async function orGiveBack<Result>(context: InstanceContext, flow: FlowState, busyToken: string, check: () => Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    await release(context, flow, busyToken, givenBack);
    throw error;
  }
}

async function refuse(context: InstanceContext, flow: FlowState, notice: Notice): Promise<ActionResult> {
  await advance(context, flow, { notice: writeNotice(notice) });
  return page;
}

async function cancel(context: InstanceContext, flow: FlowState): Promise<ActionResult> {
  return await advance(context, flow, { status: 'cancelled' }) ? { kind: 'cancelled' } : { kind: 'changed' };
}

const nothing = Prisma.DbNull;
const givenBack = { attemptsLeft: { increment: 1 } } as const;
const writeNotice = (notice: Notice): Prisma.InputJsonObject => ({ ...notice });
