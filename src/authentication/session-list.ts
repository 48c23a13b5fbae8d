/** Sessions as administrators see them. */
import { notFound } from '../core/errors.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import type { Prisma, Session } from '../generated/prisma/client.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { levelOf, methodsOf } from './levels.ts';
import { mergeProofs, readProofs } from './proofs.ts';

export interface SessionFilters { userId?: string | undefined; live?: boolean | undefined }

/** A page of sessions, newest first. */
export async function listSessions(context: InstanceContext, { limit, cursor, ...filters }: SessionFilters & { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nsessions\n${JSON.stringify(filters)}`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.session.findMany({
    where: { AND: [conditionOf(filters, context.now()), before === undefined ? {} : { id: { lt: String(before) } }] },
    orderBy: { id: 'desc' }, take: limit + 1 });
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return { items: page.items.map((row) => viewSession(context, row)), next: page.next };
}

/** One session with its applications and how their logout notices went. @throws Problem 404 */
export async function loadSessionDetail(context: InstanceContext, sessionId: string) {
  const row = await context.db.session.findUnique({ where: key(context, sessionId) });
  if (!row) throw notFound('session');
  const participants = await context.db.sessionParticipant.findMany({ where: { sessionId }, orderBy: { id: 'asc' } });
  return {
    ...viewSession(context, row),
    participants: participants.map((participant) => ({
      applicationId: participant.applicationId, protocol: participant.protocol, firstSeenAt: participant.firstSeenAt.toISOString(),
      logout: {
        state: participant.logoutState as 'none' | 'pending' | 'delivered' | 'failed', attempts: participant.logoutAttempts,
        error: participant.logoutError, deliveredAt: participant.logoutDeliveredAt?.toISOString() ?? null },
    })) };
}

function conditionOf({ userId, live }: SessionFilters, now: Date): Prisma.SessionWhereInput {
  const isLive: Prisma.SessionWhereInput = { endedAt: null, idleExpiresAt: { gt: now }, absoluteExpiresAt: { gt: now } };
  return { ...(userId !== undefined && { userId }), ...(live === true && isLive), ...(live === false && { NOT: isLive }) };
}

function viewSession(context: InstanceContext, row: Session) {
  const proofs = mergeProofs(readProofs(row.proofs));
  return {
    id: row.id, userId: row.userId, createdAt: row.createdAt.toISOString(), lastSeenAt: row.lastSeenAt.toISOString(), authTime: row.authTime.toISOString(),
    idleExpiresAt: row.idleExpiresAt.toISOString(), absoluteExpiresAt: row.absoluteExpiresAt.toISOString(),
    endedAt: row.endedAt?.toISOString() ?? null, endReason: row.endReason, remember: row.remember,
    acr: levelOf(proofs, context.now()), amr: methodsOf(proofs, context.now()), address: row.address, userAgent: row.userAgent };
}
