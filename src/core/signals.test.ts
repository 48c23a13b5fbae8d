import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../../test/support/database.ts';
import { createInstanceCache } from './cache.ts';
import { createSignals, type SignalTransaction } from './signals.ts';
import { startPostgresProxy } from './testing/postgres-proxy.ts';

/** The connections of signals to this database. */
const ours = `application_name = 'postern signals' and datname = current_database()`;
const silent = { info() {}, warn() {}, error() {} };
let postgres: Awaited<ReturnType<typeof createTestDatabase>>;
let client: Client;
const cleanUp: (() => unknown)[] = [];

beforeAll(async () => {
  postgres = await createTestDatabase(inject('postgresUrl'));
  client = new Client({ connectionString: postgres.url });
  await client.connect();
});
afterEach(async () => { for (const step of cleanUp.splice(0).reverse()) await step(); });
afterAll(async () => {
  await client.end();
  await postgres.drop();
});

const db: SignalTransaction = {
  $executeRawUnsafe: async (sql, ...values) => (await client.query(sql, values)).rowCount ?? 0,
};

async function signalsFor(url = postgres.url) {
  const signals = await createSignals({ connectionString: url, log: silent });
  cleanUp.push(() => signals.close());
  return signals;
}

async function behindProxy() {
  const proxy = await startPostgresProxy(postgres.url);
  cleanUp.push(() => proxy.close());
  const signals = await signalsFor(proxy.url);
  const heard: string[] = [];
  let reconnects = 0;
  signals.subscribe('clients', (payload) => heard.push(payload));
  signals.onReconnect(() => { reconnects += 1; });
  let unreachable = 0;
  signals.onUnreachable(() => { unreachable += 1; });
  return { proxy, signals, heard, reconnects: () => reconnects, unreachable: () => unreachable };
}

async function until(condition: () => boolean, milliseconds = 10_000): Promise<number> {
  const startedAt = performance.now();
  for (; !condition(); await sleep(5)) if (performance.now() - startedAt > milliseconds) throw new Error('not in time');
  return performance.now() - startedAt;
}

describe('signals between servers', () => {
  it('reach every subscriber of the channel on every server, and no other channel', async () => {
    const [one, two] = [await signalsFor(), await signalsFor()];
    const heard: string[] = [];
    one.subscribe('clients', (payload) => heard.push(`one ${payload}`));
    two.subscribe('clients', (payload) => heard.push(`two ${payload}`));
    two.subscribe('keys', (payload) => heard.push(`keys ${payload}`));
    await one.publish(db, 'clients', 'app_1 "quoted" 中文 \0');
    await until(() => heard.length === 2);
    await sleep(50);
    expect(heard.sort()).toEqual(['one app_1 "quoted" 中文 \0', 'two app_1 "quoted" 中文 \0']);
  });

  it('are delivered when the transaction commits, and never when it rolls back', async () => {
    const signals = await signalsFor();
    const heard: string[] = [];
    signals.subscribe('clients', (payload) => heard.push(payload));
    await client.query('begin');
    await signals.publish(db, 'clients', 'rolled back');
    await client.query('rollback');
    await client.query('begin');
    await signals.publish(db, 'clients', 'committed');
    await sleep(100);
    expect(heard).toEqual([]);
    await client.query('commit');
    await until(() => heard.length > 0);
    expect(heard).toEqual(['committed']);
  });

  it('fit into a notification or are refused before anything is sent', async () => {
    const signals = await signalsFor();
    const heard: string[] = [];
    signals.subscribe('c', (payload) => heard.push(payload));
    const room = 7_999 - JSON.stringify({ channel: 'c', payload: '' }).length;
    await signals.publish(db, 'c', 'x'.repeat(room));
    await until(() => heard.length === 1);
    await expect(signals.publish(db, 'c', 'x'.repeat(room + 1))).rejects.toThrow(RangeError);
    await expect(signals.publish(db, 'c', '中'.repeat(room / 2))).rejects.toThrow(RangeError);
  });

  it('survive a handler that throws and notifications that are not ours', async () => {
    const signals = await signalsFor();
    const heard: string[] = [];
    signals.subscribe('clients', () => { throw new Error('handler'); });
    const unsubscribe = signals.subscribe('clients', (payload) => heard.push(payload));
    for (const foreign of ['', 'not json', '42', 'null', '{"channel":1,"payload":"x"}']) await client.query(`select pg_notify('postern', $1)`, [foreign]);
    await signals.publish(db, 'clients', 'ours');
    await until(() => heard.length === 1);
    unsubscribe();
    await signals.publish(db, 'clients', 'unheard');
    await sleep(100);
    expect(heard).toEqual(['ours']);
  });

  it('refuse to start without a database', async () => {
    const proxy = await startPostgresProxy(postgres.url);
    await proxy.close();
    await expect(createSignals({ connectionString: proxy.url, log: silent })).rejects.toThrow();
  });

  it('stop with close, which leaves no connection', async () => {
    const signals = await createSignals({ connectionString: postgres.url, log: silent });
    await signals.close();
    expect(signals.healthy).toBe(false);
    await sleep(50);
    const { rows } = await client.query(`select count(*)::int as open from pg_stat_activity where ${ours}`);
    expect(rows).toEqual([{ open: 0 }]);
  });
});

