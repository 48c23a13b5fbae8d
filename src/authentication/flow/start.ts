/** Beginning a flow: a row, bound to the browser that asked. */
import { networkOf } from '../../core/addresses.ts';
import { rateLimitHeaders } from '../../core/rate-limit.ts';
import { newId } from '../../core/ids.ts';
import { randomToken, sha256 } from '../../core/secrets.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findOrCreateBrowser } from '../browsers.ts';
import { channelNotAvailable, purposeNotAvailable, tooManyFlows } from '../errors.ts';
import { findLiveSession } from '../live-sessions.ts';
import { apiFlowSeconds, browserFlowSeconds } from '../proof-kinds.ts';
import { writeProofs } from '../proofs.ts';
import type { FlowRequest, Proof, Purpose, StartedFlow, StartFlow } from '../types.ts';
import { loadFlowOrigin } from './origins.ts';
import { type Answers, type Pending, sealIdentifier, sealPending, writeAnswers } from './store.ts';

/** Unfinished flows that one browser keeps; the oldest goes. */
const flowsPerBrowser = 20;

/** Rows that one address can make without having signed in. */
const startsPerAddress = { ratePerSecond: 5, burst: 300 };

/** What people may begin; a test asks each for the same rules. */
export const available: readonly Purpose[] = ['sign_in', 'setup', 'step_up', 'enrol', 'link', 'register', 'recover'];

/** What the instance has switched off is not begun, by whatever door. */
function isOffered({ instance: { settings } }: InstanceContext, purpose: Purpose): boolean {
  if (purpose === 'register') return settings.registration.enabled;
  return purpose !== 'recover' || settings.recovery.email || settings.recovery.sms;
}

/** What a program may begin: the others belong to a browser. */
const forPrograms: readonly Purpose[] = ['sign_in', 'register', 'recover'];

/** What only the engine itself may put into a new flow. */
export interface Given {
  /** Of a set-up link. */
  userId?: string;
  proofs?: readonly Proof[];
  answers?: Answers;
  /** The browser of the flow that this one takes the place of. */
  browserId?: string;
  /** What was typed there. */
  identifier?: string;
  /** What waits for the end of the flow. */
  pending?: Pending;
}

/** Begins a flow. @throws Problem 429 (start limit of the address), 400 (a purpose or channel that there is none of) */
export async function startFlow(context: InstanceContext, start: StartFlow, given: Given = {}): Promise<StartedFlow> {
  if (start.channel !== 'browser') throw channelNotAvailable();
  loadFlowOrigin(context.core, start.origin.kind);
  await checkStart(context, start.purpose, available);

  const { browser, setCookies } = given.browserId === undefined
    ? await findOrCreateBrowser(context, start.browserToken)
    : { browser: { id: given.browserId }, setCookies: [] };
  const session = await findLiveSession(context, start.sessionToken);
  const asksWho = start.request.prompt?.some((prompt) => prompt === 'select_account' || prompt === 'create') ?? false;
  const otherAccount = (start.otherAccount ?? false) || (given.answers?.otherAccount ?? false);
  const goesOn = session?.browserId === browser.id && !asksWho && !otherAccount && ['sign_in', 'step_up', 'enrol', 'link'].includes(start.purpose);
  const id = await createFlow(context, {
    channel: start.channel, purpose: start.purpose, browserId: browser.id,
    applicationId: start.applicationId ?? null, originKind: start.origin.kind, originRef: start.origin.ref,
    answers: writeAnswers({ ...given.answers, ...(otherAccount && { otherAccount }), ...(goesOn && session && { sessionId: session.id }) }),
    userId: given.userId ?? null, proofs: writeProofs(given.proofs ?? []),
  }, { request: start.request, takesHint: !asksWho && !goesOn && !given.answers?.otherAccount, lifetimeSeconds: browserFlowSeconds, given });
  await dropOldest(context, browser.id);
  return { flowId: id, url: flowUrl(context, id), setCookies };
}

export interface StartApiFlow {
  readonly purpose: Purpose;
  readonly applicationId: string;
  readonly request: FlowRequest;
  /** RFC 9449: the key that every further call must prove. */
  readonly dpopJkt: string | undefined;
}

/** Begins a flow that a program draws. Returns its handle (`Authorization: Flow …`), shown this once. @throws Problem 429, 400 */
export async function startApiFlow(context: InstanceContext, start: StartApiFlow): Promise<{ id: string; handle: string }> {
  await checkStart(context, start.purpose, available.filter((purpose) => forPrograms.includes(purpose)));
  const secret = randomToken();
  const id = await createFlow(context, {
    channel: 'api', purpose: start.purpose, secretHash: sha256(secret), dpopJkt: start.dpopJkt ?? null,
    applicationId: start.applicationId, originKind: 'api', originRef: start.applicationId,
  }, { request: start.request, takesHint: true, lifetimeSeconds: apiFlowSeconds });
  return { id, handle: `${id}.${secret}` };
}

async function checkStart(context: InstanceContext, purpose: Purpose, purposes: readonly Purpose[]): Promise<void> {
  if (!purposes.includes(purpose) || !isOffered(context, purpose)) throw purposeNotAvailable(purpose);
  const decision = await context.core.rateLimiter.take(`flow-start:${context.instance.id}:${networkOf(context.address)}`, startsPerAddress);
  if (!decision.allowed) throw tooManyFlows(rateLimitHeaders(decision));
}

type NewRow = Omit<Prisma.FlowCreateManyInput, 'instanceId' | 'id' | 'request' | 'expiresAt'>;

async function createFlow(context: InstanceContext, row: NewRow, { request, takesHint, lifetimeSeconds, given = {} }: { request: FlowRequest; takesHint: boolean; lifetimeSeconds: number; given?: Given }): Promise<string> {
  const id = newId('flow', context.now().getTime());
  // A hint is what the application thinks it knows: it fills in the field, or names whom to ask for a password.
  const identifier = given.identifier ?? (takesHint ? request.loginHint : undefined);
  await context.db.flow.create({
    data: {
      ...row, id, request: request as Prisma.InputJsonObject,
      sealedIdentifier: identifier ? sealIdentifier(context, id, identifier.slice(0, 255)) : null,
      sealedPending: given.pending ? sealPending(context, id, given.pending) : null,
      address: context.address ?? null, userAgent: context.userAgent?.slice(0, 500) ?? null,
      createdAt: context.now(), expiresAt: new Date(context.now().getTime() + lifetimeSeconds * 1_000),
    } });
  return id;
}

export const flowUrl = (context: InstanceContext, flowId: string) => `${context.instance.issuer}/sign-in/${flowId}`;

async function dropOldest(context: InstanceContext, browserId: string): Promise<void> {
  const surplus = await context.db.flow.findMany({
    where: { browserId, status: 'active' }, orderBy: { id: 'desc' }, skip: flowsPerBrowser, select: { id: true } });
  if (surplus.length > 0) await context.db.flow.deleteMany({ where: { id: { in: surplus.map(({ id }) => id) } } });
}
