/**
 * The sealer: follows the writers within a second and chains each instance's events by hash, in commit order, so that
 * no writer waits for another. Every server has one; the one that gets the lock seals what is new over all instances
 * in one batch. Then it signs the heads and anchors them outside the database.
 *
 * An instance whose stored head is not genuine, or lies behind one that we know of, is not sealed any further: a new
 * signature would cover up what happened. Its events stay in the log, and `verify-events` names the place.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Core } from '../core/core.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { anchorFile, appendAnchors, lastAnchors } from './anchors.ts';
import { isHeadGenuine, signHead, type ChainHead, type SignedHead } from './chain-head.ts';
import { beginning, chainHash, comparePositions, eventColumns, genesisHash, type Position, type StoredEvent } from './stored-event.ts';

export interface Sealer {
  /** Seals everything that is committed by now. */
  flush(): Promise<void>;
  /** Seals what is left, for at most two seconds, and ends. */
  stop(): Promise<void>;
}

const pauseMs = 500;
const batchSize = 500;
const advisoryLock = 7_262_018_312;

/** Starts this server's sealer. */
export function startSealer(core: Core): Sealer {
  const sealing = new Sealing(core);
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;

  function run(): Promise<void> {
    clearTimeout(timer);
    running ??= sealing.sealAll().catch((error: unknown) => {
      core.log.warn({ err: error }, 'Events could not be sealed; trying again');
    }).finally(() => {
      running = undefined;
      if (!stopped) timer = setTimeout(() => void run(), pauseMs).unref();
    });
    return running;
  }
  void run();

  return {
    async flush() {
      await running; // one that is under way may have looked before the caller's commit
      await run();
    },
    async stop() {
      await running;
      stopped = true;
      const patience = new Promise<void>((resolve) => { setTimeout(resolve, 2_000).unref(); });
      await Promise.race([run(), patience]);
      clearTimeout(timer);
    },
  };
}

type Transaction = Prisma.TransactionClient;

/** One batch: where its search for more may go on, and whether there may be more. */
interface Batch { readonly heads: SignedHead[]; readonly upTo: Position | undefined; readonly full: boolean }

class Sealing {
  readonly #core: Core;
  /** The newest head of each instance that this server knows of: a stored one must not lie behind it. */
  #known: Map<string, ChainHead> | undefined;
  readonly #broken = new Set<string>();
  /** How far this server has looked; beyond the heads where an instance is broken. */
  #seen: Position = beginning;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Seals until nothing is left. The first time, also what an earlier server left behind the newest head. */
  async sealAll(): Promise<void> {
    if (!this.#known) {
      this.#known = await lastAnchors(this.#core.config.dataDirectory);
      for (const instanceId of await this.#findLeftBehind()) {
        while ((await this.#sealBatch((tx) => this.#readInstance(tx, instanceId)))?.full) await nextTurn();
      }
    }
    while (await this.#isSomethingNew()) {
      const batch = await this.#sealBatch((tx) => this.#readNew(tx));
      if (!batch) return; // another server is at it
      if (batch.upTo) this.#seen = batch.upTo;
      await nextTurn(); // requests go first
    }
  }

  /** Also tells the metrics how far the sealer is behind, be it that a transaction stays open. */
  async #isSomethingNew(): Promise<boolean> {
    const [oldest] = await this.#core.database.$queryRawUnsafe<{ occurredAt: Date; settled: boolean }[]>(
      `${newEvents('"occurredAt", "transactionId" < event_horizon() AS settled')} ORDER BY "transactionId", "sequence" LIMIT 1`, this.#seen.transactionId, this.#seen.sequence);
    this.#core.metrics.eventSealLag.set(oldest ? Math.max(0, (this.#core.now().getTime() - oldest.occurredAt.getTime()) / 1000) : 0);
    return oldest?.settled ?? false;
  }

  #readNew(tx: Transaction): Promise<StoredEvent[]> {
    return tx.$queryRawUnsafe<StoredEvent[]>(
      `${newEvents(eventColumns)} AND "transactionId" < event_horizon() ORDER BY "transactionId", "sequence" LIMIT ${batchSize}`, this.#seen.transactionId, this.#seen.sequence);
  }

  /** What lies between an instance's own head and the newest of all. */
  #readInstance(tx: Transaction, instanceId: string): Promise<StoredEvent[]> {
    return tx.$queryRawUnsafe<StoredEvent[]>(`
      SELECT ${eventColumns} FROM "Event" WHERE "instanceId" = $1 AND "transactionId" < event_horizon()
        AND ("transactionId", "sequence") > (COALESCE((SELECT "transactionId" FROM "EventChainHead" WHERE "instanceId" = $1), 0), COALESCE((SELECT "sequence" FROM "EventChainHead" WHERE "instanceId" = $1), 0))
      ORDER BY "transactionId", "sequence" LIMIT ${batchSize}`, instanceId);
  }

