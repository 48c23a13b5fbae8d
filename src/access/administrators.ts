/** Who administers an instance: which user has which role, everywhere or in parts of the tree. */
import { type Core, perCore } from '../core/core.ts';
import { invalidParameters } from '../core/errors.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { loadUser, rejectChangeOutsideLimit, rootOrganizationalUnitId, type UserClosing, unitsWithinLimit } from '../directory/index.ts';
import { append } from '../events/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { loadRoleForAssignment } from './administrator-roles.ts';
import { rejectActingOnHigher, rejectGrantBeyondOwn } from './authority.ts';
import { administratorNotFound, lastOwnerStays } from './errors.ts';
import * as events from './events.ts';
import { announceRights, forgetRights } from './rights.ts';
import { isBuiltInRole } from './roles.ts';

export interface Assignment {
  readonly userId: string;
  readonly role: string;
  /** Null: everywhere. */
  readonly organizationalUnitIds: readonly string[] | null;
  readonly createdAt: Date;
  readonly version: number;
}

export interface AssignOptions {
  /** The units in whose subtrees the role counts; left out: everywhere. */
  organizationalUnitIds?: readonly string[] | undefined;
  ifMatch?: string | undefined;
}

/** Runs in the transaction that gives a user the first role. */
export type AdministratorMade = (tx: InstanceContext, userId: string) => Promise<void>;

const handlersOf = perCore((): AdministratorMade[] => []);

/** Calls `handler` when an ordinary user becomes an administrator: what others hold of the account must not make them one. */
export function onAdministratorMade(core: Core, handler: AdministratorMade): void {
  handlersOf(core).push(handler);
}

/** @throws Problem 404 */
export async function loadAssignment(context: InstanceContext, userId: string, role: string): Promise<Assignment> {
  const assignment = await findAssignment(context, userId, role);
  if (!assignment) throw administratorNotFound();
  return assignment;
}

/**
 * Gives the user a role, or says anew where it counts; the same a second time changes nothing.
 * @throws Problem 404 (user or role), 400 (a unit that there is none of), 403 (more than the principal holds, or a user who holds more), 412
 */
export function assignRole(context: InstanceContext, userId: string, role: string, { organizationalUnitIds, ifMatch }: AssignOptions = {}): Promise<Assignment> {
  return changing(context, userId, async (tx) => {
    await lockUser(tx, userId);
    const { id, permissions } = await loadRoleForAssignment(tx, role);
    const paths = organizationalUnitIds && await pathsOfUnits(tx, id, organizationalUnitIds);
    const before = await findAssignment(tx, userId, id);
    if (before) checkEntityTag(ifMatch, before.version);
    await rejectActingOnHigher(tx, [userId]);
    await rejectGrantBeyondOwn(tx, [{ permissions, paths: paths && [...paths.values()] }]);
    if (await tx.db.administratorAssignment.count({ where: { userId } }) === 0) for (const handler of handlersOf(tx.core)) await handler(tx, userId);
    const units = paths ? [...paths.keys()].sort() : null;
    if (before && JSON.stringify(before.organizationalUnitIds) === JSON.stringify(units)) return before;
    const after = await write(tx, { userId, role: id, organizationalUnitIds: units, createdAt: before?.createdAt ?? tx.now(), version: (before?.version ?? 0) + 1 });
    await append(tx, before ? events.roleLimitChanged(userId, named(before), named(after)) : events.roleAssigned(userId, named(after)));
    return after;
  });
}

/** @throws Problem 404 when the user does not have it, 403, 409 for the last owner, 412 */
export function removeRole(context: InstanceContext, userId: string, role: string, { ifMatch }: { ifMatch?: string | undefined } = {}): Promise<void> {
  return changing(context, userId, async (tx) => {
    await lockUser(tx, userId);
    const before = await loadAssignment(tx, userId, role);
    checkEntityTag(ifMatch, before.version);
    await rejectActingOnHigher(tx, [userId]);
    if (role === 'owner') await rejectLastOwner(tx, userId);
    await tx.db.administratorAssignment.deleteMany({ where: { userId, role } });
    await append(tx, events.roleRemoved(userId, named(before)));
  });
}

