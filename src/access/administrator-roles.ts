/** Roles that an instance makes for its administrators, beside the built-in ones (roles.ts). */
import { isUniqueViolation } from '../core/database.ts';
import { invalidParameters } from '../core/errors.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { newId } from '../core/ids.ts';
import { foldIdentifier } from '../directory/index.ts';
import { append } from '../events/index.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import type { CreateAdministratorRole, UpdateAdministratorRole } from './administrator-schemas.ts';
import { rejectGrantBeyondOwn } from './authority.ts';
import { administratorRoleNotFound, builtInRoleStays, roleInUse, roleNameTaken, tooManyRoles } from './errors.ts';
import * as events from './events.ts';
import { knownPermissions } from './permissions.ts';
import { announceRights, forgetRights } from './rights.ts';
import { builtInRoleIds, builtInRoles, isBuiltInRole, permissionsOfBuiltIn } from './roles.ts';

/** Roles are few and named by people; more are a mistake of a program. */
const mostRoles = 200;

export interface AdministratorRole {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly permissions: readonly string[];
  readonly builtIn: boolean;
  readonly version: number;
}

/** A page of all roles: the built-in ones, then those made here, oldest first. */
export async function listAdministratorRoles(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nadministrator-roles`;
  const [after] = (decodeCursor(keyring, scope, cursor) ?? []).map(String);
  const builtIn = after === undefined ? builtInRoleIds : isBuiltInRole(after) ? builtInRoleIds.slice(builtInRoleIds.indexOf(after) + 1) : [];
  const rows = await context.db.administratorRole.findMany({
    ...(after !== undefined && !isBuiltInRole(after) && { where: { id: { gt: after } } }), orderBy: { id: 'asc' }, take: limit + 1 });
  return pageFrom(keyring, scope, [...builtIn.map((id) => viewBuiltIn(context, id)), ...rows.map(fromRow)], limit, ({ id }) => [id]);
}

/** @throws Problem 404 */
export async function loadAdministratorRole(context: InstanceContext, roleId: string): Promise<AdministratorRole> {
  if (isBuiltInRole(roleId)) return viewBuiltIn(context, roleId);
  const row = await context.db.administratorRole.findUnique({ where: key(context, roleId) });
  if (!row) throw administratorRoleNotFound();
  return fromRow(row);
}

/** Kept as it is until the transaction ends: what is given is what was checked. @throws Problem 404 */
export async function loadRoleForAssignment(tx: InstanceContext, roleId: string): Promise<AdministratorRole> {
  if (!isBuiltInRole(roleId)) await tx.db.$queryRaw`SELECT 1 FROM "AdministratorRole" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${roleId} FOR SHARE`;
  return loadAdministratorRole(tx, roleId);
}

/** @throws Problem 400 (a permission that there is none of), 403 (one that the principal does not hold), 409 (name taken) */
export function createAdministratorRole(context: InstanceContext, { name, description, permissions }: CreateAdministratorRole): Promise<AdministratorRole> {
  return refusingTwins(() => context.transaction(async (tx) => {
    const wanted = checkPermissions(tx, permissions);
    await rejectGrantBeyondOwn(tx, [{ permissions: wanted }]);
    rejectBuiltInName(name);
    if (await tx.db.administratorRole.count() >= mostRoles) throw tooManyRoles(mostRoles);
    const now = tx.now();
    const role = fromRow(await tx.db.administratorRole.create({
      data: { id: newId('arole', now.getTime()), name, nameKey: foldIdentifier(name), description: description ?? null, permissions: wanted, createdAt: now, updatedAt: now } }));
    await append(tx, events.administratorRoleCreated(role));
    return role;
  }));
}

/**
 * Whoever has the role has the new permissions from their next request on. Who changes it holds both what it was and
 * what it becomes.
 * @throws Problem 404, 400, 403, 409 (name taken, or built in), 412
 */
export async function updateAdministratorRole(context: InstanceContext, roleId: string, change: UpdateAdministratorRole, options: { ifMatch?: string | undefined } = {}): Promise<AdministratorRole> {
  const role = await refusingTwins(() => context.transaction(async (tx) => {
    const before = await loadRoleForUpdate(tx, roleId, options.ifMatch);
    const permissions = change.permissions && checkPermissions(tx, change.permissions);
    await rejectGrantBeyondOwn(tx, [{ permissions: [...before.permissions, ...permissions ?? []] }]);
    if (change.name !== undefined) rejectBuiltInName(change.name);
    const after = fromRow(await tx.db.administratorRole.update({
      where: key(tx, roleId),
      data: {
        ...(change.name !== undefined && { name: change.name, nameKey: foldIdentifier(change.name) }),
        ...(change.description !== undefined && { description: change.description }),
        ...(permissions && { permissions }),
        version: before.version + 1, updatedAt: tx.now(),
      } }));
    await append(tx, events.administratorRoleUpdated(before, after));
    await announceRights(tx);
    return after;
  }));
  forgetRights(context);
  return role;
}

/** @throws Problem 404, 403, 409 (somebody has it, or it is built in), 412 */
export function deleteAdministratorRole(context: InstanceContext, roleId: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  return context.transaction(async (tx) => {
    const before = await loadRoleForUpdate(tx, roleId, options.ifMatch);
    await rejectGrantBeyondOwn(tx, [before]);
    const count = await tx.db.administratorAssignment.count({ where: { customRoleId: roleId } });
    if (count > 0) {
      const first = await tx.db.administratorAssignment.findMany({ where: { customRoleId: roleId }, select: { userId: true }, orderBy: { userId: 'asc' }, take: 10 });
      throw roleInUse(count, first.map(({ userId }) => userId));
    }
    await tx.db.administratorRole.delete({ where: key(tx, roleId) });
    await append(tx, events.administratorRoleDeleted(before));
  });
}

/** Locked against assignments, too: the key of an assignment waits for it. */
async function loadRoleForUpdate(tx: InstanceContext, roleId: string, ifMatch: string | undefined): Promise<AdministratorRole> {
  if (isBuiltInRole(roleId)) throw builtInRoleStays();
  await tx.db.$queryRaw`SELECT 1 FROM "AdministratorRole" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${roleId} FOR UPDATE`;
  const role = await loadAdministratorRole(tx, roleId);
  checkEntityTag(ifMatch, role.version);
  return role;
}

function checkPermissions({ core }: InstanceContext, permissions: readonly string[]): string[] {
  const known = knownPermissions(core);
  const unknown = permissions.flatMap((name, place) => (known.has(name) ? [] : [{ field: `permissions.${place}`, code: 'unknown', detail: 'is not the name of a permission; GET /administrator-permissions lists them' }]));
  if (unknown.length > 0) throw invalidParameters(unknown);
  return [...new Set(permissions)].sort();
}

/** A role of one's own that reads like a built-in one would deceive whoever gives it. */
function rejectBuiltInName(name: string): void {
  const wanted = foldIdentifier(name);
  if (builtInRoleIds.some((id) => [id, builtInRoles[id].name].some((known) => foldIdentifier(known) === wanted))) throw roleNameTaken();
}

async function refusingTwins<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw isUniqueViolation(error) ? roleNameTaken() : error;
  }
}

function viewBuiltIn(context: InstanceContext, id: keyof typeof builtInRoles): AdministratorRole {
  const { name, description } = builtInRoles[id];
  return { id, name, description, permissions: permissionsOfBuiltIn(id, knownPermissions(context.core).keys()), builtIn: true, version: 1 };
}

function fromRow({ id, name, description, permissions, version }: { id: string; name: string; description: string | null; permissions: string[]; version: number }): AdministratorRole {
  return { id, name, description, permissions, builtIn: false, version };
}
