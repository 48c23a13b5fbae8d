/** The coalescers over Prisma and a real PostgreSQL: its error codes, its connections, its commits. */
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../../test/support/database.ts';
import { createCoalescingReader, createCoalescingWriter } from './coalesce.ts';
import { type Database, openDatabase } from './database.ts';
import { isRowError, sqlStateOf } from './sql-state.ts';

interface Token { id: string; payload: string }

let postgres: Awaited<ReturnType<typeof createTestDatabase>>;
let database: Database;
let sizes: number[] = [];

beforeAll(async () => {
  postgres = await createTestDatabase(inject('postgresUrl'));
  database = openDatabase({ connectionString: postgres.url, poolSize: 4 });
  await database.$executeRawUnsafe('create table coalesced (id text primary key, payload jsonb not null, check (id <> \'forbidden\'))');
});
beforeEach(async () => {
  sizes = [];
  await database.$executeRawUnsafe('truncate coalesced');
});
afterAll(async () => {
  await database.$disconnect();
  await postgres.drop();
});

const coalescers = () => ({
  writer: createCoalescingWriter<Token>({
    keyOf: (token) => token.id, isRowError, onBatch: (size) => sizes.push(size),
    async writeBatch(tokens) {
      await database.$executeRawUnsafe(
        `insert into coalesced select * from unnest($1::text[], $2::text[]::jsonb[])
         on conflict (id) do update set payload = excluded.payload`,
        tokens.map((token) => token.id), tokens.map((token) => token.payload));
    },
  }),
  reader: createCoalescingReader<string, unknown>({
    keyOf: (id) => id,
    async readBatch(ids) {
      const rows = await database.$queryRawUnsafe<{ id: string; payload: unknown }[]>('select id, payload from coalesced where id = any($1::text[])', ids);
      return new Map(rows.map((row) => [row.id, row.payload]));
    },
  }),
});

describe('coalescing over PostgreSQL', () => {
  it('500 writers and readers in parallel: each finds what it wrote, in few statements', async () => {
    const { writer, reader } = coalescers();
    await Promise.all(Array.from({ length: 500 }, async (_, n) => {
      await writer.write({ id: `t${n}`, payload: JSON.stringify({ n }) });
      expect(await reader.read(`t${n}`)).toEqual({ n });
    }));
    expect(sizes.length).toBeLessThan(20);
    expect(await reader.read('missing')).toBeUndefined();
  });

  it.each([
    ['a NUL in JSON (22P05)', { id: 'bad', payload: '{"a":"\\u0000"}' }, '22P05'],
    ['text that is not JSON (22P02)', { id: 'bad', payload: '{' }, '22P02'],
    ['a violated constraint (23514)', { id: 'forbidden', payload: '{}' }, '23514'],
    ['a NUL in text (22021)', { id: 'b\0d', payload: '{}' }, '22021'],
  ])('one bad row fails alone: %s', async (_name, bad, state) => {
    const { writer } = coalescers();
    const good = Array.from({ length: 60 }, (_, n) => writer.write({ id: `t${n}`, payload: '{}' }));
    const failure = await writer.write(bad).then(() => undefined, (error: unknown) => error);
    await Promise.all(good);
    expect(sqlStateOf(failure)).toBe(state);
    expect(await database.$queryRawUnsafe('select count(*)::int as rows from coalesced')).toEqual([{ rows: 60 }]);
  });

  it('connections killed under load: every acknowledged write is there, and writing goes on', async () => {
    const { writer } = coalescers();
    const acknowledged: string[] = [];
    const failures: unknown[] = [];
    let running = true;
    const callers = Array.from({ length: 16 }, async (_, caller) => {
      for (let n = 0; running; n += 1) {
        const id = `c${caller}-${n}`;
        await writer.write({ id, payload: '{}' }).then(() => acknowledged.push(id), (error: unknown) => failures.push(error));
      }
    });
    const killer = openDatabase({ connectionString: postgres.url, poolSize: 1 });
    for (let round = 0; round < 10; round += 1) {
      await new Promise((resolve) => { setTimeout(resolve, 40); });
      await killer.$queryRawUnsafe(
        `select pg_terminate_backend(pid)::text from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`);
    }
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    running = false;
    await Promise.all(callers);
    await killer.$disconnect();
    await writer.write({ id: 'afterwards', payload: '{}' });

    expect(failures.length).toBeGreaterThan(0);
    expect(failures.filter(isRowError)).toEqual([]);
    const rows = await database.$queryRawUnsafe<{ id: string }[]>('select id from coalesced');
    const stored = new Set(rows.map((row) => row.id));
    expect(acknowledged.length).toBeGreaterThan(100);
    expect(acknowledged.filter((id) => !stored.has(id))).toEqual([]);
  });
});
