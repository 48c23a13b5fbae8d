import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { append } from '../../events/index.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { limitPathsOf } from '../limits.ts';
import { lockTree } from '../locks.ts';
import { announceMemberships, forgetMemberships } from '../memberships.ts';
import { moveIntoItself, rootStays, treeTooDeep } from './errors.ts';
import { organizationalUnitMoved } from './events.ts';
import { deepest, depthOf, endOf, fromRow, loadOrganizationalUnit, loadOrganizationalUnitForUpdate, type OrganizationalUnit } from './organizational-unit.ts';
import { makeRoom, refusingTwins } from './organizational-units.ts';
import { rootOrganizationalUnitId } from './root.ts';
import type { MoveOrganizationalUnit } from './schemas.ts';

/**
 * Puts a unit with all below it under another parent, or at another place among its siblings. Only rows of the tree
 * change, however many users are in it: they refer to units by id.
 * @throws Problem 404, 409 (the root, below itself, a sibling has the name, too deep), 412
 */
export async function moveOrganizationalUnit(context: InstanceContext, id: string, { parentId, position }: MoveOrganizationalUnit, options: { ifMatch?: string | undefined } = {}): Promise<OrganizationalUnit> {
  const { changesTree, after } = await refusingTwins(() => context.transaction(async (tx) => {
    await lockTree(tx);                              // two moves into each other would make a circle
    const before = await loadOrganizationalUnitForUpdate(tx, id);
    checkEntityTag(options.ifMatch, before.version);
    if (id === rootOrganizationalUnitId) throw rootStays('moved');
    // Where it stands among its siblings concerns the parent, too: nobody moves the unit that they are limited to.
    if (limitPathsOf(tx) && before.parentId !== null) await loadOrganizationalUnit(tx, before.parentId, 'parentId');
    const target = parentId === undefined || parentId === before.parentId ? undefined : await loadOrganizationalUnit(tx, parentId, 'parentId');
    if (target) await movePaths(tx, before, target);
    const row = await tx.db.organizationalUnit.update({
      where: key(tx, id),
      data: {
        ...(target && { parentId: target.id }),
        ...((target ?? position !== undefined) && { position: await makeRoom(tx, target?.id ?? before.parentId ?? '', position) }),
        version: before.version + 1, updatedAt: tx.now(),
      },
    });
    const after = fromRow(row);
    await append(tx, organizationalUnitMoved(before, after));
    if (target) await announceMemberships(tx, 'everybody');
    return { changesTree: target !== undefined, after };
  }));
  if (changesTree) forgetMemberships(context, 'everybody');
  return after;
}

/** @throws Problem 409 */
async function movePaths(tx: InstanceContext, unit: OrganizationalUnit, target: OrganizationalUnit): Promise<void> {
  if (target.path.startsWith(unit.path)) throw moveIntoItself();
  const instanceId = tx.instance.id;
  const end = endOf(unit.path);
  const [row] = await tx.db.$queryRaw<{ slashes: number }[]>`
    SELECT max(length("path") - length(replace("path", '/', ''))) AS "slashes" FROM "OrganizationalUnit" WHERE "instanceId" = ${instanceId} AND "path" >= ${unit.path} AND "path" < ${end}`;
  const deepestBelow = (row?.slashes ?? 0) - 1 - depthOf(unit) + 1;
  if (depthOf(target) + deepestBelow > deepest) throw treeTooDeep(deepest);
  const start = `${target.path}${unit.id}/`;
  await tx.db.$executeRaw`
    UPDATE "OrganizationalUnit" SET "path" = ${start} || substr("path", ${unit.path.length + 1}::int), "version" = "version" + 1
     WHERE "instanceId" = ${instanceId} AND "path" >= ${unit.path} AND "path" < ${end}`;
}
