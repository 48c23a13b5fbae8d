import { once } from 'node:events';
import { connect, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freshMasterKey } from '../../src/core/keyring.ts';
import { createBrowser } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';
import { authorizeUrl, createPkce, password, redirectUri, signIn } from '../support/oidc.ts';
import { raiseLimits, type Remote, type RemoteClient, remoteServer } from '../support/remote.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

/** One public address before both processes; `to` says which of them gets new connections. */
interface Balancer { readonly origin: string; to(place: 0 | 1): void; readonly server: Server }

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let balancer: Balancer;
let processes: readonly ServerProcess[] = [];
/** The two, each called directly. */
let one: Remote;
let other: Remote;
let issuer: string;
beforeAll(async () => {
  database = await createTestDatabase(inject('postgresUrl'));
  balancer = await startBalancer();
  const settings = { DATABASE_URL: database.url, MASTER_KEY: freshMasterKey(), PUBLIC_URL: balancer.origin, DATABASE_POOL_SIZE: '6' };
  // At once, on an empty database: one of them makes the instance and the administrator.
  processes = await Promise.all([startServerProcess({ settings }), startServerProcess({ settings })]);
  issuer = `${balancer.origin}/t/default`;
  const [first, second] = processes.map((each) => remoteServer({ issuer, listener: each.origin, machine: each.machine }));
  if (!first || !second) throw new Error('two processes are needed');
  [one, other] = [first, second];
  await raiseLimits(one);
}, 120_000);
afterAll(async () => {
  await Promise.all(processes.map((each) => each.close()));
  balancer?.server.close();
  await database?.drop();
});

