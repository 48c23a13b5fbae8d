import { omit } from '../../core/omit.ts';
import type { Group as Row } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { groupNotFound } from './errors.ts';

export type GroupKind = 'static' | 'dynamic';
export type Group = Omit<Row, 'instanceId' | 'nameKey' | 'kind'> & { readonly kind: GroupKind };

export const fromRow = (row: Row): Group => ({ ...omit(row, 'instanceId', 'nameKey'), kind: row.kind === 'dynamic' ? 'dynamic' : 'static' });

/** As the REST API and the event log show it. */
export const viewGroup = (group: Group) => ({ ...omit(group, 'version'), createdAt: group.createdAt.toISOString(), updatedAt: group.updatedAt.toISOString() });

/** @throws Problem 404 */
export async function loadGroup(context: InstanceContext, groupId: string, field?: string): Promise<Group> {
  const row = await context.db.group.findUnique({ where: key(context, groupId) });
  if (!row) throw groupNotFound(field);
  return fromRow(row);
}

/** Reads with a row lock that lets members be added meanwhile; with `forDeletion` not even that. @throws Problem 404 */
export async function loadGroupForUpdate(tx: InstanceContext, groupId: string, { forDeletion = false } = {}): Promise<Group> {
  if (forDeletion) await tx.db.$queryRaw`SELECT 1 FROM "Group" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${groupId} FOR UPDATE`;
  else await tx.db.$queryRaw`SELECT 1 FROM "Group" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${groupId} FOR NO KEY UPDATE`;
  return loadGroup(tx, groupId);
}
