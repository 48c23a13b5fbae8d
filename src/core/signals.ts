/**
 * News between the servers of one database, over LISTEN/NOTIFY on a connection of its own: "this changed, forget what
 * you kept". Delivered on commit to every server, this one included. Not for every token or session: a commit that
 * notifies takes a lock of the whole database cluster, so it is for settings, clients, keys and the like.
 * Needs a direct connection or a pooler in session mode: a pooler in transaction mode loses LISTEN.
 */
import { Socket } from 'node:net';
import { Client } from 'pg';
import type { BaseLogger } from 'pino';
import { sqlStateOf } from './sql-state.ts';

/** The part of a Prisma client, or of its transaction, that a signal is published through. */
export interface SignalTransaction {
  $executeRawUnsafe(sql: string, ...values: unknown[]): Promise<number>;
}

export interface Signals {
  /** Publishes within the transaction of `db`: delivered when it commits, never when it rolls back. Refuses more than 7,999 bytes. */
  publish(db: SignalTransaction, channel: string, payload: string): Promise<void>;
  /** Many of one channel in one statement. */
  publishAll(db: SignalTransaction, channel: string, payloads: readonly string[]): Promise<void>;
  /** Calls `handler` for each signal of the channel until the returned function is called. */
  subscribe(channel: string, handler: (payload: string) => void): () => void;
  /** Calls `handler` each time the connection is there again after a loss: signals may have been missed meanwhile. */
  onReconnect(handler: () => void): () => void;
  /**
   * Calls `handler` once per outage, when the connection is lost and no other one can be made: so it is the database
   * that is away, not just this connection. One that says that it is full (too many connections) is not away.
   */
  onUnreachable(handler: () => void): () => void;
  /** Stops listening for good. */
  close(): Promise<void>;
  /** Whether signals arrive now, as far as the last check (every 1.5 s) knows. */
  readonly healthy: boolean;
}

export interface SignalsOptions {
  connectionString: string;
  log: Pick<BaseLogger, 'info' | 'warn' | 'error'>;
}

/** PostgreSQL takes payloads shorter than 8,000 bytes (NOTIFY). */
const longestNotification = 7_999;
const checkIntervalMs = 1_500;
const checkTimeoutMs = 2_000;

