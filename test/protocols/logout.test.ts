import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstance, type InstanceContext, loadKeySet } from '../../src/tenancy/index.ts';
import { findLiveSession } from '../../src/authentication/index.ts';
import { createBrowser, formOf, type Browser } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, post, signIn, type SignedIn, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let receiver: Server;
let receiverUrl: string;
const received: { path: string; token: string }[] = [];
let answerWith = 200;
beforeAll(async () => {
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ path: request.url ?? '', token: new URLSearchParams(Buffer.concat(chunks).toString()).get('logout_token') ?? '' });
      response.statusCode = answerWith;
      response.end();
    });
  });
  await new Promise<void>((resolve) => { receiver.listen(0, '127.0.0.1', resolve); });
  receiverUrl = `http://localhost:${(receiver.address() as AddressInfo).port}`;
  ({ server, context } = await startProtocolServer({ settings: { OUTBOUND_ALLOW: 'localhost,127.0.0.1' } }));
  ({ issuer } = server);
});
afterAll(async () => {
  await server.close();
  receiver.close();
});

const afterwards = 'https://app.example.com/';
function logoutUrl(change: Record<string, string | undefined>): string {
  const url = new URL(`${issuer}/oauth2/logout`);
  for (const [name, value] of Object.entries(change)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}
const isSignedIn = async (browser: Browser): Promise<boolean> => await findLiveSession(context, browser.cookies.get('postern_session_default')?.value) !== undefined;
async function withIdToken(options: Parameters<typeof authorizeCode>[1] = {}): Promise<SignedIn & { idToken: string }> {
  const signedIn = await authorizeCode(context, options);
  return { ...signedIn, idToken: String((await exchange(issuer, signedIn)).body['id_token']) };
}
async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; tries < 150; tries += 1) {
    if (await check()) return;
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  throw new Error('it did not happen within 15 s');
}

describe('RP-initiated logout (OpenID Connect)', () => {
  it('ends the session at once with a valid hint and goes where the application registered', async () => {
    const { browser, idToken, person } = await withIdToken();
    const page = await browser.open(logoutUrl({ id_token_hint: idToken, post_logout_redirect_uri: afterwards, state: 's&1' }));
    expect(page.url).toBe(`${afterwards}?state=s%261`);
    expect(await isSignedIn(browser)).toBe(false);
    expect(browser.cookies.has('postern_session_default')).toBe(false);
    expect(await context.db.session.findFirst({ where: { userId: person.user.id } })).toMatchObject({ endReason: 'signed_out' });
  });

  it('takes an application\'s POST, which brings no cookies from its site, and ends the session all the same', async () => {
    const { browser, idToken } = await withIdToken();
    const body = new URLSearchParams({ id_token_hint: idToken, post_logout_redirect_uri: afterwards, state: 'posted' });
    const sent = await createBrowser(server.origin).request(`${issuer}/oauth2/logout`, { method: 'POST', body, headers: { origin: 'https://app.example.com', 'sec-fetch-site': 'cross-site' } });
    expect(sent.status).toBe(303);
    const location = sent.headers.get('location') ?? '';
    expect(location).not.toContain(idToken);
    expect((await browser.open(location)).url).toBe(`${afterwards}?state=posted`);
    expect(await isSignedIn(browser)).toBe(false);
    expect((await browser.open(location)).status).toBe(400);
  });

  it('refuses a parameter that was posted twice', async () => {
    const browser = createBrowser(server.origin);
    const sent = await browser.open(`${issuer}/oauth2/logout`, { method: 'POST', body: new URLSearchParams([['state', 'a'], ['state', 'b']]) });
    expect(sent.status).toBe(400);
  });

  it('asks without a hint, and does what the person says', async () => {
    const { browser, client } = await withIdToken();
    const asked = await browser.open(logoutUrl({ client_id: client.clientId, post_logout_redirect_uri: afterwards }));
    expect(asked.text).toContain('Orders');
    expect(await isSignedIn(browser)).toBe(true);
    expect((await browser.submit(asked, { decision: 'stay' })).url).toBe(afterwards);
    expect(await isSignedIn(browser)).toBe(true);
    expect((await browser.submit(asked, { decision: 'sign_out' })).url).toBe(afterwards);
    expect(await isSignedIn(browser)).toBe(false);
  });

  it('without a session there is nothing to ask', async () => {
    const page = await createBrowser(server.origin).open(logoutUrl({}));
    expect(page.status).toBe(200);
    expect(page.text).not.toContain('name="decision"');
  });
});

