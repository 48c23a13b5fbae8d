/** The Authentication API in the words of the engine: begin, look, answer, begin again, give up. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Application, findApplication, isRegisteredRedirectUri } from '../../applications/index.ts';
import { invalidParameters } from '../../core/errors.ts';
import { omit } from '../../core/omit.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { startApiFlow } from '../flow/start.ts';
import { advance, findFlow, type FlowState } from '../flow/store.ts';
import { takeInput } from '../flow/take-input.ts';
import type { FlowRequest, Purpose } from '../types.ts';
import { type Caller, findStarter } from './caller.ts';
import { apiDoor } from './door.ts';
import { flowChanged, flowDenied, flowExpired, inputRefused } from './errors.ts';
import type { ApiFlowView, StartFlowBody } from './schemas.ts';
import { tellableReason, viewForProgram } from './view.ts';

/** Begins a flow. @throws Problem 400, 401, 403, 429 */
export async function startFlowOf(request: FastifyRequest, reply: FastifyReply, body: StartFlowBody): Promise<ApiFlowView> {
  const application = await findApplication(request.instanceContext, body.applicationId);
  const { context, dpopJkt } = await findStarter(request, reply, application, body.client);
  if (!application) throw new Error('a starter has an application');
  const flowRequest = await readRequest(context, application, request, body);
  return begin(context, application, { purpose: body.purpose, request: flowRequest, dpopJkt });
}

async function readRequest(context: InstanceContext, application: Application, request: FastifyRequest, body: StartFlowBody): Promise<FlowRequest> {
  const { scope, resource, acrValues, maxAge, loginHint, locale, codeChallenge, nonce, redirectUri, supports } = body;
  const { settings } = application;
  if (redirectUri !== undefined && !isRegisteredRedirectUri(application, settings.redirectUris, redirectUri)) {
    throw invalidParameters([{ field: 'redirectUri', code: 'invalid', detail: 'must be one of the redirectUris of the application' }]);
  }
  const levels = acrValues ?? settings.defaultAcrValues;
  const age = maxAge ?? settings.defaultMaxAge ?? undefined;
  return {
    ...await apiDoor(context.core).readScopes(context, application, request.raw, { scope, resource }),
    ...(levels.length > 0 && { acrValues: levels }), ...(age !== undefined && { maxAge: age }),
    ...(loginHint !== undefined && { loginHint }), ...(locale !== undefined && { locale }),
    api: { codeChallenge, ...(nonce !== undefined && { nonce }), ...(redirectUri !== undefined && { redirectUri }), ...(supports && { supports }) },
  };
}

async function begin(context: InstanceContext, application: Application, start: { purpose: FlowState['purpose']; request: FlowRequest; dpopJkt: string | undefined }): Promise<ApiFlowView> {
  const { id, handle } = await startApiFlow(context, { ...start, applicationId: application.id });
  const flow = await findFlow(context, id);
  if (!flow) throw new Error('a flow that was just begun cannot be found');
  return viewForProgram(context, { flow, handle, application });
}

/** @throws Problem 410 */
export async function viewFlow(caller: Caller): Promise<ApiFlowView> {
  rejectExpired(caller.flow);
  return viewForProgram(caller.context, caller);
}

/** Takes one input; the view after it. @throws Problem 400, 403, 409, 410, 429, 503 */
export async function answerFlow(caller: Caller, input: { do: string; version: number; fields: Record<string, string> }): Promise<ApiFlowView> {
  const { context, flow } = caller;
  rejectExpired(flow);
  if (flow.status !== 'active') return viewEnded(caller);
  const purpose = entrances.find((name) => name === input.do && name !== flow.purpose);
  if (purpose !== undefined) return input.version === flow.version ? switchPurpose(caller, purpose) : Promise.reject(flowChanged(await viewForProgram(context, caller)));
  const progress = await takeInput(context, { flow, holder: { browser: undefined, presented: { session: undefined, token: undefined } }, input });
  const after = await findFlow(context, flow.id) ?? flow;
  const view = await viewForProgram(context, { ...caller, flow: after });
  if (after.status === 'denied') throw flowDenied(view, tellableReason(after.denial?.reason, after));
  const isRefused = after.notice !== undefined && (progress.kind === 'page' ? progress.refused === true || hasMoved(flow, after) : progress.kind === 'stay');
  if (isRefused) throw inputRefused(after.notice, view, context.now());
  if (progress.kind === 'changed' || progress.kind === 'page') throw flowChanged(view);
  return view;
}

/** Some actions write their refusal themselves. */
const hasMoved = (before: FlowState, after: FlowState): boolean =>
  before.version !== after.version || before.attemptsLeft !== after.attemptsLeft || JSON.stringify(before.notice) !== JSON.stringify(after.notice);

/** What has ended stays as it is: the result once more, or why there is none. */
async function viewEnded(caller: Caller): Promise<ApiFlowView> {
  const view = await viewForProgram(caller.context, caller);
  if (caller.flow.status === 'denied') throw flowDenied(view, tellableReason(caller.flow.denial?.reason, caller.flow));
  if (caller.flow.status === 'cancelled') throw flowChanged(view);
  return view;
}

/** The same request from its beginning, as anybody; the flow so far is given up. @throws Problem 409 */
export async function restartFlow(caller: Caller): Promise<ApiFlowView> {
  const { context, flow, application } = caller;
  const request = omit(flow.request, 'loginHint');
  const isOver = flow.status === 'active' ? await advance(context, flow, { status: 'cancelled' }) : flow.status !== 'completed';
  if (!isOver) throw flowChanged(await viewForProgram(context, caller));
  return begin(context, application, { purpose: flow.purpose, request, dpopJkt: flow.dpopJkt ?? undefined });
}

/** Purposes that lead to each other: to registration or recovery, and back. */
const entrances: readonly Purpose[] = ['sign_in', 'register', 'recover'];

/** A new flow for the same request takes the place of this one; what was typed as a name comes along. */
async function switchPurpose(caller: Caller, purpose: Purpose): Promise<ApiFlowView> {
  const { context, flow, application } = caller;
  const begun = await begin(context, application, {
    purpose, request: { ...omit(flow.request, 'loginHint'), ...(flow.identifier !== undefined && { loginHint: flow.identifier }) }, dpopJkt: flow.dpopJkt ?? undefined });
  await advance(context, flow, { status: 'cancelled' });
  return begun;
}

/** Gives up; what has ended stays. @throws Problem 409 while a check is at work */
export async function cancelFlow(caller: Caller): Promise<void> {
  const { context, flow } = caller;
  if (flow.status === 'active' && !await advance(context, flow, { status: 'cancelled' })) throw flowChanged(await viewForProgram(context, caller));
}

function rejectExpired(flow: FlowState): void {
  if (flow.status === 'expired') throw flowExpired(true);
}
