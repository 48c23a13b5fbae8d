/**
 * Search for a part of a name, address or number. Two ways, each bad where the other is good:
 *
 * - Read users one by one and look: at once full of what many have, endless for what few have.
 * - Ask the trigram index: at once full of what few have, slow for what many have, as it finds all of them first.
 *
 * So users are ordered by a random part (the last character of the id, 32 parts) and then by id, and the first few
 * thousand are read: a fair sample. If it fills the page, that is the answer. If it holds some, the next thousands are
 * read. If it holds next to none, what is looked for is rare, and the index is asked, with a limit in time: a text whose
 * trigrams everybody has, though nobody has the text, is reported part by part. A page may thus not be full, and its
 * cursor leads on: a request has a bound whatever the text is.
 */
import { encodeCursor, type Position } from '../core/http/paging.ts';
import { sqlStateOf } from '../core/sql-state.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { readUsers, type UserPage } from './read-users.ts';
import { foldSearchText } from './search-text.ts';
import type { UserFilters } from './schemas.ts';
import { likeText, userConditions } from './user-conditions.ts';

/** Users read at a time, one after the other; the first takes about a millisecond. */
const [firstSample, secondSample] = [3_000, 9_000];
/** With fewer in the first sample the whole of an instance holds few enough for the index. */
const fewInSample = 3;
/** Milliseconds that the index gets for all parts, and for one. */
const indexMs = 40;
/** Parts that are asked one by one within a request. */
const mostParts = 3;

/** Where in the order of the search: behind this user of this part. */
interface Place { readonly shard: string; readonly id: string }
interface Found { readonly found: Place[]; /** Where to go on; absent at the end. */ readonly next?: Place }
interface Search { readonly pattern: string; readonly conditions: Prisma.Sql }

const start: Place = { shard: '', id: '' };

export async function searchUsers(
  context: InstanceContext, filters: UserFilters & { search: string }, { scope, limit, position }: { scope: string; limit: number; position: Position | undefined },
): Promise<UserPage> {
  const folded = await foldSearchText(context, filters.search);
  const search: Search = { pattern: `%${likeText(folded)}%`, conditions: await userConditions(context, filters) };
  const from: Place = position === undefined ? start : { shard: String(position[0]), id: String(position[1]) };
  const { found, next } = cut(await collect(context, search, from, { limit: limit + 1, hasTrigram: /[a-z0-9]{3}|[^\x20-\x7E]/.test(filters.search.toLowerCase()) }), limit);
  return { items: await readUsers(context, found.map(({ id }) => id)), next: next ? encodeCursor(context.core.keyring, scope, [next.shard, next.id]) : null };
}

/** Leaves the surplus one, which tells that there are more. */
function cut({ found, next }: Found, limit: number): Found {
  const last = found[limit - 1];
  return found.length > limit && last ? { found: found.slice(0, limit), next: last } : { found, ...(next && { next }) };
}

async function collect(context: InstanceContext, search: Search, from: Place, { limit, hasTrigram }: { limit: number; hasTrigram: boolean }): Promise<Found> {
  const found: Place[] = [];
  let place = from;
  for (const size of [firstSample, secondSample]) {
    found.push(...await readSample(context, search, place, { size, limit: limit - found.length }));
    if (found.length >= limit) return { found };
    const last = await endOfSample(context, place, size);
    if (!last) return { found };
    place = last;
    if (size === firstSample && found.length < fewInSample && hasTrigram) {
      const rest = await askIndex(context, search, place, limit - found.length);
      return { ...rest, found: [...found, ...rest.found] };
    }
  }
  return { found, next: place };
}

