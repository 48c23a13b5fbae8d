/**
 * Applies prisma/migrations with Prisma's own schema engine, in its WebAssembly form from npm, so that no engine
 * binary has to be downloaded. It writes the ordinary `_prisma_migrations` table: `prisma migrate deploy` agrees.
 */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

const migrationsDirectory = path.join(import.meta.dirname, '../../prisma/migrations');

/** One server migrates at a time; the others wait and find nothing left to do. */
const advisoryLock = 7_262_018_311;

/** The database knows migrations that this version does not: it was used by a newer version. */
export class DatabaseIsNewer extends Error {}

/** A migration that could not be applied, or was left half-way by an earlier start. */
export class MigrationFailed extends Error {}

/**
 * Brings the database up to this version, or to the migration `last`.
 * @returns the names of the migrations applied now
 * @throws DatabaseIsNewer, MigrationFailed
 */
export async function applyMigrations(connectionString: string, last?: string): Promise<string[]> {
  const lock = new pg.Client({ connectionString });
  await lock.connect();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [advisoryLock]);
    const known = (await migrationNames()).filter((name) => last === undefined || name <= last);
    const applied = await appliedMigrations(lock);
    const unknown = applied.filter((name) => !known.includes(name));
    if (unknown.length > 0) {
      throw new DatabaseIsNewer(`The database was used by a newer version of Postern (it has the migration ${unknown.at(-1)}). Start that version, or restore a backup made by this one.`);
    }
    // The engine is 5 MB of WebAssembly: loaded only when there is something to do.
    if (applied.length === known.length) return [];
    const engine = await createSchemaEngine(connectionString);
    try {
      const output = await engine.applyMigrations({ migrationsList: await loadMigrations(known), filters: { externalTables: [], externalEnums: [] } });
      return output.appliedMigrationNames;
    } catch (error) {
      throw new MigrationFailed(`A database migration failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      engine.free();
    }
  } finally {
    await lock.end();
  }
}

/** The migrations of this version, and those that the database has; nothing is changed. Both in their order. */
export async function listMigrations(client: pg.ClientBase): Promise<{ known: string[]; applied: string[] }> {
  return { known: await migrationNames(), applied: await appliedMigrations(client) };
}

/** Makes a schema engine; the caller frees it. */
export async function createSchemaEngine(connectionString: string): Promise<SchemaEngine> {
  const glue = await (loadedEngine ??= loadEngine());
  const adapter = bindMigrationAwareSqlAdapterFactory(new WholeScriptAdapter({ connectionString, max: 2, idleTimeoutMillis: 100 }));
  return glue.SchemaEngine.new({ datamodels: undefined }, () => undefined, adapter);
}

/** Code, not state. Loaded once: the glue knows one instance, and a second one would break what the first still does. */
let loadedEngine: ReturnType<typeof loadEngine> | undefined;

async function loadEngine() {
  const require = createRequire(import.meta.url);
  const glue = await import('@prisma/schema-engine-wasm/schema_engine_bg');
  const wasm = await readFile(path.join(path.dirname(require.resolve('@prisma/schema-engine-wasm/schema_engine_bg')), 'schema_engine_bg.wasm'));
  const { instance } = await WebAssembly.instantiate(wasm, { './schema_engine_bg.js': glue as unknown as WebAssembly.ModuleImports });
  const exports = instance.exports as WebAssembly.Exports & { __wbindgen_start(): void };
  (glue as unknown as { __wbg_set_wasm(exports: WebAssembly.Exports): void }).__wbg_set_wasm(exports);
  exports.__wbindgen_start();
  return glue;
}

/** The stock adapter cuts a script at every semicolon, also inside a function body; Postgres reads it whole. */
class WholeScriptAdapter extends PrismaPg {
  override async connect() {
    const adapter = await super.connect();
    adapter.executeScript = async (script) => { await adapter.underlyingDriver().query(script); };
    return adapter;
  }
}

async function migrationNames(): Promise<string[]> {
  const entries = await readdir(migrationsDirectory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
}

async function appliedMigrations(client: pg.ClientBase): Promise<string[]> {
  const table = await client.query<{ exists: boolean }>(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS exists`);
  if (!table.rows[0]?.exists) return [];
  const rows = await client.query<{ migration_name: string }>(
    `SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`);
  return rows.rows.map((row) => row.migration_name);
}

async function loadMigrations(names: string[]): Promise<MigrationList> {
  return {
    baseDir: migrationsDirectory,
    lockfile: { path: './migration_lock.toml', content: await readFile(path.join(migrationsDirectory, 'migration_lock.toml'), 'utf8') },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(names.map(async (name) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: await readFile(path.join(migrationsDirectory, name, 'migration.sql'), 'utf8') } },
    }))),
  };
}