async function startBalancer(): Promise<Balancer> {
  let place = 0;
  const server = createServer((inbound) => {
    const outbound = connect(Number(new URL(processes[place]?.origin ?? '').port), '127.0.0.1');
    inbound.pipe(outbound).pipe(inbound);
    for (const [socket, peer] of [[inbound, outbound], [outbound, inbound]] as const) socket.on('error', () => peer.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { origin: `http://localhost:${typeof address === 'object' && address !== null ? address.port : 0}`, server, to(next) { place = next; } };
}

/** Asks until the answer is as expected, for a second after the change was acknowledged. */
async function withinASecond<Answer>(askIt: () => Promise<Answer>, expected: Answer): Promise<void> {
  const deadline = performance.now() + 1_000;
  for (;;) {
    const asked = performance.now();
    const answer = await askIt();
    if (JSON.stringify(answer) === JSON.stringify(expected)) return;
    if (asked > deadline) expect(answer, 'a second after the change').toEqual(expected);
    await sleep(20);
  }
}

const mint = async (remote: Remote, client: RemoteClient) => (await remote.oauth('token', { grant_type: 'client_credentials' }, client)).status;
const isActive = async (remote: Remote, token: unknown, client: RemoteClient) => (await remote.oauth('introspect', { token: String(token) }, client)).body['active'];
const kidOf = (token: unknown) => decodeProtectedHeader(String(token)).kid;
const automation = () => {
  const { clientId, clientSecret } = processes[0]?.machine ?? { clientId: '', clientSecret: '' };
  return { id: '', clientId, secret: clientSecret };
};

/** A person with tokens that both processes know. */
async function signedIn() {
  const client = await one.createWebClient();
  const person = await one.createPerson();
  balancer.to(0);
  const started = await one.signIn(client, person);
  const { body } = await one.exchange(client, started);
  expect(await isActive(other, body['access_token'], client)).toBe(true);
  return { client, person, browser: started.browser, accessToken: body['access_token'], refreshToken: String(body['refresh_token']) };
}

describe('two processes on one database', () => {
  it('a sign-in begun at one finishes at the other, step by step, with the same cookies', async () => {
    const client = await one.createWebClient();
    const person = await one.createPerson();
    const browser = createBrowser(balancer.origin);
    const pkce = createPkce();
    balancer.to(0);
    let page = await browser.open(authorizeUrl(issuer, client, pkce));
    balancer.to(1);
    page = await browser.submit(page, { identifier: person.username });
    balancer.to(0);
    page = await browser.submit(page, { password });
    const code = new URL(page.url).searchParams.get('code') ?? '';
    expect(page.url.startsWith(redirectUri)).toBe(true);
    const { status, body } = await other.exchange(client, { browser, pkce, code });
    expect(status).toBe(200);
    expect(await isActive(one, body['access_token'], client)).toBe(true);

    // The session is there at once at the other one.
    balancer.to(1);
    page = await browser.open(authorizeUrl(issuer, client, createPkce()));
    expect(new URL(page.url).searchParams.has('code')).toBe(true);
  });

  it('a key rotated at one signs at the other', async () => {
    const before = kidOf((await other.oauth('token', { grant_type: 'client_credentials' }, automation())).body['access_token']);
    expect((await one.api('POST', '/keys/rotate', { algorithm: 'ES256', urgent: true })).status).toBe(200);
    const { body: { items } } = await one.api('GET', '/keys');
    const active = (items as { id: string; algorithm: string; status: string }[]).find((key) => key.algorithm === 'ES256' && key.status === 'active')?.id;
    expect(active).not.toBe(before);
    await withinASecond(async () => kidOf((await other.oauth('token', { grant_type: 'client_credentials' }, automation())).body['access_token']), active);
    // And each takes what the other signed, with the new key and the old one.
    expect((await one.api('GET', '/users?limit=1')).status).toBe(200);
    expect((await other.api('GET', '/users?limit=1')).status).toBe(200);
  });

  it('an application disabled at one gets nothing at the other, until it is enabled again', async () => {
    const machine = await one.createMachine();
    expect(await mint(other, machine)).toBe(200);
    expect((await one.api('POST', `/applications/${machine.id}/disable`)).status).toBe(200);
    await withinASecond(() => mint(other, machine), 401);
    expect((await one.api('POST', `/applications/${machine.id}/enable`)).status).toBe(200);
    await withinASecond(() => mint(other, machine), 200);
  });

  it('an application changed at one is the changed one at the other', async () => {
    const client = await one.createWebClient();
    const moved = 'https://moved.example.com/callback';
    const ask = async () => (await createBrowser(balancer.origin).request(authorizeUrl(issuer, client, createPkce(), { redirect_uri: moved }))).status;
    balancer.to(1);
    expect(await ask()).toBe(400);
    expect((await one.api('PATCH', `/applications/${client.id}`, { oidc: { redirectUris: [moved] } })).status).toBe(200);
    await withinASecond(ask, 303);
  });

  it('a secret added at one works at the other, and one removed does not', async () => {
    const machine = await one.createMachine();
    expect(await mint(other, machine)).toBe(200);
    const { body } = await one.api('POST', `/applications/${machine.id}/secrets`, {});
    const renewed = { ...machine, secret: String(body['secret']) };
    await withinASecond(() => mint(other, renewed), 200);
    const { body: { items } } = await one.api('GET', `/applications/${machine.id}/secrets`);
    const oldId = (items as { id: string }[]).find(({ id }) => id !== body['id'])?.id;
    expect((await one.api('DELETE', `/applications/${machine.id}/secrets/${oldId}`)).status).toBe(204);
    await withinASecond(() => mint(other, machine), 401);
    expect(await mint(other, renewed)).toBe(200);
  });

  it('a user disabled at one has no token, session or refresh at the other', async () => {
    const { client, person, accessToken, refreshToken, browser } = await signedIn();
    expect((await one.api('POST', `/users/${person.id}/disable`)).status).toBe(200);
    await withinASecond(() => isActive(other, accessToken, client), false);
    expect((await other.oauth('token', { grant_type: 'refresh_token', refresh_token: refreshToken }, client)).body).toMatchObject({ error: 'invalid_grant' });
    balancer.to(1);
    expect(new URL((await browser.open(authorizeUrl(issuer, client, createPkce()))).url).pathname).toMatch(/\/sign-in\//);
  });

  it('a session ended at one is over at the other: its tokens, its refresh, its cookie', async () => {
    const { client, person, accessToken, refreshToken, browser } = await signedIn();
    const { body: { items } } = await one.api('GET', `/sessions?userId=${person.id}&live=true`);
    const [session] = items as { id: string }[];
    expect((await one.api('DELETE', `/sessions/${session?.id}`)).status).toBe(204);
    await withinASecond(() => isActive(other, accessToken, client), false);
    expect((await other.oauth('token', { grant_type: 'refresh_token', refresh_token: refreshToken }, client)).body).toMatchObject({ error: 'invalid_grant' });
    balancer.to(1);
    const page = await browser.open(authorizeUrl(issuer, client, createPkce()));
    expect(new URL(page.url).pathname).toMatch(/\/sign-in\//);
    expect(new URL((await signIn(browser, page, person)).url).searchParams.has('code')).toBe(true);
  });

  it('settings changed at one are in force at the other', async () => {
    const lifetimeOf = async () => (await other.oauth('token', { grant_type: 'client_credentials' }, machine)).body['expires_in'];
    const machine = await one.createMachine();
    const before = await lifetimeOf();
    expect(before).not.toBe(333);
    await one.api('PATCH', '/settings', { tokens: { accessTokenSeconds: 333 } });
    await withinASecond(lifetimeOf, 333);
    await one.api('PATCH', '/settings', { tokens: { accessTokenSeconds: before } });
    await withinASecond(lifetimeOf, before);
  });

  it('an instance made, suspended and resumed at one is so at the other', async () => {
    expect((await one.platform('POST', '/instances', { id: 'acme', name: 'Acme' })).status).toBe(201);
    const page = async (path: string) => (await createBrowser(balancer.origin).request(`${balancer.origin}/t/acme${path}`)).status;
    const discovery = () => page('/.well-known/openid-configuration');
    balancer.to(1);
    await withinASecond(discovery, 200);
    expect((await one.platform('POST', '/instances/acme/suspend')).status).toBe(200);
    await withinASecond(discovery, 403);
    expect(await page('/')).toBe(403);
    expect((await one.platform('POST', '/instances/acme/resume')).status).toBe(200);
    await withinASecond(discovery, 200);
  });

  it('a code redeemed at both at once is redeemed once', async () => {
    const client = await one.createWebClient();
    const person = await one.createPerson();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const started = await one.signIn(client, person);
      const answers = await Promise.all([one, other, one, other].map((remote) => remote.exchange(client, started)));
      const refused = answers.filter(({ status }) => status !== 200);
      expect(refused.map(({ status, body }) => [status, body['error']])).toEqual(Array.from({ length: 3 }, () => [400, 'invalid_grant']));
    }
  });

  it('and made one administrator between them', async () => {
    const { body: { items } } = await one.api('GET', '/users?limit=100&username=admin');
    expect(items).toHaveLength(1);
    const printed = processes.filter((each) => each.output().includes('The administrator was created'));
    expect(printed).toHaveLength(1);
  });
});
