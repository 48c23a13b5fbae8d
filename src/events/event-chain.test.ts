import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bareInstance, startTestCore, type TestCore, untilSettled } from '../../test/support/core.ts';
import type { Core } from '../core/core.ts';
import { createKeyring, freshMasterKey } from '../core/keyring.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { anchorFile, appendAnchors, lastAnchors, readAnchors } from './anchors.ts';
import { append } from './append.ts';
import { isHeadGenuine } from './chain-head.ts';
import { prepareEventLog } from './partitions.ts';
import { resignChainHeads } from './resign.ts';
import { startSealer } from './seal.ts';
import { verifyEventChain, verifyEventChains } from './verify.ts';

let test: TestCore;
let core: Core;
let context: InstanceContext;

beforeEach(async () => {
  test = await startTestCore();
  core = test.core;
  await prepareEventLog(core);
  context = await bareInstance(core, 'default');
});
afterEach(() => test.close());

async function write(into: InstanceContext, count: number, word = 'note'): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await into.transaction((tx) => append(tx, { type: `${word}.made`, subject: { type: word, id: String(index) }, after: { index, nested: { z: 1, a: [true, null, 1.5] } } }));
  }
}

/** Seals what was committed, once transactions of other tests on this PostgreSQL no longer hold it back. */
async function seal(by: Core = core): Promise<void> {
  await untilSettled(core);
  const sealer = startSealer(by);
  await sealer.flush();
  await sealer.stop();
}

/** As somebody who owns the database: without the triggers. */
async function tamper(...statements: string[]): Promise<void> {
  for (const table of ['Event', 'EventSeal']) await core.database.$executeRawUnsafe(`ALTER TABLE "${table}" DISABLE TRIGGER USER`);
  for (const statement of statements) expect(await core.database.$executeRawUnsafe(statement), statement).toBeGreaterThan(0);
}

const sealed = (position: number, instance = 'default') => `(SELECT "sequence" FROM "EventSeal" WHERE "instanceId" = '${instance}' AND "position" = ${position})`;

describe('sealing', () => {
  it('chains what was committed, each instance for itself, and verifies', async () => {
    const other = await bareInstance(core, 'other');
    await write(context, 5);
    await write(other, 3);
    await write(context, 2);
    await expect(context.transaction(async (tx) => {
      await append(tx, { type: 'note.made', subject: { type: 'note', id: 'x' } });
      throw new Error('rolled back');
    })).rejects.toThrow('rolled back');
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: true, events: 0n, waiting: 7 });
    await seal();
    expect(await Array.fromAsync(verifyEventChains(core))).toEqual([
      { instanceId: 'default', sound: true, events: 7n, waiting: 0 }, { instanceId: 'other', sound: true, events: 3n, waiting: 0 }]);
  });

  it('waits for a transaction that is still open, and then keeps the order of transactions', async () => {
    const gate = Promise.withResolvers<undefined>();
    const begun = Promise.withResolvers<undefined>();
    const slow = context.transaction(async (tx) => {
      await append(tx, { type: 'slow.made', subject: { type: 'slow', id: '1' } });
      begun.resolve(undefined);
      await gate.promise;
    });
    await begun.promise;
    await write(context, 2, 'fast');
    const sealer = startSealer(core);
    await sealer.flush();
    await sealer.stop();
    expect(await core.database.eventSeal.count()).toBe(0);
    expect((await core.metrics.eventSealLag.get()).values[0]?.value).toBeGreaterThan(0);
    gate.resolve(undefined);
    await slow;
    await seal();
    const types = await core.database.$queryRawUnsafe<{ type: string }[]>('SELECT e.type FROM "EventSeal" s JOIN "Event" e USING ("instanceId", "sequence") ORDER BY s.position');
    expect(types.map((row) => row.type)).toEqual(['slow.made', 'fast.made', 'fast.made']);
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: true, events: 3n });
  });

  it('follows within a second, with several servers at it and many writers', async () => {
    const second = await test.another();
    const others = await Promise.all(['a', 'b', 'c'].map((id) => bareInstance(core, id)));
    const sealers = [startSealer(core), startSealer(second)];
    await Promise.all([context, ...others].map((into) => write(into, 60)));
    const written = Date.now();
    while (await core.database.eventSeal.count() < 240) expect(Date.now() - written).toBeLessThan(3_000);
    await Promise.all(sealers.map((sealer) => sealer.stop()));
    for await (const verdict of verifyEventChains(core)) expect(verdict).toMatchObject({ sound: true, events: 60n });
  });

  it('goes on over a batch in one flush, and after a restart', async () => {
    await context.transaction((tx) => append(tx, ...Array.from({ length: 1_234 }, (_, index) => ({ type: 'bulk.made', subject: { type: 'bulk', id: String(index) } }))));
    await seal();
    await write(context, 1);
    await seal(await test.another());
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: true, events: 1_235n, waiting: 0 });
  });

  it('finds what is new with one index, whatever the number of instances', async () => {
    await core.database.$executeRawUnsafe(`INSERT INTO "Instance" ("id", "name", "updatedAt") SELECT 'i' || n, 'x', now() FROM generate_series(1, 2000) n`);
    await core.database.$executeRawUnsafe(`
      INSERT INTO "Event" ("instanceId", "id", "type", "actor", "subjectType", "subjectId") SELECT 'i' || n, 'evnt_' || n, 'x', '{}', 'x', 'x' FROM generate_series(1, 2000) n`);
    const sealer = startSealer(core);
    await untilSettled(core);
    await sealer.flush();
    await core.database.$executeRawUnsafe('ANALYZE');
    const before = await rowsRead();
    await write(context, 1);
    await untilSettled(core);
    await sealer.flush();
    const after = await rowsRead();
    await sealer.stop();
    expect(await core.database.eventSeal.count({ where: { instanceId: 'default' } })).toBe(1);
    expect(after - before).toBeLessThan(100);
  });

  async function rowsRead(): Promise<number> {
    // Statistics are flushed when a connection is idle for a second, or asked to.
    await Promise.all(Array.from({ length: 8 }, () => core.database.$executeRawUnsafe('SELECT pg_stat_force_next_flush()')));
    const [row] = await core.database.$queryRawUnsafe<{ total: number }[]>(`
      SELECT sum(seq_tup_read + idx_tup_fetch)::float8 AS total FROM pg_stat_user_tables WHERE relname LIKE 'Event%'`);
    return row?.total ?? 0;
  }

  it('goes on behind the end of a log that came from another cluster', async () => {
    await write(context, 3);
    await tamper(`UPDATE "Event" SET "transactionId" = "transactionId" + 1000000`); // as a restore brings it
    expect(test.logLines().some((line) => line.includes('restored'))).toBe(false);
    await prepareEventLog(core);
    expect(test.logLines().some((line) => line.includes('restored'))).toBe(true);
    await write(context, 2, 'later');
    await seal();
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: true, events: 5n, waiting: 0 });
    const last = await core.database.event.findFirst({ orderBy: { transactionId: 'desc' } });
    expect(last?.type).toBe('later.made');
  });
});

