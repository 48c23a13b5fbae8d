/** A database of its own for each test server. */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';

/** SQLSTATE of "permission denied to terminate process". */
const insufficientPrivilege = '42501';

/** The same server, another database. */
export function databaseUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

/** Clones the migrated template (about 50 ms). */
export async function createTestDatabase(postgresUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await administer(postgresUrl, `CREATE DATABASE ${name} TEMPLATE postern_template STRATEGY file_copy`);
  return { url: databaseUrl(postgresUrl, name), drop: () => drop(postgresUrl, name) };
}

/** PostgreSQL's own workers, such as autovacuum, may not be ended by us: they end by themselves. */
async function drop(postgresUrl: string, name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await administer(postgresUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError && error.code === insufficientPrivilege) || attempt === 40) throw error;
      await setTimeout(250);
    }
  }
}

async function administer(postgresUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgresUrl });
  await client.connect();
  try {
    // Two test files cloning at once would refuse each other: one at a time.
    await client.query('SELECT pg_advisory_lock(4711)');
    await client.query(sql);
  } finally {
    await client.end();
  }
}
