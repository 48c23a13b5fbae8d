/** Address lists: the verbs of administrators, and fetching those that have an address. */
import { isUniqueViolation } from '../../core/database.ts';
import { versionMismatch } from '../../core/errors.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import type { Core } from '../../core/core.ts';
import { append } from '../../events/index.ts';
import { forEachInstance, key, type InstanceContext } from '../../tenancy/index.ts';
import { addressRefused, listHasAddress, listHasNoAddress, listNameTaken, listNotFound, rangesRefused, tooManyLists } from './errors.ts';
import { listCreated, listDeleted, listFetchFailed, listUpdated } from './events.ts';
import { announceLists, forgetLists } from './list-cache.ts';
import { readRanges } from './ranges.ts';

/** All lie in memory. */
const mostLists = 20;
/** A published list is a few megabytes at most. */
const mostBytes = 4 * 1_024 * 1_024;
const fetchEverySeconds = 6 * 3_600;

/** Without the ranges themselves: these are read apart. */
const columns = { id: true, name: true, url: true, enabled: true, rangeCount: true, version: true, createdAt: true, updatedAt: true, fetchedAt: true, fetchError: true } as const;
export type ListRow = Awaited<ReturnType<typeof loadList>>;

/** @throws Problem 404 */
export async function loadList(context: InstanceContext, listId: string) {
  const row = await context.db.addressList.findUnique({ where: key(context, listId), select: columns });
  if (!row) throw listNotFound();
  return row;
}

