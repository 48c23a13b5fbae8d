import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { foldIdentifier } from '../identifiers.ts';
import { fromRow, type Group, type GroupKind } from './group.ts';

export interface ListGroups {
  name?: string | undefined;
  kind?: GroupKind | undefined;
  externalId?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** A page of groups, oldest first. */
export async function listGroups(context: InstanceContext, { limit, cursor, ...filters }: ListGroups): Promise<{ items: Group[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\ngroups\n${JSON.stringify(filters)}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.group.findMany({
    where: {
      ...(filters.name !== undefined && { nameKey: { startsWith: foldIdentifier(filters.name).replace(/[\\%_]/g, '\\$&') } }),
      ...(filters.kind && { kind: filters.kind }),
      ...(filters.externalId !== undefined && { externalId: filters.externalId }),
      ...(after !== undefined && { id: { gt: String(after) } }),
    },
    orderBy: { id: 'asc' },
    take: limit + 1,
  });
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return { items: page.items.map(fromRow), next: page.next };
}
