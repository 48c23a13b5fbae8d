/** Verifies the hash chain of an instance's log and names the first place that is not as it was sealed. */
import type { Core } from '../core/core.ts';
import { readAnchors } from './anchors.ts';
import { isHeadGenuine, type ChainHead, type SignedHead } from './chain-head.ts';
import { beginning, chainHash, comparePositions, eventColumns, genesisHash, type Position, type StoredEvent } from './stored-event.ts';

export type ChainFault =
  /** An event's content is not what was sealed. */
  | 'changed'
  /** A sealed event is not in the log. */
  | 'removed'
  /** An event lies between sealed ones and was never sealed: spliced in, perhaps from another instance. */
  | 'inserted'
  /** The order of the seals is not that of the events. */
  | 'reordered'
  /** A seal is missing. */
  | 'gap'
  /** The end of the chain is gone: something outside knows of more. */
  | 'cut'
  /** The chain was written anew: a head that was anchored outside the database is another one. */
  | 'rewritten'
  /** The head is missing, not signed by us, or not the end of the chain. */
  | 'head';

export type ChainVerdict = { readonly instanceId: string; readonly events: bigint } & (
  | { readonly sound: true; /** Appended and not sealed yet. */ readonly waiting: number }
  | { readonly sound: false; readonly fault: ChainFault; /** In the chain; the first event has position 1. */ readonly position: bigint; readonly detail: string });

export type Anchors = ReadonlyMap<string, readonly ChainHead[]>;

interface Seal extends ChainHead { readonly eventId: string }
type Finding = { fault: ChainFault; position: bigint; detail: string };

const batchSize = 1_000;

/** Verifies every chain that the database or the anchors know of. */
export async function* verifyEventChains(core: Core): AsyncGenerator<ChainVerdict> {
  const anchors = await loadAnchors(core); // first, as the chains grow meanwhile
  const rows = await core.database.$queryRawUnsafe<{ instanceId: string }[]>('SELECT "id" AS "instanceId" FROM "Instance" ORDER BY 1');
  for (const instanceId of new Set([...rows.map((row) => row.instanceId), ...anchors.keys()])) yield verifyEventChain(core, instanceId, anchors);
}

/** Verifies one chain, up to the head that it has now. Memory does not grow with its length. */
export async function verifyEventChain(core: Core, instanceId: string, anchors?: Anchors): Promise<ChainVerdict> {
  const anchored = (anchors ?? await loadAnchors(core)).get(instanceId) ?? [];
  const head = await loadHead(core, instanceId);
  const finding = head ? await checkChain(core, head, anchored) : await checkNoChain(core, instanceId, anchored);
  if (finding) return { instanceId, events: head?.position ?? 0n, sound: false, ...finding };
  const [row] = await core.database.$queryRawUnsafe<{ waiting: number }[]>(`
    SELECT count(*)::int AS waiting FROM "Event" WHERE "instanceId" = $1 AND ("transactionId", "sequence") > ($2::bigint, $3::bigint)`,
  instanceId, head?.transactionId ?? 0n, head?.sequence ?? 0n);
  return { instanceId, events: head?.position ?? 0n, sound: true, waiting: row?.waiting ?? 0 };
}

/** The anchored heads of this server's data directory, by instance. */
export async function loadAnchors(core: Core): Promise<Anchors> {
  const anchors = new Map<string, ChainHead[]>();
  for await (const head of readAnchors(core.config.dataDirectory)) {
    const ofInstance = anchors.get(head.instanceId);
    if (ofInstance) ofInstance.push(head);
    else anchors.set(head.instanceId, [head]);
  }
  return anchors;
}

async function loadHead(core: Core, instanceId: string): Promise<SignedHead | null> {
  return core.database.eventChainHead.findUnique({ where: { instanceId } });
}

async function checkNoChain(core: Core, instanceId: string, anchored: readonly ChainHead[]): Promise<Finding | undefined> {
  const last = await core.database.eventSeal.findFirst({ where: { instanceId }, orderBy: { position: 'desc' } });
  if (last) return { fault: 'head', position: last.position, detail: `The head of the chain is missing; its last seal has position ${last.position}.` };
  const anchor = anchored.at(-1);
  return anchor && { fault: 'cut', position: 1n, detail: `The whole chain is gone: it had ${anchor.position} events when its head was anchored.` };
}