/** Those of the next few thousand users who match. Read in order, so it stops when there are enough. */
async function readSample(context: InstanceContext, { pattern, conditions }: Search, from: Place, { size, limit }: { size: number; limit: number }): Promise<Place[]> {
  // LIMIT within keeps PostgreSQL from joining all users first.
  return context.db.$queryRaw<Place[]>`
    SELECT "sample"."searchShard" AS "shard", "sample"."id" FROM (
      SELECT "searchShard", "id", "searchText" FROM "User"
       WHERE "instanceId" = ${context.instance.id} AND "recycledAt" IS NULL AND ("searchShard", "id") > (${from.shard}, ${from.id})
       ORDER BY "searchShard", "id" LIMIT ${size}) AS "sample"
     CROSS JOIN LATERAL (SELECT 1 FROM "User" AS "user" WHERE "user"."instanceId" = ${context.instance.id} AND "user"."id" = "sample"."id" AND ${conditions} LIMIT 1) AS "meets"
     WHERE "sample"."searchText" LIKE ${pattern} ORDER BY "sample"."searchShard", "sample"."id" LIMIT ${limit}`;
}

/** The last user of a sample; undefined when it reaches the end. */
async function endOfSample(context: InstanceContext, from: Place, size: number): Promise<Place | undefined> {
  const [last] = await context.db.$queryRaw<Place[]>`
    SELECT "searchShard" AS "shard", "id" FROM "User" WHERE "instanceId" = ${context.instance.id} AND "recycledAt" IS NULL AND ("searchShard", "id") > (${from.shard}, ${from.id})
     ORDER BY "searchShard", "id" LIMIT 1 OFFSET ${size - 1}`;
  return last;
}

/** All behind a place; where that takes too long, part by part as far as there is time. */
async function askIndex(context: InstanceContext, search: Search, from: Place, limit: number): Promise<Found> {
  const all = await askInTime(context, search, Prisma.sql`("user"."searchShard" || '', "user"."id") > (${from.shard}, ${from.id})`, limit);
  if (all) return { found: all };
  const found: Place[] = [];
  let place = from;
  for (let parts = 0; parts < mostParts; parts += 1) {
    const part = await askInTime(context, search, Prisma.sql`"user"."searchShard" = ${place.shard} AND "user"."id" > ${place.id}`, limit - found.length);
    if (!part) break;
    found.push(...part);
    if (found.length >= limit) return { found };
    const following = await nextPart(context, place.shard);
    if (following === undefined) return { found };
    place = following;
  }
  if (place !== from) return { found, next: place };
  // Not even one part in time: read on, a sample in each request.
  return { found: await readSample(context, search, from, { size: secondSample, limit }), ...await endOfSample(context, from, secondSample).then((next) => next && { next }) };
}

/** What the trigram index finds; undefined when it did not come to an end in time. */
async function askInTime(context: InstanceContext, { pattern, conditions }: Search, range: Prisma.Sql, limit: number): Promise<Place[] | undefined> {
  try {
    return await context.transaction(async (tx) => {
      await tx.db.$queryRaw`SELECT set_config('statement_timeout', ${String(indexMs)}, true)`;
      // Materialized, and sorted afterwards: in the order of the list PostgreSQL would rather read all users.
      return tx.db.$queryRaw<Place[]>`
        WITH "hits" AS MATERIALIZED (
          SELECT "user"."searchShard" AS "shard", "user"."id" FROM "User" AS "user" WHERE "user"."searchText" LIKE ${pattern} AND ${range} AND ${conditions} AND "user"."instanceId" = ${context.instance.id}
        ) SELECT "shard", "id" FROM "hits" ORDER BY "shard", "id" LIMIT ${limit}`;
    });
  } catch (error) {
    if (sqlStateOf(error) === '57014') return undefined;
    throw error;
  }
}

async function nextPart(context: InstanceContext, shard: string): Promise<Place | undefined> {
  const [row] = await context.db.$queryRaw<{ shard: string }[]>`
    SELECT "searchShard" AS "shard" FROM "User" WHERE "instanceId" = ${context.instance.id} AND "recycledAt" IS NULL AND ("searchShard", "id") > (${shard}, '~') ORDER BY "searchShard", "id" LIMIT 1`;
  return row && { shard: row.shard, id: '' };
}
