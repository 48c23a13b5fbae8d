/** Taking one input: find the flow, check that it is this browser's and this form's, hand the input to its action, go on. */
import { setTimeout as pause } from 'node:timers/promises';
import type { InstanceContext } from '../../tenancy/index.ts';
import { type Browser, findBrowser } from '../browsers.ts';
import { append } from '../../events/index.ts';
import { signInDenied } from '../events.ts';
import { findLiveSession } from '../live-sessions.ts';
import type { Outcome, Submission, SubmitResult } from '../types.ts';
import { findAction } from './actions.ts';
import { complete, type Presented, repeatCompletion } from './complete.ts';
import { type Decision, decide } from './decide.ts';
import { featuresOf } from './features.ts';
import { isFormToken } from './form-token.ts';
import { loadFlowOrigin } from './origins.ts';
import { type Denied, denied } from './verdicts.ts';
import { loadSituation } from './situation.ts';
import { flowUrl } from './start.ts';
import { advance, findFlow, type FlowState, referenceOf } from './store.ts';
import { elsewhere } from './view.ts';

/**
 * Takes one input. Refused input is no error: the answer leads to the page, which says it.
 * @throws Problem 503 when the hashing queue is full
 */
export async function submitFlow(context: InstanceContext, flowId: string, browserToken: string | undefined, submission: Submission): Promise<SubmitResult> {
  const [flow, browser] = await Promise.all([findFlow(context, flowId), findBrowser(context, browserToken)]);
  if (!flow || !browser || flow.channel !== 'browser' || flow.browserId !== browser.id
    || !isFormToken(context, flow.id, browser.id, submission.version, submission.formToken)) return elsewhere(context, flow);
  const presented: Presented = { session: await findLiveSession(context, submission.sessionToken), token: submission.sessionToken };
  return answer(context, { flow, browser, presented, submission });
}

/** How long a request waits for another one of the same flow; a check takes a fraction of it. */
const settleMilliseconds = 5_000;

interface Turn { flow: FlowState; browser: Browser; presented: Presented; submission: Submission }

async function answer(context: InstanceContext, turn: Turn): Promise<SubmitResult> {
  const { flow, browser, presented, submission } = turn;
  switch (flow.status) {
    case 'expired': return submission.do === 'restart' ? restart(context, flow) : toPage(context, flow);
    case 'completed': return submission.do === 'continue' ? leaveCompleted(context, flow, presented) : resumeAgain(context, flow, presented);
    case 'cancelled': return submission.do === 'leave' ? resume(context, flow, { kind: 'cancelled' }) : toPage(context, flow);
    case 'denied': return submission.do === 'leave' ? resume(context, flow, deniedOutcome(flow)) : toPage(context, flow);
    case 'active': break;
  }
  if (submission.version !== flow.version) return settle(context, turn);          // an old form: where things stand now
  const situation = await loadSituation(context, flow, presented.session);
  const decision = decide(situation.facts, situation.policy);
  const action = findAction(context.core, submission.do);
  if (!action) return toPage(context, flow);
  const result = await action(context, { situation, decision, browser, fields: submission.fields, method: submission.do.split('.')[0] ?? '' });
  switch (result.kind) {
    case 'page': return toPage(context, flow);
    case 'redirect': return { kind: 'redirect', location: result.location, setCookies: result.setCookies };
    case 'cancelled': return resume(context, flow, { kind: 'cancelled' });
    case 'used up': return deny(context, flow, denied('attempts_used_up'));
    case 'denied': return leaveDenied(context, flow, result.denied);
    case 'changed': return settle(context, turn);
    case 'go on': return goOn(context, turn);
  }
}

/** After an accepted input: completes the flow when nothing is missing. */
async function goOn(context: InstanceContext, turn: Turn): Promise<SubmitResult> {
  const { presented } = turn;
  const found = await findOut(context, turn);
  if (!found) return settle(context, turn);
  const { flow, decision } = found;
  if (decision.kind === 'step' || decision.kind === 'effect') return toPage(context, flow);
  if (decision.kind === 'denied') return deny(context, flow, decision);
  const completion = await complete(context, flow, presented);
  switch (completion.kind) {
    case 'completed': return resume(context, { ...flow, status: 'completed' }, completion.outcome, completion.setCookies);
    case 'not yet': return completion.decision.kind === 'denied' ? deny(context, flow, completion.decision) : toPage(context, flow);
    case 'changed': return settle(context, turn);
  }
}

/** More effects than any flow has: a feature that asks for its effect again and again must not hold up the server. */
const mostEffects = 10;

