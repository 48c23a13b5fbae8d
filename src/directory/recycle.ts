/**
 * Deletion in two steps. A deleted user is gone for everybody at once (sessions and tokens end, no list shows them), but
 * can be restored for a while; names and unique values stay reserved, so that a restored user always fits. Then a job
 * erases the user with everything that is theirs but the event log (docs/directory.md).
 */
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { append } from '../events/index.ts';
import type { User as UserRow } from '../generated/prisma/client.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { key, type InstanceContext, releaseQuota } from '../tenancy/index.ts';
import { closeUser } from './closing.ts';
import { userNotFound } from './errors.ts';
import { userErased, userRecycled, userRestored } from './events.ts';
import { keepDynamicGroups } from './groups/keep-dynamic-groups.ts';
import { guardUsers } from './guards.ts';
import { rejectChangeOutsideLimit, userWithinLimit } from './limits.ts';
import { announceMemberships, forgetMemberships } from './memberships.ts';
import type { UserStatus } from './schemas.ts';
import { fromRow, type User } from './user.ts';
import { announceUsers, forgetUser } from './user-status.ts';
import { loadUserForUpdate } from './users.ts';

/** The status of the row meanwhile: nothing that asks for `enabled` lets it pass. */
export const recycledStatus = 'recycled';

/** A deleted user, with the status that a restored one gets back. */
export interface RecycledUser { readonly user: User; readonly recycledAt: Date; readonly erasesAt: Date }

const day = 86_400_000;

/**
 * Deletes a user: recycled for the days that the instance sets, erased at once where it sets none.
 * @throws Problem 404, 409 (the last owner), 412
 */
export async function deleteUser(context: InstanceContext, userId: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  const { recycleDays } = context.instance.settings.users;
  await context.transaction(async (tx) => {
    const before = await loadUserForUpdate(tx, userId);
    await rejectChangeOutsideLimit(tx, [userId]);
    checkEntityTag(options.ifMatch, before.version);
    await guardUsers(tx, [userId]);
    await closeUser(tx, before, undefined);
    if (recycleDays === 0) return erase(tx, [userId]);
    await tx.db.user.update({ where: key(tx, userId), data: { ...recycled(tx, before.status), version: before.version + 1, updatedAt: tx.now() } });
    await append(tx, userRecycled(before));
    await afterRecycling(tx, [userId]);
  });
  forgetUser(context, { id: userId });
  forgetMemberships(context, [userId]);
}

/** The columns of a deleted user. */
export function recycled(tx: InstanceContext, statusBefore: string) {
  const recycledAt = tx.now();
  return { status: recycledStatus, statusBeforeRecycling: statusBefore, recycledAt, erasesAt: new Date(recycledAt.getTime() + tx.instance.settings.users.recycleDays * day) };
}

/** What else goes with users who were just deleted. */
export async function afterRecycling(tx: InstanceContext, userIds: readonly string[]): Promise<void> {
  await tx.db.invitation.updateMany({ where: { userId: { in: [...userIds] }, state: 'open' }, data: { state: 'revoked', updatedAt: tx.now() } });
  await changedFor(tx, userIds);
}

/** Brings a deleted user back as they were. Sessions, tokens and invitations do not come back. @throws Problem 404, 412 */
export async function restoreUser(context: InstanceContext, userId: string, ifMatch?: string): Promise<User> {
  const user = await context.transaction(async (tx) => {
    const before = await loadRecycledForUpdate(tx, userId);
    await rejectChangeOutsideLimit(tx, [userId]);
    checkEntityTag(ifMatch, before.user.version);
    await guardUsers(tx, [userId]);
    const row = await tx.db.user.update({ where: key(tx, userId), data: {
      status: before.user.status, statusBeforeRecycling: null, recycledAt: null, erasesAt: null, version: before.user.version + 1, updatedAt: tx.now(),
    } });
    const after = fromRow(row);
    await append(tx, userRestored(after));
    await changedFor(tx, [userId]);
    await keepDynamicGroups(tx, [userId]);
    return after;
  });
  forgetMemberships(context, [userId]);
  return forgetUser(context, user);
}

