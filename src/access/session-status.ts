/** The one question of this feature about sessions, which belong to a later one: is it still live? */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { perCore } from '../core/core.ts';
import { instanceContext, key, type InstanceContext } from '../tenancy/index.ts';

interface SessionStatus { userId: string; endedAt: Date | null; idleExpiresAt: Date; absoluteExpiresAt: Date }

/** No signal: ending a session must not wait for a lock of the whole database. Asked again before a second is over. */
const statusCache = perCore((core): InstanceCache<SessionStatus> => createInstanceCache({
  signals: core.signals, channel: 'access.session', max: 20_000, ttlMs: 750, absentTtlMs: 750,
  load: async (instanceId, sessionId) => {
    const context = await instanceContext(core, instanceId);
    if (!context) return undefined;
    const select = { userId: true, endedAt: true, idleExpiresAt: true, absoluteExpiresAt: true };
    return await context.db.session.findUnique({ where: key(context, sessionId), select }) ?? undefined;
  },
}));

/** Whether the session is this user's and has neither ended nor run out. */
export async function isSessionLive(context: InstanceContext, sessionId: string, userId: string): Promise<boolean> {
  const session = await statusCache(context.core).get(context.instance.id, sessionId);
  const now = context.now();
  return session !== undefined && session.userId === userId && session.endedAt === null && session.idleExpiresAt > now && session.absoluteExpiresAt > now;
}
