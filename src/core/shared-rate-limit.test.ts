import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createLocalRateLimiter, createSharedRateLimiter, type RateLimiter } from './rate-limit.ts';
import { connectRedis, type RedisClient } from './redis.ts';
import { freePort, type RedisServer, startRedisServer } from './testing/redis-server.ts';

/** So slow that no token comes back during a test. */
const bucket = { ratePerSecond: 0.001, burst: 100 };
const patient = { timeoutMs: 5_000 };
const silent = { info() {}, warn() {} };
const cleanUp: (() => unknown)[] = [];
afterEach(async () => { for (const step of cleanUp.splice(0).reverse()) await step(); });

async function redisServer(): Promise<RedisServer> {
  const server = await startRedisServer();
  cleanUp.push(() => server.kill());
  return server;
}

/** `timeoutMs` is long where exactness is the question: on a busy machine Redis may be slow without being ill. */
async function sharedLimiter(url: string, options: { timeoutMs?: number } = {}) {
  const redis = await connectRedis(url, silent);
  cleanUp.push(() => redis.destroy());
  const news: string[] = [];
  const limiter = createSharedRateLimiter({
    redis, local: createLocalRateLimiter(), probeIntervalMs: 50, ...options,
    onFallback: () => news.push('fallback'), onRecover: () => news.push('recovered'),
  });
  return { limiter, redis, news };
}

async function countAllowed(limiters: RateLimiter[], times: number, key = 'app'): Promise<number> {
  const takes = Array.from({ length: times }, async (_, n) => limiters[n % limiters.length]?.take(key, bucket));
  return (await Promise.all(takes)).filter((decision) => decision?.allowed).length;
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 8_000; !condition(); await sleep(10)) if (Date.now() > end) throw new Error('not in time');
}

const heldKeys = (redis: RedisClient): Promise<string[]> => redis.keys('*');

describe('token buckets shared over Redis', () => {
  it('grants exactly the burst under 500 parallel takes', async () => {
    const { limiter, news } = await sharedLimiter((await redisServer()).url, patient);
    expect(await countAllowed([limiter], 500)).toBe(100);
    expect(news).toEqual([]);
  });

  it('is one bucket for two servers', async () => {
    const { url } = await redisServer();
    const [one, two] = [await sharedLimiter(url, patient), await sharedLimiter(url, patient)];
    expect(await countAllowed([one.limiter, two.limiter], 500)).toBe(100);
    expect(await two.limiter.take('app', bucket)).toMatchObject({ allowed: false, remaining: 0, limit: 100 });
    expect([...one.news, ...two.news]).toEqual([]);
  });

  it('refills by the clock of Redis and answers as the local limiter does', async () => {
    const { limiter } = await sharedLimiter((await redisServer()).url, patient);
    const quick = { ratePerSecond: 50, burst: 10 };
    expect(await limiter.take('app', quick, 10)).toEqual(createLocalRateLimiter().take('app', quick, 10));
    expect((await limiter.take('app', quick)).allowed).toBe(false);
    await sleep(30);
    expect((await limiter.take('app', quick)).allowed).toBe(true);
    await sleep(400);
    expect((await limiter.take('app', quick, 10)).allowed).toBe(true);      // full again, and not more than full
    expect((await limiter.take('app', quick, 2)).allowed).toBe(false);
  });

  it('refills also after the clock of Redis stepped back (a failover)', async () => {
    const { limiter, redis } = await sharedLimiter((await redisServer()).url, patient);
    await redis.set('postern:bucket:app', `0 ${(Date.now() + 3_600_000) * 1_000}`);
    const quick = { ratePerSecond: 50, burst: 10 };
    expect((await limiter.take('app', quick)).allowed).toBe(false);
    await sleep(40);
    expect((await limiter.take('app', quick)).allowed).toBe(true);
  });

  it('leaves no key behind once the bucket is full', async () => {
    const { limiter, redis } = await sharedLimiter((await redisServer()).url, patient);
    await limiter.take('app', { ratePerSecond: 100, burst: 10 });
    expect(await heldKeys(redis)).toEqual(['postern:bucket:app']);
    expect(await redis.pTTL('postern:bucket:app')).toBeLessThanOrEqual(1_010);
    await sleep(1_100);
    expect(await heldKeys(redis)).toEqual([]);
  });

  it('goes on when Redis forgets the script', async () => {
    const { limiter, redis, news } = await sharedLimiter((await redisServer()).url, patient);
    await countAllowed([limiter], 40);
    await redis.scriptFlush();
    expect(await countAllowed([limiter], 500)).toBe(60);
    expect(news).toEqual([]);
  });

  it('does not take a busy event loop for a dead Redis', async () => {
    const { limiter, news } = await sharedLimiter((await redisServer()).url);
    await limiter.take('app', bucket);
    const take = limiter.take('app', bucket);
    await new Promise(setImmediate);                                         // the command is on its way
    for (const end = Date.now() + 200; Date.now() < end;);
    expect((await take).remaining).toBe(98);
    expect(news).toEqual([]);
  });
});

