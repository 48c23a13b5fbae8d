/** The parts of a server without its routes, on a database of its own: for tests of what works below them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { inject } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import type { Core } from '../../src/core/core.ts';
import { freshMasterKey } from '../../src/core/keyring.ts';
import { createCore } from '../../src/create-core.ts';
import { issuerOf } from '../../src/tenancy/addresses.ts';
import { createContext, type ContextOptions, type InstanceContext } from '../../src/tenancy/context.ts';
import { brandingSchema, instanceSettingsSchema } from '../../src/tenancy/settings.ts';
import { createTestDatabase } from './database.ts';

export interface TestCore {
  readonly core: Core;
  readonly databaseUrl: string;
  readonly dataDirectory: string;
  logLines(): string[];
  /** Another server's worth on the same database and data directory; closed with this one. */
  another(settings?: Record<string, string>): Promise<Core>;
  close(): Promise<void>;
}

/** Builds a core with an empty database. Jobs are not started. */
export async function startTestCore(settings: Record<string, string> = {}): Promise<TestCore> {
  const database = await createTestDatabase(inject('postgresUrl'));
  const dataDirectory = await mkdtemp(path.join(tmpdir(), 'postern-core-'));
  const lines: string[] = [];
  const closers: (() => Promise<void>)[] = [];
  const environment = { MASTER_KEY: freshMasterKey(), DATA_DIR: dataDirectory, DATABASE_POOL_SIZE: '4', LOG_LEVEL: 'debug', ...settings };
  async function build(further: Record<string, string>): Promise<Core> {
    const logStream = new Writable({ write(chunk: Buffer, _encoding, done) { lines.push(chunk.toString()); done(); } });
    const { core, close } = await createCore({ config: loadConfig({ ...environment, ...further }), connectionString: database.url, logStream });
    closers.push(close);
    return core;
  }
  return {
    core: await build({}), databaseUrl: database.url, dataDirectory, logLines: () => lines,
    another: (further = {}) => build(further),
    async close() {
      for (const close of closers) await close();
      await database.drop();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

/** A bare instance: its row, the root of its tree and nothing else. */
export async function bareInstance(core: Core, id: string, options: ContextOptions = { principal: { kind: 'system' } }): Promise<InstanceContext> {
  await core.database.instance.create({ data: { id, name: id } });
  await core.database.organizationalUnit.create({ data: { instanceId: id, id: 'ou_root', name: id, nameKey: id, path: '/ou_root/' } });
  return createContext(core, {
    id, name: id, status: 'active', version: 1, issuer: issuerOf(core.config, { id, primaryDomain: null }),
    settings: instanceSettingsSchema.parse({}), branding: brandingSchema.parse({}),
  }, options);
}

/**
 * Waits until nothing holds back the readers of the log. Transactions of all databases of a PostgreSQL count, so tests
 * that run beside can delay it.
 */
export async function untilSettled(core: Core): Promise<void> {
  for (const end = Date.now() + 15_000; Date.now() < end;) {
    const [row] = await core.database.$queryRawUnsafe<{ settled: boolean }[]>(`SELECT COALESCE(max("transactionId"), 0) < event_horizon() AS settled FROM "Event"`);
    if (row?.settled) return;
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
  throw new Error('a transaction stayed open for 15 seconds');
}
