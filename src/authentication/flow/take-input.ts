/** One input to a flow, from whoever has it in hand: handed to its action, then on as far as the facts lead. */
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Browser } from '../browsers.ts';
import { signInDenied } from '../events.ts';
import type { Outcome } from '../types.ts';
import { page } from './action.ts';
import { findAction } from './actions.ts';
import { complete, type Presented } from './complete.ts';
import { type Decision, decide } from './decide.ts';
import { featuresOf } from './features.ts';
import { loadSituation, type Situation } from './situation.ts';
import { advance, findFlow, type FlowState } from './store.ts';
import { type Denied, denied } from './verdicts.ts';

/** Who has a flow in hand: a browser, known by its cookie, or a program that showed the flow's secret. */
export interface Holder {
  /** Undefined: a program. */
  readonly browser: Browser | undefined;
  readonly presented: Presented;
}

export interface FlowInput {
  readonly do: string;
  readonly version: number;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Turn { readonly flow: FlowState; readonly holder: Holder; readonly input: FlowInput }

export type Progress =
  /** The flow says where things stand: the next step, a denial that the person is told first. */
  | { readonly kind: 'stay' }
  /** Refused (then the flow has a notice), or of no use at this step. */
  | { readonly kind: 'page'; readonly refused?: boolean }
  /** Another request is at work or was faster. */
  | { readonly kind: 'changed' }
  /** A new flow took the place of this one. */
  | { readonly kind: 'redirect'; readonly location: string; readonly setCookies: readonly string[] }
  | { readonly kind: 'ended'; readonly flow: FlowState; readonly outcome: Outcome; readonly setCookies: readonly string[] };

const stay: Progress = { kind: 'stay' };

/** Ways out of a flow: nothing need be found out for them. */
const ways: ReadonlySet<string> = new Set(['cancel', 'leave', 'restart', 'switch_account']);

/**
 * Takes one input of an active flow. Refused input is no error: it stands in the flow as its notice.
 * @throws Problem 503 when the hashing queue is full; the attempt is given back
 */
export async function takeInput(context: InstanceContext, turn: Turn): Promise<Progress> {
  const { flow, holder, input } = turn;
  if (input.version !== flow.version) return { kind: 'changed' };                 // an old form
  const action = findAction(context.core, input.do);
  if (!action) return page;
  const looked = await lookAt(context, turn);
  // A flow that began with a proof (a set-up link) finds out at its first input what others do after their first proof.
  const found = looked.decision.kind === 'effect' && !ways.has(input.do) ? await findOut(context, turn) : looked;
  if (!found) return { kind: 'changed' };
  const { situation, decision } = found;
  if (found !== looked && decision.kind === 'denied') return deny(context, found.flow, decision);
  const result = await action(context, { situation, decision, browser: holder.browser, fields: input.fields, method: input.do.split('.')[0] ?? '' });
  switch (result.kind) {
    case 'page': case 'redirect': case 'changed': return result;
    case 'cancelled': return { kind: 'ended', flow, outcome: { kind: 'cancelled' }, setCookies: [] };
    case 'used up': return deny(context, flow, denied('attempts_used_up'));
    case 'denied': return leaveDenied(context, flow, result.denied);
    case 'go on': return goOn(context, turn);
  }
}

/** After an accepted input: completes the flow when nothing is missing. */
async function goOn(context: InstanceContext, turn: Turn): Promise<Progress> {
  const found = await findOut(context, turn);
  if (!found) return { kind: 'changed' };
  const { flow, decision } = found;
  if (decision.kind === 'step' || decision.kind === 'effect') return stay;
  if (decision.kind === 'denied') return deny(context, flow, decision);
  const completion = await complete(context, flow, turn.holder.presented);
  switch (completion.kind) {
    case 'completed': return { kind: 'ended', flow: { ...flow, status: 'completed' }, outcome: completion.outcome, setCookies: completion.setCookies };
    case 'not yet': return completion.decision.kind === 'denied' ? deny(context, flow, completion.decision) : stay;
    case 'changed': return { kind: 'changed' };
  }
}

interface Found { readonly flow: FlowState; readonly situation: Situation; readonly decision: Decision }

async function lookAt(context: InstanceContext, { flow, holder }: Turn): Promise<Found> {
  const situation = await loadSituation(context, flow, holder.presented.session);
  return { flow, situation, decision: decide(situation.facts, situation.policy) };
}

/** More effects than any flow has: a feature that asks for its effect again and again must not hold up the server. */
const mostEffects = 10;

/** Runs what requirements must have found out, one after the other, until they can decide. Undefined: the flow was changed meanwhile. */
async function findOut(context: InstanceContext, { flow: { id }, holder }: Turn): Promise<Found | undefined> {
  for (let effects = 0; ; effects += 1) {
    const flow = await findFlow(context, id);
    if (flow?.status !== 'active') return undefined;
    const situation = await loadSituation(context, flow, holder.presented.session);
    const decision = decide(situation.facts, situation.policy);
    if (decision.kind !== 'effect') return { flow, situation, decision };
    const effect = featuresOf(context.core).find(({ effects: own }) => own && Object.hasOwn(own, decision.effect))?.effects?.[decision.effect];
    if (!effect || effects === mostEffects) return { flow, situation, decision: denied('policy_error') };
    if (!await effect(context, situation)) return undefined;
  }
}

/** A request that asked for what nobody can show goes straight back; everything else is told to the person first. */
async function deny(context: InstanceContext, flow: FlowState, decision: Denied): Promise<Progress> {
  await recordDenial(context, flow, decision);
  return decision.error === 'unmet_authentication_requirements' ? ended(flow, decision) : stay;
}

async function leaveDenied(context: InstanceContext, flow: FlowState, decision: Denied): Promise<Progress> {
  await recordDenial(context, flow, decision);
  return ended(flow, decision);
}

const ended = (flow: FlowState, decision: Denied): Progress =>
  ({ kind: 'ended', flow, outcome: deniedOutcome({ ...flow, denial: decision }), setCookies: [] });

/** Closes a flow as denied, once. */
async function recordDenial(context: InstanceContext, flow: FlowState, decision: Denied): Promise<void> {
  await context.transaction(async (tx) => {
    const recorded = await advance(tx, flow, { status: 'denied', denial: { reason: decision.reason, error: decision.error } });
    if (recorded) await append(tx, signInDenied(flow, flow.userId ?? undefined, decision));
  });
}

export function deniedOutcome(flow: Pick<FlowState, 'denial'>): Outcome {
  const { reason, error } = flow.denial ?? denied('policy_error');
  return { kind: 'denied', reason, error };
}
