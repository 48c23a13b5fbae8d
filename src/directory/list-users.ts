/** Lists of users: by an index of the order asked for, so that every page costs the same. */
import { decodeCursor, pageFrom, type Position } from '../core/http/paging.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { readUsers, type UserPage } from './read-users.ts';
import type { UserFilters, UserSorting } from './schemas.ts';
import { searchUsers } from './search-users.ts';
import { userConditions } from './user-conditions.ts';
import { listUsersStartingWith } from './users-starting-with.ts';

export interface ListUsers extends UserFilters, Partial<UserSorting> { readonly limit: number; readonly cursor?: string | undefined }

const sortColumns = { id: 'id', username: 'usernameKey', displayName: 'displayName' } as const;
const mostCounted = 10_000;

/** A page of users. In the order of ids users made meanwhile come at the end, so that paging misses none. */
export async function listUsers(context: InstanceContext, { limit, cursor, sort = 'id', order = 'asc', ...filters }: ListUsers): Promise<UserPage> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nusers\n${JSON.stringify([filters, sort, order])}`;
  const position = decodeCursor(keyring, scope, cursor);
  const { search, startsWith } = filters;
  if (search !== undefined) return searchUsers(context, { ...filters, search }, { scope, limit, position });
  if (startsWith !== undefined) return listUsersStartingWith(context, { ...filters, startsWith }, { scope, limit, position });
  const rows = await context.db.$queryRaw<{ id: string; sortedBy: string }[]>`
    SELECT "user"."id", ${columnOf(sort)} AS "sortedBy" FROM "User" AS "user"
     WHERE "user"."instanceId" = ${context.instance.id} AND ${await userConditions(context, filters)} AND ${behind(position, sort, order)}
     ORDER BY ${orderBy(sort, order)} LIMIT ${limit + 1}`;
  const page = pageFrom(keyring, scope, rows, limit, ({ id, sortedBy }) => (sort === 'id' ? [id] : [sortedBy, id]));
  return { items: await readUsers(context, page.items.map(({ id }) => id)), next: page.next };
}

/** How many meet the filters; counting stops at ten thousand. */
export async function countUsers(context: InstanceContext, filters: UserFilters): Promise<{ count: number; isAtLeast: boolean }> {
  const [row] = await context.db.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) AS "count" FROM (SELECT 1 FROM "User" AS "user" WHERE "user"."instanceId" = ${context.instance.id} AND ${await userConditions(context, filters)} LIMIT ${mostCounted + 1}) AS "some"`;
  const count = Number(row?.count ?? 0);
  return { count: Math.min(count, mostCounted), isAtLeast: count > mostCounted };
}

const columnOf = (sort: UserSorting['sort']) => Prisma.raw(`"user"."${sortColumns[sort]}"`);

function behind(position: Position | undefined, sort: UserSorting['sort'], order: UserSorting['order']): Prisma.Sql {
  if (position === undefined) return Prisma.sql`TRUE`;
  const values = position.map(String);
  const than = Prisma.raw(order === 'asc' ? '>' : '<');
  return sort === 'id'
    ? Prisma.sql`"user"."id" ${than} ${values[0] ?? ''}`
    : Prisma.sql`(${columnOf(sort)}, "user"."id") ${than} (${values[0] ?? ''}, ${values[1] ?? ''})`;
}

function orderBy(sort: UserSorting['sort'], order: UserSorting['order']): Prisma.Sql {
  const direction = Prisma.raw(order === 'asc' ? 'ASC' : 'DESC');
  return sort === 'id' ? Prisma.sql`"user"."id" ${direction}` : Prisma.sql`${columnOf(sort)} ${direction}, "user"."id" ${direction}`;
}
