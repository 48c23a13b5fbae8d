import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../../test/support/database.ts';
import { databaseFailure } from './database-failure.ts';
import { createDatabaseSockets } from './database-sockets.ts';
import { openDatabase } from './database.ts';

let postgres: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => { postgres = await createTestDatabase(inject('postgresUrl')); });
afterAll(() => postgres.drop());

it('ends queries in flight and fails new ones at once while the database is given up, and works again afterwards', async () => {
  const sockets = createDatabaseSockets();
  const database = openDatabase({ connectionString: postgres.url, poolSize: 2, sockets });
  try {
    const failures = [
      database.$queryRawUnsafe('SELECT pg_sleep(20)'),
      database.$transaction((tx) => tx.$queryRawUnsafe('SELECT pg_sleep(20)')),
      sleep(100).then(() => database.$queryRawUnsafe('SELECT 1')), // waits for one of the two connections
    ].map((query) => query.then(() => 'answered', databaseFailure));
    setTimeout(() => sockets.giveUp(), 500);
    const begun = performance.now();
    expect(await Promise.all(failures)).toEqual(['unreachable', 'unreachable', 'unreachable']);
    expect(await database.instance.findMany().then(() => 'answered', databaseFailure)).toBe('unreachable');
    expect(performance.now() - begun).toBeLessThan(4_000);
    sockets.resume();
    expect(await database.instance.findMany()).toEqual([]);
  } finally {
    await database.$disconnect();
  }
});
