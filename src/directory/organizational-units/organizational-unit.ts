import { omit } from '../../core/omit.ts';
import type { OrganizationalUnit as Row } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { limitPathsOf } from '../limits.ts';
import { pathIds } from '../memberships.ts';
import { organizationalUnitNotFound } from './errors.ts';

/** A node of the tree. */
export type OrganizationalUnit = Omit<Row, 'instanceId' | 'nameKey'>;

/** Levels of the tree, the root included. */
export const deepest = 30;

/** How deep a unit lies; the root is 1. */
export const depthOf = ({ path }: Pick<OrganizationalUnit, 'path'>) => pathIds(path).length;

/** Where the range of a subtree's paths ends: "0" follows "/". */
export const endOf = (path: string) => `${path.slice(0, -1)}0`;

export const fromRow = (row: Row): OrganizationalUnit => omit(row, 'instanceId', 'nameKey');

/** As the REST API and the event log show it. */
export function viewOrganizationalUnit(unit: OrganizationalUnit) {
  return { ...omit(unit, 'version'), path: [...pathIds(unit.path)], createdAt: unit.createdAt.toISOString(), updatedAt: unit.updatedAt.toISOString() };
}

/** A unit that the principal may see. @throws Problem 404 */
export async function loadOrganizationalUnit(context: InstanceContext, id: string, field?: string): Promise<OrganizationalUnit> {
  const row = await context.db.organizationalUnit.findUnique({ where: key(context, id) });
  const limit = limitPathsOf(context);
  if (!row || (limit && !limit.some((start) => row.path.startsWith(start)))) throw organizationalUnitNotFound(field);
  return fromRow(row);
}

/** Reads with a row lock that lets memberships be added meanwhile; with `forDeletion` not even that. @throws Problem 404 */
export async function loadOrganizationalUnitForUpdate(tx: InstanceContext, id: string, { forDeletion = false } = {}): Promise<OrganizationalUnit> {
  if (forDeletion) await tx.db.$queryRaw`SELECT 1 FROM "OrganizationalUnit" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${id} FOR UPDATE`;
  else await tx.db.$queryRaw`SELECT 1 FROM "OrganizationalUnit" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${id} FOR NO KEY UPDATE`;
  return loadOrganizationalUnit(tx, id);
}
