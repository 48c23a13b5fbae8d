/** Builds the parts of a running server (core/core.ts) from its configuration, and takes them down in reverse. */
import type { DestinationStream } from 'pino';
import type { Config } from './config.ts';
import type { Core } from './core/core.ts';
import { createBatchStatements } from './core/batch-statements.ts';
import { openDatabase } from './core/database.ts';
import { createDatabaseSockets } from './core/database-sockets.ts';
import { checkMasterKey } from './core/master-key-check.ts';
import { createJobs } from './core/job-queue.ts';
import { createKeyring, loadOrCreateMasterKeys } from './core/keyring.ts';
import { createLogger } from './core/logging.ts';
import { createMetrics } from './core/metrics.ts';
import { createOutbound } from './core/outbound.ts';
import { createPasswordHasher } from './core/password-hashing.ts';
import { countRefusals, createLocalRateLimiter, createSharedRateLimiter, type RateLimiter } from './core/rate-limit.ts';
import { connectRedis } from './core/redis.ts';
import { createSignals } from './core/signals.ts';

export interface CoreOptions {
  config: Config;
  /** Of a migrated database. */
  connectionString: string;
  /** Where log lines go; standard output unless said otherwise. */
  logStream?: DestinationStream;
  now?: () => Date;
}

export interface BuiltCore {
  core: Core;
  close(): Promise<void>;
}

/** Connects everything. Redis may be away; the database may not. */
export async function createCore({ config, connectionString, logStream, now = () => new Date() }: CoreOptions): Promise<BuiltCore> {
  const log = createLogger({ level: config.logLevel }, logStream);
  const metrics = createMetrics();
  const sockets = createDatabaseSockets();
  const database = openDatabase({ connectionString, poolSize: config.databasePoolSize, sockets, watchPool: metrics.watchDatabasePool });
  const batches = createBatchStatements({ connectionString, sockets });
  const keyring = createKeyring(config.masterKeys.length > 0 ? config.masterKeys : loadOrCreateMasterKeys(config.dataDirectory));
  await checkMasterKey(database, keyring);
  const signals = await createSignals({ connectionString, log });
  signals.onUnreachable(() => { sockets.giveUp(); });
  signals.onReconnect(() => { sockets.resume(); });
  const passwordHasher = createPasswordHasher({ onRefused: () => { metrics.passwordQueueRefusals.inc(); } });
  metrics.watchPasswordQueue(() => ({ inFlight: passwordHasher.inFlight, waiting: passwordHasher.waiting }));

  const local = createLocalRateLimiter();
  const redis = config.redisUrl === undefined ? undefined : await connectRedis(config.redisUrl, log);
  const limiter: RateLimiter = redis === undefined ? local : createSharedRateLimiter({
    redis, local,
    onFallback: (error) => {
      metrics.redisFallback.set(1);
      metrics.redisFallbacks.inc();
      log.warn({ err: error }, 'Redis does not answer: rate limits are counted per server until it does');
    },
    onRecover: () => {
      metrics.redisFallback.set(0);
      log.info('Redis answers again: rate limits are shared');
    },
  });

  const core: Core = {
    config, log, database, batches, keyring, signals, metrics, passwordHasher, now,
    rateLimiter: countRefusals(limiter, (limited) => { metrics.rateLimitRefusals.inc({ limited }); }),
    jobs: createJobs({ connectionString, log, metrics, sockets }),
    outbound: createOutbound({ allow: config.outboundAllow, onCall: metrics.observeOutbound }),
  };
  return {
    core,
    async close() {
      redis?.destroy();
      await signals.close();
      await batches.close();
      await database.$disconnect();
      metrics.close();
    },
  };
}
