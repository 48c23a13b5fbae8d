/** The verbs on the roles of an application. */
import { loadApplication } from '../../applications/index.ts';
import { isUniqueViolation } from '../../core/database.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { announceAllRoles, forgetAllRoles } from './effective-roles.ts';
import { roleInUse, roleKeyTaken, roleNotFound, type RoleUse, tooManyRoles } from './errors.ts';
import * as events from './events.ts';
import { type ApplicationRole, fromRow } from './role.ts';
import type { CreateRole, UpdateRole } from './schemas.ts';

export const mostRolesPerApplication = 1_000;

/** From the database, for an answer with an ETag. @throws Problem 404, also for a role of another application */
export async function loadRole(context: InstanceContext, applicationId: string, roleId: string): Promise<ApplicationRole> {
  const row = await context.db.applicationRole.findUnique({ where: key(context, roleId) });
  if (row?.applicationId !== applicationId) throw roleNotFound();
  return fromRow(row);
}

/** A page of roles by key. @throws Problem 404 without such an application */
export async function listRoles(
  context: InstanceContext, applicationId: string, { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ items: ApplicationRole[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\napplication-roles\n${applicationId}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  await loadApplication(context, applicationId);
  const rows = await context.db.applicationRole.findMany({
    where: { applicationId, ...(after !== undefined && { key: { gt: String(after) } }) }, orderBy: { key: 'asc' }, take: limit + 1 });
  return pageFrom(keyring, scope, rows.map(fromRow), limit, (role) => [role.key]);
}

/** @throws Problem 404 without such an application, 409 when it has a role with this key, or as many as it may have */
export async function createRole(context: InstanceContext, applicationId: string, role: CreateRole): Promise<ApplicationRole> {
  await loadApplication(context, applicationId);
  try {
    return await context.transaction(async (tx) => {
      const [application] = await tx.db.$queryRaw<unknown[]>`SELECT 1 FROM "Application" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${applicationId} FOR NO KEY UPDATE`;
      if (!application) await loadApplication(tx, applicationId);
      if (await tx.db.applicationRole.count({ where: { applicationId } }) >= mostRolesPerApplication) throw tooManyRoles(mostRolesPerApplication);
      const now = tx.now();
      const created = fromRow(await tx.db.applicationRole.create({ data: {
        id: newId('role', now.getTime()), applicationId, key: role.key, name: role.name ?? role.key, description: role.description ?? null, createdAt: now, updatedAt: now,
      } }));
      await append(tx, events.roleCreated(created));
      return created;
    });
  } catch (error) {
    throw isUniqueViolation(error) ? roleKeyTaken() : error;
  }
}

/** Changes what `change` names. @throws Problem 404, 412 */
export async function updateRole(context: InstanceContext, applicationId: string, roleId: string, change: UpdateRole, options: { ifMatch?: string | undefined } = {}): Promise<ApplicationRole> {
  const role = await context.transaction(async (tx) => {
    const before = await loadRoleForUpdate(tx, applicationId, roleId);
    checkEntityTag(options.ifMatch, before.version);
    const named = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const after = fromRow(await tx.db.applicationRole.update({ where: key(tx, roleId), data: { ...named, version: before.version + 1, updatedAt: tx.now() } }));
    await append(tx, events.roleUpdated(before, after));
    await announceAllRoles(tx);
    return after;
  });
  forgetAllRoles(context);
  return role;
}

/**
 * Deletes a role that nobody has; with `force`, also the assignments.
 * @throws Problem 404, 409 (assigned; says to how many), 412
 */
export async function deleteRole(
  context: InstanceContext, applicationId: string, roleId: string, options: { ifMatch?: string | undefined; force?: boolean } = {},
): Promise<void> {
  await context.transaction(async (tx) => {
    const before = await loadRoleForUpdate(tx, applicationId, roleId);
    checkEntityTag(options.ifMatch, before.version);
    const use = await countUse(tx, roleId);
    if (!options.force && use.users + use.groups + use.organizationalUnits > 0) throw roleInUse(use);
    await tx.db.applicationRole.delete({ where: key(tx, roleId) });
    await append(tx, events.roleDeleted(before, use));
    await announceAllRoles(tx);
  });
  forgetAllRoles(context);
}

/** Locked against new assignments, whose foreign key waits for it. */
async function loadRoleForUpdate(tx: InstanceContext, applicationId: string, roleId: string): Promise<ApplicationRole> {
  await tx.db.$queryRaw`SELECT 1 FROM "ApplicationRole" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${roleId} FOR UPDATE`;
  return loadRole(tx, applicationId, roleId);
}

async function countUse(tx: InstanceContext, roleId: string): Promise<RoleUse> {
  const [use] = await tx.db.$queryRaw<RoleUse[]>`
    SELECT count("userId")::int AS "users", count("groupId")::int AS "groups", count("organizationalUnitId")::int AS "organizationalUnits"
    FROM "ApplicationRoleAssignment" WHERE "instanceId" = ${tx.instance.id} AND "roleId" = ${roleId}`;
  return use ?? { users: 0, groups: 0, organizationalUnits: 0 };
}
