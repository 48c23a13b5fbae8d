import type { InstanceContext } from '../tenancy/index.ts';
import { fromRow, type User } from './user.ts';

export interface UserPage { readonly items: User[]; readonly next: string | null }

/** The users with these ids, in this order; who is gone meanwhile is left out. */
export async function readUsers(context: InstanceContext, ids: readonly string[]): Promise<User[]> {
  if (ids.length === 0) return [];
  const rows = await context.db.user.findMany({ where: { id: { in: [...ids] }, recycledAt: null } });
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => { const row = byId.get(id); return row ? [fromRow(row)] : []; });
}
