/** Finding sessions: on every authorization and refresh. */
import { sha256 } from '../core/secrets.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { levelOf, methodsOf } from './levels.ts';
import { mergeProofs, readHeldProofs } from './proofs.ts';
import { findSessionRowById, findSessionRowByToken, findSessionRowInTransaction, type SessionRow } from './session-rows.ts';
import type { SessionView } from './types.ts';

/** Parallel requests still carry a token that was just replaced. */
export const retiredTokenSeconds = 30;
/** The last use is noted at most this often. */
const bumpSeconds = 60;

/** The session of a cookie. Undefined: ended, expired, unknown, or its user may not sign in any more. */
export async function findLiveSession(context: InstanceContext, sessionToken: string | undefined): Promise<SessionView | undefined> {
  if (sessionToken === undefined || sessionToken === '' || sessionToken.length > 200) return undefined;
  return toLiveSession(context, await findSessionRowByToken(context, sha256(sessionToken)));
}

/** The same by id, for tokens that name their session. */
export async function findLiveSessionById(context: InstanceContext, sessionId: string): Promise<SessionView | undefined> {
  return toLiveSession(context, await findSessionRowById(context, sessionId));
}

/** Inside a transaction: sees what it has written itself. */
export async function loadSessionInTransaction(tx: InstanceContext, sessionId: string): Promise<SessionView | undefined> {
  const row = await findSessionRowInTransaction(tx, sessionId);
  return row && toView(tx, row);
}

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
    address: row.address, userAgent: row.userAgent, remember: row.remember, protocolState: row.protocolState, participants: row.participants ?? [],
    createdAt: row.createdAt, idleExpiresAt: row.idleExpiresAt, absoluteExpiresAt: row.absoluteExpiresAt,
  };
}

/** Moves the idle limit on. Many requests may come at once: the condition lets one of them write. */
async function noteUse(context: InstanceContext, row: SessionRow, now: Date): Promise<void> {
  const idleExpiresAt = idleLimit(context, row, now);
  await context.db.session.updateMany({
    where: { id: row.id, endedAt: null, lastSeenAt: { lte: new Date(now.getTime() - bumpSeconds * 1_000) } },
    data: { lastSeenAt: now, idleExpiresAt } });
}

/** When a session ends if it is not used from `now` on. One without a browser lives as long as its grant (protocols end it). */
export function idleLimit(context: InstanceContext, session: { browserId: string | null; remember: boolean; absoluteExpiresAt: Date }, now: Date): Date {
  if (session.browserId === null) return session.absoluteExpiresAt;
  const { idleSeconds, rememberSeconds } = context.instance.settings.session;
  const idle = now.getTime() + (session.remember ? rememberSeconds : idleSeconds) * 1_000;
  return new Date(Math.min(idle, session.absoluteExpiresAt.getTime()));
}
