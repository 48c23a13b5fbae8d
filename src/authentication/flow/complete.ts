/**
 * The one function that makes or raises a session. In one transaction the flow is closed, facts and policy are loaded
 * and decided again, and everything that waited is written; any failure undoes all of it, and the proofs stay valid.
 */
import { acceptInvitation, createUser, noteSignIn, type User } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import { Problem } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { sha256 } from '../../core/secrets.ts';
import { countSubject, countUse, key, type InstanceContext } from '../../tenancy/index.ts';
import { lockBrowser, rememberSignIn } from '../browsers.ts';
import { sessionCookie } from '../cookies.ts';
import { askedConsent, storeConsent, wholeConsent } from '../consents.ts';
import { findEnrolment } from '../enrolments/index.ts';
import { sessionCreated, sessionRaised } from '../events.ts';
import { findLiveSessionById, idleLimit, loadSessionInTransaction } from '../live-sessions.ts';
import { storePassword } from '../passwords.ts';
import { addProofs, readHeldProofs, writeHeldProofs } from '../proofs.ts';
import { deviceReliedOn } from '../second-factor/demands.ts';
import { end, endAllOfUser, issueToken } from '../sessions.ts';
import { consumeSetupLink } from '../setup-links.ts';
import type { Outcome, Proof, SessionView } from '../types.ts';
import { returnToForm } from '../registration/collision.ts';
import { waitForApproval } from '../registration/approvals.ts';
import { giveUpUnproven } from '../registration/unproven.ts';
import { type Decision, decide } from './decide.ts';
import { featuresOf } from './features.ts';
import { denied } from './verdicts.ts';
import { loadSituation, type Situation } from './situation.ts';
import { advance, type FlowState, writeAnswers } from './store.ts';

export type Completion =
  | { readonly kind: 'completed'; readonly outcome: Extract<Outcome, { kind: 'completed' }>; readonly setCookies: readonly string[] }
  /** Something changed since: the flow goes on from here, or is denied. */
  | { readonly kind: 'not yet'; readonly decision: Exclude<Decision, { kind: 'complete' }> }
  /** Another request was faster. */
  | { readonly kind: 'changed' };

/** Undoes the transaction, carrying why. */
class Undone extends Error {
  readonly completion: Completion;
  constructor(completion: Completion) {
    super('the flow was not completed');
    this.completion = completion;
  }
}

const notYet = (decision: Exclude<Decision, { kind: 'complete' }>) => new Undone({ kind: 'not yet', decision });
const changed = () => new Undone({ kind: 'changed' });

/** No grant lives longer, and a program's session no longer than its grant. */
const longestGrantSeconds = 400 * 86_400;

/** Two tabs that were completed within this time are one sign-in. */
const sameMomentSeconds = 60;

/** The session of the request's cookie, and the cookie's value. */
export interface Presented {
  readonly session: SessionView | undefined;
  readonly token: string | undefined;
}

/** Completes a flow whose requirements are met. */
export async function complete(context: InstanceContext, flow: FlowState, presented: Presented): Promise<Completion> {
  try {
    const completion = await context.transaction((tx) => completeInTransaction(tx, flow, presented));
    if (completion.kind === 'completed' && (completion.outcome.sessionToken !== undefined || flow.channel === 'api')) await countSignIn(context, completion.outcome.session.userId);
    return completion;
  } catch (error) {
    if (error instanceof Undone) return error.completion;
    // A name or value that was free when it was typed.
    const step = error instanceof Problem && error.status === 409 ? await returnToForm(context, flow, error) : undefined;
    if (step === undefined) throw error;
    return { kind: 'not yet', decision: { kind: 'step', step } };
  }
}

/** For the month's statement; never refused (a plan bills sign-ins, it does not limit them). */
async function countSignIn(context: InstanceContext, userId: string): Promise<void> {
  await countUse(context, 'signIns');
  await countSubject(context, 'activeUsers', userId);
}

/**
 * The answer of a completed flow once more, for who clicked twice or lost it: for a minute with a token, as the first
 * one may never have arrived. Undefined: the session has ended.
 */
export async function repeatCompletion(context: InstanceContext, flow: FlowState, presented: Presented): Promise<Extract<Completion, { kind: 'completed' }> | undefined> {
  const session = flow.sessionId === null ? undefined : await findLiveSessionById(context, flow.sessionId);
  if (!session || session.browserId !== flow.browserId) return undefined;
  const { completedAt, sessionChanged = false } = flow.answers;
  const isRecent = completedAt !== undefined && context.now().getTime() - completedAt.getTime() < sameMomentSeconds * 1_000;
  const token = isRecent && presented.session?.id !== session.id ? await issueToken(context, session.id) : undefined;
  return {
    kind: 'completed',
    outcome: { kind: 'completed', session, sessionToken: token, sessionChanged, consent: wholeConsent(flow.request) },
    setCookies: token === undefined ? [] : [sessionCookie(context, token, session.remember)],
  };
}

