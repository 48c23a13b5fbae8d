/** From the sign-in page to registration or recovery and back: a new flow for the same request takes the place of this one. */
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Purpose } from '../types.ts';
import { type ActionResult, page } from './action.ts';
import type { Decision } from './decide.ts';
import { startFlow } from './start.ts';
import { advance, type FlowState } from './store.ts';

/** Purposes that begin at a page of their own. */
const entrances: readonly Purpose[] = ['sign_in', 'register', 'recover'];

/** Nobody is known yet, and nothing was proven that would be lost. */
export function canSwitch(flow: FlowState, decision: Decision | undefined): boolean {
  return entrances.includes(flow.purpose) && flow.status === 'active' && flow.userId === null && flow.answers.sessionId === undefined && flow.originKind !== 'self_service'
    && decision?.kind === 'step' && ['identify', 'first_factor', 'register', 'recover', 'verify_email', 'verify_phone'].includes(decision.step);
}

/** Only a browser's flow: a program begins another one itself. What was typed as a name comes along. */
export async function switchPurpose(context: InstanceContext, flow: FlowState, decision: Decision, purpose: Purpose): Promise<ActionResult> {
  if (!canSwitch(flow, decision) || flow.browserId === null || flow.purpose === purpose) return page;
  const started = await startFlow(context, {
    channel: 'browser', purpose, origin: { kind: flow.originKind, ref: flow.originRef },
    ...(flow.applicationId !== null && { applicationId: flow.applicationId }), request: flow.request,
  }, { answers: { otherAccount: true }, browserId: flow.browserId, ...(flow.identifier !== undefined && { identifier: flow.identifier }) });
  await advance(context, flow, { status: 'cancelled' });
  return { kind: 'redirect', location: started.url, setCookies: started.setCookies };
}
