/**
 * Whether a user may act, kept in memory for the checks of every request with a token. A change of status drops it on
 * every server when it commits.
 */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { perCore, type Core } from '../core/core.ts';
import { instanceContext, type InstanceContext } from '../tenancy/index.ts';
import { isUsable, type User } from './user.ts';
import type { UserStatus } from './schemas.ts';

const channel = 'user';
type Status = Pick<User, 'status' | 'expiresAt'>;

const statusCache = perCore((core): InstanceCache<Status> => createInstanceCache<Status>({
  signals: core.signals,
  channel,
  max: 50_000,
  ttlMs: 60_000,
  load: async (instanceId, userId) => {
    const context = await instanceContext(core, instanceId);
    const row = await context?.db.user.findUnique({ where: { instanceId_id: { instanceId, id: userId } }, select: { status: true, expiresAt: true } });
    return row ? { status: row.status as UserStatus, expiresAt: row.expiresAt } : undefined;
  },
}));

/** Whether the user exists and may sign in and use tokens now. Without I/O when known; true of other servers' changes within a second. */
export async function isUserUsable(context: InstanceContext, userId: string): Promise<boolean> {
  const status = await statusCache(context.core).get(context.instance.id, userId);
  return status !== undefined && isUsable(status, context.now());
}

/** Calls `handler` on this server after a user's status changed or the user was deleted, wherever that happened. */
export function onUserChanged(core: Core, handler: (instanceId: string, userId: string) => void): () => void {
  return core.signals.subscribe(channel, (payload) => {
    const [instanceId, userId] = JSON.parse(payload) as [string, string?];
    if (userId !== undefined) handler(instanceId, userId);
  });
}

/** Within the transaction of the change. */
export function announceUser(tx: InstanceContext, userId: string): Promise<void> {
  return statusCache(tx.core).invalidate(tx.db, tx.instance.id, userId);
}

/** The same for many, in one statement. */
export function announceUsers(tx: InstanceContext, userIds: readonly string[]): Promise<void> {
  return tx.core.signals.publishAll(tx.db, channel, userIds.map((userId) => JSON.stringify([tx.instance.id, userId])));
}

/** After the change, so that this server does not wait for its own signal. Returns the user. */
export function forgetUser<Known extends Pick<User, 'id'>>(context: InstanceContext, user: Known): Known {
  statusCache(context.core).forget(context.instance.id, user.id);
  return user;
}
