import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createBrowser } from '../../test/support/browser.ts';
import { createTestDatabase } from '../../test/support/database.ts';
import { createClient, createPerson, createPkce, exchange, password, post, push, redirectUri } from '../../test/support/oidc.ts';
import { freePort } from '../../test/support/free-port.ts';
import { openClientSecrets } from '../applications/index.ts';
import { bootstrap } from '../bootstrap/index.ts';
import { loadConfig } from '../config.ts';
import { freshMasterKey, loadOrCreateMasterKeys } from '../core/keyring.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { buildServer, type Server } from '../server.ts';
import { instanceContext, type InstanceContext } from '../tenancy/index.ts';
import { runCommand } from './run-command.ts';
import { sealedColumns, shortLived } from './sealed-columns.ts';

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let folder: string;
let settings: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  folder = await mkdtemp(path.join(tmpdir(), 'postern-rotation-'));
  const port = await freePort();
  settings = {
    DATABASE_URL: database.url, DATA_DIR: folder, PORT: String(port), LOG_LEVEL: 'silent', SAMPLE_APPLICATION_PORT: '0', SHUTDOWN_GRACE_SECONDS: '1',
    BOOTSTRAP_CLIENT_ID: 'automation', BOOTSTRAP_CLIENT_SECRET: 'automation-secret-for-tests-only',
  };
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function start(masterKey?: string): Promise<{ server: Server; context: InstanceContext }> {
  const server = await buildServer({ config: loadConfig({ ...settings, ...(masterKey && { MASTER_KEY: masterKey }) }), connectionString: database.url });
  await bootstrap(server.core);
  await server.start();
  const context = await instanceContext(server.core, 'default');
  if (!context) throw new Error('no instance');
  await context.db.user.updateMany({ data: { lastSignInAt: new Date() } });
  return { server, context };
}

async function rotate(masterKey?: string): Promise<{ code: number; output: string }> {
  const lines: string[] = [];
  const config = loadConfig({ ...settings, ...(masterKey && { MASTER_KEY: masterKey }) });
  const code = await runCommand(['rotate-master-key'], { config, print: (line) => { lines.push(line); }, printError: (line) => { lines.push(line); } });
  return { code, output: lines.join('\n') };
}

const keptId = 'kept';
const kept = [
  { table: 'AddressChange', column: 'sealedValue', what: 'value' }, { table: 'TotpCredential', column: 'sealedSecret', what: 'secret' },
  { table: 'FlowHook', column: 'sealedSecret', what: 'secret' }, { table: 'FlowHook', column: 'sealedPreviousSecret', what: 'secret' },
  { table: 'NotificationGateway', column: 'sealedSecret', what: 'secret' }, { table: 'NotificationMessage', column: 'sealedContent', what: 'content' },
  { table: 'IdentitySource', column: 'sealedSecret', what: 'secret' },
];

/** What no request of this test seals. */
async function sealOneOfEach({ core, db }: InstanceContext, userId: string): Promise<void> {
  const sealed = (table: string, what: string) => core.keyring.seal('kept', `default/${table}/${keptId}/${what}`);
  const expiresAt = new Date(Date.now() + 3_600_000);
  await db.addressChange.create({ data: { id: keptId, userId, channel: 'email', sealedValue: sealed('AddressChange', 'value'), codeHash: 'x', expiresAt } });
  // Whoever has an authenticator app would be asked for its code.
  const somebodyElse = await db.user.findFirstOrThrow({ where: { id: { not: userId } } });
  await db.totpCredential.create({ data: { id: keptId, userId: somebodyElse.id, name: 'Telephone', sealedSecret: sealed('TotpCredential', 'secret'), lastStep: 0 } });
  await db.flowHook.create({ data: { id: keptId, name: 'Hook', enabled: false, triggers: ['sign_in.before'], url: 'https://hooks.example.com/', sealedSecret: sealed('FlowHook', 'secret'), sealedPreviousSecret: sealed('FlowHook', 'secret') } });
  await db.notificationGateway.create({ data: { id: keptId, name: 'Mail', channel: 'email', kind: 'smtp', enabled: false, prefixes: [], settings: {}, sealedSecret: sealed('NotificationGateway', 'secret') } });
  await db.notificationMessage.create({ data: { id: keptId, template: 'test', channel: 'email', locale: 'en', status: 'sent', sealedContent: sealed('NotificationMessage', 'content'), expiresAt } });
  await db.identitySource.create({ data: { id: keptId, kind: 'oidc', name: 'Source', enabled: false, settings: {}, applicationIds: [], domains: [], sealedSecret: sealed('IdentitySource', 'secret') } });
}

