import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, post, push, redirectUri, signIn, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
});
afterAll(() => server.close());

describe('authorization code (RFC 6749 §4.1)', () => {
  it('signs a person in and tells the application who it was', async () => {
    const signedIn = await authorizeCode(context, { parameters: { scope: 'openid profile email', nonce: 'a-nonce' } });
    expect(Object.fromEntries(signedIn.callback)).toEqual({ code: signedIn.code, state: 'a-state', iss: issuer });
    const { status, body, headers } = await exchange(issuer, signedIn);
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: 'Bearer', scope: 'openid profile email', expires_in: 1200 });
    expect(headers.get('cache-control')).toBe('no-store');
    const claims = decodeJwt(String(body['id_token']));
    expect(claims).toMatchObject({ iss: issuer, aud: signedIn.client.clientId, sub: signedIn.person.user.id, nonce: 'a-nonce', acr: 'urn:postern:acr:single', amr: ['pwd'] });
    expect(Math.abs(Number(claims['auth_time']) - Date.now() / 1000)).toBeLessThan(30);
    const userinfo = await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${String(body['access_token'])}` } });
    expect(await userinfo.json()).toEqual({
      sub: signedIn.person.user.id, name: 'Pat Example', given_name: 'Pat', family_name: 'Example', preferred_username: signedIn.person.username,
      email: `${signedIn.person.username}@example.com`, email_verified: false, updated_at: expect.any(Number),
    });
  });

  it('answers from a session without a page, and never without one under prompt=none', async () => {
    const { browser, client } = await authorizeCode(context);
    const silent = await browser.open(authorizeUrl(issuer, client, createPkce(), { prompt: 'none' }));
    expect(new URL(silent.url).searchParams.get('code')).not.toBeNull();
    const stranger = await createBrowser(server.origin).open(authorizeUrl(issuer, client, createPkce(), { prompt: 'none' }));
    expect(Object.fromEntries(new URL(stranger.url).searchParams)).toMatchObject({ error: 'login_required', state: 'a-state', iss: issuer });
  });

  it('takes the request by POST as well, although a cross-site POST carries no cookie', async () => {
    const { browser, client } = await authorizeCode(context);
    const query = new URL(authorizeUrl(issuer, client, createPkce())).searchParams;
    const page = await browser.open(`${issuer}/oauth2/authorize`, { method: 'POST', body: query, headers: { 'sec-fetch-site': 'cross-site' } });
    expect(new URL(page.url).searchParams.get('code')).not.toBeNull();
  });

  it('asks other applications than our own for consent, once', async () => {
    const client = await createClient(context, { firstParty: false });
    const person = await createPerson(context);
    const browser = createBrowser(server.origin);
    const url = () => authorizeUrl(issuer, client, createPkce(), { scope: 'openid email' });
    const page = await signIn(browser, await browser.open(url()), person);
    expect(new URL(page.url).searchParams.get('code')).not.toBeNull();
    expect(new URL((await browser.open(url())).url).searchParams.get('code')).not.toBeNull();
    const wider = await browser.open(authorizeUrl(issuer, client, createPkce(), { scope: 'openid email profile' }));
    expect(wider.text).toContain('name="decision"');
    const refused = await browser.submit(wider, { decision: 'deny' });
    expect(Object.fromEntries(new URL(refused.url).searchParams)).toMatchObject({ error: 'access_denied', state: 'a-state', iss: issuer });
  });

  it('answers by form_post when asked to', async () => {
    const { browser, client } = await authorizeCode(context);
    const page = await browser.open(authorizeUrl(issuer, client, createPkce(), { response_mode: 'form_post', state: '"><script>alert(1)</script>' }));
    expect(page.status).toBe(200);
    expect(page.headers.get('content-security-policy')).toContain(`form-action 'self' ${new URL(redirectUri).origin}`);
    expect(page.text).toContain('action="https://app.example.com/callback"');
    expect(page.text).not.toContain('<script>alert');
  });
});

describe('attack: oauth.code-other-client', () => {
  it('revokes what the first use of a code issued when it comes back', async () => {
    const signedIn = await authorizeCode(context);
    const first = await exchange(issuer, signedIn);
    expect(first.status).toBe(200);
    expect(await exchange(issuer, signedIn)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await post(issuer, 'introspect', { token: String(first.body['access_token']) }, signedIn.client)).body).toEqual({ active: false });
    expect(await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(first.body['refresh_token']) }, signedIn.client))
      .toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const events = await context.db.event.findMany({ where: { type: 'grant.revoked' } });
    expect(events.some((event) => (event.after as { userId?: string }).userId === signedIn.person.user.id)).toBe(true);
  });

  it('gives one answer to 50 who come at once', async () => {
    const signedIn = await authorizeCode(context);
    const answers = await Promise.all(Array.from({ length: 50 }, () => exchange(issuer, signedIn)));
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect(answers.filter(({ status }) => ![200, 400, 429].includes(status))).toEqual([]);
    const events = await context.db.event.findMany({ where: { type: 'grant.revoked' } });
    expect(events.filter((event) => (event.after as { userId?: string }).userId === signedIn.person.user.id)).toHaveLength(1);
  });

  it.each(['another application', 'after it ran out'])('refuses a code: %s', async (how) => {
    const signedIn = await authorizeCode(context);
    if (how === 'another application') {
      const other = await createClient(context);
      expect(await exchange(issuer, signedIn, {}, other)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    } else {
      await context.db.oidcRecord.updateMany({ where: { model: 'AuthorizationCode', userId: signedIn.person.user.id }, data: { payload: await expired(signedIn.person.user.id) } });
      expect(await exchange(issuer, signedIn)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    }
  });

  async function expired(userId: string) {
    const row = await context.db.oidcRecord.findFirstOrThrow({ where: { model: 'AuthorizationCode', userId } });
    return { ...(row.payload as object), exp: Math.floor(Date.now() / 1000) - 60 };
  }
});

describe('attack: oauth.pkce-downgrade', () => {
  it.each([
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['plain', { code_challenge_method: 'plain' }],
    ['no method', { code_challenge_method: undefined }],
    ['a challenge of the wrong form', { code_challenge: 'short' }],
  ])('refuses at the authorization endpoint: %s', async (_what, change) => {
    for (const method of ['none', 'client_secret_basic'] as const) {
      const client = await createClient(context, { kind: method === 'none' ? 'browser' : 'web' });
      const page = await createBrowser(server.origin).open(authorizeUrl(issuer, client, createPkce(), change));
      expect(Object.fromEntries(new URL(page.url).searchParams)).toMatchObject({ error: 'invalid_request', iss: issuer });
    }
  });

  it.each([
    ['the verifier is missing', { code_verifier: undefined }],
    ['another verifier', { code_verifier: createPkce().verifier }],
    ['a short verifier', { code_verifier: 'abc' }],
  ])('refuses at the token endpoint: %s', async (_what, change) => {
    const signedIn = await authorizeCode(context);
    const { status, body } = await exchange(issuer, signedIn, change);
    expect(status).toBe(400);
    expect(['invalid_grant', 'invalid_request']).toContain(body['error']);
  });

  it('lets an application go without only by its own switch, and then takes no verifier', async () => {
    const client = await createClient(context, { oidc: { requirePkce: false } });
    const parameters = { code_challenge: undefined, code_challenge_method: undefined };
    expect((await exchange(issuer, await authorizeCode(context, { client, parameters }), { code_verifier: undefined })).status).toBe(200);
    expect(await exchange(issuer, await authorizeCode(context, { client, parameters }))).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});

describe('attack: oauth.redirect-exact', () => {
  it.each([
    'https://app.example.com/callback/', 'https://app.example.com/callback/extra', 'https://app.example.com/callback?x=1', 'https://app.example.com/callback#x',
    'https://app.example.com/Callback', 'https://app.example.com:443/callback', 'https://app.example.com:444/callback', 'http://app.example.com/callback',
    'https://APP.example.com/callback', 'https://app.example.com.evil.test/callback', 'https://appXexample.com/callback', 'https://app.example.com@evil.test/callback',
    'https://user@app.example.com/callback', 'https://app.example.com/callback/../x', 'https://app.example.com/x/../callback', 'https://app.example.com/%63allback',
    'https://app.example.com//callback', 'https://app.example.com\\callback', 'https://app.example.com/callback%00', 'https://app.example.com/callback ', ' https://app.example.com/callback',
    'https://app.example.com', 'https://evil.test/callback', '//app.example.com/callback', '/callback', 'javascript:alert(1)', 'data:text/html,x', 'app://callback', 'https:app.example.com/callback', 'https://app.example.com./callback',
  ])('never leaves for %s', async (spelling) => {
    const client = await createClient(context);
    const page = await createBrowser(server.origin).request(authorizeUrl(issuer, client, createPkce(), { redirect_uri: spelling }));
    expect(page.status).toBe(400);
    expect(page.headers.get('location')).toBeNull();
    expect(page.headers.get('content-type')).toContain('text/html');
    const pushed = await push(issuer, client, createPkce(), { redirect_uri: spelling });
    expect(pushed.status).toBe(400);
    expect(pushed.body).toEqual({ error: 'invalid_request', error_description: "redirect_uri did not match any of the client's registered redirect_uris" });
  });

  it('lets a native application come back on any loopback port, and on nothing else', async () => {
    const client = await createClient(context, { kind: 'native', oidc: { redirectUris: ['http://127.0.0.1/callback'], postLogoutRedirectUris: [] } });
    const person = await createPerson(context);
    const browser = createBrowser(server.origin);
    const page = await signIn(browser, await browser.open(authorizeUrl(issuer, client, createPkce(), { redirect_uri: 'http://127.0.0.1:51234/callback' })), person);
    expect(page.url).toMatch(/^http:\/\/127\.0\.0\.1:51234\/callback\?code=/);
    for (const other of ['http://127.0.0.2:51234/callback', 'http://localhost:51234/callback', 'http://127.0.0.1:51234/other', 'https://127.0.0.1:51234/callback']) {
      expect((await browser.request(authorizeUrl(issuer, client, createPkce(), { redirect_uri: other }))).status).toBe(400);
    }
  });
});

describe('attack: oauth.reauth-honoured', () => {
  it('asks for the password again under prompt=login and max_age, and tells the new time', async () => {
    const { browser, client, person } = await authorizeCode(context);
    for (const change of [{ prompt: 'login' }, { max_age: '0' }]) {
      const pkce = createPkce();
      const asked = await browser.open(authorizeUrl(issuer, client, pkce, change));
      expect(asked.text).toContain('type="password"');
      const page = await signIn(browser, asked, person);
      const tokens = await exchange(issuer, { client, pkce, code: new URL(page.url).searchParams.get('code') ?? '' });
      expect(Math.abs(Number(decodeJwt(String(tokens.body['id_token']))['auth_time']) - Date.now() / 1000)).toBeLessThan(10);
    }
  });

  it('asks again when the session is older than max_age', async () => {
    const { browser, client, person } = await authorizeCode(context);
    const hourAgo = new Date(Date.now() - 3_600_000);
    const { proofs } = await context.db.session.findFirstOrThrow({ where: { userId: person.user.id } });
    await context.db.session.updateMany({
      where: { userId: person.user.id }, data: { authTime: hourAgo, proofs: (proofs as object[]).map((proof) => ({ ...proof, provenAt: hourAgo.toISOString() })) } });
    expect((await browser.open(authorizeUrl(issuer, client, createPkce(), { max_age: '600' }))).text).toContain('type="password"');
    const silent = await browser.open(authorizeUrl(issuer, client, createPkce(), { max_age: '600', prompt: 'none' }));
    expect(new URL(silent.url).searchParams.get('error')).toBe('login_required');
    expect(new URL((await browser.open(authorizeUrl(issuer, client, createPkce(), { max_age: '7200' }))).url).searchParams.get('code')).not.toBeNull();
  });

  it('cancelling a re-login sends access_denied and leaves the session as it was', async () => {
    const { browser, client, person } = await authorizeCode(context);
    const before = await context.db.session.findFirstOrThrow({ where: { userId: person.user.id } });
    const asked = await browser.open(authorizeUrl(issuer, client, createPkce(), { prompt: 'login' }));
    const cancel = await browser.open(asked.url, { method: 'POST', headers: { origin: server.origin }, body: new URLSearchParams({
      ...Object.fromEntries([...asked.text.matchAll(/name="(version|formToken)" value="([^"]*)"/g)].map(([, name, value]) => [name, value])), do: 'cancel' }) });
    expect(Object.fromEntries(new URL(cancel.url).searchParams)).toMatchObject({ error: 'access_denied', state: 'a-state', iss: issuer });
    expect(await context.db.session.findFirstOrThrow({ where: { userId: person.user.id } })).toMatchObject({ authTime: before.authTime, proofs: before.proofs, endedAt: null });
  });

  it('an acr that nobody can reach ends the request and never loops', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    const browser = createBrowser(server.origin);
    const page = await signIn(browser, await browser.open(authorizeUrl(issuer, client, createPkce(), { acr_values: 'urn:postern:acr:phishing-resistant' })), person);
    expect(new URL(page.url).searchParams.get('error')).toBe('unmet_authentication_requirements');
  });

  it('an id_token_hint of somebody else ends the request after sign-in and never loops', async () => {
    const first = await authorizeCode(context);
    const hint = String((await exchange(issuer, first)).body['id_token']);
    const browser = createBrowser(server.origin);
    const page = await signIn(browser, await browser.open(authorizeUrl(issuer, first.client, createPkce(), { id_token_hint: hint })), await createPerson(context));
    expect(Object.fromEntries(new URL(page.url).searchParams)).toMatchObject({ error: 'login_required', iss: issuer });
  });
});

describe('attack: oauth.autosubmit-xss', () => {
  it.each(['state', 'scope', 'response_type', 'client_id', 'redirect_uri', 'prompt', 'ui_locales', 'login_hint', 'response_mode', 'request_uri', 'claims'])('shows %s as text only', async (name) => {
    const client = await createClient(context);
    const markup = '"><img src=x onerror=alert(1)><script>alert(1)</script>';
    for (const mode of ['query', 'form_post']) {
      const page = await createBrowser(server.origin).request(authorizeUrl(issuer, client, createPkce(), { response_mode: mode, prompt: 'none', [name]: markup }));
      expect(page.status).toBeLessThan(500);
      expect(page.text).not.toMatch(/<img|<script>alert/);
      expect(page.headers.get('content-security-policy')).not.toContain('unsafe-inline');
    }
  });
});