describe('attack: admin.audit-chain: verification names the first bad place', () => {
  beforeEach(async () => {
    const other = await bareInstance(core, 'other');
    await write(context, 6);
    await write(other, 6);
    await seal();
  });

  it.each([
    ['a changed event', 'changed', 3n, [`UPDATE "Event" SET "after" = '{"index": 99}' WHERE "sequence" = ${sealed(3)}`]],
    ['a changed actor', 'changed', 1n, [`UPDATE "Event" SET "actor" = '{"kind": "anonymous"}' WHERE "sequence" = ${sealed(1)}`]],
    ['a moved clock', 'changed', 2n, [`UPDATE "Event" SET "occurredAt" = "occurredAt" + interval '1 second' WHERE "sequence" = ${sealed(2)}`]],
    ['a removed event', 'removed', 4n, [`DELETE FROM "Event" WHERE "sequence" = ${sealed(4)}`]],
    ['an event and its seal removed', 'gap', 4n, [`DELETE FROM "Event" WHERE "sequence" = ${sealed(4)}`, `DELETE FROM "EventSeal" WHERE "instanceId" = 'default' AND "position" = 4`]],
    ['two events that changed places', 'changed', 2n, [`
      UPDATE "Event" e SET "id" = o."id", "type" = o."type", "after" = o."after", "subjectId" = o."subjectId" FROM "Event" o
      WHERE (e."sequence" = ${sealed(2)} AND o."sequence" = ${sealed(3)}) OR (e."sequence" = ${sealed(3)} AND o."sequence" = ${sealed(2)})`]],
    ['two seals that changed places', 'reordered', 2n, [`
      UPDATE "EventSeal" SET "position" = -"position" WHERE "instanceId" = 'default' AND "position" IN (2, 3)`, `
      UPDATE "EventSeal" SET "position" = CASE "position" WHEN -2 THEN 3 ELSE 2 END WHERE "position" < 0`]],
    ['an event spliced in from another instance', 'inserted', 3n, [`
      INSERT INTO "Event" SELECT 'default', e."id", e."sequence", s."transactionId", e."occurredAt", e."type", e."actor", e."subjectType", e."subjectId", e."before", e."after"
      FROM "Event" e, "EventSeal" s WHERE e."sequence" = ${sealed(2, 'other')} AND s."instanceId" = 'default' AND s."position" = 2`]],
    ['an event put in place of another', 'removed', 5n, [
      `DELETE FROM "Event" WHERE "sequence" = ${sealed(5)}`,
      `INSERT INTO "Event" ("instanceId", "id", "type", "actor", "subjectType", "subjectId") VALUES ('default', 'evnt_x', 'x', '{}', 'x', 'x')`]],
    ['a missing head', 'head', 6n, [`DELETE FROM "EventChainHead" WHERE "instanceId" = 'default'`]],
    ['a head that we did not sign', 'head', 6n, [`UPDATE "EventChainHead" SET "signature" = 'x' WHERE "instanceId" = 'default'`]],
    ['all seals removed', 'gap', 1n, [`DELETE FROM "EventSeal" WHERE "instanceId" = 'default'`]],
    ['another instance\'s head put in place', 'head', 6n, [`
      UPDATE "EventChainHead" h SET "signature" = o."signature" FROM "EventChainHead" o WHERE h."instanceId" = 'default' AND o."instanceId" = 'other'`]],
    ['the tail of the events cut', 'removed', 6n, [`DELETE FROM "Event" WHERE "sequence" = ${sealed(6)}`]],
    ['the tail of the seals cut', 'gap', 6n, [`DELETE FROM "EventSeal" WHERE "instanceId" = 'default' AND "position" = 6`]],
  ])('%s', async (_name, fault, position, statements) => {
    await tamper(...statements);
    const verdict = await verifyEventChain(core, 'default');
    expect(verdict).toMatchObject({ sound: false, fault, position });
    expect(await verifyEventChain(core, 'other')).toMatchObject({ sound: true });
  });

  it('a tail cut together with its head, put back to one that was signed', async () => {
    const earlier = await core.database.eventChainHead.findUniqueOrThrow({ where: { instanceId: 'default' } });
    await write(context, 2);
    await seal();
    await tamper(
      `DELETE FROM "Event" WHERE "sequence" IN (${sealed(7)}, ${sealed(8)})`, `DELETE FROM "EventSeal" WHERE "instanceId" = 'default' AND "position" > 6`,
      `UPDATE "EventChainHead" SET "position" = 6, "sequence" = ${earlier.sequence}, "transactionId" = ${earlier.transactionId}, "hash" = '${earlier.hash}', "signature" = '${earlier.signature}' WHERE "instanceId" = 'default'`);
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: false, fault: 'cut', position: 7n });
    // A restarted sealer does not cover it up: it leaves the chain alone and says so.
    await write(context, 3);
    await seal(await test.another());
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: false, fault: 'cut', position: 7n });
    expect(test.logLines().filter((line) => line.includes('is broken'))).toHaveLength(1);
    // Others are sealed as ever.
    expect(await verifyEventChain(core, 'other')).toMatchObject({ sound: true });
  });

  it('the whole chain written anew by somebody without the key', async () => {
    await tamper(`DELETE FROM "EventSeal" WHERE "instanceId" = 'default'`, `DELETE FROM "EventChainHead" WHERE "instanceId" = 'default'`, `DELETE FROM "Event" WHERE "instanceId" = 'default'`);
    await write(context, 6, 'forged');
    await seal(await test.another());
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: false, fault: 'cut', position: 1n });
  });

  it('a head in the database that is longer than the anchored one, and another chain', async () => {
    const lines = (await readFile(anchorFile(test.dataDirectory), 'utf8')).split('\n');
    await writeFile(anchorFile(test.dataDirectory), lines.join('\n').replaceAll(/"hash":"./g, '"hash":"-'));
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: false, fault: 'rewritten', position: 6n });
  });
});

