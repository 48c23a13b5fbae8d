import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedisServer } from '../../src/core/testing/redis-server.ts';
import { type Remote, type RemoteClient, remoteServer } from '../support/remote.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let redis: RedisServer;
let servers: readonly TestServer[];
let remotes: readonly [Remote, Remote];
/** Its bucket is never empty: for load that must not be refused. */
let busy: RemoteClient;
beforeAll(async () => {
  redis = await startRedisServer();
  const server = await startTestServer({ settings: { REDIS_URL: redis.url } });
  servers = [server, await server.replica()];
  const [one, two] = servers.map((each) => remoteServer({ issuer: server.issuer, listener: each.listener, machine: server.machine }));
  if (!one || !two) throw new Error('two servers are needed');
  remotes = [one, two];
  busy = await one.createMachine();
});
afterAll(async () => {
  for (const server of [...servers ?? []].reverse()) await server.close();
  await redis?.kill();
});

const burst = 20;

/** Three bursts at once, spread over both servers: how many a new application with one bucket gets through, and how long that took. */
async function throughNewBucket(): Promise<{ passed: number; refilled: number }> {
  const machine = await remotes[0].createMachine();
  await remotes[0].api('PATCH', `/applications/${machine.id}`, { rateLimitPerSecond: 1, rateLimitBurst: burst });
  await sleep(300); // the other server has heard of it
  const begun = performance.now();
  const answers = await Promise.all(Array.from({ length: 3 * burst }, (_, index) =>
    remotes[index % 2 === 0 ? 0 : 1].oauth('token', { grant_type: 'client_credentials' }, machine)));
  for (const { status, body, headers } of answers) {
    if (status === 200) continue;
    expect({ status, error: body['error'] }).toEqual({ status: 429, error: 'temporarily_unavailable' });
    expect(Number(headers?.get('retry-after'))).toBeGreaterThan(0);
  }
  return { passed: answers.filter(({ status }) => status === 200).length, refilled: Math.ceil((performance.now() - begun) / 1_000) };
}

async function fallbackAt(server: TestServer): Promise<number> {
  const text = await (await fetch(`${server.listener}/metrics`)).text();
  return Number(/^postern_redis_fallback (\d)$/m.exec(text)?.[1]);
}
const fallbacks = () => Promise.all(servers.map(fallbackAt));

/** Requests at both servers, one after the other at each, until `until`. */
async function load(until: () => boolean): Promise<{ status: number; took: number }[]> {
  const answers: { status: number; took: number }[] = [];
  await Promise.all(remotes.map(async (remote) => {
    while (!until()) {
      const begun = performance.now();
      const { status } = await remote.oauth('token', { grant_type: 'client_credentials' }, busy);
      answers.push({ status, took: performance.now() - begun });
      await sleep(10);
    }
  }));
  return answers;
}

describe('two servers with one Redis', () => {
  it('share a bucket, exactly', async () => {
    expect(await fallbacks()).toEqual([0, 0]);
    const { passed, refilled } = await throughNewBucket();
    expect(passed).toBeGreaterThanOrEqual(burst);
    expect(passed).toBeLessThanOrEqual(burst + refilled);
  });

  it.each([
    ['dies', () => redis.kill(), () => redis.restart()],
    ['hangs', async () => { redis.signal('SIGSTOP'); }, async () => { redis.signal('SIGCONT'); }],
  ])('when it %s under load, requests go on with local buckets, the metrics say so, and the bucket is shared again afterwards', { timeout: 60_000 }, async (_what, breakIt, mendIt) => {
    let over = false;
    const answers = load(() => over);
    await sleep(500);
    await breakIt();
    try {
      await expect.poll(fallbacks, { timeout: 5_000, interval: 50 }).toEqual([1, 1]);
      const { passed, refilled } = await throughNewBucket();
      expect(passed).toBeGreaterThanOrEqual(2 * burst);
      expect(passed).toBeLessThanOrEqual(2 * (burst + refilled));
      await sleep(1_000);
    } finally {
      await mendIt();
    }
    await expect.poll(fallbacks, { timeout: 15_000, interval: 100 }).toEqual([0, 0]);
    const { passed, refilled } = await throughNewBucket();
    expect(passed).toBeGreaterThanOrEqual(burst);
    expect(passed).toBeLessThanOrEqual(burst + refilled);
    over = true;
    const statuses = new Set((await answers).map(({ status }) => status));
    expect(statuses).toEqual(new Set([200]));
    expect(Math.max(...(await answers).map(({ took }) => took)), 'milliseconds of the slowest answer').toBeLessThan(3_000);
  });
});