/** Connects and listens. Rejects when the first connection fails; later losses are repaired in the background. */
export async function createSignals({ connectionString, log }: SignalsOptions): Promise<Signals> {
  const handlers = new Map<string, Set<(payload: string) => void>>();
  const reconnectHandlers = new Set<() => void>();
  const unreachableHandlers = new Set<() => void>();
  let connection: Connection | undefined;
  let closed = false;
  let toldUnreachable = false;
  let timer: NodeJS.Timeout | undefined;             // the next check, or the next attempt to connect

  async function connect(): Promise<void> {
    let opened: Connection | undefined = undefined;   // not yet ours to lose while it opens
    opened = await openConnection(connectionString, deliver, (error) => lose(opened, error));
    if (closed) return opened.drop();
    connection = opened;
    checkLater(opened);
  }

  function checkLater(checked: Connection): void {
    timer = setTimeout(() => {
      checked.check().then(() => { if (connection === checked) checkLater(checked); }, (error: unknown) => lose(checked, error));
    }, checkIntervalMs);
    timer.unref();
  }

  function lose(lost: Connection | undefined, error: unknown): void {
    if (closed || !lost || connection !== lost) return;
    connection = undefined;
    clearTimeout(timer);
    lost.drop();
    log.warn({ err: error }, 'The connection for signals between servers is lost; reconnecting');
    reconnectLater(50);
  }

  function reconnectLater(pauseMs: number): void {
    timer = setTimeout(() => {
      connect().then(() => {
        if (closed) return;
        toldUnreachable = false;
        log.info('The connection for signals between servers is back');
        for (const handler of reconnectHandlers) callSafely(handler);
      }, (error: unknown) => {
        if (closed) return;
        if (!toldUnreachable && sqlStateOf(error)?.startsWith('53') !== true) {
          toldUnreachable = true;
          log.warn({ err: error }, 'The database does not answer');
          for (const handler of unreachableHandlers) callSafely(handler);
        }
        reconnectLater(Math.min(1_000, pauseMs * 2));
      });
    }, pauseMs * (0.75 + Math.random() / 2));
    timer.unref();
  }

  function deliver(text: string): void {
    const signal = parseSignal(text);
    if (!signal) return log.warn({ bytes: text.length }, 'Ignored a notification on channel postern that is not ours');
    for (const handler of handlers.get(signal.channel) ?? []) callSafely(() => handler(signal.payload));
  }

  function callSafely(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      log.error({ err: error }, 'A handler of signals failed');
    }
  }

  await connect();
  return {
    get healthy() { return connection !== undefined; },
    async publish(db, channel, payload) {
      const text = JSON.stringify({ channel, payload });
      const bytes = Buffer.byteLength(text);
      if (bytes > longestNotification) {
        throw new RangeError(`A signal on ${channel} has ${bytes} bytes; at most ${longestNotification} fit. Send an id, not the content.`);
      }
      await db.$executeRawUnsafe(`select pg_notify('postern', $1::text)`, text);
    },
    async publishAll(db, channel, payloads) {
      if (payloads.length === 0) return;
      await db.$executeRawUnsafe(`select pg_notify('postern', "text") from unnest($1::text[]) as "texts"("text")`, payloads.map((payload) => JSON.stringify({ channel, payload })));
    },
    subscribe(channel, handler) {
      const ofChannel = handlers.get(channel) ?? new Set();
      handlers.set(channel, ofChannel.add(handler));
      return () => { ofChannel.delete(handler); };
    },
    onReconnect(handler) {
      reconnectHandlers.add(handler);
      return () => { reconnectHandlers.delete(handler); };
    },
    onUnreachable(handler) {
      unreachableHandlers.add(handler);
      return () => { unreachableHandlers.delete(handler); };
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      const last = connection;
      connection = undefined;
      await last?.end();
    },
  };
}

interface Connection {
  /** Rejects when the server does not answer in time. */
  check(): Promise<unknown>;
  /** Leaves politely; after a second, anyhow. */
  end(): Promise<void>;
  drop(): void;
}

async function openConnection(
  connectionString: string,
  onNotification: (payload: string) => void,
  onLost: (error: unknown) => void,
): Promise<Connection> {
  const socket = new Socket();                       // ours, because `end` of a dead connection never returns
  const client = new Client({
    connectionString,
    application_name: 'postern signals',
    connectionTimeoutMillis: checkTimeoutMs,
    keepAlive: true,
    stream: () => socket,
  });
  client.on('notification', ({ payload }) => onNotification(payload ?? ''));
  client.on('error', onLost);
  client.on('end', () => onLost(new Error('The server closed the connection')));
  const drop = (): void => { socket.destroy(); };
  try {
    await client.connect();
    await inTime(client.query('listen postern'));
  } catch (error) {
    drop();
    throw error;
  }
  return {
    check: () => inTime(client.query('select 1')),
    end: () => inTime(client.end(), 1_000).catch(() => undefined).finally(drop),
    drop,
  };
}

function inTime<Answer>(answer: Promise<Answer>, milliseconds = checkTimeoutMs): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const refuse = (): void => { reject(new Error(`The database did not answer within ${milliseconds} ms`)); };
    // One more turn of the event loop first: an answer that lay unread because this process was busy is not late.
    const timer = setTimeout(() => setImmediate(() => setImmediate(refuse)), milliseconds);
    answer.finally(() => clearTimeout(timer)).then(resolve, reject);
  });
}

function parseSignal(text: string): { channel: string; payload: string } | undefined {
  try {
    const { channel, payload } = JSON.parse(text) as { channel?: unknown; payload?: unknown };
    return typeof channel === 'string' && typeof payload === 'string' ? { channel, payload } : undefined;
  } catch {
    return undefined;
  }
}
