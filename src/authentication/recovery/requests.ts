/**
 * Recoveries that cannot go on at once. Who has lost the second factor too asks an administrator; where a passkey was the
 * only way in, a time passes in which the owner hears of it.
 */
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { rejectActingOnHigher } from '../../access/index.ts';
import { rejectChangeOutsideLimit, rejectOutsideLimit, userWithinLimit } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import { Prisma, type RecoveryRequest } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { recoveryRequestClosed, recoveryRequestNotFound } from './errors.ts';
import { requestApproved, requestMade, requestRefused } from './events.ts';

export type RequestKind = 'second_factor' | 'passkey';
const hour = 3_600_000;
/** A request that nobody answers ends by itself. */
const openHours = 7 * 24;

/** The request under way, if any; what has expired counts as none. */
export async function findOpenRequest(context: InstanceContext, userId: string, kind: RequestKind): Promise<RecoveryRequest | undefined> {
  return await context.db.recoveryRequest.findFirst({ where: { userId, kind, state: { in: ['pending', 'approved'] }, expiresAt: { gt: context.now() } } }) ?? undefined;
}

/** Makes one, unless there is one. */
export async function makeRequest(context: InstanceContext, userId: string, kind: RequestKind): Promise<RecoveryRequest> {
  return context.transaction(async (tx) => {
    await tx.db.$queryRaw`SELECT 1 FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${userId} FOR UPDATE`;
    const open = await findOpenRequest(tx, userId, kind);
    if (open) return open;
    const now = tx.now();
    await tx.db.recoveryRequest.updateMany({ where: { userId, kind, state: { in: ['pending', 'approved'] } }, data: { state: 'refused', updatedAt: now } });
    const { passkeyDelayHours } = tx.instance.settings.recovery;
    const request = await tx.db.recoveryRequest.create({ data: {
      id: newId('request', now.getTime()), userId, kind, createdAt: now, updatedAt: now,
      availableAt: kind === 'passkey' ? new Date(now.getTime() + passkeyDelayHours * hour) : null, expiresAt: new Date(now.getTime() + openHours * hour) } });
    await append(tx, requestMade(request));
    return request;
  });
}

/** In the transaction that ends the recovery. */
export async function useRequests(tx: InstanceContext, userId: string, kinds: readonly RequestKind[]): Promise<void> {
  await tx.db.recoveryRequest.updateMany({ where: { userId, kind: { in: [...kinds] }, state: { in: ['pending', 'approved'] } }, data: { state: 'used', updatedAt: tx.now() } });
}

/** Whoever signs in with the passkey has not lost it: what somebody else began ends. */
export async function withdrawRequests(tx: InstanceContext, userId: string): Promise<void> {
  const ended = await tx.db.recoveryRequest.updateManyAndReturn({ where: { userId, kind: 'passkey', state: 'pending' }, data: { state: 'refused', updatedAt: tx.now() } });
  await append(tx, ...ended.map(requestRefused));
}

/** An administrator vouches for the person, or refuses. @throws Problem 404, 403, 409, 412 */
export function decideRequest(context: InstanceContext, requestId: string, state: 'approved' | 'refused', ifMatch?: string): Promise<RecoveryRequest> {
  return context.transaction(async (tx) => {
    const { userId } = await loadRequest(tx, requestId);
    await rejectChangeOutsideLimit(tx, [userId], recoveryRequestNotFound);
    await rejectActingOnHigher(tx, [userId]);
    await tx.db.$queryRaw`SELECT 1 FROM "RecoveryRequest" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${requestId} FOR UPDATE`;
    const before = await loadRequest(tx, requestId);
    checkEntityTag(ifMatch, before.version);
    // Time is the only one to approve a new passkey; anybody who looks after people may stop it.
    if (before.state !== 'pending' || before.expiresAt <= tx.now() || (state === 'approved' && before.kind !== 'second_factor')) throw recoveryRequestClosed();
    const now = tx.now();
    const { principal } = tx;
    const after = await tx.db.recoveryRequest.update({ where: key(tx, requestId), data: {
      state, decidedAt: now, updatedAt: now, version: before.version + 1, decidedBy: 'id' in principal ? principal.id ?? null : null,
      ...(state === 'approved' && { expiresAt: new Date(now.getTime() + tx.instance.settings.recovery.approverHours * hour) }) } });
    await append(tx, state === 'approved' ? requestApproved(after) : requestRefused(after));
    return after;
  });
}

/** @throws Problem 404, also for users whom a limited administrator may not see */
export async function loadRequest(context: InstanceContext, requestId: string): Promise<RecoveryRequest> {
  const request = await context.db.recoveryRequest.findUnique({ where: key(context, requestId) });
  if (!request) throw recoveryRequestNotFound();
  await rejectOutsideLimit(context, request.userId, recoveryRequestNotFound);
  return request;
}

export interface ListRequests { limit: number; cursor?: string | undefined; state?: string | undefined; userId?: string | undefined }

/** The newest first. */
export async function listRequests(context: InstanceContext, { limit, cursor, state, userId }: ListRequests): Promise<{ items: RecoveryRequest[]; next: string | null }> {
  const scope = `${context.instance.id}\nrecovery-requests\n${state ?? ''}\n${userId ?? ''}`;
  const [before] = decodeCursor(context.core.keyring, scope, cursor) ?? [];
  const open = Prisma.sql`"request"."state" IN ('pending', 'approved')`;
  const condition = state === undefined ? Prisma.sql`TRUE`
    : state === 'expired' ? Prisma.sql`${open} AND "request"."expiresAt" <= ${context.now()}`
    : state === 'used' || state === 'refused' ? Prisma.sql`"request"."state" = ${state}`
    : Prisma.sql`"request"."state" = ${state} AND "request"."expiresAt" > ${context.now()}`;
  const found = await context.db.$queryRaw<{ id: string }[]>`
    SELECT "request"."id" FROM "RecoveryRequest" AS "request" WHERE "request"."instanceId" = ${context.instance.id} AND ${condition}
       AND ${userId === undefined ? Prisma.sql`TRUE` : Prisma.sql`"request"."userId" = ${userId}`} AND ${userWithinLimit(context, Prisma.sql`"request"."userId"`)}
       AND ${before === undefined ? Prisma.sql`TRUE` : Prisma.sql`"request"."id" < ${String(before)}`} ORDER BY "request"."id" DESC LIMIT ${limit + 1}`;
  const page = pageFrom(context.core.keyring, scope, found, limit, ({ id }) => [id]);
  const rows = await context.db.recoveryRequest.findMany({ where: { id: { in: page.items.map(({ id }) => id) } }, orderBy: { id: 'desc' } });
  return { items: rows, next: page.next };
}