describe('rotate-master-key', () => {
  it('covers every sealed column of the schema', () => {
    const inSchema = Object.values(Prisma.ModelName).flatMap((model) => Object.values(Prisma[`${model}ScalarFieldEnum`]).filter((field) => /^sealed(?!At$)/.test(field)).map((field) => `${model}.${field}`));
    expect(inSchema.length).toBeGreaterThan(4);
    const covered = new Set([...sealedColumns.map(({ table, column }) => `${table}.${column}`), ...shortLived]);
    expect(inSchema.filter((column) => !covered.has(column))).toEqual([]);
  });

  it('lets everything that was under way go on under the new key alone', async () => {
    const [oldKey, newKey] = [freshMasterKey(), freshMasterKey()];
    let { server, context } = await start(oldKey);
    const { issuer } = context.instance;

    // Something sealed in every column, each half-way.
    const person = await createPerson(context);
    const client = await createClient(context);
    const browser = createBrowser(new URL(issuer).origin);
    const pkce = createPkce();
    const pushed = await push(issuer, client, pkce);
    const first = await browser.open(`${issuer}/oauth2/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(pushed.body['request_uri']) })}`);
    const passwordPage = await browser.submit(first, { identifier: person.username });
    expect(passwordPage.text).toContain('type="password"');
    const signing = await createClient(context, { oidc: { tokenEndpointAuthMethod: 'client_secret_jwt' } });
    const device = await createClient(context, { oidc: { grantTypes: ['urn:ietf:params:oauth:grant-type:device_code'], redirectUris: [] } });
    const code = await post(issuer, 'device_authorization', { scope: 'openid' }, device);
    expect(code.status).toBe(200);
    const machine = { clientId: 'automation', secret: 'automation-secret-for-tests-only' };
    const token = async () => String((await post(issuer, 'token', { grant_type: 'client_credentials' }, machine)).body['access_token']);
    const createOnce = async () => fetch(`${issuer}/api/v1/users`, { method: 'POST', headers: { authorization: `Bearer ${await token()}`, 'content-type': 'application/json', 'idempotency-key': 'once' }, body: '{"username":"once"}' });
    const created = await (await createOnce()).json();
    const flow = await context.db.flow.findFirstOrThrow({ where: { sealedIdentifier: { not: null } } });
    await context.db.flow.updateMany({ where: { id: flow.id }, data: { sealedPending: server.core.keyring.seal('{}', `default/Flow/${flow.id}/pending`) } });
    await sealOneOfEach(context, person.user.id);
    for (const { table, column, member } of sealedColumns.filter(({ member: part }) => part !== 'deviceCode')) {
      const rows = await server.core.database.$queryRawUnsafe<unknown[]>(`SELECT 1 FROM "${table}" WHERE "${column}"${member ? ` ->> '${member}'` : ''} LIKE 'v1.%'`);
      expect(rows.length, `${table}.${column} ${member ?? ''}`).toBeGreaterThan(0);
    }
    await server.stop();

    await expect(rotate(oldKey)).rejects.toThrow('MASTER_KEY holds one key');
    ({ server, context } = await start(`${newKey},${oldKey}`)); // servers go on with both while it runs
    const { code: exit, output } = await rotate(`${newKey},${oldKey}`);
    expect(output).toMatch(/^\d\d+ secrets were sealed under the new master key/);
    expect(exit).toBe(0);
    expect((await rotate(`${newKey},${oldKey}`)).output).toMatch(/^0 secrets/);
    await server.stop();

    ({ server, context } = await start(newKey));
    // Drawn anew: the form token of the old page ended with the old key.
    const again = await browser.submit(await browser.open(passwordPage.url), { password });
    expect(again.url).toContain(`${redirectUri}?code=`);
    const tokens = await exchange(issuer, { client, pkce, code: new URL(again.url).searchParams.get('code') ?? '' });
    expect(tokens.status).toBe(200);
    expect(await openClientSecrets(context, signing.application.id)).toEqual([signing.secret]);
    const opened = await Promise.all(kept.map(async ({ table, column, what }) => {
      const [row] = await server.core.database.$queryRawUnsafe<{ sealed: string }[]>(`SELECT "${column}" AS "sealed" FROM "${table}" WHERE id = '${keptId}'`);
      return server.core.keyring.open(row?.sealed ?? '', `default/${table}/${keptId}/${what}`).toString('utf8');
    }));
    expect(opened).toEqual(kept.map(() => 'kept'));
    expect((await post(issuer, 'token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: String(code.body['device_code']) }, device)).body['error']).toBe('authorization_pending');
    expect(await (await createOnce()).json()).toEqual(created);
    await server.stop();
  });

  it('replaces the key file while the server is stopped, also after it was interrupted', async () => {
    const file = path.join(folder, 'master-key');
    await database.drop();
    database = await createTestDatabase(inject('postgresUrl'));
    settings['DATABASE_URL'] = database.url;
    const { server } = await start();
    const [oldKey = ''] = loadOrCreateMasterKeys(folder);
    await expect(rotate()).rejects.toThrow('A server is running');
    await server.stop();
    expect((await rotate()).output).toContain('The old key is gone');
    const [newKey = '', ...others] = loadOrCreateMasterKeys(folder);
    expect(others).toEqual([]);
    expect(newKey).not.toBe(oldKey);

    const half = freshMasterKey(); // killed after it wrote both keys: the server starts with that, and a second run ends it
    await writeFile(file, `${half},${newKey}\n`);
    await (await start()).server.stop();
    expect((await rotate()).code).toBe(0);
    expect(await readFile(file, 'utf8')).toBe(`${half}\n`);
    await (await start()).server.stop();

    await writeFile(file, `${oldKey}\n`);
    await expect(start()).rejects.toThrow('The master key is not the one');
  });
});
