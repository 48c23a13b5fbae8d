/** One embedded PostgreSQL for the whole run, with a migrated template that each test server's database is cloned from. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '../../src/core/embedded-postgres.ts';
import { applyMigrations } from '../../src/core/migrations.ts';
import { databaseUrl } from './database.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(path.join(tmpdir(), 'postern-test-'));
  const postgres = await startEmbeddedPostgres({ dataDirectory: directory, log: () => undefined });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  // Tests need many connections and no durability of their own; fault tests start their own server.
  await client.query('CREATE DATABASE postern_template');
  await applyMigrations(databaseUrl(postgres.url, 'postern_template'));
  await client.end();
  project.provide('postgresUrl', postgres.url);
  return async () => {
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
