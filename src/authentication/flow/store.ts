/**
 * Flow rows. Facts move only forward: every write names the version it was made from, and a check of a credential is
 * reserved first, so that one is in flight per flow and each is paid for before it is made.
 */
import { z } from 'zod';
import { randomToken } from '../../core/secrets.ts';
import type { Flow, Prisma } from '../../generated/prisma/client.ts';
import { createUserSchema, sourceTypeSchema } from '../../directory/index.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { methodSchema, readProofs } from '../proofs.ts';
import type { Channel, FlowReference, FlowRequest, FlowStatus, Notice, OriginKind, Proof, Purpose } from '../types.ts';

/** A check that takes longer was lost with its server. */
const busySeconds = 20;

const answersSchema = z.object({
  /** The session that the flow goes on from. */
  sessionId: z.string().optional(),
  /** Begun by "use another account": the session is not offered first. */
  otherAccount: z.boolean().optional(),
  remember: z.boolean().optional(),
  /** Not to be asked for a second factor again in this browser. */
  rememberDevice: z.boolean().optional(),
  /** What the account page wants done. */
  task: z.discriminatedUnion('kind', [z.object({ kind: z.literal('password') }), z.object({ kind: z.literal('confirm') }), z.object({ kind: z.literal('enrol'), method: methodSchema })]).optional(),
  allowed: z.boolean().optional(),
  completedAt: z.coerce.date().optional(),
  sessionChanged: z.boolean().optional(),
});
export type Answers = z.infer<typeof answersSchema>;

/** What waits for the end of the flow: an account changes only when the last requirement is met. */
const pendingSchema = z.object({
  passwordHash: z.string().optional(),
  /** An account to be made, as `createUser` takes it, with what was proven of it. */
  newUser: z.object({
    user: createUserSchema,
    proven: z.object({ emailVerified: z.boolean().optional(), phoneVerified: z.boolean().optional(), source: z.object({ type: sourceTypeSchema, id: z.string().optional() }).optional() }),
  }).optional(),
  /** Credentials that were shown to work; each is read by the enrolment of its method. */
  credentials: z.array(z.object({ method: z.string(), credential: z.unknown() })).optional(),
  /** Of each feature, by its name. */
  features: z.record(z.string(), z.unknown()).optional(),
});
export type Pending = z.infer<typeof pendingSchema>;

/** A flow, read. Whether its time has passed is part of `status`. */
export interface FlowState {
  readonly id: string;
  readonly channel: Channel;
  readonly purpose: Purpose;
  readonly status: FlowStatus;
  readonly version: number;
  readonly isBusy: boolean;
  readonly attemptsLeft: number;
  readonly browserId: string | null;
  /** Of a flow that a program draws. */
  readonly secretHash: string | null;
  readonly dpopJkt: string | null;
  readonly applicationId: string | null;
  readonly originKind: OriginKind;
  readonly originRef: string;
  readonly request: FlowRequest;
  readonly identifier: string | undefined;
  readonly userId: string | null;
  readonly proofs: readonly Proof[];
  readonly pending: Pending;
  readonly answers: Answers;
  readonly notice: Notice | undefined;
  /** What features have found out (`effects`). */
  readonly risk: unknown;
  readonly hookResults: unknown;
  readonly sourceId: string | null;
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly denial: { readonly reason: string; readonly error: 'access_denied' | 'unmet_authentication_requirements' } | undefined;
  readonly sessionId: string | null;
  readonly createdAt: Date;
  readonly expiresAt: Date;
}

export async function findFlow(context: InstanceContext, flowId: string): Promise<FlowState | undefined> {
  const row = await context.db.flow.findUnique({ where: key(context, flowId) });
  return row ? readFlow(context, row) : undefined;
}

