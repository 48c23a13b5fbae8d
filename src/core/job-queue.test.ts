import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../../test/support/database.ts';
import { openDatabase, type Database } from './database.ts';
import { createJobs } from './job-queue.ts';
import type { JobData, Jobs } from './jobs.ts';
import { createMetrics } from './metrics.ts';

let database: Database;
let url: string;
let cleanUp: (() => Promise<unknown>)[];
let metrics: ReturnType<typeof createMetrics>;

beforeEach(async () => {
  metrics = createMetrics();
  const created = await createTestDatabase(inject('postgresUrl'));
  url = created.url;
  database = openDatabase({ connectionString: url, poolSize: 4 });
  cleanUp = [async () => { metrics.close(); }, () => database.$disconnect(), () => created.drop()];
});
afterEach(async () => { for (const step of cleanUp) await step(); });

/** A second server on the same database is a second call. */
async function startJobs(prepare: (jobs: Jobs) => void): Promise<Jobs> {
  const jobs = createJobs({ connectionString: url, log: pino({ level: 'silent' }), metrics });
  prepare(jobs);
  await jobs.start();
  cleanUp.unshift(() => jobs.stop(0));
  return jobs;
}

const data = (word: string): JobData => ({ instanceId: 'default', word });
async function until(condition: () => boolean, milliseconds = 8_000): Promise<void> {
  for (const end = Date.now() + milliseconds; !condition(); await sleep(20)) if (Date.now() > end) throw new Error('waited in vain');
}

describe('jobs', () => {
  it('exist exactly if the transaction commits, and are worked on within a second', async () => {
    const seen: unknown[] = [];
    const jobs = await startJobs((starting) => starting.work('greet', async ({ word }) => { seen.push(word); }));
    await expect(database.$transaction(async (tx) => {
      await jobs.enqueue(tx, 'greet', data('rolled back'));
      throw new Error('changed my mind');
    })).rejects.toThrow('changed my mind');
    await database.$transaction((tx) => jobs.enqueue(tx, 'greet', data('committed')));
    await until(() => seen.length > 0, 1_000);
    await sleep(200);
    expect(seen).toEqual(['committed']);
  });

  it('come many at once in one statement, each worked on once', async () => {
    const seen: unknown[] = [];
    const jobs = await startJobs((starting) => starting.work('crowd', async ({ word }) => { seen.push(word); }, { concurrency: 5 }));
    const words = Array.from({ length: 300 }, (_value, index) => `word ${index}`);
    await database.$transaction((tx) => jobs.enqueueAll(tx, 'crowd', words.map(data)));
    await jobs.enqueueAll(database, 'crowd', []);
    await until(() => seen.length >= words.length, 15_000);
    expect([...seen].sort()).toEqual([...words].sort());
  });

  it('are tried again after a pause, and given up after the last try with the reason', async () => {
    const tries: number[] = [];
    let givenUp: [unknown, unknown] | undefined;
    const jobs = await startJobs((starting) => starting.work('fail', async () => {
      tries.push(Date.now());
      throw new Error('the other side is down');
    }, { retryLimit: 1, retryDelaySeconds: 1, onGivenUp: async (given, error) => { givenUp = [given, error]; } }));
    await jobs.enqueue(database, 'fail', data('x'));
    await until(() => givenUp !== undefined, 20_000);
    expect(tries).toHaveLength(2);
    expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBeGreaterThan(900);
    const counted = (await metrics.jobs.get()).values.map(({ labels, value }) => `${labels.job} ${labels.outcome} ${value}`);
    expect(counted).toEqual(expect.arrayContaining(['fail failed 1', 'fail given_up 1']));
    expect(givenUp?.[0]).toEqual(data('x'));
    expect(givenUp?.[1]).toMatchObject({ message: 'the other side is down' });
  }, 30_000);

  it('wait once for a key, and any number of times without one', async () => {
    const seen: unknown[] = [];
    const jobs = await startJobs((starting) => starting.work('tidy', async ({ word }) => { seen.push(word); }));
    for (let copy = 0; copy < 3; copy += 1) await jobs.enqueue(database, 'tidy', data('same'), { singletonKey: 'one', startAfterSeconds: 1 });
    for (let copy = 0; copy < 3; copy += 1) await jobs.enqueue(database, 'tidy', data('each'));
    await until(() => seen.length === 4);
    await sleep(300);
    expect(seen.toSorted()).toEqual(['each', 'each', 'each', 'same']);
  }, 15_000);

  it('are shared by the servers of one database: each job is worked on once', async () => {
    const seen: unknown[] = [];
    const prepare = (jobs: Jobs) => jobs.work('share', async ({ word }) => { seen.push(word); }, { concurrency: 2 });
    const [first] = await Promise.all([startJobs(prepare), startJobs(prepare)]);
    const words = Array.from({ length: 30 }, (_, index) => `word ${index}`);
    for (const word of words) await first.enqueue(database, 'share', data(word));
    await until(() => seen.length >= words.length);
    expect(seen.toSorted()).toEqual(words.toSorted());
  }, 20_000);

  it('survive a restart: a job left waiting is found by the next start, and its queue is not made again', async () => {
    const first = await startJobs((starting) => starting.work('later', async () => undefined));
    await first.enqueue(database, 'later', data('kept'), { startAfterSeconds: 1 });
    await first.stop(5);
    const seen: unknown[] = [];
    const before = performance.now();
    await startJobs((starting) => starting.work('later', async ({ word }) => { seen.push(word); }, { retryLimit: 2 }));
    expect(performance.now() - before).toBeLessThan(1_000);
    await until(() => seen.length === 1);
  }, 15_000);

  it('are finished by a graceful stop', async () => {
    let finished = false;
    let begun = false;
    const jobs = await startJobs((starting) => starting.work('slow', async () => { begun = true; await sleep(500); finished = true; }));
    await jobs.enqueue(database, 'slow', data('x'));
    await until(() => begun);
    await jobs.stop(5);
    expect(finished).toBe(true);
  });

  it('keep a schedule for one server of several, and refuse a name twice or after the start', async () => {
    const jobs = await startJobs((starting) => {
      starting.schedule('nightly', '0 3 * * *', async () => undefined);
      expect(() => starting.work('nightly', async () => undefined)).toThrow('named twice');
    });
    expect(() => jobs.work('another', async () => undefined)).toThrow('after the start');
    await expect(jobs.enqueue(database, 'unknown', data('x'))).rejects.toThrow('has no worker');
    const rows = await database.$queryRawUnsafe<{ name: string; cron: string; policy: string }[]>(
      'SELECT s.name, s.cron, q.policy FROM pgboss.schedule s JOIN pgboss.queue q USING (name)');
    expect(rows).toEqual([{ name: 'nightly', cron: '0 3 * * *', policy: 'stately' }]);
  });
});