async function completeInTransaction(tx: InstanceContext, flow: FlowState, presented: Presented): Promise<Completion> {
  const { browserId } = flow;
  if (browserId !== null) await lockBrowser(tx, browserId);
  const still = presented.session && await loadSessionInTransaction(tx, presented.session.id);
  // What the cookie was worth when it was read, if the session is still there: a retired token never gains a level.
  const situation = await loadSituation(tx, flow, still && presented.session);
  const decision = decide(situation.facts, situation.policy);
  if (decision.kind !== 'complete') throw notYet(decision);
  const { application, facts } = situation;
  const user = situation.user ?? await createPendingUser(tx, flow, facts.registration.needsApproval ? 'pending' : 'enabled');
  if (facts.registration.needsApproval && situation.user === undefined) {
    const refusal = denied('registration_pending');
    if (!await advance(tx, flow, { status: 'denied', denial: { reason: refusal.reason, error: refusal.error }, sealedPending: null })) throw changed();
    await storePending(tx, situation, user.id, undefined);
    await waitForApproval(tx, user, flow.request.locale);
    return { kind: 'not yet', decision: refusal };
  }

  // Before the session, as one who disables a user takes their rows: two transactions in one order cannot deadlock.
  if (facts.proofs.length > 0) await noteSignIn(tx, user.id);
  const made = await makeSession(tx, situation, user.id, browserId, presented.token);
  const answers = { ...flow.answers, completedAt: tx.now(), sessionChanged: made.isNew };
  if (!await advance(tx, flow, { status: 'completed', answers: writeAnswers(answers), sessionId: made.id, sealedPending: null })) throw changed();

  if (flow.purpose === 'setup' && !await consumeLink(tx, flow, user.id)) throw notYet(denied('setup_link_used'));
  await storePending(tx, situation, user.id, made.id);
  if (application && facts.allowed) await storeConsent(tx, user.id, application.id, askedConsent(flow.request));
  if (browserId !== null && facts.proofs.length > 0) await rememberSignIn(tx, browserId, user.id, flow.answers.remember ?? false);
  // Only what is new needs a new token: a session that was merely continued keeps its own. A program has its grant instead.
  const token = browserId !== null && (facts.proofs.length > 0 || made.isNew) ? await issueToken(tx, made.id) : undefined;
  const session = await loadSessionInTransaction(tx, made.id);
  if (!session) throw new Error('a session that was just made cannot be found');
  return {
    kind: 'completed',
    outcome: { kind: 'completed', session, sessionToken: token, sessionChanged: made.isNew, consent: wholeConsent(flow.request) },
    setCookies: token === undefined ? [] : [sessionCookie(tx, token, session.remember)],
  };
}

/** Everything that waited for the end of the flow. */
async function storePending(tx: InstanceContext, situation: Situation, userId: string, sessionId: string | undefined): Promise<void> {
  const { passwordHash, credentials = [] } = situation.flow.pending;
  if (passwordHash !== undefined) {
    await storePassword(tx, userId, { hash: passwordHash, mustChange: false, by: 'user' });
    await endAllOfUser(tx, userId, 'password_changed', sessionId);
  }
  for (const { method, credential } of credentials) await findEnrolment(method)?.store(tx, userId, credential);
  for (const feature of featuresOf(tx.core)) await feature.store?.(tx, situation, userId);
}

/** The account that a registration or the first sign-in from outside waited to make. @throws Problem 409 when a name was taken meanwhile */
async function createPendingUser(tx: InstanceContext, flow: FlowState, status: 'enabled' | 'pending'): Promise<User> {
  if (flow.pending.newUser === undefined) throw new Error('a complete flow has a user');
  const { user, proven } = flow.pending.newUser;
  const { emailVerified, phoneVerified, source } = proven;
  await giveUpUnproven(tx, flow.pending.newUser);
  return createUser(tx, user, {
    status,
    ...(emailVerified !== undefined && { emailVerified }), ...(phoneVerified !== undefined && { phoneVerified }),
    ...(source && { source: { type: source.type, ...(source.id !== undefined && { id: source.id }) } }) });
}