async function checkChain(core: Core, head: SignedHead, anchored: readonly ChainHead[]): Promise<Finding | undefined> {
  const anchoredHashes = new Map(anchored.map((anchor) => [anchor.position, anchor.hash]));
  const events = eventsUpTo(core, head);
  let event = await next(events);
  let previous: ChainHead = { instanceId: head.instanceId, position: 0n, ...beginning, hash: genesisHash };
  for await (const seal of sealsUpTo(core, head)) {
    const position = previous.position + 1n;
    if (seal.position !== position) return { fault: 'gap', position, detail: `The seal of position ${position} is missing.` };
    if (comparePositions(seal, previous) <= 0) return { fault: 'reordered', position, detail: `The seal of position ${position} belongs before the one of position ${previous.position}.` };
    const order = event === undefined ? 1 : comparePositions(event, seal);
    if (event === undefined || order > 0) return { fault: 'removed', position, detail: `The event ${seal.eventId} (sequence ${seal.sequence}) is not in its place in the log.` };
    if (order < 0) return await explainStray(core, event, position);
    if (event.id !== seal.eventId || hashOf(previous.hash, event) !== seal.hash) return { fault: 'changed', position, detail: `The event ${seal.eventId} (sequence ${seal.sequence}) is not as it was sealed.` };
    const anchoredHash = anchoredHashes.get(position);
    if (anchoredHash !== undefined && anchoredHash !== seal.hash) return { fault: 'rewritten', position, detail: `The chain up to position ${position} is not the one whose head was anchored outside the database.` };
    previous = seal;
    event = await next(events);
  }
  const position = previous.position + 1n;
  if (previous.position < head.position) return { fault: 'gap', position, detail: `The seal of position ${position} is missing.` };
  if (event) return { fault: 'inserted', position: head.position, detail: `The event ${event.id} (sequence ${event.sequence}) lies before the head and was never sealed.` };
  if (previous.hash !== head.hash || comparePositions(previous, head) !== 0) return { fault: 'head', position: head.position, detail: 'The head of the chain is not its last seal.' };
  if (!isHeadGenuine(core.keyring, head)) return { fault: 'head', position: head.position, detail: 'The head of the chain was not signed with the master key (or with one that MASTER_KEY no longer lists).' };
  return checkEnd(core, head, anchored);
}

/** Whether the seals or the anchors know of more than the head. */
async function checkEnd(core: Core, head: SignedHead, anchored: readonly ChainHead[]): Promise<Finding | undefined> {
  const furthest = anchored.reduce((most, anchor) => (anchor.position > most ? anchor.position : most), 0n);
  if (furthest > head.position) return { fault: 'cut', position: head.position + 1n, detail: `The chain ends at position ${head.position}, but a head of position ${furthest} was anchored outside the database: its tail was cut, or an older backup was put in place.` };
  // In one statement: the sealer may have gone on since.
  const [row] = await core.database.$queryRawUnsafe<{ behind: boolean }[]>(`
    SELECT EXISTS (SELECT FROM "EventSeal" s WHERE s."instanceId" = h."instanceId" AND s."position" > h."position") AS behind
    FROM "EventChainHead" h WHERE h."instanceId" = $1`, head.instanceId);
  return row?.behind ? { fault: 'cut', position: head.position + 1n, detail: `The head of the chain was put back to position ${head.position}; seals go on behind it.` } : undefined;
}

/** An event that lies before the seal that is next. */
async function explainStray(core: Core, event: StoredEvent, position: bigint): Promise<Finding> {
  const seal = await core.database.eventSeal.findUnique({ where: { instanceId_sequence: { instanceId: event.instanceId, sequence: event.sequence } } });
  return seal
    ? { fault: 'reordered', position, detail: `The event ${event.id} (sequence ${event.sequence}) comes at position ${position}, and its seal is at ${seal.position}.` }
    : { fault: 'inserted', position, detail: `The event ${event.id} (sequence ${event.sequence}) lies before position ${position} and was never sealed.` };
}

async function* sealsUpTo(core: Core, head: ChainHead): AsyncGenerator<Seal> {
  for (let after = 0n; ;) {
    const seals = await core.database.eventSeal.findMany({
      where: { instanceId: head.instanceId, position: { gt: after, lte: head.position } }, orderBy: { position: 'asc' }, take: batchSize,
    });
    yield* seals;
    const last = seals.at(-1);
    if (!last || seals.length < batchSize) return;
    after = last.position;
  }
}

async function* eventsUpTo(core: Core, head: ChainHead): AsyncGenerator<StoredEvent> {
  for (let after: Position = beginning; ;) {
    const events: StoredEvent[] = await core.database.$queryRawUnsafe<StoredEvent[]>(`
      SELECT ${eventColumns} FROM "Event" WHERE "instanceId" = $1
        AND ("transactionId", "sequence") > ($2::bigint, $3::bigint) AND ("transactionId", "sequence") <= ($4::bigint, $5::bigint)
      ORDER BY "transactionId", "sequence" LIMIT ${batchSize}`,
    head.instanceId, after.transactionId, after.sequence, head.transactionId, head.sequence);
    yield* events;
    const last = events.at(-1);
    if (!last || events.length < batchSize) return;
    after = last;
  }
}

async function next<Item>(items: AsyncGenerator<Item>): Promise<Item | undefined> {
  const { value, done } = await items.next();
  return done ? undefined : value as Item;
}

/** Content that has no canonical form cannot be what was sealed. */
function hashOf(previous: string, event: StoredEvent): string | undefined {
  try {
    return chainHash(previous, event);
  } catch {
    return undefined;
  }
}
