/**
 * Search for a part of a name, address or number. Two ways, each bad where the other is good:
 *
 * - Read users one by one and look: at once full of what many have, endless for what few have.
 * - Ask the trigram index: at once full of what few have, slow for what many have, as it finds all of them first.
 *
 * So users are ordered by a random part (the last character of the id, 32 parts) and then by id, and the first few
 * thousand are read: a fair sample. If it fills the page, that is the answer. If not, what is looked for is rare enough
 * to ask the index, first for the rest of this part, then for all others. Text without a trigram, and what takes too long,
 * gives a page that is not full, and a cursor that leads on: a request has a bound whatever the text is.
 */
import { encodeCursor, type Position } from '../core/http/paging.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { readUsers, type UserPage } from './list-users.ts';
import type { UserFilters } from './schemas.ts';
import { likeText, userConditions } from './user-conditions.ts';

/** Users read in the sample; about a millisecond. */
const sampleSize = 3_000;
/** Samples of a request whose text has no trigram. */
const mostSamples = 4;
/** A part that took the index longer than this tells that all parts together would take too long. */
const slowPartMs = 12;
/** Parts that are asked one by one within a request. */
const mostParts = 3;

/** Where in the order of the search: behind this user of this part. */
interface Place { readonly shard: string; readonly id: string }
const start: Place = { shard: '', id: '' };
/** Behind every id. */
const endOf = (shard: string): Place => ({ shard, id: '~' });

interface Search { readonly pattern: string; readonly conditions: Prisma.Sql }

export async function searchUsers(
  context: InstanceContext, filters: UserFilters, { scope, limit, position }: { scope: string; limit: number; position: Position | undefined },
): Promise<UserPage> {
  const pattern = await patternOf(context, filters);
  const search: Search = { pattern, conditions: await userConditions(context, filters) };
  const from: Place = position === undefined ? start : { shard: String(position[0]), id: String(position[1]) };
  const { found, next } = await collect(context, search, from, limit);
  const nextCursor = next && encodeCursor(context.core.keyring, scope, [next.shard, next.id]);
  return { items: await readUsers(context, found.map(({ id }) => id)), next: nextCursor ?? null };
}

/** At most `limit` of those behind `from`, and where to go on; no `next`: there are no more. */
async function collect(context: InstanceContext, search: Search, from: Place, limit: number): Promise<{ found: Place[]; next?: Place }> {
  const found: Place[] = [];
  const cut = (): { found: Place[]; next: Place } => ({ found: found.slice(0, limit), next: found[limit - 1] ?? from });
  let place = from;
  for (let samples = 0; samples === 0 || (samples < mostSamples && !hasTrigram(search.pattern)); samples += 1) {
    found.push(...await readSample(context, search, place, limit + 1 - found.length));
    if (found.length > limit) return cut();
    const last = await endOfSample(context, place);
    if (!last) return { found };
    place = last;
  }
  if (!hasTrigram(search.pattern)) return { found, next: place };
  for (let parts = 0; parts < mostParts; parts += 1) {
    const started = performance.now();
    found.push(...await askIndex(context, search, place, limit + 1 - found.length, 'this part'));
    if (found.length > limit) return cut();
    place = endOf(place.shard);
    if (performance.now() - started < slowPartMs) {
      found.push(...await askIndex(context, search, place, limit + 1 - found.length, 'all others'));
      return found.length > limit ? cut() : { found };
    }
    const following = await nextPart(context, place.shard);
    if (following === undefined) return { found };
    place = { shard: following, id: '' };
  }
  return { found, next: place };
}

/** Those of the next few thousand users who match. Read in order, so it stops when there are enough. */
async function readSample(context: InstanceContext, { pattern, conditions }: Search, from: Place, limit: number): Promise<Place[]> {
  // LIMIT within keeps PostgreSQL from joining all users first.
  return context.db.$queryRaw<Place[]>`
    SELECT "sample"."searchShard" AS "shard", "sample"."id" FROM (
      SELECT "searchShard", "id", "searchText" FROM "User"
       WHERE "instanceId" = ${context.instance.id} AND "recycledAt" IS NULL AND ("searchShard", "id") > (${from.shard}, ${from.id})
       ORDER BY "searchShard", "id" LIMIT ${sampleSize}) AS "sample"
     CROSS JOIN LATERAL (SELECT 1 FROM "User" AS "user" WHERE "user"."instanceId" = ${context.instance.id} AND "user"."id" = "sample"."id" AND ${conditions} LIMIT 1) AS "meets"
     WHERE "sample"."searchText" LIKE ${pattern} ORDER BY "sample"."searchShard", "sample"."id" LIMIT ${limit}`;
}

/** The last user of a sample; undefined when it reaches the end. */
async function endOfSample(context: InstanceContext, from: Place): Promise<Place | undefined> {
  const [last] = await context.db.$queryRaw<Place[]>`
    SELECT "searchShard" AS "shard", "id" FROM "User" WHERE "instanceId" = ${context.instance.id} AND "recycledAt" IS NULL AND ("searchShard", "id") > (${from.shard}, ${from.id})
     ORDER BY "searchShard", "id" LIMIT 1 OFFSET ${sampleSize - 1}`;
  return last;
}

/** Those that the trigram index finds behind a place: in its part, or in all parts behind that. */
async function askIndex(context: InstanceContext, { pattern, conditions }: Search, from: Place, limit: number, where: 'this part' | 'all others'): Promise<Place[]> {
  const range = where === 'this part'
    ? Prisma.sql`"user"."searchShard" = ${from.shard} AND "user"."id" > ${from.id}`
    : Prisma.sql`"user"."searchShard" || '' > ${from.shard}`;
  // Materialized, and sorted afterwards: in the order of the list PostgreSQL would rather read all users.
  const rows = await context.db.$queryRaw<{ shard: string; id: string }[]>`
    WITH "hits" AS MATERIALIZED (
      SELECT "user"."searchShard" AS "shard", "user"."id" FROM "User" AS "user" WHERE "user"."searchText" LIKE ${pattern} AND ${range} AND ${conditions} AND "user"."instanceId" = ${context.instance.id}
    ) SELECT "shard", "id" FROM "hits" ORDER BY "shard", "id" LIMIT ${limit}`;
  return rows;
}

async function nextPart(context: InstanceContext, shard: string): Promise<string | undefined> {
  const [row] = await context.db.$queryRaw<{ shard: string }[]>`
    SELECT "searchShard" AS "shard" FROM "User" WHERE "instanceId" = ${context.instance.id} AND "recycledAt" IS NULL AND ("searchShard", "id") > (${shard}, '~') ORDER BY "searchShard", "id" LIMIT 1`;
  return row?.shard;
}

/** As the database folds the text that it looks in. */
async function patternOf(context: InstanceContext, { search, startsWith }: UserFilters): Promise<string> {
  const wanted = search ?? startsWith ?? '';
  const [row] = /^[\x20-\x7E]*$/.test(wanted) ? [{ folded: wanted.toLowerCase() }] : await context.db.$queryRaw<{ folded: string | null }[]>`SELECT "user_search_fold"(${wanted}) AS "folded"`;
  const folded = likeText(row?.folded ?? '');
  return search === undefined ? `%\n${folded}%` : `%${folded}%`;
}

/** Whether the index can tell anything: three letters or digits in a row, or the start of a word after a known edge. */
const hasTrigram = (pattern: string) => /[a-z0-9]{3}|\n[a-z0-9]|\|[0-9a-f]/.test(pattern);
