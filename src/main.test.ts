import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../test/support/database.ts';
import { freePort } from '../test/support/free-port.ts';
import { freshMasterKey } from './core/keyring.ts';

let folder: string;
const children = new Set<ChildProcess>();
beforeAll(async () => { folder = await mkdtemp(path.join(tmpdir(), 'postern main ')); });
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

interface Started { readonly child: ChildProcess; output(): string; readonly ended: Promise<number | null>; until(pattern: RegExp): Promise<string> }

/** `node src/main.ts` in an empty folder, with these settings and none of ours. */
function start(settings: Record<string, string>): Started {
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'main.ts')], {
    cwd: folder, env: { PATH: process.env['PATH'], SAMPLE_APPLICATION_PORT: '0', MASTER_KEY: freshMasterKey(), DATA_DIR: path.join(folder, 'data'), ...settings },
  });
  children.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => { output += bytes.toString(); });
  const ended = once(child, 'close').then(([code]) => { children.delete(child); return code as number | null; });
  return {
    child, ended, output: () => output,
    async until(pattern) {
      for (const end = Date.now() + 60_000; !pattern.test(output);) {
        if (Date.now() > end || child.exitCode !== null) throw new Error(`${String(pattern)} did not come: ${output}`);
        await sleep(20);
      }
      return output;
    },
  };
}

/** One line that says what to do, exit code 1, and no stack. */
async function refusal(settings: Record<string, string>): Promise<string> {
  const started = start(settings);
  expect(await started.ended, started.output()).toBe(1);
  expect(started.output()).not.toMatch(/^\s+at /m);
  expect(started.output()).not.toContain('secret-in-the-url');
  return started.output().trim();
}

describe('a start that cannot be', () => {
  it('names all bad settings at once', async () => {
    const output = await refusal({ PORT: '99999', PUBLIC_URL: 'idp.local', MASTER_KEY: 'short', OUTBOUND_ALLOW: '*' });
    for (const name of ['PORT must be', 'PUBLIC_URL must be', 'MASTER_KEY must be', 'OUTBOUND_ALLOW takes']) expect(output).toContain(`- ${name}`);
  });

  it('says that the port is taken, before anything is created', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    const database = await createTestDatabase(inject('postgresUrl'));
    expect(await refusal({ PORT: String(port), DATABASE_URL: database.url })).toMatch(new RegExp(`^Postern cannot start. Port ${port} on 127.0.0.1 is already taken. .* set PORT `));
    expect(await query(database.url, 'SELECT id FROM "Instance"')).toEqual([]);
    taken.close();
    await database.drop();
  });

  it.each([
    ['nothing listens there', 'postgresql://postern:secret-in-the-url@127.0.0.1:1/postern', /^Postern cannot start. The database at 127.0.0.1:1\/postern \(DATABASE_URL\) cannot be reached: nothing listens there/],
    ['there is no such host', 'postgresql://postern:secret-in-the-url@database.invalid/postern', /there is no such host/],
  ])('says why DATABASE_URL is of no use: %s', async (_what, url, line) => {
    expect(await refusal({ DATABASE_URL: url, PORT: String(await freePort()) })).toMatch(line);
  });

  it('refuses a database of a newer version, and one that does not exist', async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    await query(database.url, `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) VALUES ('x', 'x', now(), '29990101000000_future', 1)`);
    expect(await refusal({ DATABASE_URL: database.url, PORT: String(await freePort()) })).toMatch(/used by a newer version of Postern \(it has the migration 29990101000000_future\)/);
    await database.drop();
    expect(await refusal({ DATABASE_URL: database.url, PORT: String(await freePort()) })).toMatch(/does not exist. Create it/);
  });

  it('names a data directory that is none', async () => {
    await writeFile(path.join(folder, 'file'), '');
    expect(await refusal({ DATA_DIR: path.join(folder, 'file'), PORT: String(await freePort()) })).toMatch(/Set DATA_DIR to another folder/);
  });

  it('names the bootstrap setting that the policy refuses', async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    expect(await refusal({ DATABASE_URL: database.url, PORT: String(await freePort()), BOOTSTRAP_ADMIN_PASSWORD: 'abcd1234' })).toContain('- BOOTSTRAP_ADMIN_PASSWORD cannot be used');
    await database.drop();
  });

  it('explains a master key that is not the one of the database', async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    await query(database.url, `INSERT INTO "ServerRecord" (name, value) VALUES ('master-key-proof', 'v1.AAAAAAAA.${'A'.repeat(120)}')`);
    expect(await refusal({ DATABASE_URL: database.url, PORT: String(await freePort()) })).toMatch(/The master key is not the one/);
    await database.drop();
  });
});