describe('attack: oauth.logout-redirect', () => {
  it('a GET without a hint keeps the session', async () => {
    const { browser } = await withIdToken();
    await browser.open(logoutUrl({}));
    expect(await isSignedIn(browser)).toBe(true);
  });

  it.each<[string, (signedIn: SignedIn & { idToken: string }) => Promise<Record<string, string>>]>([
    ['an unregistered address', async ({ idToken }) => ({ id_token_hint: idToken, post_logout_redirect_uri: 'https://evil.test/' })],
    ['another spelling', async ({ idToken }) => ({ id_token_hint: idToken, post_logout_redirect_uri: 'https://app.example.com' })],
    ['an address without any client', async () => ({ post_logout_redirect_uri: afterwards })],
    ['a hint of another application with the address of this one', async ({ client }) => {
      const other = await createClient(context, { oidc: { postLogoutRedirectUris: [] } });
      const hint = (await withIdToken({ client: other })).idToken;
      return { id_token_hint: hint, client_id: client.clientId, post_logout_redirect_uri: afterwards };
    }],
    ['a forged hint', async ({ idToken }) => ({ id_token_hint: `${idToken.slice(0, -8)}AAAAAAAA`, post_logout_redirect_uri: afterwards })],
    ['a hint that is no token', async () => ({ id_token_hint: 'abc' })],
    ['an unknown client', async () => ({ client_id: 'nobody' })],
  ])('refuses: %s', async (_what, request) => {
    const signedIn = await withIdToken();
    const page = await signedIn.browser.request(logoutUrl(await request(signedIn)));
    expect(page.status).toBe(400);
    expect(page.headers.get('location')).toBeNull();
    expect(await isSignedIn(signedIn.browser)).toBe(true);
  });

  it('a hint of another instance is none', async () => {
    const other = await createInstance(server.core, { id: 'logout-other', name: 'Other' }, { principal: { kind: 'system' } });
    const { browser, idToken } = await withIdToken();
    const page = await browser.request(`${other.instance.issuer}/oauth2/logout?id_token_hint=${idToken}`);
    expect(page.status).toBe(400);
  });

  it('a valid hint of another person asks first', async () => {
    const { browser } = await withIdToken();
    const stranger = await withIdToken();
    const page = await browser.open(logoutUrl({ id_token_hint: stranger.idToken }));
    expect(page.text).toContain('name="decision"');
    expect(await isSignedIn(browser)).toBe(true);
  });

  it('a POST of another site changes nothing', async () => {
    const { browser } = await withIdToken();
    const asked = await browser.open(logoutUrl({}));
    for (const formToken of ['', 'forged', formOf(await (await withIdToken()).browser.open(logoutUrl({})), 'decision').fields['form_token'] ?? '']) {
      await browser.open(`${issuer}/oauth2/logout`, { method: 'POST', body: new URLSearchParams({ decision: 'sign_out', form_token: formToken }) });
      expect(await isSignedIn(browser)).toBe(true);
    }
    await browser.submit(asked, { decision: 'sign_out' });
    expect(await isSignedIn(browser)).toBe(false);
  });
});