describe('when Redis fails', () => {
  it('killed under load: every take is answered, local buckets hold, and the shared ones come back', async () => {
    const server = await redisServer();
    const { limiter, news } = await sharedLimiter(server.url);
    const before = await countAllowed([limiter], 10);
    const underLoad = countAllowed([limiter], 500);
    await server.kill();
    expect(before + await underLoad).toBe(100);                              // the failure gives nobody a second burst
    await until(() => news.includes('fallback'));
    expect(limiter.take('another', bucket)).not.toBeInstanceOf(Promise);
    expect(await countAllowed([limiter], 500, 'yet another')).toBe(100);
    await server.restart();
    await until(() => news.includes('recovered'));
    expect(await countAllowed([limiter], 500)).toBe(100);                    // Redis came back empty
    expect(news).toEqual(['fallback', 'recovered']);
  });

  it('hung (SIGSTOP): one short wait, then nothing; back by itself after SIGCONT', async () => {
    const server = await redisServer();
    const { limiter, news } = await sharedLimiter(server.url);
    await countAllowed([limiter], 30);
    server.signal('SIGSTOP');
    const startedAt = performance.now();
    expect(await countAllowed([limiter], 300)).toBe(70);
    expect(performance.now() - startedAt).toBeLessThan(500);
    expect(news).toEqual(['fallback']);
    expect(limiter.take('app', bucket)).toMatchObject({ allowed: false });   // and not a promise
    await sleep(2_500);                                                      // long enough for the connection to be dropped
    expect(news).toEqual(['fallback']);
    server.signal('SIGCONT');
    await until(() => news.includes('recovered'));
    expect(limiter.take('app', bucket)).toBeInstanceOf(Promise);
  });

  it.each([
    ['goes on answering: stays in charge', 5, []],
    ['keeps a take waiting for four times the patience: has failed', 10, ['fallback']],
  ] as const)('slow, but %s', async (_name, pauses, expected) => {
    const { limiter, redis, news } = await sharedLimiter((await redisServer()).url, { timeoutMs: 200 });
    await redis.configSet('hz', '500');                                      // how often Redis looks at the time of a pop
    await limiter.take('app', bucket);
    const takes = Array.from({ length: pauses }, async () => {
      // Popping from an empty list holds up what follows on the connection: one answer every 100 ms.
      redis.blPop('empty', 0.1).catch(() => undefined);
      return limiter.take('app', bucket);
    });
    expect((await Promise.all(takes)).map((decision) => decision.allowed)).not.toContain(false);
    expect(news).toEqual(expected);
  });

  it('hung for a moment only: the same connection goes on', async () => {
    const server = await redisServer();
    const { limiter, news } = await sharedLimiter(server.url);
    await countAllowed([limiter], 1);
    server.signal('SIGSTOP');
    await limiter.take('app', bucket);
    await sleep(300);
    server.signal('SIGCONT');
    await until(() => news.includes('recovered'));
    expect(await countAllowed([limiter], 500, 'fresh')).toBe(100);
  });

  it('refusing writes (out of memory): counts as failed until it takes them again', async () => {
    const { limiter, redis, news } = await sharedLimiter((await redisServer()).url);
    await redis.configSet('maxmemory', '1');
    expect(await limiter.take('app', bucket)).toMatchObject({ allowed: true, remaining: 99 });
    await sleep(300);
    expect(news).toEqual(['fallback']);
    await redis.configSet('maxmemory', '0');
    await until(() => news.includes('recovered'));
  });

  it('away at the start: does not block, decides locally, finds Redis when it comes', async () => {
    const server = await redisServer();
    await server.kill();
    const startedAt = performance.now();
    const { limiter, news } = await sharedLimiter(server.url);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(limiter.take('app', bucket)).toMatchObject({ allowed: true });
    expect(news).toEqual(['fallback']);
    await server.restart();
    await until(() => news.includes('recovered'));
    expect(await countAllowed([limiter], 500)).toBe(100);
  });

  it('closed for good: the client ends and decisions stay local', async () => {
    const { limiter, redis } = await sharedLimiter(`redis://127.0.0.1:${await freePort()}`);
    redis.destroy();
    expect(limiter.take('app', bucket)).toMatchObject({ allowed: true });
  });
});