  async #findLeftBehind(): Promise<string[]> {
    const rows = await this.#core.database.$queryRawUnsafe<{ instanceId: string }[]>(`
      WITH newest AS MATERIALIZED (SELECT "transactionId", "sequence" FROM "EventChainHead" ORDER BY "transactionId" DESC, "sequence" DESC LIMIT 1)
      SELECT i."id" AS "instanceId" FROM newest, "Instance" i LEFT JOIN "EventChainHead" h ON h."instanceId" = i."id"
      WHERE EXISTS (SELECT FROM "Event" e WHERE e."instanceId" = i."id"
        AND (e."transactionId", e."sequence") > (COALESCE(h."transactionId", 0), COALESCE(h."sequence", 0))
        AND (e."transactionId", e."sequence") < (newest."transactionId", newest."sequence"))`);
    return rows.map((row) => row.instanceId);
  }

  /** Undefined: another server holds the lock. */
  async #sealBatch(read: (tx: Transaction) => Promise<StoredEvent[]>): Promise<Batch | undefined> {
    const batch = await this.#core.database.$transaction(async (tx): Promise<Batch | undefined> => {
      const [lock] = await tx.$queryRawUnsafe<{ taken: boolean }[]>(`SELECT pg_try_advisory_xact_lock(${advisoryLock}) AS taken`);
      if (!lock?.taken) return undefined;
      const events = await read(tx);
      return { heads: await this.#extend(tx, events), upTo: events.at(-1), full: events.length === batchSize };
    });
    // After the commit: an anchor must never tell of a head that does not exist.
    if (batch && batch.heads.length > 0) await this.#anchor(batch.heads);
    return batch;
  }

  /** Adds the events, in their order, to the chains of their instances: one statement for the seals, one for the heads. */
  async #extend(tx: Transaction, events: StoredEvent[]): Promise<SignedHead[]> {
    const heads = await this.#loadHeads(tx, [...new Set(events.map((event) => event.instanceId))]);
    const seals: ChainHead[] = [];
    const eventIds: string[] = [];
    for (const event of events) {
      const head = heads.get(event.instanceId);
      if (!head || comparePositions(event, head) <= 0) continue; // broken, or sealed already
      const next: ChainHead = {
        instanceId: event.instanceId, position: head.position + 1n,
        transactionId: event.transactionId, sequence: event.sequence, hash: chainHash(head.hash, event),
      };
      heads.set(event.instanceId, next);
      seals.push(next);
      eventIds.push(event.id);
    }
    if (seals.length === 0) return [];
    await tx.$executeRawUnsafe(`
      INSERT INTO "EventSeal" ("instanceId", "position", "sequence", "transactionId", "hash", "eventId")
      SELECT * FROM unnest($1::text[], $2::text[]::bigint[], $3::text[]::bigint[], $4::text[]::bigint[], $5::text[], $6::text[])`,
    ...columnsOf(seals), eventIds);
    const extended = new Set(seals.map((seal) => seal.instanceId));
    const signed = [...heads.values()].filter((head) => extended.has(head.instanceId)).map((head) => signHead(this.#core.keyring, head));
    await tx.$executeRawUnsafe(`
      INSERT INTO "EventChainHead" ("instanceId", "position", "sequence", "transactionId", "hash", "signature")
      SELECT * FROM unnest($1::text[], $2::text[]::bigint[], $3::text[]::bigint[], $4::text[]::bigint[], $5::text[], $6::text[])
      ON CONFLICT ("instanceId") DO UPDATE SET "position" = EXCLUDED."position", "sequence" = EXCLUDED."sequence",
        "transactionId" = EXCLUDED."transactionId", "hash" = EXCLUDED."hash", "signature" = EXCLUDED."signature", "sealedAt" = now()`,
    ...columnsOf(signed), signed.map((head) => head.signature));
    return signed;
  }

  /** The heads that may be extended; a new chain begins with one of position 0. */
  async #loadHeads(tx: Transaction, instanceIds: string[]): Promise<Map<string, ChainHead>> {
    const stored = await tx.$queryRawUnsafe<SignedHead[]>(`
      SELECT "instanceId", "position", "sequence", "transactionId", "hash", "signature" FROM "EventChainHead" WHERE "instanceId" = ANY($1)`, instanceIds);
    const heads = new Map<string, ChainHead>();
    for (const head of stored) {
      if (!isHeadGenuine(this.#core.keyring, head)) this.#refuse(head.instanceId, 'its stored head was not signed with the master key');
      else if (isBehind(head, this.#known?.get(head.instanceId))) this.#refuse(head.instanceId, 'its stored head lies behind one that was anchored');
      else heads.set(head.instanceId, head);
    }
    const without = instanceIds.filter((id) => !stored.some((head) => head.instanceId === id));
    const cut = without.length === 0 ? [] : await tx.$queryRawUnsafe<{ instanceId: string }[]>(
      'SELECT DISTINCT "instanceId" FROM "EventSeal" WHERE "instanceId" = ANY($1)', without);
    const existing = without.length === 0 ? [] : await tx.instance.findMany({ where: { id: { in: without } }, select: { id: true } });
    for (const instanceId of without) {
      if (!existing.some((row) => row.id === instanceId)) this.#refuse(instanceId, 'there is no such instance');
      else if (cut.some((row) => row.instanceId === instanceId) || this.#known?.has(instanceId)) this.#refuse(instanceId, 'its head is gone');
      else heads.set(instanceId, { instanceId, position: 0n, ...beginning, hash: genesisHash });
    }
    return heads;
  }

  #refuse(instanceId: string, reason: string): void {
    if (this.#broken.has(instanceId)) return;
    this.#broken.add(instanceId);
    this.#core.log.error({ instanceId }, `The event chain of this instance is broken (${reason}) and is not sealed any further. Run: npm run postern -- verify-events --instance ${instanceId}. `
      + `If an older backup was put in place on purpose, move ${anchorFile(this.#core.config.dataDirectory)} away and restart.`);
  }

  async #anchor(heads: SignedHead[]): Promise<void> {
    for (const head of heads) this.#known?.set(head.instanceId, head);
    try {
      await appendAnchors(this.#core.config.dataDirectory, heads);
    } catch (error) {
      if (this.#anchorFailed) return;
      this.#anchorFailed = true;
      this.#core.log.warn({ err: error }, 'The heads of the event chains cannot be kept in the data directory: a tail cut from the log is noticed only until the next restart');
    }
  }
  #anchorFailed = false;
}

/** What is beyond the newest head and beyond ($1, $2). Below event_horizon() it can get no company any more. */
function newEvents(columns: string): string {
  return `
    WITH newest AS MATERIALIZED (SELECT "transactionId", "sequence" FROM "EventChainHead" ORDER BY "transactionId" DESC, "sequence" DESC LIMIT 1)
    SELECT ${columns} FROM "Event" WHERE ("transactionId", "sequence") > (COALESCE((SELECT "transactionId" FROM newest), 0), COALESCE((SELECT "sequence" FROM newest), 0))
      AND ("transactionId", "sequence") > ($1::bigint, $2::bigint)`;
}

function isBehind(head: ChainHead, known: ChainHead | undefined): boolean {
  return known !== undefined && (head.position < known.position || (head.position === known.position && head.hash !== known.hash));
}

function columnsOf(heads: readonly ChainHead[]): string[][] {
  return [
    heads.map((head) => head.instanceId),
    ...(['position', 'sequence', 'transactionId'] as const).map((name) => heads.map((head) => head[name].toString())),
    heads.map((head) => head.hash),
  ];
}
