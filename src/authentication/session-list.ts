/** Sessions as administrators see them. */
import { notFound } from '../core/errors.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { limitPathsOf, userWithinLimit } from '../directory/index.ts';
import { Prisma, type Session } from '../generated/prisma/client.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { levelOf, methodsOf } from './levels.ts';
import { mergeProofs, readProofs } from './proofs.ts';

export interface SessionFilters { userId?: string | undefined; live?: boolean | undefined }

/** A page of sessions, newest first. */
export async function listSessions(context: InstanceContext, { limit, cursor, ...filters }: SessionFilters & { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nsessions\n${JSON.stringify(filters)}`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const within = await idsWithinLimit(context, filters, { before: before === undefined ? undefined : String(before), limit });
  const rows = await context.db.session.findMany({
    where: within ? { id: { in: within } } : { AND: [conditionOf(filters, context.now()), before === undefined ? {} : { id: { lt: String(before) } }] },
    orderBy: { id: 'desc' }, take: limit + 1 });
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return { items: page.items.map((row) => viewSession(context, row)), next: page.next };
}

/** The page's sessions of users whom a limited administrator may see; undefined where nothing limits. */
async function idsWithinLimit(context: InstanceContext, { userId, live }: SessionFilters, { before, limit }: { before: string | undefined; limit: number }): Promise<string[] | undefined> {
  if (limitPathsOf(context) === undefined) return undefined;
  const now = context.now();
  const isLive = Prisma.sql`("session"."endedAt" IS NULL AND "session"."idleExpiresAt" > ${now} AND "session"."absoluteExpiresAt" > ${now})`;
  const rows = await context.db.$queryRaw<{ id: string }[]>`
    SELECT "session"."id" FROM "Session" AS "session"
     WHERE "session"."instanceId" = ${context.instance.id} AND ${userWithinLimit(context, Prisma.sql`"session"."userId"`)}
       AND ${before === undefined ? Prisma.sql`TRUE` : Prisma.sql`"session"."id" < ${before}`}
       AND ${userId === undefined ? Prisma.sql`TRUE` : Prisma.sql`"session"."userId" = ${userId}`}
       AND ${live === undefined ? Prisma.sql`TRUE` : live ? isLive : Prisma.sql`NOT ${isLive}`}
     ORDER BY "session"."id" DESC LIMIT ${limit + 1}`;
  return rows.map(({ id }) => id);
}

export const sessionNotFound = () => notFound('session');

/** One session with its applications and how their logout notices went. @throws Problem 404 */
export async function loadSessionDetail(context: InstanceContext, sessionId: string) {
  const row = await context.db.session.findUnique({ where: key(context, sessionId) });
  if (!row) throw sessionNotFound();
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
