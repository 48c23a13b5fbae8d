import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

/** Bytes of a socket's path: sun_path has 104 on macOS, 108 on Linux, the last for the end. */
const LONGEST_SOCKET_PATH = 103;

export interface SocketFolder {
  /** Where clients find the socket: the cluster, or a short private link to it. */
  readonly path: string;
  release(): void;
}

/** A path to the cluster that is short enough for its socket. */
export async function socketFolder(cluster: string): Promise<SocketFolder> {
  if (Buffer.byteLength(join(cluster, '.s.PGSQL.5432')) <= LONGEST_SOCKET_PATH) return { path: cluster, release: () => undefined };
  const folder = await mkdtemp(join(tmpdir(), 'postern-')); // mode 700
  const path = join(folder, 'd');
  symlinkSync(cluster, path);
  const release = () => {
    process.removeListener('exit', release);
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', release);
  return { path, release };
}

/** A URL that npm's `pg` and libpq (`pg_dump`, `psql`) both take: the host is the folder of the socket. */
export function connectionUrl(folder: SocketFolder, user: string, database: string): string {
  return `postgresql://${user}@localhost:5432/${database}?host=${encodeURIComponent(folder.path).replaceAll('%2F', '/')}`;
}

/**
 * Makes the role and database `postern`. The role is no superuser, so that a hole in our SQL does not reach the
 * machine (COPY … TO PROGRAM); it owns its database, which allows the trusted extensions, and may create others.
 */
export async function createRoleAndDatabase(folder: SocketFolder): Promise<void> {
  await withClient(connectionUrl(folder, 'postgres', 'postgres'), async (client) => {
    const found = await client.query<{ role: boolean; database: boolean }>(`SELECT
      EXISTS (SELECT FROM pg_roles WHERE rolname = 'postern') AS role,
      EXISTS (SELECT FROM pg_database WHERE datname = 'postern') AS database`);
    if (!found.rows[0]?.role) await client.query('CREATE ROLE postern LOGIN CREATEDB');
    if (!found.rows[0]?.database) await client.query('CREATE DATABASE postern OWNER postern');
  });
}

/** Whether a server answers on the cluster's socket. */
export async function isAnswering(folder: SocketFolder): Promise<boolean> {
  if (!existsSync(join(folder.path, '.s.PGSQL.5432'))) return false;
  return withClient(connectionUrl(folder, 'postern', 'postern'), () => Promise.resolve(true)).catch(() => false);
}

async function withClient<Result>(connectionString: string, use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client({ connectionString, connectionTimeoutMillis: 10_000, application_name: 'postern-embedded' });
  // A connection that breaks between queries is reported here as well; the query that needed it fails anyway.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await use(client);
  } finally {
    await client.end();
  }
}
