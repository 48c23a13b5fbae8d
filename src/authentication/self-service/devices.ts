/** Where a person is signed in, and which browsers are remembered. */
import { describeAgent } from '../second-factor/agent.ts';
import { forgetDevices, listDevices } from '../second-factor/remembered-devices.ts';
import { end, endAllOfUser } from '../sessions.ts';
import type { Account } from './account.ts';
import type { Changed } from './security.ts';

export interface OwnSession { readonly id: string; readonly name: string; readonly address: string | null; readonly createdAt: Date; readonly lastSeenAt: Date; readonly isThis: boolean }
export interface OwnDevice { readonly id: string; readonly name: string; readonly address: string | null; readonly createdAt: Date; readonly expiresAt: Date; readonly isThis: boolean }

const mostSessions = 100;

export async function viewDevices({ context, user, session, browserId }: Account): Promise<{ sessions: OwnSession[]; remembered: OwnDevice[] }> {
  const now = context.now();
  const [rows, devices] = await Promise.all([
    context.db.session.findMany({ where: { userId: user.id, endedAt: null, idleExpiresAt: { gt: now }, absoluteExpiresAt: { gt: now } }, orderBy: { lastSeenAt: 'desc' }, take: mostSessions }),
    listDevices(context, user.id)]);
  return {
    sessions: rows.map((row) => ({ id: row.id, name: describeAgent(row.userAgent), address: row.address, createdAt: row.createdAt, lastSeenAt: row.lastSeenAt, isThis: row.id === session.id })),
    remembered: devices.map((row) => ({ id: row.id, name: row.name, address: row.address, createdAt: row.createdAt, expiresAt: row.expiresAt, isThis: row.browserId === browserId })),
  };
}

/** Ends one of the person's own sessions. */
export async function endOwnSession({ context, user }: Account, sessionId: string): Promise<Changed> {
  if (await context.db.session.count({ where: { id: sessionId, userId: user.id } }) === 0) return 'gone';
  return await end(context, sessionId, 'signed_out') ? 'done' : 'gone';
}

export const endOtherSessions = ({ context, user, session }: Account): Promise<number> => endAllOfUser(context, user.id, 'signed_out', session.id);

export async function forgetOwnDevices({ context, user }: Account, deviceId?: string): Promise<Changed> {
  return await forgetDevices(context, user.id, 'person', deviceId) > 0 ? 'done' : 'gone';
}
