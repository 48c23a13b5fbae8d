import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import type { OrganizationalUnit as Row } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { foldIdentifier } from '../identifiers.ts';
import { limitPathsOf, pathWithin } from '../limits.ts';
import { endOf, fromRow, loadOrganizationalUnit, type OrganizationalUnit } from './organizational-unit.ts';

export interface ListOrganizationalUnits {
  parentId?: string | undefined;
  within?: string | undefined;
  name?: string | undefined;
  externalId?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** The children of a unit in their order, or a subtree, parents before children. @throws Problem 404 */
export async function listOrganizationalUnits(context: InstanceContext, { limit, cursor, ...filters }: ListOrganizationalUnits): Promise<{ items: OrganizationalUnit[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\norganizational-units\n${JSON.stringify(filters)}`;
  const after = decodeCursor(keyring, scope, cursor);
  const conditions = [Prisma.sql`TRUE`];
  const isChildren = filters.parentId !== undefined;
  if (filters.parentId !== undefined) {
    const { id } = await loadOrganizationalUnit(context, filters.parentId);
    conditions.push(Prisma.sql`"parentId" = ${id}`);
    if (after) conditions.push(Prisma.sql`("position", "id") > (${Number(after[0])}::int, ${String(after[1])})`);
  } else {
    if (filters.within !== undefined) {
      const { path } = await loadOrganizationalUnit(context, filters.within);
      conditions.push(Prisma.sql`"path" >= ${path} AND "path" < ${endOf(path)}`);
    }
    if (after) conditions.push(Prisma.sql`"path" > ${String(after[0])}`);
  }
  if (filters.name !== undefined) conditions.push(Prisma.sql`starts_with("nameKey", ${foldIdentifier(filters.name)})`);
  if (filters.externalId !== undefined) conditions.push(Prisma.sql`"externalId" = ${filters.externalId}`);
  const limitPaths = limitPathsOf(context);
  if (limitPaths) conditions.push(pathWithin(limitPaths, Prisma.sql`"path"`));
  const rows = await context.db.$queryRaw<Row[]>`
    SELECT "id", "parentId", "name", "description", "externalId", "position", "path", "version", "createdAt", "updatedAt" FROM "OrganizationalUnit"
     WHERE "instanceId" = ${context.instance.id} AND ${Prisma.join(conditions, ' AND ')}
     ORDER BY ${isChildren ? Prisma.sql`"position", "id"` : Prisma.sql`"path"`} LIMIT ${limit + 1}`;
  const page = pageFrom(keyring, scope, rows, limit, (row) => (isChildren ? [row.position, row.id] : [row.path]));
  return { items: page.items.map(fromRow), next: page.next };
}
