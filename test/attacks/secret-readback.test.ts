/** Secrets go in, and are shown once where they are made; after that nothing that can be read holds them. */
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createAdministrator, signAccessToken } from '../support/administrators.ts';
import { startProtocolServer } from '../support/oidc.ts';
import { apiRoutes, bodyOf, managementRoutes, nameOf, requestRoute } from '../support/routes.ts';
import { fieldsOf, schemaOf } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { createWorld, type World } from '../support/world.ts';

// Hundreds of requests in one test: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: TestServer;
let world: World;
let platformToken: string;
/** What must not come back, and where it is from. */
const secrets = new Map<string, string>();
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  world = await createWorld(server, started.context);
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
  const remember = (from: string, value: unknown) => { if (typeof value === 'string' && value.length >= 16) secrets.set(value, from); };
  remember('a client secret', world.client.secret);
  remember('a client secret', world.machine.secret);
  remember('the bootstrap secret', server.machine.clientSecret);
  remember('a password', server.administrator.password);
  remember('a set-up link', world.parameters['token']);
  remember('an access token', world.token);
  remember('a new secret', (await world.api('POST', `/applications/${world.client.application.id}/secrets`, {})).body['secret']);
  await world.api('PATCH', '/settings', { dynamicRegistration: { enabled: true } });
  remember('an allowance to register', (await world.api('POST', '/initial-access-tokens')).body['token']);
  const person = String(world.parameters['userId']);
  await world.api('PUT', `/users/${person}/password`, { password: 'eleven trombones under the marmalade' });
  remember('a password', 'eleven trombones under the marmalade');
  remember('a set-up link', tokenIn((await world.api('POST', `/users/${person}/setup-link`)).body['url']));
  const invitation = await world.api('POST', '/invitations', { email: 'secret.readback@example.com' });
  remember('an invitation', tokenIn(invitation.body['url']));
  for (const [from, value] of await storedSecrets()) remember(from, value);
});
afterAll(() => server.close());

const tokenIn = (url: unknown) => (typeof url === 'string' ? url.split('/').at(-1) : undefined);

/** Whatever lies in the database in a column that is named like a secret. */
async function storedSecrets(): Promise<[string, string][]> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  const { rows: columns } = await client.query<{ table_name: string; column_name: string }>(`
    SELECT table_name, column_name FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name ~* '(hash|sealed|secret|token)' AND data_type IN ('text', 'ARRAY')
       AND table_name NOT IN ('InstanceImage', 'Event', 'EventSeal', 'EventChainHead', '_prisma_migrations', 'InstanceDomain')`);
  const found: [string, string][] = [];
  for (const { table_name: table, column_name: column } of columns) {
    const { rows } = await client.query<{ value: string | null }>(`SELECT "${column}"::text AS value FROM "${table}" LIMIT 500`);
    for (const { value } of rows) if (value !== null) found.push([`${table}.${column}`, value]);
  }
  await client.end();
  return found;
}

function expectNoSecret(where: string, text: string): void {
  for (const [value, from] of secrets) expect([where, from, text.includes(value)]).toEqual([where, from, false]);
}

describe('attack: admin.secret-readback', () => {
  it('knows of secrets of many kinds', () => {
    const kinds = new Set(secrets.values());
    for (const kind of ['a client secret', 'a new secret', 'an allowance to register', 'a set-up link', 'an invitation', 'a password', 'ClientSecret.hash', 'SigningKey.sealedPrivateJwk', 'Password.hash']) expect([...kinds]).toContain(kind);
  });

  it('no route that reads shows one, to whomever', async () => {
    const auditor = await signAccessToken(world.context, world.machine.clientId, { subject: await createAdministrator(world.context, 'auditor.readback', 'auditor') });
    let read = 0;
    for (const route of apiRoutes(server).filter(({ method }) => method === 'GET')) {
      const isList = fieldsOf(schemaOf(route, 'querystring')).some(({ path }) => path[0] === 'limit');
      for (const token of route.access.credential === 'platform' ? [platformToken] : [world.token, auditor]) {
        const answer = await requestRoute(server, route, { parameters: world.parameters, token, query: isList ? '?limit=200' : '' });
        if (answer.status === 200) read += 1;
        expectNoSecret(nameOf(route), answer.body + JSON.stringify([...answer.headers]));
      }
    }
    expect(read).toBeGreaterThan(60);
  });

  it('no write answers with one that was there before', async () => {
    for (const route of managementRoutes(server).filter(({ method, url }) => method !== 'GET' && method !== 'DELETE' && !/retire|rotate|disable|\/settings$/.test(url))) {
      const answer = await requestRoute(server, route, { parameters: world.parameters, token: world.token, body: bodyOf(route, world.parameters) });
      expectNoSecret(nameOf(route), answer.body);
    }
  });

  it('no event holds one, neither those before nor those that all of this made', async () => {
    for (let cursor: string | null = ''; cursor !== null;) {
      const { body } = await world.api('GET', `/events?limit=200${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`);
      expectNoSecret('the event log', JSON.stringify(body['items']));
      cursor = body['next'] as string | null;
    }
    const fresh = await storedSecrets();
    const events = JSON.stringify(await world.context.db.event.findMany({ select: { before: true, after: true, actor: true, subjectId: true } }));
    for (const [from, value] of fresh.filter(([, text]) => text.length >= 16)) expect([from, events.includes(value)]).toEqual([from, false]);
  });

  it('nor does the export of the instance, nor the log', async () => {
    const exported = await fetch(`${server.origin}/platform/v1/instances/default/export`, { headers: { authorization: `Bearer ${platformToken}` } });
    expect(exported.status).toBe(200);
    expectNoSecret('the export', await exported.text());
    expectNoSecret('the log', server.logLines().join(''));
  });

  it('a secret is shown once, by the call that makes it', async () => {
    const made = await world.api('POST', `/applications/${world.client.application.id}/secrets`, {});
    const { id, secret } = made.body as { id: string; secret: string };
    expect(secret.length).toBeGreaterThan(20);
    const list = await world.api('GET', `/applications/${world.client.application.id}/secrets`);
    expect(JSON.stringify(list.body)).toContain(id);
    expect(JSON.stringify(list.body)).not.toContain(secret);
  });
});
