import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessions } from '../../src/authentication/index.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { type Listener, listen } from '../support/listener.ts';
import { authorizeCode, createClient, createPerson, post, redirectUri, startProtocolServer, type TestClient } from '../support/oidc.ts';
import { fieldsOf, schemaOf } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';
import { readSources } from './test-files.ts';

let server: TestServer;
let context: InstanceContext;
let inside: Listener;
let redirecting: Listener;
beforeAll(async () => {
  inside = await listen();
  redirecting = await listen({ status: 302, headers: { location: `${inside.url}/inside` } });
  // One address is open, as an operator would open it; what it leads to is not.
  const started = await startProtocolServer({ settings: { OUTBOUND_ALLOW: `127.0.0.1:${redirecting.port}` } });
  ({ server } = started);
  await server.api('PATCH', '/settings', wideLimits);
  context = withPrincipal(await server.context(), { kind: 'system' });
});
afterAll(async () => {
  await server.close();
  await inside.close();
  await redirecting.close();
});

/** Names of the loopback interface, of this machine, and of what lies behind it. */
const hosts = [
  '127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1', '017700000001', '127.0.0.1.', '0', '0.0.0.0', '[::1]', '[::]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::127.0.0.1]', '[2002:7f00:1::]',
  '[2001:0:4136:e378:8000:63bf:3fff:fdd2]', 'localhost', 'LOCALHOST', 'localhost.', 'x.localhost', '１２７．０．０．１', '①②⑦.⓪.⓪.①', '127。0。0。1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '169.254.169.254', '[fd00:ec2::254]', '[fe80::1]', '100.64.0.1',
];

/** An application whose keys lie at the address, whatever the form of it: as if it had been saved before a rule was made. */
async function withKeysAt(jwksUri: string): Promise<TestClient> {
  const client = await createClient(context, { oidc: { tokenEndpointAuthMethod: 'private_key_jwt', jwksUri: 'https://keys.example.com/' } });
  const { settings } = await context.db.application.findFirstOrThrow({ where: { id: client.application.id } });
  await context.db.application.updateMany({ where: { id: client.application.id }, data: { settings: { ...settings as object, jwksUri } } });
  return client;
}

/** Makes the server look for the application's keys. */
async function askForKeys(client: TestClient): Promise<{ status: number; body: Record<string, unknown> }> {
  const { privateKey } = await generateKeyPair('ES256');
  const now = Math.floor(Date.now() / 1000);
  const token = await new SignJWT({ iss: client.clientId, sub: client.clientId, aud: server.issuer, jti: randomUUID(), iat: now, exp: now + 60 }).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey);
  return post(server.issuer, 'token', { grant_type: 'refresh_token', refresh_token: 'x', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: token });
}