describe('a start', () => {
  it('prints one block first, then the log as JSON; stops cleanly; finds everything again, also after kill -9', async () => {
    const [port, samplePort] = [await freePort(), await freePort()];
    await mkdir(path.join(folder, 'kept'), { recursive: true });
    // No MASTER_KEY, no DATABASE_URL, a space in the path: as on a fresh machine. `.env` is read.
    await writeFile(path.join(folder, '.env'), `PORT=${port}\nSAMPLE_APPLICATION_PORT=1\n`);
    const settings = { DATA_DIR: path.join(folder, 'kept'), MASTER_KEY: '', SAMPLE_APPLICATION_PORT: String(samplePort) };

    const first = start(settings);
    const output = await first.until(/"msg":"The server is ready"/);
    const [block = '', log = ''] = output.split(/Ctrl-C stops the server[^\n]*\n/);
    expect(block).toMatch(/Address +http:\/\/localhost:\d+\n[^]*set-up|Set the account up/);
    expect(block).toContain(`http://localhost:${samplePort}`);
    const link = /http:\/\/localhost:\d+\/t\/default\/setup\/\S+/.exec(block)?.[0] ?? '';
    const password = /Password +(\S+)/.exec(block)?.[1] ?? '';
    expect(password).toMatch(/^([a-z2-9]{4}-){4}[a-z2-9]{4}$/);
    for (const line of log.trim().split('\n')) expect(() => { JSON.parse(line); }, line).not.toThrow();
    expect(log).not.toContain(password);
    expect(log).not.toContain(link.split('/').at(-1) ?? '-');
    expect((await fetch(`http://localhost:${port}/readyz`)).status).toBe(200);
    expect((await fetch(`http://localhost:${samplePort}/`)).status).toBe(200);
    first.child.kill('SIGTERM');
    expect(await first.ended).toBe(0);

    const second = start(settings);
    const again = await second.until(/"msg":"The server is ready"/);
    expect(again).not.toMatch(/Password|Creating|Applied/);
    expect(again).toContain('npm run postern -- setup-link');
    second.child.kill('SIGKILL');
    await second.ended;

    const third = start(settings);
    await third.until(/"msg":"The server is ready"/);
    expect((await fetch(`http://localhost:${port}/readyz`)).status).toBe(200);
    third.child.kill('SIGINT');
    expect(await third.ended).toBe(0);
    await rm(path.join(folder, '.env'));
  }, 120_000);

  it('goes on without the sample application when its port is taken, and says so', async () => {
    const taken = createServer().listen(0, 'localhost');
    await once(taken, 'listening');
    const { port: samplePort } = taken.address() as { port: number };
    const database = await createTestDatabase(inject('postgresUrl'));
    const started = start({ DATABASE_URL: database.url, PORT: String(await freePort()), SAMPLE_APPLICATION_PORT: String(samplePort) });
    expect(await started.until(/The server is ready/)).toMatch(new RegExp(`Sample application +not started: port ${samplePort} is taken`));
    started.child.kill('SIGTERM');
    expect(await started.ended).toBe(0);
    taken.close();
    await database.drop();
  }, 60_000);

  it.each([
    ['waits for a request in progress, but no longer than SHUTDOWN_GRACE_SECONDS', '2', false, 0],
    ['does not wait when a second signal comes', '60', true, 1],
  ])('%s', async (_what, grace, again, code) => {
    const database = await createTestDatabase(inject('postgresUrl'));
    const port = await freePort();
    const started = start({ DATABASE_URL: database.url, PORT: String(port), SHUTDOWN_GRACE_SECONDS: grace });
    await started.until(/The server is ready/);
    const request = connect(port, '127.0.0.1');
    request.on('error', () => undefined);
    request.write('POST /t/default/oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ngrant_type');
    await sleep(300);
    const signalled = performance.now();
    started.child.kill('SIGTERM');
    await started.until(/Stopping/);
    await sleep(800);
    expect(started.child.exitCode).toBeNull();
    if (again) started.child.kill('SIGTERM');
    expect(await started.ended).toBe(code);
    expect(performance.now() - signalled).toBeLessThan(15_000);
    request.destroy();
    await database.drop();
  }, 60_000);
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}