/** Those of the users who are administrators. */
export async function administratorsAmong(tx: InstanceContext, userIds: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await tx.db.administratorAssignment.findMany({ where: { userId: { in: [...userIds] } }, select: { userId: true } });
  return new Set(rows.map(({ userId }) => userId));
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

/** Two changes of one administrator come one after the other. @throws Problem 404, also for a user outside the principal's limit */
async function lockUser(tx: InstanceContext, userId: string): Promise<void> {
  await loadUser(tx, userId);
  await rejectChangeOutsideLimit(tx, [userId]);
  await tx.db.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended("key", 0)) FROM (SELECT ${tx.instance.id}::text AS "instanceId", ${`${tx.instance.id}\nadministrator\n${userId}`}::text AS "key") AS "wanted"`;
}

/** The paths of units by id. A unit outside of the principal's own limit is as if it did not exist. @throws Problem 400 */
async function pathsOfUnits(tx: InstanceContext, role: string, ids: readonly string[]): Promise<Map<string, string>> {
  if (role === 'owner') throw invalidParameters([{ field: 'organizationalUnitIds', code: 'owner', detail: 'must be left out: an owner owns everything' }]);
  const within = await unitsWithinLimit(tx, ids);
  const rows = await tx.db.organizationalUnit.findMany({ where: { id: { in: [...within] } }, select: { id: true, path: true } });
  const paths = new Map(rows.map(({ id, path }) => [id, path]));
  const errors = ids.flatMap((id, place) => {
    const field = `organizationalUnitIds.${place}`;
    if (id === rootOrganizationalUnitId) return [{ field, code: 'root', detail: 'is the whole tree: leave organizationalUnitIds out for everywhere' }];
    return paths.has(id) ? [] : [{ field, code: 'unknown', detail: 'is not the id of an organizational unit' }];
  });
  if (errors.length > 0) throw invalidParameters(errors);
  return paths;
}

async function findAssignment(context: InstanceContext, userId: string, role: string): Promise<Assignment | undefined> {
  const row = await context.db.administratorAssignment.findUnique({ where: { instanceId_userId_role: { instanceId: context.instance.id, userId, role } } });
  if (!row) return undefined;
  const limits = row.limited ? await context.db.administratorLimit.findMany({ where: { userId, role }, select: { organizationalUnitId: true }, orderBy: { organizationalUnitId: 'asc' } }) : [];
  return { userId, role, organizationalUnitIds: row.limited ? limits.map(({ organizationalUnitId }) => organizationalUnitId) : null, createdAt: row.createdAt, version: row.version };
}

async function write(tx: InstanceContext, assignment: Assignment): Promise<Assignment> {
  const { userId, role, organizationalUnitIds, createdAt, version } = assignment;
  const values = { customRoleId: isBuiltInRole(role) ? null : role, limited: organizationalUnitIds !== null, version };
  await tx.db.administratorAssignment.upsert({
    where: { instanceId_userId_role: { instanceId: tx.instance.id, userId, role } }, create: { userId, role, createdAt, ...values }, update: values });
  await tx.db.administratorLimit.deleteMany({ where: { userId, role } });
  if (organizationalUnitIds) await tx.db.administratorLimit.createMany({ data: organizationalUnitIds.map((organizationalUnitId) => ({ userId, role, organizationalUnitId })) });
  return assignment;
}

const named = ({ role, organizationalUnitIds }: Assignment): events.AssignedRole => ({ role, organizationalUnitIds });

async function changing<Result>(context: InstanceContext, userId: string, work: (tx: InstanceContext) => Promise<Result>): Promise<Result> {
  const result = await context.transaction(async (tx) => {
    const done = await work(tx);
    await announceRights(tx, userId);
    return done;
  });
  forgetRights(context, userId);
  return result;
}
