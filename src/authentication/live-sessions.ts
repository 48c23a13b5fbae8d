/** Finding sessions: on every authorization, so one statement for many callers. */
import { LRUCache } from 'lru-cache';
import { type CoalescingReader, createCoalescingReader } from '../core/coalesce.ts';
import { perCore } from '../core/core.ts';
import { sha256 } from '../core/secrets.ts';
import { createContext, type Instance, type InstanceContext } from '../tenancy/index.ts';
import { levelOf, methodsOf } from './levels.ts';
import { mergeProofs, readHeldProofs } from './proofs.ts';
import type { Participant, SessionView } from './types.ts';

/** Parallel requests still carry a token that was just replaced. */
export const retiredTokenSeconds = 30;
/** The last use is noted at most this often. */
const bumpSeconds = 60;

interface SessionRow {
  /** The token's hash, or the session's id, whichever was asked for. */
  asked: string;
  retiredAt: Date | null;
  id: string;
  userId: string;
  browserId: string | null;
  proofs: unknown;
  authTime: Date;
  remember: boolean;
  protocolState: unknown;
  idleExpiresAt: Date;
  absoluteExpiresAt: Date;
  createdAt: Date;
  lastSeenAt: Date;
  participants: Participant[] | null;
}

type Readers = Record<'byToken' | 'byId', CoalescingReader<string, SessionRow>>;

const readersOf = perCore(() => new LRUCache<string, Readers>({ max: 2_000 }));

/** The session of a cookie. Undefined: ended, expired, unknown, or its user may not sign in any more. */
export async function findLiveSession(context: InstanceContext, sessionToken: string | undefined): Promise<SessionView | undefined> {
  if (sessionToken === undefined || sessionToken === '' || sessionToken.length > 200) return undefined;
  return toLiveSession(context, await readers(context).byToken.read(sha256(sessionToken)));
}

/** The same by id, for tokens that name their session. */
export async function findLiveSessionById(context: InstanceContext, sessionId: string): Promise<SessionView | undefined> {
  return toLiveSession(context, await readers(context).byId.read(sessionId));
}

/** Inside a transaction: sees what it has written itself. */
export async function loadSessionInTransaction(tx: InstanceContext, sessionId: string): Promise<SessionView | undefined> {
  const [row] = await readById(tx, [sessionId]);
  return row && toView(tx, row);
}

function readers(context: InstanceContext): Readers {
  const all = readersOf(context.core);
  let found = all.get(context.instance.id);
  if (!found) {
    found = createReaders(createContext(context.core, context.instance as Instance));
    all.set(context.instance.id, found);
  }
  return found;
}

/** `context` is of no request: its client outlives them. */
function createReaders(context: InstanceContext): Readers {
  const reader = (name: string, read: (context: InstanceContext, keys: string[]) => Promise<SessionRow[]>) => createCoalescingReader<string, SessionRow>({
    keyOf: (asked) => asked,
    onBatch: context.core.metrics.batchSizesOf(name),
    readBatch: async (keys) => new Map((await read(context, keys)).map((row) => [row.asked, row])),
  });
  return { byToken: reader('session-by-token', readByToken), byId: reader('session-by-id', readById) };
}

const readByToken = (context: InstanceContext, hashes: string[]): Promise<SessionRow[]> => context.db.$queryRaw<SessionRow[]>`
  SELECT t.hash AS asked, t."retiredAt", s.id, s."userId", s."browserId", s.proofs, s."authTime", s.remember, s."protocolState",
         s."idleExpiresAt", s."absoluteExpiresAt", s."createdAt", s."lastSeenAt", p.participants
    FROM "SessionToken" t
    JOIN "Session" s ON s."instanceId" = t."instanceId" AND s.id = t."sessionId" AND s."endedAt" IS NULL
    JOIN "User" u ON u."instanceId" = s."instanceId" AND u.id = s."userId" AND u.status = 'enabled' AND (u."expiresAt" IS NULL OR u."expiresAt" > ${context.now()})
    LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object('id', q.id, 'applicationId', q."applicationId", 'protocol', q.protocol, 'sid', q.sid, 'grantId', q."grantId")) AS participants
        FROM "SessionParticipant" q WHERE q."instanceId" = s."instanceId" AND q."sessionId" = s.id) p ON true
   WHERE t."instanceId" = ${context.instance.id} AND t.hash = ANY(${hashes})`;

