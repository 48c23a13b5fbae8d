import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createTestDatabase } from '../../test/support/database.ts';
import { startTestServer, type TestServer } from '../../test/support/server.ts';
import { managementScopes } from '../access/index.ts';
import { loadConfig } from '../config.ts';
import type { Core } from '../core/core.ts';
import { freshMasterKey } from '../core/keyring.ts';
import { verifyEventChain } from '../events/index.ts';
import { buildServer } from '../server.ts';
import { bootstrap } from './bootstrap.ts';

let server: TestServer;
beforeAll(async () => { server = await startTestServer({ settings: { SAMPLE_APPLICATION_PORT: '4321' } }); });
afterAll(() => server.close());

/** The same server as if it had been started with other settings. */
const startedWith = (settings: Record<string, string>): Core => ({ ...server.core, config: loadConfig({
  BOOTSTRAP_ADMIN_PASSWORD: server.administrator.password, BOOTSTRAP_CLIENT_ID: server.machine.clientId, BOOTSTRAP_CLIENT_SECRET: server.machine.clientSecret, ...settings }) });

async function counts(): Promise<unknown> {
  const { database } = server.core;
  return {
    instances: await database.instance.count(), users: await database.user.count(), applications: await database.application.count(),
    secrets: await database.clientSecret.count(), links: await database.setupLink.count(), owners: await database.administratorAssignment.count({ where: { role: 'owner' } }),
  };
}

describe('the first start', () => {
  it('makes one instance, one owner with a set-up link, and the applications, in one transaction and one chain', async () => {
    expect(await counts()).toEqual({ instances: 1, users: 1, applications: 2, secrets: 1, links: 1, owners: 1 });
    const types = (await server.core.database.event.findMany()).map((event) => event.type);
    expect(types).toEqual(expect.arrayContaining(['instance.created', 'user.created', 'password.changed', 'application.created', 'setup_link.created']));
    expect(new Set((await server.core.database.event.findMany()).map((event) => event.transactionId)).size).toBe(1);
    expect(await verifyEventChain(server.core, 'default')).toMatchObject({ sound: true });
  });

  it('gives the bootstrap client a token with every scope of the management API, without clicking', async () => {
    const claims = decodeJwt(await server.managementToken());
    expect(String(claims['scope']).split(' ').toSorted()).toEqual(managementScopes.map(({ name }) => name).toSorted());
    const platform = decodeJwt(await server.managementToken(`${server.origin}/platform/v1`));
    expect(String(platform['scope']).split(' ')).toContain('instance:manage');
  });

  it('registers the sample application as a public client', async () => {
    const sample = await server.core.database.application.findFirstOrThrow({ where: { clientId: 'sample-application' } });
    expect(sample.settings).toMatchObject({ tokenEndpointAuthMethod: 'none', requirePkce: true, redirectUris: ['http://localhost:4321/callback'] });
  });
});

describe('attack: admin.bootstrap: only once, whatever the settings say later', () => {
  it('a second start finds everything as it was and says nothing', async () => {
    const before = await counts();
    expect(await bootstrap(startedWith({}))).toEqual({ created: undefined, notes: [] });
    expect(await counts()).toEqual(before);
  });

  it.each([
    ['another name', { BOOTSTRAP_ADMIN_USERNAME: 'second-admin' }, /BOOTSTRAP_ADMIN_USERNAME/],
    ['another password', { BOOTSTRAP_ADMIN_PASSWORD: 'another long battery staple' }, /BOOTSTRAP_ADMIN_PASSWORD/],
    ['another client', { BOOTSTRAP_CLIENT_ID: 'second-client' }, /BOOTSTRAP_CLIENT_ID/],
    ['another secret', { BOOTSTRAP_CLIENT_SECRET: 'another-secret-of-enough-length' }, /BOOTSTRAP_CLIENT_SECRET/],
  ])('%s changes nothing, and a line says so', async (_what, settings, line) => {
    const before = await counts();
    const report = await bootstrap(startedWith(settings));
    expect(report.created).toBeUndefined();
    expect(report.notes).toEqual([expect.stringMatching(line)]);
    expect(await counts()).toEqual(before);
    await expect(server.managementToken()).resolves.toBeTypeOf('string');
  });

  it('an administrator who was deleted is not made again', async () => {
    await server.core.database.user.deleteMany({});
    const report = await bootstrap(startedWith({}));
    expect(report).toEqual({ created: undefined, notes: [expect.stringContaining('nothing was changed')] });
    expect(await server.core.database.user.count()).toBe(0);
  });

  it('two servers that start at once on an empty database make one of everything, and one password is shown', async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    const config = loadConfig({ MASTER_KEY: freshMasterKey(), LOG_LEVEL: 'silent', DATABASE_POOL_SIZE: '4' });
    const servers = await Promise.all([1, 2].map(() => buildServer({ config, connectionString: database.url })));
    const reports = await Promise.all(servers.map(({ core }) => bootstrap(core)));
    const created = reports.flatMap((report) => report.created ?? []);
    expect(created).toEqual([{ username: 'admin', generatedPassword: expect.stringMatching(/^([a-z2-9]{4}-){4}[a-z2-9]{4}$/), setupLink: expect.stringContaining('/t/default/setup/'), machineClientId: undefined }]);
    expect(await servers[0]?.core.database.user.count()).toBe(1);
    const password = await servers[0]?.core.database.password.findFirst();
    expect(password?.mustChange).toBe(true);
    await Promise.all(servers.map((built) => built.stop()));
    await database.drop();
  });

  it('a password that breaks the policy is named as the setting, and leaves nothing behind', async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    const config = loadConfig({ MASTER_KEY: freshMasterKey(), LOG_LEVEL: 'silent', DATABASE_POOL_SIZE: '4', BOOTSTRAP_ADMIN_PASSWORD: 'abcd1234' });
    const built = await buildServer({ config, connectionString: database.url });
    await expect(bootstrap(built.core)).rejects.toThrow(/^BOOTSTRAP_ADMIN_PASSWORD cannot be used: /);
    expect(await built.core.database.instance.count()).toBe(0);
    await built.stop();
    await database.drop();
  });
});