/** Oldest first. */
export async function listLists(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}/address-lists`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.addressList.findMany({ ...(after !== undefined && { where: { id: { gt: String(after) } } }), orderBy: { id: 'asc' }, take: limit + 1, select: columns });
  return pageFrom(keyring, scope, rows, limit, ({ id }) => [id]);
}

/** @throws Problem 400, 409 */
export async function createList(context: InstanceContext, input: { name: string; url?: string | undefined; enabled: boolean; ranges?: string | undefined }): Promise<ListRow> {
  if (input.url !== undefined && input.ranges !== undefined) throw listHasAddress();
  if (input.url !== undefined) checkUrl(input.url);
  const ranges = parsed(input.ranges ?? '');
  const row = await changing(context, async (tx) => {
    // One at a time, so that the limit holds.
    await tx.db.$queryRaw`SELECT "id" AS "instanceId" FROM "Instance" WHERE "id" = ${tx.instance.id} FOR NO KEY UPDATE`;
    if (await tx.db.addressList.count() >= mostLists) throw tooManyLists(mostLists);
    const made = await tx.db.addressList.create({
      data: { id: newId('alist', tx.now().getTime()), name: input.name, url: input.url ?? null, enabled: input.enabled, ranges: ranges.join('\n'), rangeCount: ranges.length, createdAt: tx.now(), updatedAt: tx.now() }, select: columns });
    await append(tx, listCreated(made));
    return made;
  });
  if (row.url === null) return row;
  await fetchList(context, row.id);
  return loadList(context, row.id);
}

/** @throws Problem 404, 412, 409 */
export function updateList(context: InstanceContext, listId: string, change: { name?: string | undefined; url?: string | undefined; enabled?: boolean | undefined; ranges?: string | undefined }, ifMatch: string | undefined): Promise<ListRow> {
  if (change.url !== undefined) checkUrl(change.url);
  const ranges = change.ranges === undefined ? undefined : parsed(change.ranges);
  return changing(context, async (tx) => {
    const before = await loadList(tx, listId);
    checkEntityTag(ifMatch, before.version);
    if (ranges !== undefined && before.url !== null) throw listHasAddress();
    if (change.url !== undefined && before.url === null) throw listHasNoAddress();
    const { count } = await tx.db.addressList.updateMany({
      where: { id: listId, version: before.version },
      data: {
        ...(change.name !== undefined && { name: change.name }), ...(change.url !== undefined && { url: change.url, fetchedAt: null }), ...(change.enabled !== undefined && { enabled: change.enabled }),
        ...(ranges && { ranges: ranges.join('\n'), rangeCount: ranges.length }), version: { increment: 1 }, updatedAt: tx.now() } });
    if (count === 0) throw versionMismatch();
    const after = await loadList(tx, listId);
    await append(tx, listUpdated(before, after));
    return after;
  });
}

/** @throws Problem 404, 412 */
export async function deleteList(context: InstanceContext, listId: string, ifMatch: string | undefined): Promise<void> {
  await changing(context, async (tx) => {
    const before = await loadList(tx, listId);
    checkEntityTag(ifMatch, before.version);
    const { count } = await tx.db.addressList.deleteMany({ where: { id: listId, version: before.version } });
    if (count === 0) throw versionMismatch();
    await append(tx, listDeleted(before));
  });
}

/** Fetches a list now. What cannot be fetched or read leaves the list as it was, and says why. @throws Problem 404, 409 */
export async function fetchList(context: InstanceContext, listId: string): Promise<void> {
  const before = await loadList(context, listId);
  if (before.url === null) throw listHasNoAddress();
  const found = await download(context, before.url);
  await changing(context, async (tx) => {
    const current = await tx.db.addressList.findUnique({ where: key(tx, listId), select: { ...columns, ranges: true } });
    if (current?.url !== before.url) return;                 // deleted, or another address meanwhile
    const text = 'fault' in found ? undefined : found.ranges.join('\n');
    const isNew = text !== undefined && text !== current.ranges;
    await tx.db.addressList.update({
      where: key(tx, listId),
      data: {
        fetchedAt: tx.now(), fetchError: 'fault' in found ? found.fault : null,
        ...(isNew && { ranges: text, rangeCount: 'fault' in found ? 0 : found.ranges.length, version: { increment: 1 }, updatedAt: tx.now() }) } });
    if ('fault' in found) await append(tx, listFetchFailed(listId, found.fault));
    else if (isNew) await append(tx, listUpdated(current, { ...current, rangeCount: found.ranges.length }));
  });
}

async function download(context: InstanceContext, url: string): Promise<ReturnType<typeof readRanges>> {
  try {
    const answer = await context.core.outbound.fetch(url, { purpose: 'address-list', timeoutMs: 15_000, maxBytes: mostBytes, followRedirects: 2 });
    return answer.status === 200 ? readRanges(answer.text()) : { fault: `answered with status ${answer.status}` };
  } catch (error) {
    return { fault: error instanceof Error ? error.message.slice(0, 300) : 'could not be fetched' };
  }
}

/** For the schedule: what was last fetched too long ago. One list that hangs holds up no other instance for long. */
export const fetchStaleLists = (core: Core): Promise<void> => forEachInstance(core, async (context) => {
  const stale = new Date(context.now().getTime() - fetchEverySeconds * 1_000);
  const rows = await context.db.addressList.findMany({ where: { enabled: true, url: { not: null }, OR: [{ fetchedAt: null }, { fetchedAt: { lt: stale } }] }, select: { id: true } });
  for (const { id } of rows) {
    await fetchList(context, id).catch((error: unknown) => { core.log.warn({ err: error, instanceId: context.instance.id }, 'An address list could not be stored'); });
  }
});

function checkUrl(url: string): void {
  if (!URL.canParse(url) || !['https:', 'http:'].includes(new URL(url).protocol) || new URL(url).username !== '') throw addressRefused();
}

function parsed(text: string): readonly string[] {
  const read = readRanges(text);
  if ('fault' in read) throw rangesRefused(read.fault);
  return read.ranges;
}

/** A change of what is kept in memory: told to all servers, and forgotten here at once. */
async function changing<Result>(context: InstanceContext, work: (tx: InstanceContext) => Promise<Result>): Promise<Result> {
  try {
    const result = await context.transaction(async (tx) => {
      const done = await work(tx);
      await announceLists(tx);
      return done;
    });
    forgetLists(context);
    return result;
  } catch (error) {
    if (isUniqueViolation(error)) throw listNameTaken();
    throw error;
  }
}
