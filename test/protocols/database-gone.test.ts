import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { bootstrap } from '../../src/bootstrap/index.ts';
import { loadConfig } from '../../src/config.ts';
import { type PostgresProxy, startPostgresProxy } from '../../src/core/testing/postgres-proxy.ts';
import { buildServer, type Server } from '../../src/server.ts';
import { createBrowser } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';
import { freePort } from '../support/free-port.ts';

const machine = { id: 'automation', secret: 'automation-secret-for-tests-only' };
let proxy: PostgresProxy;
let server: Server;
let issuer: string;
let closeAll: () => Promise<void>;
beforeAll(async () => {
  const database = await createTestDatabase(inject('postgresUrl'));
  const directory = await mkdtemp(path.join(tmpdir(), 'postern-gone-'));
  proxy = await startPostgresProxy(database.url);
  const config = loadConfig({
    PORT: String(await freePort()), DATA_DIR: directory, LOG_LEVEL: 'silent', SAMPLE_APPLICATION_PORT: '0', BOOTSTRAP_ADMIN_PASSWORD: 'correct horse battery staple',
    BOOTSTRAP_CLIENT_ID: machine.id, BOOTSTRAP_CLIENT_SECRET: machine.secret, DATABASE_POOL_SIZE: '4', SHUTDOWN_GRACE_SECONDS: '1' });
  server = await buildServer({ config, connectionString: proxy.url, logStream: new Writable({ write: (_chunk, _encoding, done) => done() }) });
  await bootstrap(server.core);
  await server.start();
  issuer = `${config.publicUrl}/t/default`;
  closeAll = async () => {
    proxy.pass();
    await server.stop();
    await proxy.close();
    await database.drop();
    await rm(directory, { recursive: true, force: true });
  };
});
afterAll(() => closeAll());

const post = (endpoint: string, parameters: Record<string, string>) => fetch(`${issuer}/oauth2/${endpoint}`, {
  method: 'POST', body: new URLSearchParams(parameters), headers: { authorization: `Basic ${btoa(`${machine.id}:${machine.secret}`)}` } });

describe('while the database cannot be reached', () => {
  it('endpoints say so in their own shape and work again without a restart', async () => {
    expect((await post('token', { grant_type: 'client_credentials' })).status).toBe(200);
    proxy.refuse();
    const introspection = await post('introspect', { token: 'unknown' });
    expect(introspection.status).toBe(503);
    expect(introspection.headers.get('retry-after')).not.toBeNull();
    expect(await introspection.json()).toEqual({ error: 'temporarily_unavailable', error_description: expect.any(String) as string });
    const device = await createBrowser(new URL(issuer).origin).request(`${issuer}/oauth2/device`);
    expect(device.status).toBe(503);
    expect(device.text).not.toMatch(/prisma|postgres|ECONN/i);
    proxy.pass();
    await expect.poll(async () => (await post('introspect', { token: 'unknown' })).status, { timeout: 10_000 }).toBe(200);
  });
});
