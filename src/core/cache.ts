import { LRUCache } from 'lru-cache';
import type { Signals, SignalTransaction } from './signals.ts';

/** What was loaded for an instance and a key, kept in memory until somebody says that it changed. */
export interface InstanceCache<Value> {
  /** Returns the kept value or loads it; callers that come meanwhile share one load. A failed load is not kept. */
  get(instanceId: string, key: string): Promise<Value | undefined>;
  /**
   * The kept value; where there is none, what `read` finds. For callers that may be inside of a transaction: if each of
   * them waited for a second connection, none would come free. The value for the next ones is loaded meanwhile.
   */
  getThrough(instanceId: string, key: string, read: () => Promise<Value>): Promise<Value>;
  /** Forgets here and now, also the result of a load still running. Other servers are told by `invalidate`. */
  forget(instanceId: string, key: string): void;
  forgetInstance(instanceId: string): void;
  /** Within the transaction that changes the truth: every server forgets when it commits. Without `keys`, the whole instance; of an empty list, nothing. */
  invalidate(db: SignalTransaction, instanceId: string, keys?: string | readonly string[]): Promise<void>;
  /** Forgets everything and listens no more. */
  close(): void;
  /** Values kept, without the absent ones. */
  readonly size: number;
}

export interface InstanceCacheOptions<Value> {
  signals: Pick<Signals, 'publish' | 'subscribe' | 'onReconnect'>;
  /** Name of this cache among the signals; one for each kind of thing. */
  channel: string;
  /** Most values kept; the least recently used goes. */
  max: number;
  /** Milliseconds after which a value is loaded again even without a signal: bounds how long a lost signal can hurt. */
  ttlMs: number;
  /** Milliseconds for which "there is none" is kept; default 1,000, never more than `ttlMs`. */
  absentTtlMs?: number;
  load(instanceId: string, key: string): Promise<Value | undefined>;
}

/**
 * Creates a cache that signals keep true. A signal that arrives while a load runs makes its result void: those who
 * asked before still get it, nobody after. All is forgotten when signals may have been missed.
 * "There is none" is kept apart, so that made-up keys cannot push out what is real.
 */
export function createInstanceCache<Value extends NonNullable<unknown>>(options: InstanceCacheOptions<Value>): InstanceCache<Value> {
  const { signals, channel, max, ttlMs, absentTtlMs = 1_000, load } = options;
  const values = new LRUCache<string, Value>({ max, ttl: ttlMs, ttlResolution: resolutionOf(ttlMs) });
  const absent = new LRUCache<string, true>({ max, ttl: Math.min(absentTtlMs, ttlMs) });
  const loads = new Map<string, Promise<Value | undefined>>();
  const stores = [values, absent, loads] as const;

  function startLoad(instanceId: string, key: string): Promise<Value | undefined> {
    const id = entryId(instanceId, key);
    const started: Promise<Value | undefined> = Promise.resolve().then(() => load(instanceId, key)).then((value) => {
      // Gone from the map: somebody forgot this key meanwhile, and the value may be from before the change.
      if (loads.get(id) !== started) return value;
      if (value === undefined) absent.set(id, true);
      else values.set(id, value);
      return value;
    }).finally(() => {
      if (loads.get(id) === started) loads.delete(id);
    });
    loads.set(id, started);
    return started;
  }

  function forget(instanceId: string, key: string): void {
    for (const store of stores) store.delete(entryId(instanceId, key));
  }

  function forgetInstance(instanceId: string): void {
    const prefix = entryId(instanceId, '');
    for (const store of stores) {
      for (const id of [...store.keys()]) if (id.startsWith(prefix)) store.delete(id);
    }
  }

  function forgetAll(): void {
    for (const store of stores) store.clear();
  }

  const unsubscribe = signals.subscribe(channel, (payload) => {
    const [instanceId, ...keys] = JSON.parse(payload) as [string, ...string[]];
    if (keys.length === 0) forgetInstance(instanceId);
    for (const key of keys) forget(instanceId, key);
  });
  const stopWatching = signals.onReconnect(forgetAll);

  return {
    get size() { return values.size; },
    async get(instanceId, key) {
      const id = entryId(instanceId, key);
      const value = values.get(id);
      if (value !== undefined) return value;
      if (absent.get(id)) return undefined;
      return loads.get(id) ?? startLoad(instanceId, key);
    },
    async getThrough(instanceId, key, read) {
      const id = entryId(instanceId, key);
      const value = values.get(id);
      if (value !== undefined) return value;
      if (!loads.has(id)) void startLoad(instanceId, key).catch(() => undefined); // who needs it next sees the failure
      return read();
    },
    forget,
    forgetInstance,
    async invalidate(db, instanceId, keys) {
      if (keys === undefined) return signals.publish(db, channel, JSON.stringify([instanceId]));
      for (const some of inSignals([keys].flat())) await signals.publish(db, channel, JSON.stringify([instanceId, ...some]));
    },
    close() {
      unsubscribe();
      stopWatching();
      forgetAll();
    },
  };
}

/** Milliseconds within which the clock is read once, for all look-ups: a twentieth of what is kept, and at most 50. */
const resolutionOf = (ttlMs: number): number => Math.min(50, Math.floor(ttlMs / 20));

/** Bytes of keys in one signal, as they are written there: well below what a signal takes, with its channel and the instance. */
const mostKeyBytes = 7_000;

/** Keys in their order, as many together as fit into a signal. */
function inSignals(keys: readonly string[]): string[][] {
  const parts: string[][] = [];
  let left = 0;
  for (const key of keys) {
    const bytes = Buffer.byteLength(JSON.stringify(JSON.stringify(key)));
    if (bytes > left) {
      parts.push([]);
      left = mostKeyBytes;
    }
    parts.at(-1)?.push(key);
    left -= bytes;
  }
  return parts;
}

/** Instance ids hold no NUL, so no key of one instance can read as a key of another. */
function entryId(instanceId: string, key: string): string {
  return `${instanceId}\0${key}`;
}
