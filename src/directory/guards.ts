/** What has to be asked before a user is changed in a way that lets others in, or shuts the user out. */
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';

/** Runs in the transaction of the change and refuses it by throwing. One call for a whole batch. */
export type UserGuard = (tx: InstanceContext, userIds: readonly string[]) => Promise<void>;

const guardsOf = perCore((): UserGuard[] => []);

/** Calls `guard` before every change that `guardUsers` stands before. Call it when the feature is registered. */
export function onUserGuarded(core: Core, guard: UserGuard): void {
  guardsOf(core).push(guard);
}

/**
 * Stands before whatever makes it possible to become a user or to shut one out: names to sign in with, passwords and
 * links, status and end of validity, deletion, sessions, where the user belongs. Not before a change of a display name.
 * @throws Problem 403 when the principal holds less than one of the users (access/administrators.ts)
 */
export async function guardUsers(tx: InstanceContext, userIds: readonly string[]): Promise<void> {
  if (userIds.length > 0) for (const guard of guardsOf(tx.core)) await guard(tx, userIds);
}