/** Erases a deleted user before the time. @throws Problem 404, 412 */
export async function eraseUser(context: InstanceContext, userId: string, ifMatch?: string): Promise<void> {
  await context.transaction(async (tx) => {
    const before = await loadRecycledForUpdate(tx, userId);
    await rejectChangeOutsideLimit(tx, [userId]);
    checkEntityTag(ifMatch, before.user.version);
    await guardUsers(tx, [userId]);
    await erase(tx, [userId]);
  });
}

/** @throws Problem 404 */
export async function loadRecycledUser(context: InstanceContext, userId: string): Promise<RecycledUser> {
  const row = await context.db.user.findUnique({ where: key(context, userId) });
  if (!row?.recycledAt) throw userNotFound();
  return fromRecycledRow(row);
}

/** Those that are erased first come first. */
export async function listRecycledUsers(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }): Promise<{ items: RecycledUser[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nrecycled-users`;
  const [erasesAt = '', id = ''] = decodeCursor(keyring, scope, cursor) ?? [];
  const after = cursor === undefined ? Prisma.sql`TRUE` : Prisma.sql`("erasesAt", "id") > (${new Date(String(erasesAt))}, ${String(id)})`;
  const found = await context.db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "User" WHERE "instanceId" = ${context.instance.id} AND "recycledAt" IS NOT NULL AND ${userWithinLimit(context, Prisma.sql`"id"`)} AND ${after}
     ORDER BY "erasesAt", "id" LIMIT ${limit + 1}`;
  const rows = await context.db.user.findMany({ where: { id: { in: found.map((row) => row.id) }, recycledAt: { not: null } }, orderBy: [{ erasesAt: 'asc' }, { id: 'asc' }] });
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.erasesAt?.toISOString() ?? '', row.id]);
  return { items: page.items.map(fromRecycledRow), next: page.next };
}

/** Erases who is due, in portions. @returns how many */
export async function eraseDueUsers(context: InstanceContext, portion = 200): Promise<number> {
  let erased = 0;
  for (let count = portion; count === portion; erased += count) {
    count = await context.transaction(async (tx) => {
      const due = await tx.db.$queryRaw<{ id: string }[]>`
        SELECT "id" FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "recycledAt" IS NOT NULL AND "erasesAt" <= ${tx.now()} ORDER BY "erasesAt", "id" LIMIT ${portion} FOR UPDATE SKIP LOCKED`;
      await erase(tx, due.map(({ id }) => id));
      return due.length;
    });
  }
  return erased;
}

/** Everything that refers to a user goes by the references of the database. */
async function erase(tx: InstanceContext, userIds: readonly string[]): Promise<void> {
  if (userIds.length === 0) return;
  const { count } = await tx.db.user.deleteMany({ where: { id: { in: [...userIds] } } });
  await releaseQuota(tx, 'users', count);
  await append(tx, ...userIds.map(userErased));
  await changedFor(tx, userIds);
}

async function changedFor(tx: InstanceContext, userIds: readonly string[]): Promise<void> {
  await announceUsers(tx, userIds);
  await announceMemberships(tx, userIds);
}

async function loadRecycledForUpdate(tx: InstanceContext, userId: string): Promise<RecycledUser> {
  await tx.db.$queryRaw`SELECT 1 FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${userId} FOR UPDATE`;
  return loadRecycledUser(tx, userId);
}

function fromRecycledRow(row: UserRow): RecycledUser {
  return {
    user: { ...fromRow(row), status: (row.statusBeforeRecycling ?? 'disabled') as UserStatus },
    recycledAt: row.recycledAt ?? row.updatedAt, erasesAt: row.erasesAt ?? row.updatedAt,
  };
}
