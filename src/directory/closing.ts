/** What has to happen when somebody's access ends: features that stand on directory say it here. */
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { User } from './user.ts';

/**
 * Runs in the transaction of the change, and may refuse it by throwing. `after` is undefined for a deletion, whose row
 * is then still there.
 */
export type UserClosing = (tx: InstanceContext, before: User, after: User | undefined) => Promise<void>;

const handlersOf = perCore((): UserClosing[] => []);

/**
 * Calls `handler` when a user is deleted, disabled or locked, or gets an end of validity, by whatever route. In the
 * order of these calls; call it when the feature is registered.
 */
export function onUserClosing(core: Core, handler: UserClosing): void {
  handlersOf(core).push(handler);
}

/** For the verbs on users; the caller holds the row's lock. */
export async function closeUser(tx: InstanceContext, before: User, after: User | undefined): Promise<void> {
  for (const handler of handlersOf(tx.core)) await handler(tx, before, after);
}