function readFlow(context: InstanceContext, row: Flow): FlowState {
  const open = (sealed: string, column: string) => context.core.keyring.open(sealed, place(context, row.id, column)).toString('utf8');
  return {
    id: row.id, version: row.version, attemptsLeft: row.attemptsLeft, browserId: row.browserId, secretHash: row.secretHash, dpopJkt: row.dpopJkt, applicationId: row.applicationId,
    originRef: row.originRef, userId: row.userId, sessionId: row.sessionId, createdAt: row.createdAt, expiresAt: row.expiresAt,
    channel: row.channel as Channel, purpose: row.purpose as Purpose, originKind: row.originKind as OriginKind,
    status: row.status === 'active' && row.expiresAt <= context.now() ? 'expired' : row.status as FlowStatus,
    isBusy: row.busyUntil !== null && row.busyUntil > context.now(),
    request: row.request as FlowRequest,
    identifier: row.sealedIdentifier === null ? undefined : open(row.sealedIdentifier, 'identifier'),
    proofs: readProofs(row.proofs),
    pending: row.sealedPending === null ? {} : pendingSchema.parse(JSON.parse(open(row.sealedPending, 'pending'))),
    answers: answersSchema.parse(row.answers),
    notice: (row.notice ?? undefined) as Notice | undefined,
    risk: row.risk ?? undefined, hookResults: row.hookResults, sourceId: row.sourceId, address: row.address, userAgent: row.userAgent,
    denial: (row.denial ?? undefined) as FlowState['denial'],
  };
}

const place = (context: InstanceContext, flowId: string, column: string) => `${context.instance.id}/Flow/${flowId}/${column}`;

export const sealIdentifier = (context: InstanceContext, flowId: string, identifier: string) => context.core.keyring.seal(identifier, place(context, flowId, 'identifier'));
export const sealPending = (context: InstanceContext, flowId: string, pending: Pending) => context.core.keyring.seal(JSON.stringify(pending), place(context, flowId, 'pending'));

export const referenceOf = (flow: FlowState): FlowReference => ({
  id: flow.id, purpose: flow.purpose, status: flow.status, originKind: flow.originKind, originRef: flow.originRef, applicationId: flow.applicationId, request: flow.request });

/** Pays for one check and keeps others out until `release`. Undefined: stale, busy, over, or no attempts left. */
export async function reserve(context: InstanceContext, flow: FlowState): Promise<string | undefined> {
  const now = context.now();
  const busyToken = randomToken(16);
  const { count } = await context.db.flow.updateMany({
    where: { ...activeAt(flow, now), attemptsLeft: { gt: 0 }, OR: [{ busyUntil: null }, { busyUntil: { lte: now } }] },
    data: { busyToken, busyUntil: new Date(now.getTime() + busySeconds * 1_000), attemptsLeft: { decrement: 1 } } });
  return count === 1 ? busyToken : undefined;
}

/** Ends a check: writes what it found. False: the flow was changed or ended meanwhile, and nothing was written. */
export async function release(context: InstanceContext, flow: FlowState, busyToken: string, changes: Prisma.FlowUpdateManyMutationInput & { userId?: string }): Promise<boolean> {
  const { count } = await context.db.flow.updateMany({
    where: { ...activeAt(flow, context.now()), busyToken }, data: { ...changes, busyToken: null, busyUntil: null } });
  return count === 1;
}

/** Takes an input that needs no check: the next version. False: stale, busy or over. */
export async function advance(context: InstanceContext, flow: FlowState, changes: Prisma.FlowUpdateManyMutationInput & { sessionId?: string }): Promise<boolean> {
  const now = context.now();
  const { count } = await context.db.flow.updateMany({
    where: { ...activeAt(flow, now), OR: [{ busyUntil: null }, { busyUntil: { lte: now } }] },
    data: { ...changes, version: { increment: 1 } } });
  return count === 1;
}

const activeAt = (flow: FlowState, now: Date): Prisma.FlowWhereInput => ({ id: flow.id, version: flow.version, status: 'active', expiresAt: { gt: now } });

export const writeAnswers = (answers: Answers): Prisma.InputJsonObject => ({
  ...answers, completedAt: answers.completedAt?.toISOString() });
