import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../../test/support/database.ts';
import { type BatchStatements, createBatchStatements } from './batch-statements.ts';
import { databaseFailure } from './database-failure.ts';
import { type Database, openDatabase } from './database.ts';
import { isRowError } from './sql-state.ts';

let postgres: Awaited<ReturnType<typeof createTestDatabase>>;
let database: Database;
let statements: BatchStatements;

beforeAll(async () => {
  postgres = await createTestDatabase(inject('postgresUrl'));
  database = openDatabase({ connectionString: postgres.url, poolSize: 2 });
  statements = createBatchStatements({ connectionString: postgres.url });
  await database.$executeRawUnsafe('create table batch (owner text, id text, payload jsonb not null, at timestamptz, primary key (owner, id))');
});
afterAll(async () => {
  await statements.close();
  await database.$disconnect();
  await postgres.drop();
});

const write = { name: 'test-write', text: 'insert into batch select * from unnest($1::text[], $2::text[], $3::jsonb[], $4::timestamptz[]) on conflict (owner, id) do update set payload = excluded.payload' };
const read = { name: 'test-read', text: 'select b.id, b.payload, b.at from unnest($1::text[], $2::text[]) as k(owner, id) join batch b on b.owner = k.owner and b.id = k.id' };
const columns = (ids: string[], payload: unknown, at: Date) => [ids.map(() => 'a'), ids, ids.map(() => JSON.stringify(payload)), ids.map(() => at)];

describe('statements for batches', () => {
  it('carry text, JSON and times both ways', async () => {
    const at = new Date('2026-03-29T01:30:00.123Z');
    const payload = { quote: '"', backslash: '\\', braces: '{,}', null: null, line: '\n', text: 'NULL', emoji: '🔑' };
    await statements.run(write, columns(['one', 'a "b" \\ {c},d'], payload, at));
    const rows = await statements.run<{ id: string; payload: unknown; at: Date }>(read, [['a', 'a', 'b'], ['one', 'a "b" \\ {c},d', 'one']]);
    expect(rows.toSorted((left, right) => left.id.length - right.id.length)).toEqual([{ id: 'one', payload, at }, { id: 'a "b" \\ {c},d', payload, at }]);
  });

  it('tell a bad row from a lost connection', async () => {
    await expect(statements.run(write, columns(['nul'], { text: '\0' }, new Date())).catch((error: unknown) => isRowError(error))).resolves.toBe(true);
    await expect(statements.run(write, columns(['nul\0'], {}, new Date())).catch((error: unknown) => isRowError(error))).resolves.toBe(true);
    const lost = statements.run({ name: 'test-wait', text: 'select pg_sleep(10)' }, []).catch((error: unknown) => databaseFailure(error));
    await expect.poll(() => database.$queryRaw<unknown[]>`select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(10)' and datname = current_database()`).not.toEqual([]);
    expect(await lost).toBe('unreachable');
    expect(await statements.run(read, [['a'], ['one']])).toHaveLength(1);
  });

  it('look up each key by the index, on an empty table too', async () => {
    await database.$executeRawUnsafe('create table empty_batch (like batch including indexes)');
    await database.$executeRawUnsafe('analyze empty_batch');
    const plan = await statements.run<{ 'QUERY PLAN': string }>({ name: 'test-plan', text: `explain ${read.text.replace('join batch', 'join empty_batch')}` }, [['a'], ['one']]);
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toMatch(/Nested Loop/);
    expect(text).not.toMatch(/Seq Scan|Hash Join|Merge Join/);
  });
});