/** Uses up what the flow began with, once. */
const consumeLink = (tx: InstanceContext, flow: FlowState, userId: string): Promise<boolean> =>
  (flow.originKind === 'invitation' ? acceptInvitation(tx, flow.originRef, userId) : consumeSetupLink(tx, flow.originRef));

/** One live session per browser: it is raised for the same person, and ended before another one's begins. A program gets one of its own each time. */
async function makeSession(tx: InstanceContext, situation: Situation, userId: string, browserId: string | null, token: string | undefined): Promise<{ id: string; isNew: boolean }> {
  const { facts, flow } = situation;
  const live = browserId === null ? null : await tx.db.session.findFirst({ where: { browserId, endedAt: null } });
  const now = tx.now();
  if (live && live.userId === userId && live.idleExpiresAt > now && live.absoluteExpiresAt > now) {
    if (facts.proofs.length > 0) await raise(tx, situation, live, token);
    return { id: live.id, isNew: false };
  }
  if (facts.proofs.length === 0) throw changed();               // what the flow went on from has just ended
  if (live) await end(tx, live.id, live.userId === userId ? 'expired' : 'other_account');
  const remember = canRemember(tx, flow);
  const limits = limitsOf(tx, { browserId, remember });
  const session = await tx.db.session.create({
    data: {
      id: newId('sess', now.getTime()), userId, browserId, proofs: writeHeldProofs(addProofs([], broughtBy(situation), now)), authTime: lastActive(facts.proofs, now), remember,
      ...limits, createdAt: now, lastSeenAt: now, address: tx.address ?? null, userAgent: tx.userAgent?.slice(0, 500) ?? null } });
  await append(tx, sessionCreated(session, { applicationId: flow.applicationId, methods: facts.proofs.map((proof) => proof.method), remember }));
  return { id: session.id, isNew: true };
}

/**
 * Adds the proofs of this flow. What was proven before stays only if the cookie was shown, or for tabs that finish
 * together: whoever has lost the cookie has shown the new proofs and no more.
 */
async function raise(tx: InstanceContext, situation: Situation, live: { id: string; userId: string; proofs: unknown; authTime: Date; remember: boolean }, token: string | undefined): Promise<void> {
  const { facts, flow, session } = situation;
  const now = tx.now();
  const isShown = session?.id === live.id || now.getTime() - live.authTime.getTime() < sameMomentSeconds * 1_000;
  const proofs = addProofs(isShown ? readHeldProofs(live.proofs) : [], broughtBy(situation), now);
  const remember = canRemember(tx, flow) || (isShown && live.remember);
  await tx.db.session.update({
    where: key(tx, live.id),
    data: { proofs: writeHeldProofs(proofs), authTime: lastActive(proofs, now), remember, ...limitsOf(tx, { browserId: flow.browserId, remember }), lastSeenAt: now } });
  // The token that came with this request and all older ones: only those of tabs that finish together stay.
  const older = { createdAt: { lt: new Date(now.getTime() - sameMomentSeconds * 1_000) } };
  await tx.db.sessionToken.updateMany({
    where: { sessionId: live.id, retiredAt: null, OR: [older, { hash: sha256(token ?? '') }] }, data: { retiredAt: now } });
  await append(tx, sessionRaised(live, facts.proofs));
}

/** What goes into the session: the proofs of this flow, and a remembered device that stood for a second factor. */
const broughtBy = ({ facts, policy }: Situation): Proof[] => [...facts.proofs, ...deviceReliedOn(facts, policy)];

const canRemember = (context: InstanceContext, flow: FlowState) => (flow.answers.remember ?? false) && context.instance.settings.session.allowRemember;

function limitsOf(context: InstanceContext, { browserId, remember }: { browserId: string | null; remember: boolean }): { idleExpiresAt: Date; absoluteExpiresAt: Date } {
  const { absoluteSeconds, rememberSeconds } = context.instance.settings.session;
  const seconds = browserId === null ? longestGrantSeconds : remember ? rememberSeconds : absoluteSeconds;
  const absoluteExpiresAt = new Date(context.now().getTime() + seconds * 1_000);
  return { absoluteExpiresAt, idleExpiresAt: idleLimit(context, { browserId, remember, absoluteExpiresAt }, context.now()) };
}

function lastActive(proofs: readonly Proof[], fallback: Date): Date {
  const times = proofs.filter((proof) => proof.method !== 'remembered_device').map((proof) => proof.provenAt.getTime());
  return times.length > 0 ? new Date(Math.max(...times)) : fallback;
}