describe('the master key', () => {
  it('may be rotated: heads under the old key verify while it is listed, and for good once signed anew', async () => {
    await write(context, 2);
    await seal();
    const [oldKey] = core.config.masterKeys;
    const newKey = freshMasterKey();
    const rotating = await test.another({ MASTER_KEY: `${newKey},${oldKey}` });
    expect(await verifyEventChain(rotating, 'default')).toMatchObject({ sound: true });
    await write(context, 1);
    await seal(rotating);
    expect(await verifyEventChain(core, 'default')).toMatchObject({ sound: false, fault: 'head' });
    expect(await resignChainHeads(rotating)).toEqual([]);
    const head = await core.database.eventChainHead.findUniqueOrThrow({ where: { instanceId: 'default' } });
    expect(isHeadGenuine(createKeyring([newKey]), head)).toBe(true);
    expect(await resignChainHeads({ ...core, keyring: createKeyring([freshMasterKey()]) })).toEqual(['default']);
  });
});

describe('anchors', () => {
  const head = (position: number, instanceId = 'default') => ({ instanceId, position: BigInt(position), transactionId: 1n, sequence: 1n, hash: 'h' });

  it('stay bounded: a new file begins with the last head of each chain', async () => {
    await appendAnchors(test.dataDirectory, [head(1, 'quiet')]);
    for (let position = 1; position <= 200; position += 1) await appendAnchors(test.dataDirectory, [head(position)], 2_000);
    const kept = await Array.fromAsync(readAnchors(test.dataDirectory));
    expect(kept.length).toBeLessThan(60);
    expect(await lastAnchors(test.dataDirectory)).toEqual(new Map([['quiet', head(1, 'quiet')], ['default', head(200)]]));
  });

  it('pass over a line that a crash cut short', async () => {
    await appendAnchors(test.dataDirectory, [head(1)]);
    await writeFile(anchorFile(test.dataDirectory), '{"instanceId":"defa', { flag: 'a' });
    expect(await Array.fromAsync(readAnchors(test.dataDirectory))).toEqual([head(1)]);
  });
});
