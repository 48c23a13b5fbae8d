/**
 * Who calls the Authentication API. The handle shows the flow; beside it a confidential application authenticates, and a
 * page of a public one is known by its origin. Cookies are never read.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { checkDpopProof, rateLimited, takeForAddress, takeForApplication, takeForPublicApplication } from '../../access/index.ts';
import { type Application, findApplication } from '../../applications/index.ts';
import { invalidParameters, Problem } from '../../core/errors.ts';
import { idPattern } from '../../core/ids.ts';
import { rateLimitHeaders } from '../../core/rate-limit.ts';
import { constantTimeEqual, sha256 } from '../../core/secrets.ts';
import { createContext, type InstanceContext } from '../../tenancy/index.ts';
import { findFlow, type FlowState } from '../flow/store.ts';
import { apiDoor } from './door.ts';
import { applicationUnknown, embeddedSignInOff, flowNotFound, originRefused } from './errors.ts';
import type { PersonsClient } from './schemas.ts';

/** A flow in the hand of its application. */
export interface Caller {
  /** The person's address and agent, whoever carries the request. */
  readonly context: InstanceContext;
  readonly application: Application;
  readonly flow: FlowState;
  /** As it came: shown back in every view, and what the code is made from. */
  readonly handle: string;
}

const flowIdPattern = idPattern('flow');
const longestHandle = 200;

/** @throws Problem 404 (one answer for every flow that is not the caller's), 401, 403, 429 */
export async function findCaller(request: FastifyRequest, reply: FastifyReply, body: { client?: PersonsClient | undefined } | undefined): Promise<Caller> {
  const { instanceContext: context } = request;
  try {
    const { handle, flow } = await findHeldFlow(context, request);
    const application = await findApplication(context, flow.applicationId ?? '');
    if (!application?.enabled || application.protocol !== 'oidc') throw flowNotFound();
    await checkApplication(context, request, reply, application, flowNotFound);
    if (flow.dpopJkt !== null) await checkKey(context, request, { accessToken: handle, thumbprint: flow.dpopJkt });
    // Without a body nothing moves on: whoever began it is still the one.
    const begun = { address: flow.address ?? '', userAgent: flow.userAgent ?? undefined };
    return { context: body ? contextOfPerson(context, application, body.client) : personContext(context, application, begun), application, flow, handle };
  } catch (error) {
    await limitGuesses(context, error);
    throw error;
  }
}

/** Who starts a flow. @throws Problem 401, 403, 429 */
export async function findStarter(request: FastifyRequest, reply: FastifyReply, application: Application | undefined, client: PersonsClient | undefined): Promise<{ context: InstanceContext; dpopJkt: string | undefined }> {
  const { instanceContext: context } = request;
  try {
    if (!application?.enabled || application.protocol !== 'oidc') throw applicationUnknown();
    await checkApplication(context, request, reply, application, applicationUnknown);
    const proofs = request.raw.headersDistinct['dpop'] ?? [];
    const dpopJkt = proofs.length === 0 ? undefined : await checkKey(context, request, {});
    if (dpopJkt === undefined && application.settings.dpopBoundAccessTokens) throw invalidParameters([{ field: 'DPoP', code: 'missing', detail: 'is needed: the tokens of this application are bound to a key (RFC 9449)' }]);
    return { context: contextOfPerson(context, application, client), dpopJkt };
  } catch (error) {
    await limitGuesses(context, error);
    throw error;
  }
}

async function findHeldFlow(context: InstanceContext, request: FastifyRequest): Promise<{ handle: string; flow: FlowState }> {
  const lines = request.raw.headersDistinct['authorization'] ?? [];
  const [, handle = ''] = /^flow +(\S+)$/i.exec(lines.length === 1 ? lines[0] ?? '' : '') ?? [];
  const [flowId = '', secret = ''] = handle.length > longestHandle ? [] : handle.split('.');
  const flow = flowIdPattern.test(flowId) ? await findFlow(context, flowId) : undefined;
  if (!constantTimeEqual(sha256(secret), flow?.secretHash ?? '') || flow?.channel !== 'api') throw flowNotFound();
  return { handle, flow };
}

/** A confidential application shows its secret or key at every call; a page of a public one comes from its origin. */
async function checkApplication(context: InstanceContext, request: FastifyRequest, reply: FastifyReply, application: Application, unknown: () => Problem): Promise<void> {
  const { tokenEndpointAuthMethod, embeddedSignIn } = application.settings;
  const isPublic = tokenEndpointAuthMethod === 'none';
  const lines = request.raw.headersDistinct['client-authorization'] ?? [];
  if (isPublic ? lines.length > 0 : lines.length > 1) throw unknown();
  if (!isPublic) await authenticate(context, request, application, lines[0], unknown);
  const decision = await (isPublic ? takeForPublicApplication : takeForApplication)(context, application);
  if (!decision.allowed) throw rateLimited(decision);
  reply.headers(rateLimitHeaders(decision));
  if (!embeddedSignIn.enabled) throw embeddedSignInOff();
  const { origin } = request.headers;
  // A native application has no origin, and its secretless requests prove no more than anybody's: its people are protected by PKCE.
  if (origin === undefined ? isPublic && application.kind === 'browser' : !embeddedSignIn.allowedOrigins.includes(origin)) throw originRefused(origin);
}

/** Whose flow it is decides what is told: another application's credentials, right or wrong, find nothing. */
async function authenticate(context: InstanceContext, request: FastifyRequest, application: Application, authorization: string | undefined, unknown: () => Problem): Promise<void> {
  try {
    await apiDoor(context.core).authenticate(context, application, request.raw, authorization);
  } catch (error) {
    throw error instanceof Problem && error.status === 401 ? unknown() : error;
  }
}

function checkKey(context: InstanceContext, request: FastifyRequest, bound: { accessToken?: string; thumbprint?: string }): Promise<string> {
  const proofs = request.raw.headersDistinct['dpop'] ?? [];
  return checkDpopProof(context, proofs.length === 1 ? proofs[0] : undefined, {
    ...bound, method: request.method, url: `${context.instance.issuer}${(request.routeOptions.url ?? '').slice('/t/:instance'.length)}` });
}

/** @throws Problem 400 when the server of an application does not say whose request it carries, or a page says it */
function contextOfPerson(context: InstanceContext, application: Application, client: PersonsClient | undefined): InstanceContext {
  const isPublic = application.settings.tokenEndpointAuthMethod === 'none';
  if (isPublic && client) throw invalidParameters([{ field: 'client', code: 'unexpected', detail: 'is for the servers of confidential applications: this request comes from the person' }]);
  if (!isPublic && !client) throw invalidParameters([{ field: 'client', code: 'missing', detail: 'must say the address and user agent of the person, whose request this server carries' }]);
  return personContext(context, application, client);
}

function personContext(context: InstanceContext, { settings }: Application, client: PersonsClient | undefined): InstanceContext {
  if (settings.tokenEndpointAuthMethod === 'none' || !client) return context;
  return createContext(context.core, context.instance, { principal: context.principal, requestId: context.requestId, address: client.address, userAgent: client.userAgent });
}

/** Whoever shows nothing that is right pays from the bucket of its address: guessing has an end. */
async function limitGuesses(context: InstanceContext, error: unknown): Promise<void> {
  if (!(error instanceof Problem) || ![401, 403, 404].includes(error.status)) return;
  const decision = await takeForAddress(context);
  if (!decision.allowed) throw rateLimited(decision);
}