describe('signals when the connection fails', () => {
  it('comes back after the server ended it, and says so', async () => {
    const { signals, heard, reconnects, unreachable } = await behindProxy();
    await client.query(`select pg_terminate_backend(pid) from pg_stat_activity where ${ours}`);
    expect(await until(() => reconnects() === 1)).toBeLessThan(1_000);    // at once, not at the next check
    expect(signals.healthy).toBe(true);
    expect(unreachable()).toBe(0);                                         // it was this connection, not the database
    await signals.publish(db, 'clients', 'after');
    await until(() => heard.includes('after'));
  });

  it('is unhealthy while the database refuses, and back within a second or so of its return', async () => {
    const { proxy, signals, heard, reconnects, unreachable } = await behindProxy();
    proxy.refuse();
    await until(() => !signals.healthy);
    await sleep(1_500);
    expect([reconnects(), unreachable()]).toEqual([0, 1]);
    proxy.pass();
    expect(await until(() => reconnects() === 1)).toBeLessThan(2_500);
    await signals.publish(db, 'clients', 'after');
    await until(() => heard.includes('after'));
    expect(reconnects()).toBe(1);
  });

  it('notices a half-dead connection within a few seconds', async () => {
    const { proxy, signals, heard, reconnects } = await behindProxy();
    proxy.swallow();
    expect(await until(() => !signals.healthy)).toBeLessThan(5_000);
    proxy.pass();
    await until(() => reconnects() === 1);
    await signals.publish(db, 'clients', 'after');
    await until(() => heard.includes('after'));
  }, 15_000);

  it('closes in about a second though the connection is half-dead, and while it is reconnecting', async () => {
    const { proxy, signals } = await behindProxy();
    proxy.swallow();
    const startedAt = performance.now();
    await signals.close();
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    const second = await behindProxy();
    second.proxy.refuse();
    await until(() => !second.signals.healthy);
    await second.signals.close();
    second.proxy.pass();
    await sleep(300);
    expect(second.reconnects()).toBe(0);
  });
});

describe('caches of two servers', () => {
  function cacheOn(signals: Awaited<ReturnType<typeof signalsFor>>) {
    return createInstanceCache<string>({
      signals, channel: 'settings', max: 10, ttlMs: 60_000,
      load: async () => (await client.query<{ value: string }>('select value from settings')).rows[0]?.value,
    });
  }

  it('a change at one is known to the other within a second, and what was missed is made up for', async () => {
    await client.query(`create table settings (value text not null)`);
    await client.query(`insert into settings values ('old')`);
    const { proxy, signals, reconnects } = await behindProxy();
    const [here, there] = [cacheOn(await signalsFor()), cacheOn(signals)];
    expect([await here.get('a', 'title'), await there.get('a', 'title')]).toEqual(['old', 'old']);

    await client.query('begin');
    await client.query(`update settings set value = 'new'`);
    await here.invalidate(db, 'a', 'title');
    await client.query('commit');
    await sleep(200);
    expect([await here.get('a', 'title'), await there.get('a', 'title')]).toEqual(['new', 'new']);

    proxy.refuse();
    await until(() => !signals.healthy);
    await client.query(`update settings set value = 'newest'`);
    await here.invalidate(db, 'a');
    await sleep(200);
    expect([await here.get('a', 'title'), await there.get('a', 'title')]).toEqual(['newest', 'new']);
    proxy.pass();
    await until(() => reconnects() === 1);
    expect(await there.get('a', 'title')).toBe('newest');
  });
});
