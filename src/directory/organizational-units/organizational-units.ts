/** The verbs on organisational units that leave the rest of the tree in place. */
import { isUniqueViolation } from '../../core/database.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { beginRunsForUnitNames } from '../groups/rule-runs.ts';
import { foldIdentifier } from '../identifiers.ts';
import { rejectInUse } from '../in-use.ts';
import { lockTree } from '../locks.ts';
import { announceMemberships, forgetMemberships } from '../memberships.ts';
import { rootStays, siblingNameTaken, treeTooDeep } from './errors.ts';
import { organizationalUnitCreated, organizationalUnitDeleted, organizationalUnitUpdated } from './events.ts';
import { deepest, depthOf, fromRow, loadOrganizationalUnit, loadOrganizationalUnitForUpdate, type OrganizationalUnit } from './organizational-unit.ts';
import { rootOrganizationalUnitId } from './root.ts';
import type { CreateOrganizationalUnit, UpdateOrganizationalUnit } from './schemas.ts';

/** @throws Problem 404 (no such parent), 409 (a sibling has the name, or the tree would be too deep) */
export function createOrganizationalUnit(context: InstanceContext, unit: CreateOrganizationalUnit): Promise<OrganizationalUnit> {
  return refusingTwins(() => context.transaction(async (tx) => {
    await lockTree(tx);
    const parent = await loadOrganizationalUnit(tx, unit.parentId ?? rootOrganizationalUnitId, 'parentId');
    if (depthOf(parent) >= deepest) throw treeTooDeep(deepest);
    const now = tx.now();
    const id = newId('ou', now.getTime());
    const row = await tx.db.organizationalUnit.create({
      data: {
        instanceId: tx.instance.id, id, parentId: parent.id, name: unit.name, nameKey: foldIdentifier(unit.name),
        description: unit.description ?? null, externalId: unit.externalId ?? null,
        position: await makeRoom(tx, parent.id, unit.position), path: `${parent.path}${id}/`, createdAt: now, updatedAt: now,
      },
    });
    const created = fromRow(row);
    await append(tx, organizationalUnitCreated(created));
    return created;
  }));
}

/** Changes what `change` names; null clears. @throws Problem 404, 409 (a sibling has the name), 412 */
export async function updateOrganizationalUnit(context: InstanceContext, id: string, change: UpdateOrganizationalUnit, options: { ifMatch?: string | undefined } = {}): Promise<OrganizationalUnit> {
  const { renamed, after } = await refusingTwins(() => context.transaction(async (tx) => {
    const before = await loadOrganizationalUnitForUpdate(tx, id);
    checkEntityTag(options.ifMatch, before.version);
    const row = await tx.db.organizationalUnit.update({
      where: key(tx, id),
      data: {
        ...(change.name !== undefined && { name: change.name, nameKey: foldIdentifier(change.name) }),
        ...(change.description !== undefined && { description: change.description }),
        ...(change.externalId !== undefined && { externalId: change.externalId }),
        version: before.version + 1, updatedAt: tx.now(),
      },
    });
    const after = fromRow(row);
    await append(tx, organizationalUnitUpdated(before, after));
    const renamed = before.name !== after.name;
    if (renamed) {
      await announceMemberships(tx, 'everybody');
      await beginRunsForUnitNames(tx);
    }
    return { renamed, after };
  }));
  if (renamed) forgetMemberships(context, 'everybody');
  return after;
}

/** @throws Problem 404, 409 (the root, or in use: by what, is said), 412 */
export async function deleteOrganizationalUnit(context: InstanceContext, id: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await context.transaction(async (tx) => {
    await lockTree(tx);
    const before = await loadOrganizationalUnitForUpdate(tx, id, { forDeletion: true });
    checkEntityTag(options.ifMatch, before.version);
    if (id === rootOrganizationalUnitId) throw rootStays('deleted');
    await rejectInUse(tx, 'unit', id, [
      { kind: 'organizational units below it', count: await tx.db.organizationalUnit.count({ where: { parentId: id } }) },
      await countMembers(tx, id),
    ]);
    await tx.db.organizationalUnit.delete({ where: key(tx, id) });
    await append(tx, organizationalUnitDeleted(before));
  });
}

/** Counts no further than is worth saying. */
async function countMembers(tx: InstanceContext, id: string) {
  const most = 1_000;
  const [row] = await tx.db.$queryRaw<{ count: number }[]>`
    SELECT count(*)::int AS "count" FROM (SELECT 1 FROM "OrganizationalUnitMember" WHERE "instanceId" = ${tx.instance.id} AND "organizationalUnitId" = ${id} LIMIT ${most + 1}) AS "members"`;
  const count = row?.count ?? 0;
  return { kind: 'members', count: Math.min(count, most), more: count > most };
}

/** Returns where a child goes; those from there on move on by one. The caller holds the tree. */
export async function makeRoom(tx: InstanceContext, parentId: string, position: number | undefined): Promise<number> {
  if (position === undefined) {
    const { _max: { position: last } } = await tx.db.organizationalUnit.aggregate({ where: { parentId }, _max: { position: true } });
    return last === null ? 0 : last + 1;
  }
  const isTaken = await tx.db.organizationalUnit.findFirst({ where: { parentId, position }, select: { id: true } });
  if (isTaken) await tx.db.organizationalUnit.updateMany({ where: { parentId, position: { gte: position } }, data: { position: { increment: 1 }, version: { increment: 1 } } });
  return position;
}

/** The database has the last word: names are compared by its unique index. */
export async function refusingTwins<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw isUniqueViolation(error) ? siblingNameTaken() : error;
  }
}
