/**
 * Ends the sessions of accounts that were disabled or locked. Such a session counts as ended from the moment of the
 * change (live-sessions.ts looks at the account); this tells its applications. Every server hears the news and one
 * does the work, since ending is idempotent; should all miss it, the purge finds the sessions.
 */
import type { Core } from '../core/core.ts';
import { findUserById, isUsable, onUserChanged } from '../directory/index.ts';
import { instanceContext } from '../tenancy/index.ts';
import { endAllOfUser } from './sessions.ts';

/** Returns a function that stops listening and waits for work under way. */
export function endSessionsOfClosedAccounts(core: Core): () => Promise<void> {
  const running = new Set<Promise<void>>();

  async function endIfClosed(instanceId: string, userId: string): Promise<void> {
    const context = await instanceContext(core, instanceId);
    const user = context && await findUserById(context, userId);
    if (user && !isUsable(user, core.now())) await endAllOfUser(context, userId, 'user_disabled');
  }

  const unsubscribe = onUserChanged(core, (instanceId, userId) => {
    const work = endIfClosed(instanceId, userId)
      .catch((error: unknown) => { core.log.warn({ err: error, instanceId, userId }, 'The sessions of a closed account are ended later'); })
      .finally(() => { running.delete(work); });
    running.add(work);
  });

  return async () => {
    unsubscribe();
    await Promise.all(running);
  };
}
