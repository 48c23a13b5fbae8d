/**
 * Users of whom a name, address or number starts with a text: by four indexes in their own order, one after the other, so
 * that every page costs the same. Who was found by one is left out by the next. Where filters leave out nearly everybody,
 * a page is not full, and its cursor leads on.
 */
import { encodeCursor, type Position } from '../core/http/paging.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { foldIdentifier } from './identifiers.ts';
import { readUsers, type UserPage } from './read-users.ts';
import { foldSearchText } from './search-text.ts';
import type { UserFilters } from './schemas.ts';
import { likeText, userConditions } from './user-conditions.ts';

/** Users of one index that a request reads at most. */
const mostRead = 3_000;

interface Field { readonly column: Prisma.Sql; readonly pattern: string }
/** Behind a user of an index; with an empty key, before all of them. */
interface Place { readonly field: number; readonly key: string; readonly id: string }

const columns = {
  username: Prisma.sql`("usernameKey" COLLATE "C")`, displayName: Prisma.sql`"displayNameKey"`, email: Prisma.sql`("emailKey" COLLATE "C")`, phone: Prisma.sql`("phone" COLLATE "C")`,
} as const;

export async function listUsersStartingWith(
  context: InstanceContext, filters: UserFilters & { startsWith: string }, { scope, limit, position }: { scope: string; limit: number; position: Position | undefined },
): Promise<UserPage> {
  const fields = await fieldsOf(context, filters.startsWith);
  const from: Place = position === undefined ? { field: 0, key: '', id: '' } : { field: Number(position[0]), key: String(position[1]), id: String(position[2]) };
  const conditions = await userConditions(context, filters);
  const all = fields.map((_field, index) => index).filter((index) => index >= from.field);
  const matches = (field: number) => matchesOf(context, fields, from, { field, conditions, limit: limit + 1 });
  // Most pages are filled by one index; the others are asked only where it does not.
  const rows = await read(context, all.slice(0, 1), matches);
  const isFull = rows.length > limit;
  if (!isFull) rows.push(...await read(context, all.slice(1), matches));
  const ends = isFull ? [] : await read(context, all, (field) => endOf(context, fields, from, field));
  const found: Place[] = [];
  let next: Place | undefined;
  for (let field = from.field; field < fields.length && next === undefined; field += 1) {
    found.push(...rows.filter((row) => row.field === field));
    next = found.length > limit ? found[limit - 1] : ends.find((end) => end.field === field);
  }
  const items = await readUsers(context, found.slice(0, limit).map(({ id }) => id));
  return { items, next: next ? encodeCursor(context.core.keyring, scope, [next.field, next.key, next.id]) : null };
}

async function fieldsOf(context: InstanceContext, startsWith: string): Promise<Field[]> {
  const folded = { identifier: foldIdentifier(startsWith), text: await foldSearchText(context, startsWith) };
  const wanted: [Prisma.Sql, string][] = [
    [columns.username, folded.identifier], [columns.displayName, folded.text], [columns.email, folded.identifier], [columns.phone, startsWith.startsWith('+') ? startsWith : ''],
  ];
  return wanted.filter(([, start]) => start !== '').map(([column, start]) => ({ column, pattern: `${likeText(start)}%` }));
}

/** One statement for several indexes. */
async function read(context: InstanceContext, fields: readonly number[], partOf: (field: number) => Prisma.Sql): Promise<Place[]> {
  if (fields.length === 0) return [];
  const parts = fields.map((field) => Prisma.sql`(${partOf(field)})`);
  return context.db.$queryRaw<Place[]>`SELECT "field", "key", "id" FROM (${Prisma.join(parts, ' UNION ALL ')}) AS "parts" ORDER BY "field", "key" COLLATE "C", "id"`;
}

/** What an index holds behind a place, in its order. */
function startingWith(context: InstanceContext, { column, pattern }: Field, place: Place | undefined): Prisma.Sql {
  // From the start no place is named: PostgreSQL would begin there and not where the text does.
  const behind = place === undefined || place.key === '' ? Prisma.sql`TRUE` : Prisma.sql`(${column}, "id") > (${place.key}, ${place.id})`;
  return Prisma.sql`
    SELECT ${column} AS "key", "id", "usernameKey", "displayNameKey", "emailKey", "phone" FROM "User"
     WHERE "instanceId" = ${context.instance.id} AND ${column} IS NOT NULL AND ${column} LIKE ${pattern} AND ${behind}
     ORDER BY ${column}, "id"`;
}

function matchesOf(context: InstanceContext, fields: readonly Field[], from: Place, { field, conditions, limit }: { field: number; conditions: Prisma.Sql; limit: number }): Prisma.Sql {
  const [own, earlier] = [fields[field] as Field, fields.slice(0, field)];
  const isNew = earlier.length === 0 ? Prisma.sql`TRUE` : Prisma.join(earlier.map(({ column, pattern }) => Prisma.sql`COALESCE(${column} NOT LIKE ${pattern}, TRUE)`), ' AND ');
  return Prisma.sql`
    SELECT ${field}::int AS "field", "start"."key", "start"."id" FROM (${startingWith(context, own, field === from.field ? from : undefined)} LIMIT ${mostRead}) AS "start"
     CROSS JOIN LATERAL (SELECT 1 FROM "User" AS "user" WHERE "user"."instanceId" = ${context.instance.id} AND "user"."id" = "start"."id" AND ${conditions} LIMIT 1) AS "meets"
     WHERE ${isNew} ORDER BY "start"."key", "start"."id" LIMIT ${limit}`;
}

/** The last user read of an index that has more. */
function endOf(context: InstanceContext, fields: readonly Field[], from: Place, field: number): Prisma.Sql {
  return Prisma.sql`
    SELECT ${field}::int AS "field", "key", "id" FROM (${startingWith(context, fields[field] as Field, field === from.field ? from : undefined)} LIMIT 1 OFFSET ${mostRead - 1}) AS "last"`;
}
