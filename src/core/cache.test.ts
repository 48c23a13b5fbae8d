import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createInstanceCache, type InstanceCacheOptions } from './cache.ts';

/** Signals within this process, delivered at once (over PostgreSQL: signals.test.ts). */
function localSignals() {
  const handlers = new Map<string, (payload: string) => void>();
  const reconnectHandlers = new Set<() => void>();
  return {
    handlers, reconnectHandlers,
    async publish(_db: unknown, channel: string, payload: string) { handlers.get(channel)?.(payload); },
    subscribe(channel: string, handler: (payload: string) => void) {
      handlers.set(channel, handler);
      return () => { handlers.delete(channel); };
    },
    onReconnect(handler: () => void) {
      reconnectHandlers.add(handler);
      return () => { reconnectHandlers.delete(handler); };
    },
  };
}

const noDatabase = { $executeRawUnsafe: async () => 0 };

function cacheOf(truth: Map<string, string>, options: Partial<InstanceCacheOptions<string>> = {}) {
  const signals = localSignals();
  const loads: string[] = [];
  let gate: Promise<undefined> | undefined;
  const cache = createInstanceCache<string>({
    signals, channel: 'things', max: 100, ttlMs: 60_000,
    async load(instanceId, key) {
      loads.push(`${instanceId}/${key}`);
      const value = truth.get(`${instanceId}/${key}`);      // read now, answered later
      await gate;
      return value;
    },
    ...options,
  });
  /** Holds back the loads that start from now on until the returned function is called. */
  const holdLoads = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    gate = promise;
    return () => { gate = undefined; resolve(undefined); };
  };
  return { cache, signals, loads, holdLoads };
}

