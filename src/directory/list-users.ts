import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { foldIdentifier } from './identifiers.ts';
import type { UserFilters } from './schemas.ts';
import { fromRow, type User } from './user.ts';

/** A page of users, oldest first: users made meanwhile come at the end, so that paging misses none. */
export async function listUsers(
  context: InstanceContext, { limit, cursor, ...filters }: UserFilters & { limit: number; cursor?: string | undefined },
): Promise<{ items: User[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nusers\n${JSON.stringify(filters)}`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.user.findMany({
    where: { AND: [conditionOf(filters, context.now()), after === undefined ? {} : { id: { gt: String(after) } }] },
    orderBy: { id: 'asc' },
    take: limit + 1,
  });
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return { items: page.items.map(fromRow), next: page.next };
}

function conditionOf(filters: UserFilters, now: Date): Prisma.UserWhereInput {
  return {
    ...(filters.username !== undefined && { usernameKey: { startsWith: likeText(foldIdentifier(filters.username)) } }),
    ...(filters.email !== undefined && { emailKey: { startsWith: likeText(foldIdentifier(filters.email)) } }),
    ...(filters.externalId !== undefined && { externalId: filters.externalId }),
    createdAt: {
      ...(filters.createdAfter !== undefined && { gt: new Date(filters.createdAfter) }),
      ...(filters.createdBefore !== undefined && { lt: new Date(filters.createdBefore) }),
    },
    ...(filters.status && statusCondition(filters.status, now)),
  };
}

/** An account past its end is `expired` whatever the column says (user.ts). */
function statusCondition(status: NonNullable<UserFilters['status']>, now: Date): Prisma.UserWhereInput {
  if (status === 'enabled') return { status, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
  if (status === 'expired') return { OR: [{ status }, { status: 'enabled', expiresAt: { lte: now } }] };
  return { status };
}

/** Prisma hands `%` and `_` to LIKE as they are. */
function likeText(value: string): string {
  return value.replace(/[\\%_]/g, '\\$&');
}
