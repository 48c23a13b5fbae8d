import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  EmbeddedPostgresUnavailable, binariesDirectory, findRunningEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres,
} from './embedded-postgres.ts';

const lines: string[] = [];
afterEach(() => { lines.length = 0; });

/** A folder that is removed after the test. As root it is closed to the account PostgreSQL runs as, like /root. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'postern test '));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A data folder with a cluster, stopped: one for all tests of this file, since initdb takes over a second. */
let usedFolder = '';
beforeAll(async () => {
  usedFolder = await mkdtemp(join(tmpdir(), 'postern test used '));
  await (await startEmbeddedPostgres({ dataDirectory: usedFolder, log: () => undefined })).stop();
}, 30_000);
afterAll(() => rm(usedFolder, { recursive: true, force: true }));

async function start(dataDirectory: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ dataDirectory, log: (line) => lines.push(line) });
  onTestFinished(() => postgres.stop());
  return postgres;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

async function eventually<Result>(attempt: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const isAlive = (pid: number) => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

/** A server of its own in another Node process; resolves once it runs. */
async function serverInAnotherProcess(dataDirectory: string): Promise<{ node: ChildProcess; postgresPid: number }> {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(join(import.meta.dirname, 'embedded-postgres.ts'))};
    const postgres = await startEmbeddedPostgres({ dataDirectory: process.argv[1], log: () => {} });
    process.on('SIGTERM', () => process.exit(0));
    setInterval(() => {}, 1000);
    console.log(postgres.pid);`;
  const node = spawn(process.execPath, ['--input-type=module', '-e', script, dataDirectory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [output] = await once(node.stdout, 'data') as [Buffer];
  const postgresPid = Number(output.toString());
  onTestFinished(async () => {
    if (node.exitCode === null && node.kill('SIGKILL')) await once(node, 'exit');
    if (isAlive(postgresPid)) process.kill(postgresPid, 'SIGQUIT');
  });
  return { node, postgresPid };
}

describe('the embedded PostgreSQL', { timeout: 60_000 }, () => {
  it('starts in a path with a space, and finds its data again after a stop', async () => {
    const dataDirectory = join(await temporaryFolder(), "it's my data");
    const first = await start(dataDirectory);
    expect(await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS value')).toEqual([]);
    expect(await query(first.url, `SELECT current_user, current_database(), rolsuper FROM pg_roles WHERE rolname = current_user`))
      .toEqual([{ current_user: 'postern', current_database: 'postern', rolsuper: false }]);
    await first.stop();
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    await expect(query(first.url, 'SELECT 1')).rejects.toThrow();

    lines.length = 0;
    const second = await start(dataDirectory);
    expect(await query(second.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
    expect(lines).toEqual([]);
  });

  it('is durable, small, in UTF-8 and UTC, and answers on no network port', async () => {
    const { url } = await start(usedFolder);
    const rows = await query(url, `SELECT name, setting FROM pg_settings WHERE name IN
      ('fsync', 'synchronous_commit', 'full_page_writes', 'listen_addresses', 'jit', 'max_connections', 'server_encoding', 'TimeZone', 'data_checksums')`);
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on', listen_addresses: '', jit: 'off',
      max_connections: '60', server_encoding: 'UTF8', TimeZone: 'UTC', data_checksums: 'on',
    });
    // Trusted extensions need no superuser.
    await query(url, 'CREATE EXTENSION pg_trgm; CREATE EXTENSION citext; CREATE EXTENSION ltree; CREATE EXTENSION btree_gin');
    expect(await query(url, `SELECT lower('ÄÉ') AS lower, 'ä' < 'z' AS "byLocale"`)).toEqual([{ lower: 'äé', byLocale: false }]);
  });

  it('keeps statements and their values out of its log', async () => {
    const dataDirectory = usedFolder;
    const { url } = await start(dataDirectory);
    await query(url, `CREATE TABLE people (email text PRIMARY KEY); INSERT INTO people VALUES ('alice@example.com')`);
    await expect(query(url, `INSERT INTO people VALUES ('alice@example.com')`)).rejects.toThrow('duplicate key');
    const log = readFileSync(join(dataDirectory, 'postgres.log'), 'utf8');
    expect(log).toContain('ready to accept connections');
    expect(log).not.toContain('alice');
  });

  it('works where the path is too long for a unix socket', async () => {
    const dataDirectory = join(await temporaryFolder(), 'x'.repeat(120));
    const { url, stop } = await start(dataDirectory).then((postgres) => ({ url: postgres.url, stop: () => postgres.stop() }));
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const link = new URL(url).searchParams.get('host') ?? '';
    expect(Buffer.byteLength(link)).toBeLessThan(90);
    await stop();
    expect(() => readdirSync(join(link, '..'))).toThrow('ENOENT');
  });

  it('refuses a second server on the same data folder, in this process and in another', async () => {
    const dataDirectory = usedFolder;
    const running = await start(dataDirectory);
    await expect(start(dataDirectory)).rejects.toThrow(EmbeddedPostgresUnavailable);
    expect(await query(running.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await running.stop();

    await serverInAnotherProcess(dataDirectory);
    await expect(start(dataDirectory)).rejects.toThrow(/another server is running on the data folder .*Stop it first, or set DATA_DIR/);
  });

  it('lets an operator command use the running server, and only that', async () => {
    const dataDirectory = usedFolder;
    expect(await findRunningEmbeddedPostgres({ dataDirectory })).toBeUndefined();
    const running = await start(dataDirectory);
    const found = await findRunningEmbeddedPostgres({ dataDirectory });
    expect(found?.pid).toBe(running.pid);
    expect(await query(found?.url ?? '', 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await found?.stop();
    expect(isAlive(running.pid)).toBe(true);
    await running.stop();
    expect(await findRunningEmbeddedPostgres({ dataDirectory })).toBeUndefined();
  });

  it('names the tools it brings', () => {
    expect(readdirSync(binariesDirectory())).toEqual(expect.arrayContaining(['initdb', 'pg_ctl', 'postgres']));
  });
});

describe('after kill -9', { timeout: 60_000 }, () => {
  it('of PostgreSQL: it runs again within seconds under the same URL, with every committed row', async () => {
    const postgres = await start(usedFolder);
    await query(postgres.url, 'CREATE TABLE written_1 AS SELECT generate_series(1, 1000) AS value');
    for (let round = 0; round < 3; round += 1) {
      const { pid } = postgres;
      process.kill(pid, 'SIGKILL');
      const rows = await eventually(() => query(postgres.url, 'SELECT count(*)::int AS count FROM written_1'));
      expect(rows).toEqual([{ count: 1000 }]);
      expect(postgres.pid).not.toBe(pid);
    }
    expect(lines.filter((line) => line.includes('ended unexpectedly (signal SIGKILL)'))).toHaveLength(3);
  });

  it('of the server: the next one stops the PostgreSQL that was left and starts its own', async () => {
    const dataDirectory = usedFolder;
    const { node, postgresPid } = await serverInAnotherProcess(dataDirectory);
    const left = await findRunningEmbeddedPostgres({ dataDirectory });
    await query(left?.url ?? '', 'CREATE TABLE written_2 AS SELECT 1 AS value');
    node.kill('SIGKILL');
    await once(node, 'exit');
    expect(isAlive(postgresPid)).toBe(true);

    const postgres = await start(dataDirectory);
    expect(isAlive(postgresPid)).toBe(false);
    expect(postgres.pid).not.toBe(postgresPid);
    expect(lines.join()).toContain(`left running (process ${postgresPid}`);
    expect(await query(postgres.url, 'SELECT value FROM written_2')).toEqual([{ value: 1 }]);
  });

  it('of both at once: the next start recovers', async () => {
    const dataDirectory = usedFolder;
    const { node, postgresPid } = await serverInAnotherProcess(dataDirectory);
    const left = await findRunningEmbeddedPostgres({ dataDirectory });
    await query(left?.url ?? '', 'CREATE TABLE written_3 AS SELECT 1 AS value');
    node.kill('SIGKILL');
    process.kill(postgresPid, 'SIGKILL');
    const began = Date.now();
    const postgres = await start(dataDirectory);
    expect(await query(postgres.url, 'SELECT value FROM written_3')).toEqual([{ value: 1 }]);
    expect(Date.now() - began).toBeLessThan(8_000);
  });

  it('a lock file whose process id now belongs to another program does not block the start', async () => {
    const dataDirectory = usedFolder;
    const stale = `${process.pid}\n/somewhere\n1700000000\n5432\n.\n\n  1  1\nready   \n`;
    writeFileSync(join(dataDirectory, 'postgres', 'postmaster.pid'), stale);
    writeFileSync(join(dataDirectory, 'postgres', '.s.PGSQL.5432.lock'), stale);
    expect(await query((await start(dataDirectory)).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('an initdb that was killed half-way is done again', async () => {
    const dataDirectory = await temporaryFolder();
    mkdirSync(join(dataDirectory, 'postgres.new', 'base'), { recursive: true });
    expect(await query((await start(dataDirectory)).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('a server that exits without stop() takes PostgreSQL with it', async () => {
    const { node, postgresPid } = await serverInAnotherProcess(usedFolder);
    node.kill('SIGTERM');
    await once(node, 'exit');
    await eventually(() => isAlive(postgresPid) ? Promise.reject(new Error('still alive')) : Promise.resolve());
  });
});

describe('what the operator is told', { timeout: 60_000 }, () => {
  it('a cluster of another major version', async () => {
    const dataDirectory = await temporaryFolder();
    mkdirSync(join(dataDirectory, 'postgres'));
    writeFileSync(join(dataDirectory, 'postgres', 'PG_VERSION'), '16\n');
    await expect(start(dataDirectory)).rejects.toThrow(/made by PostgreSQL 16, and this version of the server brings PostgreSQL 18/);
  });

  it('a folder that holds something else', async () => {
    const dataDirectory = await temporaryFolder();
    mkdirSync(join(dataDirectory, 'postgres'));
    await expect(start(dataDirectory)).rejects.toThrow(/holds no PostgreSQL cluster\. Move it away/);
  });

  it('why PostgreSQL did not start, and the folder is free again afterwards', async () => {
    const dataDirectory = usedFolder;
    const settings = join(dataDirectory, 'postgres', 'postgresql.conf');
    const before = readFileSync(settings, 'utf8');
    writeFileSync(settings, `${before}\nno_such_setting = 1\n`);
    await expect(start(dataDirectory)).rejects.toThrow(/it did not start: .*(errors|no_such_setting).*postgres\.log/);
    writeFileSync(settings, before);
    await chmod(join(dataDirectory, 'postgres'), 0o755); // as a restore may leave it; PostgreSQL wants 700
    expect(await query((await start(dataDirectory)).url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
