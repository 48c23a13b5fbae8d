/** What one running server is made of. It is built once (src/server.ts) and handed down; nothing is global. */
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { BatchStatements } from './batch-statements.ts';
import type { Database } from './database.ts';
import type { Jobs } from './jobs.ts';
import type { Keyring } from './keyring.ts';
import type { Metrics } from './metrics.ts';
import type { Outbound } from './outbound.ts';
import type { PasswordHasher } from './password-hashing.ts';
import type { RateLimiter } from './rate-limit.ts';
import type { Signals } from './signals.ts';

export interface Core {
  readonly config: Config;
  readonly log: Logger;
  /** Unscoped: for core and tenancy only; everyone else works through an InstanceContext. */
  readonly database: Database;
  /** Unscoped as well: for coalescing readers and writers, whose statements carry the instance with each key. */
  readonly batches: BatchStatements;
  readonly keyring: Keyring;
  readonly signals: Signals;
  readonly jobs: Jobs;
  readonly outbound: Outbound;
  readonly passwordHasher: PasswordHasher;
  readonly rateLimiter: RateLimiter;
  readonly metrics: Metrics;
  /** The time of this server; tests freeze it. */
  now(): Date;
}

/**
 * Gives each server its own copy of something that lives as long as the server: a cache, a map of providers.
 * @example const providersOf = perCore((core) => new LRUCache<string, Provider>({ max: 1000 }));
 */
export function perCore<Value>(create: (core: Core) => Value): (core: Core) => Value {
  const values = new WeakMap<Core, Value>();
  return (core) => {
    let value = values.get(core);
    if (value === undefined) {
      value = create(core);
      values.set(core, value);
    }
    return value;
  };
}
