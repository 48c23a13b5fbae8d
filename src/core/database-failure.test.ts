import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../../test/support/database.ts';
import { databaseFailure } from './database-failure.ts';
import { type Database, openDatabase } from './database.ts';
import { startPostgresProxy, type PostgresProxy } from './testing/postgres-proxy.ts';

let postgres: Awaited<ReturnType<typeof createTestDatabase>>;
let proxy: PostgresProxy;
let database: Database;
beforeAll(async () => {
  postgres = await createTestDatabase(inject('postgresUrl'));
  proxy = await startPostgresProxy(postgres.url);
  database = openDatabase({ connectionString: proxy.url, poolSize: 2 });
});
afterAll(async () => {
  await database.$disconnect();
  await proxy.close();
  await postgres.drop();
});

const failureOf = async (work: () => Promise<unknown>) => databaseFailure(await work().catch((error: unknown) => error));
const raise = (state: string) => `DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '${state}'; END $$`;

it.each([
  ['53100', 'full'], ['57P01', 'unreachable'], ['57P03', 'unreachable'], ['53300', 'unreachable'], ['08006', 'unreachable'], ['58030', 'unreachable'],
  ['23505', undefined], ['22P05', undefined], ['42601', undefined], ['P0001', undefined],
])('an error of SQLSTATE %s is: %s', async (state, expected) => {
  expect(await failureOf(() => database.$executeRawUnsafe(raise(state)))).toBe(expected);
  expect(await failureOf(() => database.$transaction((tx) => tx.$executeRawUnsafe(raise(state))))).toBe(expected);
});

it('a connection that is cut under a query, a raw one, or in a transaction is unreachable', async () => {
  for (const work of [
    () => database.$queryRawUnsafe('SELECT pg_sleep(5)'),
    () => database.$transaction((tx) => tx.$queryRawUnsafe('SELECT pg_sleep(5)')),
    () => database.$transaction(async (tx) => {
      proxy.cut();
      return tx.instance.findMany();
    }),
  ]) {
    setTimeout(() => proxy.cut(), 150);
    expect(await failureOf(work)).toBe('unreachable');
  }
});

it('a database that refuses connections is unreachable', async () => {
  proxy.refuse();
  try {
    expect(await failureOf(() => database.instance.findMany())).toBe('unreachable');
    expect(await failureOf(() => database.$queryRawUnsafe('SELECT 1'))).toBe('unreachable');
    expect(await failureOf(() => database.$transaction((tx) => tx.instance.findMany()))).toBe('unreachable');
  } finally {
    proxy.pass();
  }
});

it('other failures tell nothing of the database', async () => {
  expect(await failureOf(() => readFile('/no/such/file'))).toBeUndefined();
  expect(await failureOf(() => database.instance.findUniqueOrThrow({ where: { id: 'absent' } }))).toBeUndefined();
  expect(databaseFailure(new TypeError('x is not a function'))).toBeUndefined();
  expect(databaseFailure('text')).toBeUndefined();
});
