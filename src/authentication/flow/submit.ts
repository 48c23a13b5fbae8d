/** One form of a page: finds the flow, checks that it is this browser's and this form's, and says where the browser goes. */
import { setTimeout as pause } from 'node:timers/promises';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findBrowser } from '../browsers.ts';
import { findLiveSession } from '../live-sessions.ts';
import type { Outcome, Submission, SubmitResult } from '../types.ts';
import { complete, type Presented, repeatCompletion } from './complete.ts';
import { decide } from './decide.ts';
import { isFormToken } from './form-token.ts';
import { loadFlowOrigin } from './origins.ts';
import { loadSituation } from './situation.ts';
import { flowUrl } from './start.ts';
import { findFlow, type FlowState, referenceOf } from './store.ts';
import { deniedOutcome, takeInput, type Turn } from './take-input.ts';
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
  return answer(context, { flow, holder: { browser, presented }, input: submission });
}

/** How long a request waits for another one of the same flow; a check takes a fraction of it. */
const settleMilliseconds = 5_000;

async function answer(context: InstanceContext, turn: Turn): Promise<SubmitResult> {
  const { flow, holder: { presented }, input } = turn;
  switch (flow.status) {
    case 'expired': return input.do === 'restart' ? restart(context, flow) : toPage(context, flow);
    case 'completed': return input.do === 'continue' ? leaveCompleted(context, flow, presented) : resumeAgain(context, flow, presented);
    case 'cancelled': return input.do === 'leave' ? resume(context, flow, { kind: 'cancelled' }) : toPage(context, flow);
    case 'denied': return input.do === 'leave' ? resume(context, flow, deniedOutcome(flow)) : toPage(context, flow);
    case 'active': break;
  }
  const progress = await takeInput(context, turn);
  switch (progress.kind) {
    case 'page': case 'stay': return toPage(context, flow);
    case 'redirect': return { kind: 'redirect', location: progress.location, setCookies: progress.setCookies };
    case 'ended': return resume(context, progress.flow, progress.outcome, progress.setCookies);
    case 'changed': return settle(context, turn);
  }
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
const backward = /^(\w+\.prepare|\w+\.prepare_enrolment|identify|cancel|leave|restart|switch_account|recover|register|sign_in|send_code|edit_registration|edit_recovery|ask_approver)$/;

/**
 * A double click, or a form sent from two tabs: waits for the request at work, so that the answer people see is the one
 * that counts, and completes the flow if that one got no further than its proof.
 */
async function settle(context: InstanceContext, turn: Turn): Promise<SubmitResult> {
  const { holder: { presented }, input } = turn;
  let patientUntil = 0;
  for (const deadline = Date.now() + settleMilliseconds; Date.now() < deadline;) {
    const flow = await findFlow(context, turn.flow.id);
    if (flow?.status === 'completed') return resumeAgain(context, flow, presented);
    if (flow?.status !== 'active' || backward.test(input.do)) break;
    if (flow.isBusy || Date.now() < patientUntil) {
      await pause(100);
      continue;
    }
    const { facts, policy } = await loadSituation(context, flow, presented.session);
    const decision = decide(facts, policy);
    if (decision.kind === 'effect') {                       // the request at work is finding something out, and completes
      patientUntil = Date.now() + 2_000;
      continue;
    }
    if (decision.kind !== 'complete') break;
    const completion = await complete(context, flow, presented);
    if (completion.kind === 'completed') return resume(context, { ...flow, status: 'completed' }, completion.outcome, completion.setCookies);
    if (completion.kind === 'not yet') break;
  }
  return toPage(context, turn.flow);
}

const toPage = (context: InstanceContext, flow: { id: string }): SubmitResult => ({ kind: 'redirect', location: flowUrl(context, flow.id), setCookies: [] });
