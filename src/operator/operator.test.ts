import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createBrowser } from '../../test/support/browser.ts';
import { createTestDatabase, databaseUrl } from '../../test/support/database.ts';
import { startTestServer, type TestServer } from '../../test/support/server.ts';
import { bootstrap } from '../bootstrap/index.ts';
import { createUser } from '../directory/index.ts';
import { loadConfig } from '../config.ts';
import { append } from '../events/index.ts';
import { freshMasterKey } from '../core/keyring.ts';
import { buildServer } from '../server.ts';
import { instanceContext } from '../tenancy/index.ts';
import { runCommand } from './run-command.ts';

let server: TestServer;
let folder: string;
const masterKey = freshMasterKey();

beforeAll(async () => {
  server = await startTestServer({ settings: { MASTER_KEY: masterKey } });
  folder = await mkdtemp(path.join(tmpdir(), 'postern-operator-'));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function run(settings: Record<string, string>, ...commandLine: string[]): Promise<{ code: number; output: string }> {
  const lines: string[] = [];
  const code = await runCommand(commandLine, {
    config: loadConfig({ DATABASE_URL: server.databaseUrl, MASTER_KEY: masterKey, DATA_DIR: folder, LOG_LEVEL: 'silent', PUBLIC_URL: server.origin, ...settings }),
    print: (line) => { lines.push(line); }, printError: (line) => { lines.push(line); },
  });
  return { code, output: lines.join('\n') };
}

describe('help', () => {
  it('names every command, and a wrong one is answered with it', async () => {
    for (const name of ['setup-link', 'open-access', 'verify-events', 'rotate-master-key', 'backup', 'restore']) expect((await run({}, 'help')).output).toContain(`\n  ${name}`);
    await expect(run({}, 'drop-everything')).rejects.toThrow('There is no command "drop-everything"');
    await expect(run({}, 'backup')).rejects.toThrow('npm run postern -- backup <file>');
    await expect(run({}, 'setup-link', '--nonsense', 'x')).rejects.toThrow(/nonsense.*Use it like this/s);
  });
});

describe('setup-link', () => {
  const openStatus = async (link: string) => (await createBrowser(server.origin).open(link)).status;
  const linkIn = (output: string) => /http\S+\/setup\/\S+/.exec(output)?.[0] ?? '';

  it('makes a link that works, beside the running server, and is told in the event log', async () => {
    const { code, output } = await run({}, 'setup-link');
    expect(code).toBe(0);
    expect(await openStatus(linkIn(output))).toBe(200);
    const event = await server.core.database.event.findFirst({ where: { type: 'setup_link.created' }, orderBy: { sequence: 'desc' } });
    expect(event?.actor).toEqual({ kind: 'operator' });
  });

  it('refuses who is nobody, and who is no administrator; makes an administrator when asked', async () => {
    await createUser(await server.context(), { username: 'somebody' });
    await expect(run({}, 'setup-link', '--user', 'nobody')).rejects.toThrow('There is no user "nobody"');
    await expect(run({}, 'setup-link', '--user', 'somebody')).rejects.toThrow('is no administrator');
    await expect(run({}, 'setup-link', '--instance', 'elsewhere')).rejects.toThrow('There is no instance "elsewhere"');
    const { output } = await run({}, 'setup-link', '--create', 'second-owner');
    expect(await openStatus(linkIn(output))).toBe(200);
    expect((await run({}, 'setup-link', '--user', 'second-owner')).code).toBe(0);
  });
});

describe('open-access', () => {
  it('lets those in again whom a zone or a default shut out, and keeps the policies', async () => {
    const zone = (await server.api('POST', '/network-zones', { name: 'elsewhere', ipv4Cidrs: ['203.0.113.0/24'] })).body as { id: string };
    const policy = (await server.api('POST', '/access-policies', { name: 'closed', priority: 1, effect: 'deny', condition: 'user.username == "nobody-else"' })).body as { id: string };
    expect((await server.api('PATCH', '/settings?allowLockOut=true', { networkAccess: { managementZoneIds: [zone.id] } })).status).toBe(200);
    await expect.poll(async () => (await server.api('GET', '/settings')).status, { timeout: 1_000 }).toBe(403);
    const { code, output } = await run({}, 'open-access');
    expect([code, output]).toEqual([0, expect.stringContaining('only reporting now: "closed"')]);
    await expect.poll(async () => (await server.api('GET', '/settings')).status, { timeout: 2_000 }).toBe(200);
    expect((await server.api('GET', `/access-policies/${policy.id}`)).body).toMatchObject({ status: 'report_only' });
    const event = await server.core.database.event.findFirst({ where: { type: 'access_policy.updated', subjectId: policy.id }, orderBy: { sequence: 'desc' } });
    expect(event?.actor).toEqual({ kind: 'operator' });
    expect((await run({}, 'open-access')).output).toContain('no policy was enabled');
  });
});

describe('verify-events', () => {
  it('says that the log is sound, and where it is not', async () => {
    await untilSealed();
    expect((await run({}, 'verify-events')).output).toMatch(/^default: sound, \d+ events\.$/);
    const copy = await cloneDatabase();
    await copy.query(`ALTER TABLE "Event" DISABLE TRIGGER USER`);
    await copy.query(`UPDATE "Event" SET "subjectId" = 'somebody else' WHERE "sequence" = (SELECT "sequence" FROM "EventSeal" WHERE "position" = 2)`);
    const { code, output } = await run({ DATABASE_URL: copy.url }, 'verify-events', '--instance', 'default');
    expect(code).toBe(1);
    expect(output).toMatch(/^default: BROKEN at position 2 \(changed\)/);
    await copy.drop();
  });
});

describe('backup and restore', () => {
  let file: string;
  const odd = 'tab\t, line\nfeed, return\r, \\N, \\., \u2028 and \u{1F511}';

  beforeAll(async () => {
    const context = await server.context();
    const user = await createUser(context, { username: 'zhang.wei', displayName: '张伟' });
    await context.transaction((tx) => append(tx, ...Array.from({ length: 3_000 }, (_, index) => ({ type: 'bulk.made', subject: { type: 'bulk', id: `${index}` }, after: { odd } }))));
    await context.db.instanceImage.create({ data: { hash: 'f'.repeat(64), contentType: 'image/png', content: new Uint8Array(300_000).map((_, index) => index % 256) } });
    await context.db.user.update({ where: { instanceId_id: { instanceId: 'default', id: user.id } }, data: { displayName: odd } });
    await untilSealed();
    file = path.join(folder, 'postern.backup');
    expect((await run({}, 'backup', file)).output).toContain('the master key that opens them is not in it');
  });

  async function fingerprint(url: string): Promise<Record<string, string>> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const tables = await client.query<{ name: string }>(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r','p') AND NOT relispartition AND relname <> '_prisma_migrations' ORDER BY 1`);
    const sums: Record<string, string> = {};
    for (const { name } of tables.rows) {
      const { rows: [row] } = await client.query<{ sum: string }>(`SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '\n' ORDER BY t::text)), '') AS sum FROM "${name}" t`);
      sums[name] = row?.sum ?? '';
    }
    await client.end();
    return sums;
  }

  it('brings everything back, into a database without any table, and a server goes on from there', async () => {
    const copy = await cloneDatabase(); // the server goes on writing: compare with the same moment
    const moment = path.join(folder, 'moment.backup');
    await run({ DATABASE_URL: copy.url }, 'backup', moment);
    const target = await emptyDatabase();
    const { output } = await run({ DATABASE_URL: target.url }, 'restore', moment);
    expect(output).toMatch(/^Restored \d{4,} rows/);
    expect(await fingerprint(target.url)).toEqual(await fingerprint(copy.url));
    expect(await rowsIn(target.url, '"Event_default"')).toBe(0);
    await copy.drop();

    const restored = await buildServer({ connectionString: target.url, config: loadConfig({ MASTER_KEY: masterKey, DATA_DIR: folder, LOG_LEVEL: 'silent', PUBLIC_URL: server.origin }) });
    expect(await bootstrap(restored.core)).toMatchObject({ created: undefined });
    const instance = await instanceContext(restored.core, 'default');
    if (!instance) throw new Error('no instance');
    await createUser(instance, { username: 'after-the-restore' });
    await restored.stop();
    // The last event may wait for a transaction in another test's database of the same PostgreSQL.
    expect((await run({ DATABASE_URL: target.url }, 'verify-events')).output).toMatch(/^default: sound, \d+ events(?:\.|; \d more not sealed yet.*)$/);
    await expect(run({ DATABASE_URL: target.url }, 'restore', file)).rejects.toThrow('The database is not empty');
    await target.drop();
  });

  it('is text: a manifest, then the tables one after the other', async () => {
    const [first = '', second = ''] = gunzipSync(await readFile(file)).toString('utf8').split('\n');
    expect(JSON.parse(first)).toMatchObject({ format: 'postern-backup', migrations: expect.arrayContaining(['20261124000000_foundation']) as string[], sequences: { event_transaction_offset: '0' } });
    expect(JSON.parse(second)).toHaveProperty('table');
    const secrets = gunzipSync(await readFile(file)).toString('utf8');
    for (const secret of [masterKey, server.administrator.password, server.machine.clientSecret]) expect(secrets).not.toContain(secret);
  });

  it.each([
    ['a value that was changed', (text: string) => text.replace('\tzhang.wei\t', '\tzhang.wej\t'), /damaged: the rows of User are not those/],
    ['a row that is missing', (text: string) => text.replace(/^[^\n{]*\tevnt_[^\n]*\n/m, ''), /damaged: the rows of Event are not those/],
    ['an end that is missing', (text: string) => text.slice(0, text.lastIndexOf('{"end"')), /damaged/],
    ['half of it', (text: string) => text.slice(0, text.length / 2), /damaged/],
    ['another table name', (text: string) => text.replace('{"table":"User"', '{"table":"User\\"; DROP TABLE x; --"'), /does not fit/],
    ['another format', () => 'hello\n', /no backup of Postern/],
    ['a newer version', (text: string) => text.replace('"migrations":[', '"migrations":["29990101000000_future",'), /newer version/],
    ['another master key', (text: string) => text.replace(/"masterKeyId":"[^"]+"/, '"masterKeyId":"AAAAAAAA"'), /sealed under the master key AAAAAAAA/],
  ])('refuses a file with %s, and leaves nothing behind', async (_what, spoil, reason) => {
    const spoilt = path.join(folder, `spoilt-${Math.random()}`);
    await writeFile(spoilt, gzipSync(spoil(gunzipSync(await readFile(file)).toString('utf8'))));
    const target = await createTestDatabase(inject('postgresUrl'));
    await expect(run({ DATABASE_URL: target.url }, 'restore', spoilt)).rejects.toThrow(reason);
    expect(await rowsIn(target.url, '"Instance"')).toBe(0);
    await target.drop();
  });

  it('refuses what is no gzip, a file that is there, and an empty database', async () => {
    await writeFile(path.join(folder, 'plain'), 'not compressed');
    await expect(run({}, 'restore', path.join(folder, 'plain'))).rejects.toThrow('no backup of Postern');
    await expect(run({}, 'restore', path.join(folder, 'absent'))).rejects.toThrow('There is no file');
    await expect(run({}, 'backup', file)).rejects.toThrow('is there already');
    const target = await emptyDatabase();
    await expect(run({ DATABASE_URL: target.url }, 'backup', path.join(folder, 'nothing'))).rejects.toThrow('nothing to back up');
    await expect(run({ DATABASE_URL: target.url }, 'setup-link')).rejects.toThrow('Start the server once');
    await target.drop();
  });
});

async function untilSealed(): Promise<void> {
  for (let tries = 0; (await run({}, 'verify-events')).output.includes('not sealed'); tries += 1) {
    if (tries > 100) throw new Error('the sealer does not follow');
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
}

/** The server's database as it is now, as another one. */
async function cloneDatabase() {
  const target = await emptyDatabase();
  const moment = path.join(folder, `clone-${Math.random()}`);
  await run({}, 'backup', moment);
  await run({ DATABASE_URL: target.url, DATA_DIR: await mkdtemp(path.join(folder, 'data-')) }, 'restore', moment);
  return { ...target, query: (sql: string) => query(target.url, sql) };
}

async function emptyDatabase() {
  const name = `empty_${Math.random().toString(36).slice(2)}`;
  await query(inject('postgresUrl'), `CREATE DATABASE ${name}`);
  return { url: databaseUrl(inject('postgresUrl'), name), drop: () => query(inject('postgresUrl'), `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function query(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query<Record<string, unknown>>(sql);
  } finally {
    await client.end();
  }
}

const rowsIn = async (url: string, table: string) => Number((await query(url, `SELECT count(*)::int AS count FROM ${table}`)).rows[0]?.['count']);
