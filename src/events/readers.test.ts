import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareInstance, startTestCore, type TestCore, untilSettled } from '../../test/support/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { append } from './append.ts';
import { ensurePartitions, prepareEventLog } from './partitions.ts';
import { readEvents } from './readers.ts';

let test: TestCore;
beforeAll(async () => {
  test = await startTestCore({ DATABASE_POOL_SIZE: '12' });
  await prepareEventLog(test.core);
});
afterAll(() => test.close());

let made = 0;
const freshInstance = () => bareInstance(test.core, `reader-${(made += 1)}`);
async function write(context: InstanceContext, id: string): Promise<void> {
  await context.transaction((tx) => append(tx, { type: 'note.made', subject: { type: 'note', id } }));
  await untilSettled(test.core);
}

describe('readers of the event log', () => {
  it('get each event once, in order and in batches, each reader for itself', async () => {
    const context = await freshInstance();
    for (let index = 0; index < 7; index += 1) await write(context, String(index));
    for (const reader of ['first', 'second']) {
      const seen: string[] = [];
      const handler = async (_tx: InstanceContext, events: readonly { subjectId: string }[]) => { seen.push(...events.map((event) => event.subjectId)); };
      expect(await readEvents(context, reader, handler, 5)).toBe(5);
      expect(await readEvents(context, reader, handler, 5)).toBe(2);
      expect(await readEvents(context, reader, handler, 5)).toBe(0);
      expect(seen).toEqual(['0', '1', '2', '3', '4', '5', '6']);
    }
  });

  it('get the same events again when the handler fails, and what it wrote is undone', async () => {
    const context = await freshInstance();
    await write(context, 'a');
    await expect(readEvents(context, 'failing', async (tx) => {
      await append(tx, { type: 'handled.twice', subject: { type: 'note', id: 'never' } });
      throw new Error('not now');
    })).rejects.toThrow('not now');
    let again: readonly { type: string }[] = [];
    await readEvents(context, 'failing', async (_tx, events) => { again = events; });
    expect(again.map((event) => event.type)).toEqual(['note.made']);
  });

  it('skip nothing that a transaction still open adds later, under many writers', async () => {
    const context = await freshInstance();
    const seen: string[] = [];
    let writing = true;
    const reading = (async () => {
      for (;;) {
        const last = !writing;
        if (last) await untilSettled(test.core);
        const count = await readEvents(context, 'busy', async (_tx, events) => { seen.push(...events.map((event) => event.subjectId)); }, 10);
        if (last && count === 0) return;
      }
    })();
    const pauses = [0, 30, 5, 60, 1];
    await Promise.all(pauses.map(async (pause, writer) => {
      for (let index = 0; index < 25; index += 1) {
        await context.transaction(async (tx) => {
          await append(tx, { type: 'note.made', subject: { type: 'note', id: `${writer}.${index}` } });
          await new Promise((resolve) => { setTimeout(resolve, pause * Math.random()); });
        });
      }
    }));
    writing = false;
    await reading;
    expect(seen).toHaveLength(pauses.length * 25);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('work at one place at a time: a second server has nothing to do meanwhile', async () => {
    const context = await freshInstance();
    await write(context, 'a');
    const inside = Promise.withResolvers<undefined>();
    const gate = Promise.withResolvers<undefined>();
    const first = readEvents(context, 'shared', async () => { inside.resolve(undefined); await gate.promise; });
    await inside.promise;
    expect(await readEvents(context, 'shared', async () => { throw new Error('handed over twice'); })).toBe(0);
    gate.resolve(undefined);
    expect(await first).toBe(1);
  });

  it('see only their own instance', async () => {
    const [mine, other] = [await freshInstance(), await freshInstance()];
    await write(other, 'theirs');
    expect(await readEvents(mine, 'mine', async () => undefined)).toBe(0);
  });
});

describe('partitions', () => {
  it('are made for this month and the next three, and not again', async () => {
    const names = async () => (await test.core.database.$queryRawUnsafe<{ name: string }[]>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = '"Event"'::regclass ORDER BY 1`)).map((row) => row.name);
    const before = await names();
    expect(before).toHaveLength(5);
    await ensurePartitions(test.core);
    expect(await names()).toEqual(before);
    const context = await freshInstance();
    await write(context, 'a');
    const [row] = await test.core.database.$queryRawUnsafe<{ count: number }[]>('SELECT count(*)::int AS count FROM "Event_default"');
    expect(row?.count).toBe(0);
  });

  it('leave an event of a clock that ran ahead where it is, and go on', async () => {
    const context = await freshInstance();
    const far = new Date(test.core.now().getTime() + 200 * 86_400_000);
    await append({ ...context, now: () => far }, { type: 'note.made', subject: { type: 'note', id: 'ahead' } });
    await ensurePartitions({ ...test.core, now: () => far });
    expect(test.logLines().some((line) => line.includes('stay in the default one'))).toBe(true);
    await write(context, 'now');
    expect(await readEvents(context, 'ahead', async () => undefined)).toBe(2);
  });

  it('refuse a change of an event, whoever asks', async () => {
    const context = await freshInstance();
    await write(context, 'a');
    await expect(test.core.database.$executeRawUnsafe(`UPDATE "Event" SET "type" = 'x' WHERE "instanceId" = $1`, context.instance.id)).rejects.toThrow('append-only');
  });
});