/** Runs what requirements must have found out, one after the other, until they can decide. Undefined: the flow was changed meanwhile. */
async function findOut(context: InstanceContext, { flow: { id }, presented }: Turn): Promise<{ flow: FlowState; decision: Decision } | undefined> {
  for (let effects = 0; ; effects += 1) {
    const flow = await findFlow(context, id);
    if (flow?.status !== 'active') return undefined;
    const situation = await loadSituation(context, flow, presented.session);
    const decision = decide(situation.facts, situation.policy);
    if (decision.kind !== 'effect') return { flow, decision };
    const effect = featuresOf(context.core).find(({ effects: own }) => own && Object.hasOwn(own, decision.effect))?.effects?.[decision.effect];
    if (!effect || effects === mostEffects) return { flow, decision: denied('policy_error') };
    if (!await effect(context, situation)) return undefined;
  }
}

/** A request that asked for what nobody can show goes straight back; everything else is told to the person first. */
async function deny(context: InstanceContext, flow: FlowState, decision: Denied): Promise<SubmitResult> {
  await recordDenial(context, flow, decision);
  return decision.error === 'unmet_authentication_requirements' ? resume(context, flow, deniedOutcome({ ...flow, denial: decision })) : toPage(context, flow);
}

async function leaveDenied(context: InstanceContext, flow: FlowState, decision: Denied): Promise<SubmitResult> {
  await recordDenial(context, flow, decision);
  return resume(context, flow, deniedOutcome({ ...flow, denial: decision }));
}

/** Closes a flow as denied, once. */
async function recordDenial(context: InstanceContext, flow: FlowState, decision: Denied): Promise<void> {
  await context.transaction(async (tx) => {
    const recorded = await advance(tx, flow, { status: 'denied', denial: { reason: decision.reason, error: decision.error } });
    if (recorded) await append(tx, signInDenied(flow, flow.userId ?? undefined, decision));
  });
}

function deniedOutcome(flow: FlowState): Outcome {
  const { reason, error } = flow.denial ?? denied('policy_error');
  return { kind: 'denied', reason, error };
}

async function resume(context: InstanceContext, flow: FlowState, outcome: Outcome, setCookies: readonly string[] = []): Promise<SubmitResult> {
  const resumption = await loadFlowOrigin(context.core, flow.originKind).resume(context, referenceOf(flow), outcome);
  if (!resumption) return { kind: 'redirect', location: flowUrl(context, flow.id), setCookies };
  return 'redirect' in resumption
    ? { kind: 'redirect', location: resumption.redirect, setCookies }
    : { kind: 'form_post', form: resumption.formPost, setCookies };
}

async function resumeAgain(context: InstanceContext, flow: FlowState, presented: Presented): Promise<SubmitResult> {
  const repeated = await repeatCompletion(context, flow, presented);
  return repeated ? resume(context, flow, repeated.outcome, repeated.setCookies) : restart(context, flow);
}

/** From the page of a finished sign-in: on where it was going, or to the start page when the request is over. */
async function leaveCompleted(context: InstanceContext, flow: FlowState, presented: Presented): Promise<SubmitResult> {
  const result = await resumeAgain(context, flow, presented);
  const isHere = result.kind === 'redirect' && result.location === flowUrl(context, flow.id);
  return isHere ? { ...result, location: `${context.instance.issuer}/` } : result;
}

async function restart(context: InstanceContext, flow: FlowState): Promise<SubmitResult> {
  const address = await loadFlowOrigin(context.core, flow.originKind).restart(context, referenceOf(flow));
  return address === undefined ? toPage(context, flow) : { kind: 'redirect', location: address, setCookies: [] };
}

/** An old form may still ask to get on; its own input is not taken. These do not ask for that. */
const backward = /^(\w+\.prepare|\w+\.prepare_enrolment|identify|cancel|leave|restart|switch_account|recover|register)$/;

/**
 * A double click, or a form sent from two tabs: waits for the request at work, so that the answer people see is the one
 * that counts, and completes the flow if that one got no further than its proof.
 */
async function settle(context: InstanceContext, turn: Turn): Promise<SubmitResult> {
  const { presented, submission } = turn;
  for (const deadline = Date.now() + settleMilliseconds; Date.now() < deadline;) {
    const flow = await findFlow(context, turn.flow.id);
    if (flow?.status === 'completed') return resumeAgain(context, flow, presented);
    if (flow?.status !== 'active' || backward.test(submission.do)) break;
    if (flow.isBusy) {
      await pause(50);
      continue;
    }
    const { facts, policy } = await loadSituation(context, flow, presented.session);
    if (decide(facts, policy).kind !== 'complete') break;
    const completion = await complete(context, flow, presented);
    if (completion.kind === 'completed') return resume(context, { ...flow, status: 'completed' }, completion.outcome, completion.setCookies);
    if (completion.kind === 'not yet') break;
  }
  return toPage(context, turn.flow);
}

const toPage = (context: InstanceContext, flow: { id: string }): SubmitResult => ({ kind: 'redirect', location: flowUrl(context, flow.id), setCookies: [] });
