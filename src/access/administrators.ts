/** Who administers an instance. */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { perCore } from '../core/core.ts';
import type { AdministratorAssignment } from '../generated/prisma/client.ts';
import { loadUser, onUserChanged, type UserClosing } from '../directory/index.ts';
import { append } from '../events/index.ts';
import { instanceContext, type InstanceContext } from '../tenancy/index.ts';
import { administratorNotFound, lastOwnerStays, permissionMissing, scopeMissing } from './errors.ts';
import * as events from './events.ts';
import { type BuiltInRole, hasPermission, permissionsOf } from './roles.ts';

const permissionCache = perCore((core): InstanceCache<readonly string[]> => {
  const cache = createInstanceCache<readonly string[]>({
    // Signals tell at once; the time to live bounds how long a lost one can hurt.
    signals: core.signals, channel: 'access.administrator', max: 10_000, ttlMs: 1_000,
    load: async (instanceId, userId) => {
      const context = await instanceContext(core, instanceId);
      const rows = await context?.db.administratorAssignment.findMany({ where: { userId }, select: { role: true } });
      return permissionsOf((rows ?? []).map(({ role }) => role));
    },
  });
  onUserChanged(core, (instanceId, userId) => cache.forget(instanceId, userId));
  return cache;
});

/** What the user may do as an administrator; empty for everybody else. */
export async function findPermissions(context: InstanceContext, userId: string): Promise<readonly string[]> {
  return await permissionCache(context.core).get(context.instance.id, userId) ?? [];
}

export function listAdministrators(context: InstanceContext): Promise<AdministratorAssignment[]> {
  return context.db.administratorAssignment.findMany({ orderBy: [{ userId: 'asc' }, { role: 'asc' }], take: 1_000 });
}

/** Gives the user a role; a second time changes nothing. @throws Problem 404 without such a user */
export function assignRole(context: InstanceContext, userId: string, role: BuiltInRole): Promise<void> {
  return changeRoles(context, userId, async (tx) => {
    await loadUser(tx, userId);
    const { count } = await tx.db.administratorAssignment.createMany({ data: [{ userId, role }], skipDuplicates: true });
    if (count === 1) await append(tx, events.roleAssigned(userId, role));
  });
}

/** @throws Problem 404 when the user does not have it, 409 for the last owner */
export function removeRole(context: InstanceContext, userId: string, role: BuiltInRole): Promise<void> {
  return changeRoles(context, userId, async (tx) => {
    if (role === 'owner') await rejectLastOwner(tx, userId);
    const { count } = await tx.db.administratorAssignment.deleteMany({ where: { userId, role } });
    if (count === 0) throw administratorNotFound();
    await append(tx, events.roleRemoved(userId, role));
  });
}

/** An instance keeps an owner who can sign in: the last one is neither deleted, disabled nor locked, and does not expire. */
export const keepLastOwner: UserClosing = (tx, before) => rejectLastOwner(tx, before.id);

/** @throws Problem 409 when the user is an owner and no other one may sign in without end */
async function rejectLastOwner(tx: InstanceContext, userId: string): Promise<void> {
  if (await tx.db.administratorAssignment.count({ where: { userId, role: 'owner' } }) === 0) return;
  // Locked, so that two owners who remove each other leave one.
  const owners = await tx.db.$queryRaw<{ userId: string }[]>`
    SELECT "userId" FROM "AdministratorAssignment" WHERE "instanceId" = ${tx.instance.id} AND "role" = 'owner' ORDER BY "userId" FOR UPDATE`;
  const others = owners.map((owner) => owner.userId).filter((id) => id !== userId);
  if (await tx.db.user.count({ where: { id: { in: others }, status: 'enabled', expiresAt: null } }) === 0) throw lastOwnerStays();
}

/**
 * Who manages users must not gain more by it: a password given to an administrator is a way to be that administrator.
 * @throws Problem 403 when the user is one and the principal may not make administrators
 */
export async function rejectTakeOverOfAdministrator(context: InstanceContext, userId: string): Promise<void> {
  const { principal } = context;
  if (principal.kind === 'system' || principal.kind === 'operator') return;
  if (await context.db.administratorAssignment.count({ where: { userId } }) === 0) return;
  if (principal.kind === 'anonymous' || !principal.scopes.includes('administrator:manage')) throw scopeMissing('administrator:manage');
  if (principal.kind === 'user' && !hasPermission(principal.permissions, 'access.administrators.manage')) throw permissionMissing('access.administrators.manage');
}

async function changeRoles(context: InstanceContext, userId: string, work: (tx: InstanceContext) => Promise<void>): Promise<void> {
  const cache = permissionCache(context.core);
  await context.transaction(async (tx) => {
    await work(tx);
    await cache.invalidate(tx.db, tx.instance.id, userId);
  });
  cache.forget(context.instance.id, userId);
}