describe('back-channel logout', () => {
  it('four tabs and six applications: one session, all take part, all are told', async () => {
    const person = await createPerson(context);
    const browser = createBrowser(server.origin);
    const applications = await Promise.all(Array.from({ length: 6 }, (_value, place) => createClient(context, { name: `App ${place}`, oidc: { backchannelLogoutUri: `${receiverUrl}/app${place}` } })));
    const [first] = applications;
    if (!first) throw new Error('no application');
    // Four tabs wait on their sign-in pages; one signs in, the others go on from there.
    const pkces = Array.from({ length: 4 }, createPkce);
    const tabs = [];
    for (const pkce of pkces) tabs.push(await browser.open(authorizeUrl(issuer, first, pkce)));
    const finished = [];
    for (const tab of tabs) {
      let page = await browser.open(tab.url);
      if (page.text.includes('value="continue"')) page = await browser.submit(page, {});
      finished.push(await signIn(browser, page, person));
    }
    for (const [place, page] of finished.entries()) {
      expect((await exchange(issuer, { client: first, pkce: pkces[place] ?? createPkce(), code: new URL(page.url).searchParams.get('code') ?? '' })).status).toBe(200);
    }
    const answers = await Promise.all(applications.map(async (client) => {
      const pkce = createPkce();
      const page = await browser.open(authorizeUrl(issuer, client, pkce));
      return exchange(issuer, { client, pkce, code: new URL(page.url).searchParams.get('code') ?? '' });
    }));
    const sids = answers.map(({ body }) => decodeJwt(String(body['id_token']))['sid']);
    expect(new Set(sids).size).toBe(6);
    expect(await context.db.session.count({ where: { userId: person.user.id, endedAt: null } })).toBe(1);

    const hint = String(answers[0]?.body['id_token']);
    received.length = 0;
    await browser.open(logoutUrl({ id_token_hint: hint }));
    await until(() => received.length >= 6);
    expect(received.map(({ path }) => path).sort()).toEqual(['/app0', '/app1', '/app2', '/app3', '/app4', '/app5']);
    const keys = createLocalJWKSet({ keys: [...(await loadKeySet(context)).jwks.keys] });
    for (const { path, token } of received) {
      const place = Number(path.slice(4));
      const { payload } = await jwtVerify(token, keys, { issuer, audience: applications[place]?.clientId ?? '', typ: 'logout+jwt' });
      expect(payload).toMatchObject({ sub: person.user.id, sid: sids[place], events: { 'http://schemas.openid.net/event/backchannel-logout': {} } });
      expect(payload['nonce']).toBeUndefined();
    }
    await until(async () => await context.db.sessionParticipant.count({ where: { applicationId: { in: applications.map(({ application }) => application.id) }, logoutState: 'delivered' } }) === 6);
    for (const { body } of answers) {
      const userinfo = await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${String(body['access_token'])}` } });
      expect(userinfo.status).toBe(401);
    }
  });

  it('a receiver that fails is told again; how it stands is visible', async () => {
    const client = await createClient(context, { oidc: { backchannelLogoutUri: `${receiverUrl}/failing` } });
    const { browser, idToken } = await withIdToken({ client });
    received.length = 0;
    answerWith = 500;
    await browser.open(logoutUrl({ id_token_hint: idToken }));
    const participant = () => context.db.sessionParticipant.findFirstOrThrow({ where: { applicationId: client.application.id } });
    await until(async () => (await participant()).logoutAttempts >= 1);
    expect(await participant()).toMatchObject({ logoutState: 'pending', logoutError: expect.stringContaining('500') as string });
    answerWith = 200;
    await until(async () => (await participant()).logoutState === 'delivered');
  });

  it('tells of a deleted user too, whose rows are gone, and ends what was granted beyond the session', async () => {
    const client = await createClient(context, { oidc: { backchannelLogoutUri: `${receiverUrl}/deleted` } });
    const signedIn = await authorizeCode(context, { client, parameters: { scope: 'openid offline_access', prompt: 'consent' } });
    const { refresh_token: refreshToken } = (await exchange(issuer, signedIn)).body;
    expect(refreshToken).toBeTypeOf('string');
    const { id: userId } = signedIn.person.user;
    const { id: sessionId } = await context.db.session.findFirstOrThrow({ where: { userId } });
    const { sid } = await context.db.sessionParticipant.findFirstOrThrow({ where: { sessionId } });
    received.length = 0;
    expect((await server.api('DELETE', `/users/${userId}`)).status).toBe(204);
    expect(await context.db.oidcRecord.count({ where: { userId } })).toBe(0);
    expect((await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(refreshToken) }, client)).body['error']).toBe('invalid_grant');
    expect(await context.db.event.findMany({ where: { OR: [{ subjectId: sessionId }, { subjectId: userId, type: 'user.deleted' }], type: { in: ['session.ended', 'user.deleted'] } }, orderBy: { id: 'asc' } }))
      .toMatchObject([{ type: 'session.ended', after: { userId, reason: 'user_deleted' } }, { type: 'user.deleted' }]);
    await until(() => received.some(({ path }) => path === '/deleted'));
    expect(decodeJwt(received.find(({ path }) => path === '/deleted')?.token ?? '')).toMatchObject({ sub: userId, sid });
  });

  it('tells of users who are disabled or deleted by a bulk call, too', async () => {
    const client = await createClient(context, { oidc: { backchannelLogoutUri: `${receiverUrl}/bulk` } });
    for (const operation of ['disable', 'delete']) {
      const signedIn = await authorizeCode(context, { client, parameters: { scope: 'openid offline_access', prompt: 'consent' } });
      const { refresh_token: refreshToken } = (await exchange(issuer, signedIn)).body;
      const { id: userId } = signedIn.person.user;
      received.length = 0;
      const bystander = (await server.api('POST', '/users', { username: `bystander-${operation}` })).body as { id: string };
      expect((await server.api('POST', '/users/bulk', { rows: [{ operation, userId: bystander.id }, { operation, userId }] })).body).toMatchObject({ succeeded: 2 });
      expect(await context.db.session.count({ where: { userId, endedAt: null } })).toBe(0);
      expect((await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(refreshToken) }, client)).body['error']).toBe('invalid_grant');
      await until(() => received.some(({ path }) => path === '/bulk'));
    }
  });
});
