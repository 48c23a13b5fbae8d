/** What has to happen when somebody's access ends: features that stand on directory say it here. */
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { User } from './user.ts';

/**
 * Runs in the transaction of the change, and may refuse it by throwing. `after` is undefined for a deletion, whose row
 * is then still there.
 */
export type UserClosing = (tx: InstanceContext, before: User, after: User | undefined) => Promise<void>;

/** Of many users, whom a handler has something to do for: one statement instead of one for each. */
export type Concerned = (tx: InstanceContext, userIds: readonly string[]) => Promise<ReadonlySet<string>>;

const handlersOf = perCore((): { handler: UserClosing; concerned: Concerned | undefined }[] => []);

/**
 * Calls `handler` when a user is deleted, disabled or locked, or gets an end of validity, by whatever route; of many at
 * once only for those whom `concerned` names. In the order of these calls; call it when the feature is registered.
 */
export function onUserClosing(core: Core, handler: UserClosing, concerned?: Concerned): void {
  handlersOf(core).push({ handler, concerned });
}

/** For the verbs on users; the caller holds the row's lock. */
export async function closeUser(tx: InstanceContext, before: User, after: User | undefined): Promise<void> {
  for (const { handler } of handlersOf(tx.core)) await handler(tx, before, after);
}

/** The same for many. */
export async function closeUsers(tx: InstanceContext, users: readonly { readonly before: User; readonly after: User | undefined }[]): Promise<void> {
  if (users.length === 0) return;
  const ids = users.map(({ before }) => before.id);
  for (const { handler, concerned } of handlersOf(tx.core)) {
    const wanted = concerned && await concerned(tx, ids);
    for (const { before, after } of users) if (wanted?.has(before.id) ?? true) await handler(tx, before, after);
  }
}