describe('instance cache', () => {
  it('loads once, for parallel callers too, and keeps instances apart', async () => {
    const { cache, loads } = cacheOf(new Map([['a/x', '1'], ['b/x', '2']]));
    expect(await Promise.all([cache.get('a', 'x'), cache.get('a', 'x'), cache.get('b', 'x')])).toEqual(['1', '1', '2']);
    expect(await cache.get('a', 'x')).toBe('1');
    expect(loads).toEqual(['a/x', 'b/x']);
  });

  it('is told of many keys in few signals that each fit, and of none in none', async () => {
    const truth = new Map<string, string>();
    const keys = Array.from({ length: 1_000 }, (_value, place) => `user_${String(place).padStart(26, '0')}`);
    for (const key of keys) truth.set(`a/${key}`, 'old');
    const { cache, signals } = cacheOf(truth, { max: 2_000 });
    for (const key of [...keys, 'other']) await cache.get('a', key);
    const forgetting = signals.handlers.get('things');
    const payloads: string[] = [];
    signals.handlers.set('things', (payload) => { payloads.push(payload); forgetting?.(payload); });
    await cache.invalidate(noDatabase, 'a', []);
    expect(payloads).toEqual([]);
    for (const key of keys) truth.set(`a/${key}`, 'new');
    await cache.invalidate(noDatabase, 'a', keys);
    expect(payloads.length).toBeLessThan(10);
    for (const payload of payloads) expect(Buffer.byteLength(JSON.stringify({ channel: 'access.application-roles', payload }))).toBeLessThan(8_000);
    expect(new Set(await Promise.all(keys.map((key) => cache.get('a', key))))).toEqual(new Set(['new']));
  });

  it('forgets one key, or one instance and not its namesake', async () => {
    const { cache, loads } = cacheOf(new Map([['a/x', '1'], ['a/y', '2'], ['ab/x', '3']]));
    const readAll = () => Promise.all([cache.get('a', 'x'), cache.get('a', 'y'), cache.get('ab', 'x')]);
    await readAll();
    cache.forget('a', 'x');
    await readAll();
    expect(loads.splice(0)).toEqual(['a/x', 'a/y', 'ab/x', 'a/x']);
    cache.forgetInstance('a');
    await readAll();
    expect(loads).toEqual(['a/x', 'a/y']);
  });

  it('a signal forgets a key or an instance; a reconnect forgets everything', async () => {
    const truth = new Map([['a/x', 'old']]);
    const { cache, signals } = cacheOf(truth);
    await cache.get('a', 'x');
    truth.set('a/x', 'by key');
    await cache.invalidate(noDatabase, 'a', 'x');
    expect(await cache.get('a', 'x')).toBe('by key');
    truth.set('a/x', 'by instance');
    await cache.invalidate(noDatabase, 'a');
    expect(await cache.get('a', 'x')).toBe('by instance');
    truth.set('a/x', 'by reconnect');
    for (const handler of signals.reconnectHandlers) handler();
    expect(await cache.get('a', 'x')).toBe('by reconnect');
  });

  it.each<[string, (created: ReturnType<typeof cacheOf>) => unknown]>([
    ['key', ({ cache }) => cache.forget('a', 'x')],
    ['instance', ({ cache }) => cache.forgetInstance('a')],
    ['signal', ({ cache }) => cache.invalidate(noDatabase, 'a', 'x')],
    ['reconnect', ({ signals }) => { for (const handler of signals.reconnectHandlers) handler(); }],
  ])('never keeps a value that was read before it was forgotten (%s)', async (_how, forget) => {
    const truth = new Map([['a/x', 'old']]);
    const created = cacheOf(truth);
    const release = created.holdLoads();
    const early = created.cache.get('a', 'x');
    await sleep(1);                                   // the old value is read
    truth.set('a/x', 'new');
    const forgotten = forget(created);
    const late = created.cache.get('a', 'x');         // must not join the load of `early`
    release();
    await forgotten;
    expect(await Promise.all([early, late])).toEqual(['old', 'new']);
    expect(await created.cache.get('a', 'x')).toBe('new');
    expect(created.loads).toHaveLength(2);
  });

  it('a void load that ends last does not overwrite the newer value', async () => {
    const answers = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    let calls = 0;
    const { cache } = cacheOf(new Map(), { load: () => answers[calls++]?.promise ?? Promise.reject(new Error('third load')) });
    const early = cache.get('a', 'x');
    await sleep(1);
    cache.forget('a', 'x');
    const late = cache.get('a', 'x');
    await sleep(1);
    answers[1]?.resolve('new');
    expect(await late).toBe('new');
    answers[0]?.resolve('old');
    expect(await early).toBe('old');
    expect(await cache.get('a', 'x')).toBe('new');
  });

  it('keeps "there is none" only briefly, and no failure at all', async () => {
    const truth = new Map<string, string>();
    const { cache, loads } = cacheOf(truth, { absentTtlMs: 30 });
    expect([await cache.get('a', 'x'), await cache.get('a', 'x')]).toEqual([undefined, undefined]);
    expect(loads).toHaveLength(1);
    truth.set('a/x', 'made meanwhile elsewhere');
    await sleep(60);
    expect(await cache.get('a', 'x')).toBe('made meanwhile elsewhere');

    let failing = true;
    const broken = cacheOf(new Map(), { load: () => { if (failing) throw new Error('database away'); return Promise.resolve('there'); } });
    await expect(Promise.all([broken.cache.get('a', 'x'), broken.cache.get('a', 'x')])).rejects.toThrow('database away');
    failing = false;
    expect(await broken.cache.get('a', 'x')).toBe('there');
  });

  it('is bounded, and made-up keys do not push out what is real', async () => {
    const { cache, loads } = cacheOf(new Map([['a/real', '1'], ...Array.from({ length: 50 }, (_, n) => [`a/more${n}`, 'x'] as const)]), { max: 20 });
    await cache.get('a', 'real');
    for (let n = 0; n < 500; n += 1) await cache.get('a', `made-up ${n}`);
    loads.length = 0;
    expect(await cache.get('a', 'real')).toBe('1');
    expect(loads).toEqual([]);
    for (let n = 0; n < 50; n += 1) await cache.get('a', `more${n}`);
    expect(cache.size).toBe(20);
  });

  it('loads again after its time even without a signal', async () => {
    const { cache, loads } = cacheOf(new Map([['a/x', '1']]), { ttlMs: 20 });
    await cache.get('a', 'x');
    await sleep(40);
    await cache.get('a', 'x');
    expect(loads).toHaveLength(2);
  });

  it('listens no more once closed', () => {
    const { cache, signals } = cacheOf(new Map());
    cache.close();
    expect([signals.handlers.size, signals.reconnectHandlers.size]).toEqual([0, 0]);
  });
});
