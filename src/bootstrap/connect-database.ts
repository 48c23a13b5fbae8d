import { resolve } from 'node:path';
import pg from 'pg';
import type { Config } from '../config.ts';
import { findRunningEmbeddedPostgres, startEmbeddedPostgres } from '../core/embedded-postgres.ts';

export interface ConnectedDatabase {
  readonly url: string;
  readonly embedded: boolean;
  /** Ends the embedded PostgreSQL, if it is ours to end. */
  stop(): Promise<void>;
}

/** The database of DATABASE_URL cannot be used. The message says why and what to do. */
export class DatabaseUnusable extends Error {}

/** JSONB, partitions and `ON DELETE SET NULL (column)` of this version are in use. */
const oldestVersion = 15;

/**
 * The database of DATABASE_URL, checked, or else the embedded one, started. `besideServer`: where a server runs on the
 * data directory, its PostgreSQL is used (operator commands).
 * @throws DatabaseUnusable, EmbeddedPostgresUnavailable
 */
export async function connectDatabase(config: Config, log: (message: string) => void, { besideServer = false } = {}): Promise<ConnectedDatabase> {
  if (config.databaseUrl !== undefined) {
    await checkDatabase(config.databaseUrl);
    return { url: config.databaseUrl, embedded: false, stop: async () => undefined };
  }
  const dataDirectory = resolve(config.dataDirectory);
  const postgres = (besideServer ? await findRunningEmbeddedPostgres({ dataDirectory }) : undefined) ?? await startEmbeddedPostgres({ dataDirectory, log });
  return { url: postgres.url, embedded: true, stop: () => postgres.stop() };
}

async function checkDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, application_name: 'postern start' });
  client.on('error', () => undefined); // the query that needs the connection fails as well
  try {
    await client.connect();
    const { rows: [row] } = await client.query<{ version: number }>(`SELECT current_setting('server_version_num')::int AS version`);
    const version = Math.floor((row?.version ?? 0) / 10_000);
    if (version < oldestVersion) throw new DatabaseUnusable(`The database at ${placeOf(url)} is PostgreSQL ${version}; Postern needs ${oldestVersion} or newer. Upgrade it, or leave DATABASE_URL out to use the embedded one.`);
  } catch (error) {
    throw error instanceof DatabaseUnusable ? error : new DatabaseUnusable(`The database at ${placeOf(url)} (DATABASE_URL) ${explain(error)}`, { cause: error });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function explain(error: unknown): string {
  const { code, message } = firstOf(error);
  switch (code) {
    case 'ECONNREFUSED': return 'cannot be reached: nothing listens there. Is PostgreSQL running, and are host and port right?';
    case 'ENOTFOUND': case 'EAI_AGAIN': return 'cannot be reached: there is no such host. Is its name right?';
    case 'ENOENT': return 'cannot be reached: there is no such socket. Is PostgreSQL running?';
    case '28P01': case '28000': return `refuses the user (${message}). Check user and password.`;
    case '3D000': return 'does not exist. Create it (createdb) or name another one.';
    case '53300': return 'has no connection free. Raise max_connections, or lower DATABASE_POOL_SIZE.';
    case '57P03': return `is not ready (${message}). Try again shortly.`;
    default: return /timeout|timed out/i.test(message) || code === 'ETIMEDOUT'
      ? 'does not answer within five seconds. Is a firewall in between, and are host and port right?'
      : `cannot be used: ${message}. Check DATABASE_URL.`;
  }
}

/** Node tries every address of a host and reports all failures together. */
function firstOf(error: unknown): { code: string | undefined; message: string } {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = first instanceof Error && 'code' in first && typeof first.code === 'string' ? first.code : undefined;
  return { code, message: first instanceof Error ? first.message : String(first) };
}

/** Without user and password. */
function placeOf(url: string): string {
  const parsed = URL.parse(url);
  return parsed ? `${parsed.host || parsed.searchParams.get('host') || 'localhost'}${parsed.pathname}` : 'DATABASE_URL';
}