describe('attack: out.addresses', () => {
  it('no key address leads inside, in whatever spelling', async () => {
    for (const host of hosts) {
      const answer = await askForKeys(await withKeysAt(`http://${host}:${inside.port}/jwks`));
      expect([host, answer.status, answer.body['error']]).toEqual([host, 401, 'invalid_client']);
      expect(JSON.stringify(answer.body)).not.toMatch(/127\.0|ECONN|not a public address|timeout/i);
    }
    expect(inside.connections()).toBe(0);
  });

  it('no redirect of an open address is followed', async () => {
    const answer = await askForKeys(await withKeysAt(`${redirecting.url}/jwks`));
    expect([answer.status, answer.body['error']]).toEqual([401, 'invalid_client']);
    expect(redirecting.requests.length).toBeGreaterThan(0);
    expect(inside.connections()).toBe(0);
  });

  it('no notice of a sign-out leads inside; how it stands is told to the administrator', async () => {
    for (const uri of [`http://localhost:${inside.port}/logout`, `http://127.0.0.1:${inside.port}/logout`, `http://[::1]:${inside.port}/logout`]) {
      const client = await createClient(context, { oidc: { backchannelLogoutUri: uri } });
      const { person } = await authorizeCode(context, { client });
      await sessions.endAllOfUser(context, person.user.id, 'administrator');
      const participant = () => context.db.sessionParticipant.findFirstOrThrow({ where: { applicationId: client.application.id } });
      await expect.poll(async () => (await participant()).logoutAttempts, { timeout: 15_000, interval: 200 }).toBeGreaterThan(0);
      expect((await participant()).logoutError).toMatch(/not a public address/);
    }
    expect(inside.connections()).toBe(0);
  });

  it('no list of leaked passwords lies inside', async () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]', '2130706433']) {
      const { status } = await server.api('PATCH', '/settings', { password: { breachedListUrl: `https://${host}:${inside.port}` } });
      if (status === 400) continue;
      const person = await createPerson(context);
      const answer = await server.api('PUT', `/users/${person.user.id}/password`, { password: 'seven violins in marmalade 9' });
      expect([host, answer.status]).toEqual([host, 204]);      // the list does not answer: nobody is kept from a password by that
    }
    await server.api('PATCH', '/settings', { password: { breachedListUrl: null } });
    expect(inside.connections()).toBe(0);
  });

  it('no webhook and no list of addresses lies inside', async () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]', '2130706433']) {
      const url = `https://${host}:${inside.port}/`;
      const hook = await server.api('POST', '/flow-hooks', { name: host, triggers: ['sign_in.before'], url, enabled: false });
      const called: { body: Record<string, unknown> } = await server.api('POST', `/flow-hooks/${String((hook.body as { id?: string }).id)}/test`, {});
      expect([host, hook.status === 400 || called.body['status'] === 'failed']).toEqual([host, true]);
      const list = await server.api('POST', '/address-lists', { name: host, url });
      expect([host, list.status === 400 || (list.body as { fetchError: string | null }).fetchError !== null]).toEqual([host, true]);
    }
    expect(inside.connections()).toBe(0);
  });

  it('an answer without end is cut', async () => {
    const endless = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const timer = setInterval(() => response.write('{"keys":['.padEnd(64 * 1024)), 5);
      response.on('close', () => { clearInterval(timer); });
    });
    await new Promise<void>((resolve) => { endless.listen(0, '127.0.0.1', resolve); });
    const { port } = endless.address() as AddressInfo;
    const open = await startProtocolServer({ settings: { OUTBOUND_ALLOW: `127.0.0.1:${port}` } });
    const [before, outer] = [server, context];
    try {
      server = open.server;
      context = withPrincipal(open.context, { kind: 'system' });
      const started = performance.now();
      expect((await askForKeys(await withKeysAt(`http://127.0.0.1:${port}/`))).status).toBe(401);
      expect(performance.now() - started).toBeLessThan(7_000);
    } finally {
      [server, context] = [before, outer];
      await open.server.close();
      endless.closeAllConnections();
      endless.close();
    }
  });

  it('every field that holds an address is one whose calls were tried, or that is never called', async () => {
    const called = ['jwksUri', 'backchannelLogoutUri', 'breachedListUrl', 'url'];
    /** Opened by browsers, compared as text or number, or read by nobody. */
    const neverCalled = ['redirectUris', 'postLogoutRedirectUris', 'allowedOrigins', 'initiateLoginUri', 'sectorIdentifierUri', 'homepageUri', 'termsLink', 'privacyLink', 'supportLink', 'introspectsResources', 'address', 'redirectUri', 'link'];
    const noAddresses = ['addressPerSecond', 'addressBurst', 'failuresPerAddress', 'tokenEndpointAuthMethod', 'attemptsPerAddress', 'sendsPerAddress', 'messagesPerAddressPerHour', 'bad_address', 'velocity_address'];
    const fields = server.app.declaredRoutes.flatMap((route) => fieldsOf(schemaOf(route, 'body'))).map(({ path }) => path.at(-1) ?? '').filter((name) => /ur[il]s?$|origins?$|link$|address|endpoint|host$|resources$/i.test(name) && !noAddresses.includes(name));
    expect([...new Set(fields)].toSorted()).toEqual([...called, ...neverCalled].toSorted());
    const { status } = await server.api('POST', '/applications', { name: 'Sector', kind: 'web', oidc: { redirectUris: [redirectUri], subjectType: 'pairwise', sectorIdentifierUri: `https://localhost:${inside.port}/` } });
    expect([201, 400]).toContain(status);
    expect(inside.connections()).toBe(0);
  });

  it('nothing in the sources opens a connection but the one door, the database and Redis', async () => {
    const sources = await readSources(['src'], (file) => !file.endsWith('.test.ts') && !file.includes('/testing/'));
    const named: Record<string, string> = {
      'src/core/outbound.ts': 'the door', 'src/core/database-sockets.ts': 'the database', 'src/core/signals.ts': 'the database', 'src/bootstrap/check-port.ts': 'listens', 'src/protocols/oidc/api-door.ts': 'an answer that is never sent', 'src/core/http/docs-page.ts': 'a script for browsers',
    };
    const openers = sources.filter(({ text }) => /from '(?:node:)?(?:https?|net|tls|dgram|undici|http2)'|(?<![.\w])fetch\(|new WebSocket\(|new EventSource\(/
      .test(text.replace(/import (?:type[^;]*|\{ STATUS_CODES \} from 'node:http');/g, '').replace(/\/\*[\s\S]*?\*\//g, ''))).map(({ file }) => file);
    expect(openers.filter((file) => named[file] === undefined && !file.startsWith('src/core/embedded-postgres'))).toEqual([]);
  });
});
