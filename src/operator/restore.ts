import { createReadStream, existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { z } from 'zod';
import { OperatorError } from '../bootstrap/index.ts';
import type { Config } from '../config.ts';
import { createKeyring, loadOrCreateMasterKeys } from '../core/keyring.ts';
import { applyMigrations, listMigrations } from '../core/migrations.ts';
import { anchorFile, createPartitionSql } from '../events/index.ts';
import { endOfRows, endSchema, manifestSchema, quoted, RowSum, summarySchema, tableSchema, type Manifest, type Table } from './backup-format.ts';
import { LineReader } from './read-lines.ts';
import type { Command } from './run-command.ts';
import { listTables } from './tables.ts';
import { withClient, withDatabase } from './with-core.ts';

/** Puts a backup into an empty database: all of it, checked, or nothing. */
export const restore: Command = {
  usage: 'restore <file>',
  summary: 'Puts a backup into an empty database, in one transaction, while the server is stopped. Needs the master key that was current then. Refuses a database that holds data, and a backup of a newer version.',
  operands: 1,
  run: async (surroundings, { operands: [file = ''] }) => {
    if (!existsSync(file)) throw new OperatorError(`There is no file ${file}.`);
    const lines = openBackup(file);
    const manifest = parse(manifestSchema, await readLine(lines), 'its beginning');
    checkMasterKey(surroundings.config, manifest);
    return withDatabase(surroundings, async ({ url }) => {
      await withClient(url, (client) => rejectUnfit(client, manifest));
      // The tables as they were when the backup was made; what is newer is applied to the restored data.
      await applyMigrations(url, manifest.migrations.at(-1));
      const rows = await withClient(url, (client) => restoreTables(client, lines, manifest));
      await applyMigrations(url);
      await setAnchorsAside(surroundings.config);
      surroundings.print(`Restored ${rows} rows of the backup of ${manifest.createdAt} (version ${manifest.version}). Start the server.`);
      return 0;
    });
  },
};

function openBackup(file: string): LineReader {
  const gunzip = createGunzip();
  // A broken file is reported by whoever reads the lines.
  void pipeline(createReadStream(file), gunzip).catch(() => undefined);
  return new LineReader(gunzip as AsyncIterable<Buffer>);
}

async function readLine(lines: LineReader): Promise<string> {
  try {
    return await lines.next() ?? '';
  } catch (error) {
    throw new OperatorError(`The file is no backup of Postern, or is damaged (${error instanceof Error ? error.message : String(error)}). Nothing was restored.`, { cause: error });
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, line: string, what: string): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(line));
  } catch (error) {
    throw new OperatorError(`The file is no backup of Postern, or is damaged: ${what} cannot be read. Nothing was restored.`, { cause: error });
  }
}

function checkMasterKey({ masterKeys, dataDirectory }: Config, { masterKeyId }: Manifest): void {
  const inFile = existsSync(`${dataDirectory}/master-key`);
  const keys = masterKeys.length > 0 ? masterKeys : inFile ? loadOrCreateMasterKeys(dataDirectory) : [];
  if (keys.some((key) => createKeyring([key]).currentKeyId === masterKeyId)) return;
  throw new OperatorError(`The secrets in this backup are sealed under the master key ${masterKeyId}, and that is not the one here. Set MASTER_KEY to it, or put its file into the data directory (${dataDirectory}/master-key).`);
}

async function rejectUnfit(client: pg.ClientBase, { migrations, version }: Manifest): Promise<void> {
  const { known, applied } = await listMigrations(client);
  const newer = migrations.find((name) => !known.includes(name));
  if (newer !== undefined) throw new OperatorError(`The backup was made by a newer version of Postern (${version}, with the migration ${newer}). Restore it with that version.`);
  if (applied.some((name) => !migrations.includes(name))) throw new OperatorError('The database was prepared by a newer version than the one of the backup. Restore into an empty one.');
  for (const { table } of await listTables(client)) {
    const { rowCount } = await client.query(`SELECT FROM ${quoted(table)} LIMIT 1`);
    if (rowCount !== 0) throw new OperatorError(`The database is not empty (${table} has rows). Restore into an empty one: another DATABASE_URL or DATA_DIR, or move the old data away.`);
  }
}

async function restoreTables(client: pg.ClientBase, lines: LineReader, manifest: Manifest): Promise<number> {
  await client.query('BEGIN');
  for (const month of manifest.eventMonths) await client.query(createPartitionSql(month));
  const present = new Map((await listTables(client)).map((table) => [table.table, table.columns]));
  let rows = 0;
  for (let count = 0; ; count += 1) {
    const line = await readLine(lines);
    const end = line.startsWith('{"end"') ? parse(endSchema, line, 'its end') : undefined;
    if (end) {
      if (end.tables !== count) throw new OperatorError('The file is damaged: a table is missing. Nothing was restored.');
      break;
    }
    const table = parse(tableSchema, line, `what follows after ${count} tables`);
    // Names from a file go into SQL only if the database has them.
    if (!table.columns.every((column) => present.get(table.table)?.includes(column))) throw new OperatorError(`The file does not fit the database: there is no table ${table.table} with those columns. Nothing was restored.`);
    rows += await restoreTable(client, lines, table);
  }
  for (const [name, value] of Object.entries(manifest.sequences)) await client.query('SELECT setval(to_regclass($1), $2)', [quoted(name), value]);
  await client.query('COMMIT');
  return rows;
}

async function restoreTable(client: pg.ClientBase, lines: LineReader, { table, columns }: Table): Promise<number> {
  const sum = new RowSum();
  async function* rows(): AsyncGenerator<Buffer> {
    for await (const bytes of lines.until(endOfRows)) {
      sum.add(bytes);
      yield bytes;
    }
  }
  try {
    await pipeline(Readable.from(rows()), client.query(copyFrom(`COPY ${quoted(table)} (${columns.map(quoted).join(', ')}) FROM STDIN`)));
  } catch (error) {
    throw new OperatorError(`The file is damaged: the rows of ${table} cannot be read (${error instanceof Error ? error.message : String(error)}). Nothing was restored.`, { cause: error });
  }
  const expected = parse(summarySchema, await readLine(lines), `the end of ${table}`);
  const found = sum.summary();
  if (found.rows !== expected.rows || found.sha256 !== expected.sha256) throw new OperatorError(`The file is damaged: the rows of ${table} are not those that were written. Nothing was restored.`);
  return found.rows;
}

/** Anchors of the event log may tell of events after the backup, which are gone on purpose. */
async function setAnchorsAside({ dataDirectory }: Config): Promise<void> {
  for (const file of [anchorFile(dataDirectory), `${anchorFile(dataDirectory)}.1`]) {
    if (existsSync(file)) await rename(file, `${file}.before-restore-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}`);
  }
}
