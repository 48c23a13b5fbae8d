import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import packageManifest from '../../package.json' with { type: 'json' };
import { OperatorError } from '../bootstrap/index.ts';
import type { Config } from '../config.ts';
import { createKeyring, loadOrCreateMasterKeys } from '../core/keyring.ts';
import { listMigrations } from '../core/migrations.ts';
import { selectPartitionMonths } from '../events/index.ts';
import { endOfRows, quoted, RowSum, toLine, type Manifest } from './backup-format.ts';
import type { Command } from './run-command.ts';
import { listTables, readSequences } from './tables.ts';
import { withClient, withDatabase } from './with-core.ts';

/** Everything in the database at one moment, in one file; the server may go on writing meanwhile. */
export const backup: Command = {
  usage: 'backup <file>',
  summary: 'Writes all instances, users, applications, keys, sessions and events to a new file, as they are at one moment. Not in it: the master key (keep it elsewhere) and jobs that are waiting.',
  operands: 1,
  run: (surroundings, { operands: [file = ''] }) => withDatabase(surroundings, (database) => withClient(database.url, async (client) => {
    if (existsSync(file)) throw new OperatorError(`${file} is there already; name another file.`);
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    const { applied } = await listMigrations(client);
    if (applied.length === 0) throw new OperatorError('The database is empty: there is nothing to back up.');
    const unfinished = `${file}.unfinished`;
    try {
      await pipeline(contents(client, applied, surroundings.config), createGzip({ level: 6 }), createWriteStream(unfinished, { flags: 'wx', mode: 0o600, flush: true }));
      await rename(unfinished, file);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) await rm(unfinished, { force: true });
      throw error;
    }
    await client.query('COMMIT');
    const { size } = await stat(file);
    surroundings.print(`${file}: ${size < 1_048_576 ? `${Math.ceil(size / 1024)} KB` : `${(size / 1_048_576).toFixed(1)} MB`}. It holds personal data and sealed secrets; the master key that opens them is not in it.`);
    return 0;
  })),
};

async function* contents(client: pg.ClientBase, migrations: string[], config: Config): AsyncGenerator<Buffer> {
  const manifest: Manifest = {
    format: 'postern-backup', formatVersion: 1, createdAt: new Date().toISOString(), version: packageManifest.version, migrations,
    masterKeyId: createKeyring(config.masterKeys.length > 0 ? config.masterKeys : loadOrCreateMasterKeys(config.dataDirectory)).currentKeyId,
    eventMonths: (await client.query<{ month: string }>(selectPartitionMonths)).rows.map((row) => row.month),
    sequences: await readSequences(client),
  };
  yield toLine(manifest);
  const tables = await listTables(client);
  for (const { table, columns } of tables) {
    yield toLine({ table, columns });
    const sum = new RowSum();
    // From a query: COPY does not read a partitioned table by its name.
    for await (const chunk of client.query(copyTo(`COPY (SELECT ${columns.map(quoted).join(', ')} FROM ${quoted(table)}) TO STDOUT`)) as AsyncIterable<Buffer>) {
      sum.add(chunk);
      yield chunk;
    }
    yield Buffer.from(`${endOfRows}\n`);
    yield toLine(sum.summary());
  }
  yield toLine({ end: 'postern-backup', tables: tables.length });
}
