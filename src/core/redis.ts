import type { BaseLogger } from 'pino';
import type { createClient } from 'redis';

export type RedisClient = ReturnType<typeof createClient>;

/**
 * Connects to Redis (or Valkey) and returns the client. Waits at most half a second: the server starts
 * without Redis and the client goes on trying in the background. Commands are never queued while the
 * connection is away (they reject at once), and a connection without an answer for two seconds is dropped.
 * The caller closes it with `destroy()`. Throws when `url` is not a `redis:` or `rediss:` URL.
 */
export async function connectRedis(url: string, log: Pick<BaseLogger, 'info' | 'warn'>): Promise<RedisClient> {
  const { createClient } = await import('redis');   // heavy, and most installations have no Redis
  const client: RedisClient = createClient({
    url,
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: 'disabled',
    // A timeout here makes an AbortSignal per command and does not cover a command once it is sent.
    commandOptions: { timeout: 0 },
    pingInterval: 1_000,
    socket: {
      connectTimeout: 2_000,
      socketTimeout: 2_000,
      reconnectStrategy: (retries) => Math.min(2_000, 50 * 2 ** Math.min(retries, 6)) * (0.75 + Math.random() / 2),
    },
  });

  let away = false;
  client.on('error', (error: unknown) => {           // also every failed attempt: said once per outage
    if (!away) log.warn({ err: error }, 'Redis is away; trying to reconnect');
    away = true;
  });
  client.on('ready', () => {
    if (away) log.info('Redis is back');
    away = false;
  });

  const connecting = client.connect().catch(() => undefined);   // said by 'error'; rejects only when closed meanwhile
  let timer: NodeJS.Timeout | undefined;
  await Promise.race([connecting, new Promise((resolve) => { timer = setTimeout(resolve, 500); })]);
  clearTimeout(timer);
  return client;
}
