import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { fromRow, type Application } from './application.ts';
import type { ApplicationKind } from './kinds.ts';

export interface ListApplications {
  name?: string | undefined;
  kind?: ApplicationKind | undefined;
  enabled?: 'true' | 'false' | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** A page of applications, oldest first. */
export async function listApplications(context: InstanceContext, { limit, cursor, ...filters }: ListApplications): Promise<{ items: Application[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\napplications\n${JSON.stringify(filters)}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.application.findMany({
    where: {
      ...(filters.name !== undefined && { name: { startsWith: filters.name.replace(/[\\%_]/g, '\\$&'), mode: 'insensitive' } }),
      ...(filters.kind && { kind: filters.kind }),
      ...(filters.enabled && { enabled: filters.enabled === 'true' }),
      ...(after !== undefined && { id: { gt: String(after) } }),
    },
    orderBy: { id: 'asc' },
    take: limit + 1,
  });
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return { items: page.items.map(fromRow), next: page.next };
}