const readById = (context: InstanceContext, ids: string[]): Promise<SessionRow[]> => context.db.$queryRaw<SessionRow[]>`
  SELECT s.id AS asked, NULL::timestamptz AS "retiredAt", s.id, s."userId", s."browserId", s.proofs, s."authTime", s.remember, s."protocolState",
         s."idleExpiresAt", s."absoluteExpiresAt", s."createdAt", s."lastSeenAt", p.participants
    FROM "Session" s
    JOIN "User" u ON u."instanceId" = s."instanceId" AND u.id = s."userId" AND u.status = 'enabled' AND (u."expiresAt" IS NULL OR u."expiresAt" > ${context.now()})
    LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object('id', q.id, 'applicationId', q."applicationId", 'protocol', q.protocol, 'sid', q.sid, 'grantId', q."grantId")) AS participants
        FROM "SessionParticipant" q WHERE q."instanceId" = s."instanceId" AND q."sessionId" = s.id) p ON true
   WHERE s."instanceId" = ${context.instance.id} AND s.id = ANY(${ids}) AND s."endedAt" IS NULL`;

async function toLiveSession(context: InstanceContext, row: SessionRow | undefined): Promise<SessionView | undefined> {
  const now = context.now();
  if (!row || row.idleExpiresAt <= now || row.absoluteExpiresAt <= now) return undefined;
  if (row.retiredAt && row.retiredAt.getTime() + retiredTokenSeconds * 1_000 <= now.getTime()) return undefined;
  if (now.getTime() - row.lastSeenAt.getTime() >= bumpSeconds * 1_000) await noteUse(context, row, now);
  return toView(context, row);
}

function toView(context: InstanceContext, row: SessionRow): SessionView {
  const { retiredAt } = row;
  // A retired token never speaks for what was proven to replace it, or later.
  const proofs = mergeProofs(readHeldProofs(row.proofs).filter((proof) => !retiredAt || proof.heldSince < retiredAt));
  const active = proofs.filter((proof) => proof.method !== 'remembered_device').map((proof) => proof.provenAt.getTime());
  return {
    id: row.id, userId: row.userId, browserId: row.browserId, proofs,
    acr: levelOf(proofs, context.now()), amr: methodsOf(proofs, context.now()),
    authTime: retiredAt && active.length > 0 ? new Date(Math.max(...active)) : row.authTime,
    remember: row.remember, protocolState: row.protocolState, participants: row.participants ?? [],
    createdAt: row.createdAt, idleExpiresAt: row.idleExpiresAt, absoluteExpiresAt: row.absoluteExpiresAt,
  };
}

/** Moves the idle limit on. Many requests may come at once: the condition lets one of them write. */
async function noteUse(context: InstanceContext, row: SessionRow, now: Date): Promise<void> {
  const idleExpiresAt = idleLimit(context, { remember: row.remember, absoluteExpiresAt: row.absoluteExpiresAt }, now);
  await context.db.session.updateMany({
    where: { id: row.id, endedAt: null, lastSeenAt: { lte: new Date(now.getTime() - bumpSeconds * 1_000) } },
    data: { lastSeenAt: now, idleExpiresAt } });
}

/** When a session ends if it is not used from `now` on. */
export function idleLimit(context: InstanceContext, session: { remember: boolean; absoluteExpiresAt: Date }, now: Date): Date {
  const { idleSeconds, rememberSeconds } = context.instance.settings.session;
  const idle = now.getTime() + (session.remember ? rememberSeconds : idleSeconds) * 1_000;
  return new Date(Math.min(idle, session.absoluteExpiresAt.getTime()));
}
