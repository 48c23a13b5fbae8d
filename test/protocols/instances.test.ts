import { randomUUID } from 'node:crypto';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResourceServer, disableApplication, putResourceGrant, updateApplication } from '../../src/applications/index.ts';
import { browserCookieName, sessionCookieName, sessions } from '../../src/authentication/index.ts';
import { createInstance, type InstanceContext, rotateSigningKeys } from '../../src/tenancy/index.ts';
import { createBrowser, formOf } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, password, post, push, signIn, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let other: InstanceContext;
let issuer: string;
let otherIssuer: string;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
  other = await newInstance();
  otherIssuer = other.instance.issuer;
});
afterAll(() => server.close());

async function newInstance(): Promise<InstanceContext> {
  const made = await createInstance(server.core, { id: `i-${randomUUID().slice(0, 8)}`, name: 'Other' }, { principal: { kind: 'system' } });
  await markSetUp(made);
  return made;
}

/** Its pages speak of set-up until an administrator has signed in. */
async function markSetUp(of: InstanceContext): Promise<void> {
  const { user } = await createPerson(of);
  await of.db.administratorAssignment.create({ data: { userId: user.id, role: 'owner' } });
  await of.db.user.updateMany({ where: { id: user.id }, data: { lastSignInAt: new Date() } });
}

describe('discovery', () => {
  it('names the same addresses in all three forms, whatever Host and forwarded headers claim', async () => {
    const forms = [`${issuer}/.well-known/openid-configuration`, `${issuer}/.well-known/oauth-authorization-server`, `${server.origin}/.well-known/oauth-authorization-server/t/default`];
    const documents = await Promise.all(forms.map(async (url) => (await fetch(url, { headers: { 'x-forwarded-host': 'evil.test', 'x-forwarded-proto': 'https', forwarded: 'host=evil.test' } })).json() as Promise<Record<string, unknown>>));
    for (const document of documents) {
      expect(document).toEqual(documents[0]);
      expect(JSON.stringify(document)).not.toContain('evil.test');
      for (const [name, value] of Object.entries(document)) if (/_endpoint$|^issuer$|_uri$/.test(name)) expect(String(value).startsWith(issuer)).toBe(true);
    }
    expect(documents[0]).toMatchObject({ issuer, prompt_values_supported: ['none', 'login', 'consent', 'select_account'] });
  });
});

describe('attack: oauth.iss-mixup', () => {
  it('says the whole issuer on success and error, in every response mode', async () => {
    for (const [of, at] of [[context, issuer], [other, otherIssuer]] as const) {
      const { browser, client, callback, person } = await authorizeCode(of);
      expect(callback.get('iss')).toBe(at);
      expect(((await (await fetch(`${at}/.well-known/openid-configuration`)).json()) as { issuer: string }).issuer).toBe(at);
      const signedIn = await authorizeCode(of, { client, person, browser });
      expect(decodeJwt(String((await exchange(at, signedIn)).body['id_token'])).iss).toBe(at);
      const failed = await browser.open(authorizeUrl(at, client, createPkce(), { scope: 'openid \u0001' }));
      expect(new URL(failed.url).searchParams.get('iss')).toBe(at);
      const fragment = await browser.open(authorizeUrl(at, client, createPkce(), { response_mode: 'fragment' }));
      expect(new URLSearchParams(new URL(fragment.url).hash.slice(1)).get('iss')).toBe(at);
      const form = await browser.open(authorizeUrl(at, client, createPkce(), { response_mode: 'form_post' }));
      expect(form.text).toContain(`name="iss" value="${at}"`);
    }
  });
});

describe('attack: token.cross-instance', () => {
  it('nothing that one instance issued is taken by another one', async () => {
    const signedIn = await authorizeCode(other);
    const { body } = await exchange(otherIssuer, signedIn);
    // The same client_id and secret exist here as well.
    const twin = await createClient(context, { clientId: signedIn.client.clientId });
    expect((await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${String(body['access_token'])}` } })).status).toBe(401);
    expect((await post(issuer, 'introspect', { token: String(body['access_token']) }, twin)).body).toEqual({ active: false });
    expect((await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }, twin)).body['error']).toBe('invalid_grant');
    const second = await authorizeCode(other, { client: signedIn.client });
    expect((await exchange(issuer, { ...second, client: twin })).body['error']).toBe('invalid_grant');
    const hinted = await createBrowser(server.origin).request(authorizeUrl(issuer, twin, createPkce(), { id_token_hint: String(body['id_token']) }));
    expect(new URL(hinted.headers.get('location') ?? '').searchParams.get('error')).toBe('invalid_request');
    await post(issuer, 'revoke', { token: String(body['access_token']) }, twin);
    expect((await post(otherIssuer, 'introspect', { token: String(body['access_token']) }, signedIn.client)).body['active']).toBe(true);
    const api = await createResourceServer(other, { identifier: 'https://x.example.com', name: 'X', scopes: [{ name: 'read', description: 'Read' }], accessTokenSeconds: 600, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
    const machine = await createClient(other, { kind: 'machine' });
    await putResourceGrant(other, machine.application.id, api.id, ['read']);
    expect((await post(otherIssuer, 'token', { grant_type: 'client_credentials', resource: `${issuer}/api/v1` }, machine)).body['error']).toBe('invalid_target');
  });
});

describe('attack: tenant.cookie-cross', () => {
  it('a session cookie copied to another instance signs in nobody there', async () => {
    const { browser } = await authorizeCode(context);
    const token = browser.cookies.get(sessionCookieName(context));
    const binding = browser.cookies.get(browserCookieName(context));
    if (!token || !binding) throw new Error('no cookies');
    const thief = createBrowser(server.origin);
    thief.cookies.set(sessionCookieName(other), token);
    thief.cookies.set(browserCookieName(other), binding);
    const page = await thief.open(authorizeUrl(otherIssuer, await createClient(other), createPkce(), { prompt: 'none' }));
    expect(new URL(page.url).searchParams.get('error')).toBe('login_required');
  });

  it.each(['first', 'last'])('two cookies of one name count as none, and both go (the own one %s)', async (place) => {
    const { browser, client } = await authorizeCode(context);
    const victim = await authorizeCode(context);
    const name = sessionCookieName(context);
    const [mine, theirs] = [browser, victim.browser].map((jar) => `${name}=${jar.cookies.get(name)?.value ?? ''}`);
    const answer = await createBrowser(server.origin).request(authorizeUrl(issuer, client, createPkce(), { prompt: 'none' }), {
      headers: { cookie: place === 'first' ? `${mine ?? ''}; ${theirs ?? ''}` : `${theirs ?? ''}; ${mine ?? ''}` } });
    expect(new URL(answer.headers.get('location') ?? '').searchParams.get('error')).toBe('login_required');
    expect(answer.headers.getSetCookie().some((cookie) => cookie.startsWith(`${name}=;`) && cookie.includes('Max-Age=0'))).toBe(true);
  });
});

describe('attack: tenant.same-origin-script', () => {
  it.each([
    ['fetch', { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }], ['iframe', { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' }],
    ['image', { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' }], ['worker', { 'service-worker': 'script' }],
  ])('interactive endpoints serve nothing to a %s', async (_what, headers) => {
    const { browser, client } = await authorizeCode(context);
    for (const url of [authorizeUrl(issuer, client, createPkce()), `${issuer}/oauth2/logout`, `${issuer}/oauth2/device`, `${issuer}/oauth2/authorize/abc`]) {
      const answer = await browser.request(url, { headers: headers as Record<string, string> });
      expect(answer.status).toBe(403);
      expect(answer.headers.get('location')).toBeNull();
    }
  });

  it('pages may not be framed, nor run anything that is not ours', async () => {
    for (const url of [`${issuer}/oauth2/device`, `${issuer}/oauth2/logout`, `${issuer}/oauth2/authorize`]) {
      const { headers } = await createBrowser(server.origin).request(url);
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toContain('no-store');
    }
  });
});

describe('attack: flow.session-fixation (resume)', () => {
  it('an authorization waits for the browser that began it', async () => {
    const client = await createClient(context);
    const victim = createBrowser(server.origin);
    const asked = await victim.open(authorizeUrl(issuer, client, createPkce()));
    const elsewhere = await createBrowser(server.origin).open(asked.url);
    expect(elsewhere.text).not.toContain('name="identifier"');
    const resume = [...victim.cookies].find(([name]) => name.startsWith('postern_resume'));
    const stolen = await createBrowser(server.origin).request(`${server.origin}${resume?.[1].path ?? ''}`);
    expect(stolen.status).toBe(400);
    expect(stolen.headers.get('location')).toBeNull();
  });

  it('the session cookie changes at sign-in and the one before is worth nothing', async () => {
    const { browser, client, person } = await authorizeCode(context);
    const name = sessionCookieName(context);
    const before = browser.cookies.get(name);
    if (!before) throw new Error('no cookie');
    await signIn(browser, await browser.open(authorizeUrl(issuer, client, createPkce(), { prompt: 'login' })), person);
    expect(browser.cookies.get(name)?.value).not.toBe(before.value);
    await context.db.sessionToken.updateMany({ where: { retiredAt: { not: null } }, data: { retiredAt: new Date(Date.now() - 60_000) } });
    const old = createBrowser(server.origin);
    old.cookies.set(name, before);
    const page = await old.open(authorizeUrl(issuer, client, createPkce(), { prompt: 'none' }));
    expect(new URL(page.url).searchParams.get('error')).toBe('login_required');
  });

  it('the answer of one account is worth nothing once another one is signed in', async () => {
    const client = await createClient(context);
    const browser = createBrowser(server.origin);
    const [first, second] = [await createPerson(context), await createPerson(context)];
    const pkce = createPkce();
    let asked = await browser.open(authorizeUrl(issuer, client, pkce));
    asked = await browser.submit(asked, { identifier: first.username });
    const form = formOf(asked, 'password');
    const finished = await browser.request(form.action, { method: 'POST', body: new URLSearchParams({ ...form.fields, password }), headers: { origin: server.origin } });
    const resume = finished.headers.get('location') ?? '';
    expect(resume).toContain('/oauth2/authorize/');
    // Before the browser follows, somebody else signs in with it in another tab.
    await signIn(browser, await browser.open(authorizeUrl(issuer, client, createPkce(), { prompt: 'select_account' })), second);
    const late = await browser.open(resume);
    const { body } = await exchange(issuer, { client, pkce, code: new URL(late.url).searchParams.get('code') ?? '' });
    expect(decodeJwt(String(body['id_token'])).sub).toBe(second.user.id);
  });
});

describe('an instance that is suspended', () => {
  it('answers every endpoint with a clear refusal in its own shape', async () => {
    const suspended = await newInstance();
    const client = await createClient(suspended);
    const token = await server.managementToken(`${server.origin}/platform/v1`);
    const answer = await fetch(`${server.origin}/platform/v1/instances/${suspended.instance.id}/suspend`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(200);
    const refused = await post(suspended.instance.issuer, 'token', { grant_type: 'client_credentials' }, client);
    expect(refused.body).toMatchObject({ error: 'access_denied', error_description: expect.stringContaining('suspended') as string });
    const page = await createBrowser(server.origin).request(authorizeUrl(suspended.instance.issuer, client, createPkce()));
    expect(page.status).toBe(403);
    expect(page.headers.get('content-type')).toContain('text/html');
  });
});

describe('two servers on one database', () => {
  it('a sign-in begun at one finishes at the other; codes and tokens work at both; changes are known within a second', async () => {
    const replica = await server.replica();
    try {
      const there = await replica.context();
      const signedIn = await authorizeCode(context);
      const base = `http://127.0.0.1:${String((replica.app.server.address() as { port: number }).port)}/t/default`;
      const at = (endpoint: string, parameters: Record<string, string>, client = signedIn.client) => postAt(base, endpoint, parameters, client);
      const exchanged = await at('token', { grant_type: 'authorization_code', code: signedIn.code, redirect_uri: 'https://app.example.com/callback', code_verifier: signedIn.pkce.verifier });
      expect(exchanged.status).toBe(200);
      const accessToken = String(exchanged.body['access_token']);
      expect((await post(issuer, 'introspect', { token: accessToken }, signedIn.client)).body['active']).toBe(true);
      // A proof used here is used there.
      const pushed = await push(issuer, signedIn.client, createPkce());
      expect(pushed.status).toBe(201);
      // A key rotated here signs there within a second.
      await rotateSigningKeys(context, 'RS256');
      const kids = async (url: string) => {
        const { text } = await createBrowser(server.origin).request(`${url}/oauth2/jwks`, { headers: { host: new URL(server.origin).host } });
        return (JSON.parse(text) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid).sort();
      };
      await expect.poll(async () => JSON.stringify(await kids(base)), { timeout: 1_000 }).toBe(JSON.stringify(await kids(issuer)));
      // A session ended there, an application changed and disabled there.
      await sessions.endAllOfUser(there, signedIn.person.user.id, 'administrator');
      expect((await post(issuer, 'introspect', { token: accessToken }, signedIn.client)).body['active']).toBe(false);
      await updateApplication(there, signedIn.client.application.id, { oidc: { redirectUris: ['https://new.example.com/'] } });
      await expect.poll(async () => (await createBrowser(server.origin).request(authorizeUrl(issuer, signedIn.client, createPkce()))).status, { timeout: 1_000 }).toBe(400);
      await disableApplication(there, signedIn.client.application.id);
      await expect.poll(async () => (await post(issuer, 'introspect', { token: accessToken }, signedIn.client)).status, { timeout: 1_000 }).toBe(401);
    } finally {
      await replica.close();
    }
  });

  async function postAt(base: string, endpoint: string, parameters: Record<string, string>, client: { clientId: string; secret: string }) {
    const answer = await createBrowser(server.origin).request(`${base}/oauth2/${endpoint}`, {
      method: 'POST', body: new URLSearchParams(parameters),
      headers: { host: new URL(server.origin).host, accept: 'application/json', authorization: `Basic ${btoa(`${client.clientId}:${client.secret}`)}` } });
    return { status: answer.status, body: JSON.parse(answer.text) as Record<string, unknown> };
  }
});

describe('pairwise subjects (OpenID Connect Core §8.1)', () => {
  it('differ by sector, stay for one, and are the same everywhere it counts', async () => {
    const person = await createPerson(context);
    const browser = createBrowser(server.origin);
    const subjects: string[] = [];
    for (const host of ['a.example.com', 'a.example.com', 'b.example.com']) {
      const redirect = `https://${host}/callback`;
      const client = await createClient(context, { oidc: { subjectType: 'pairwise', redirectUris: [redirect], postLogoutRedirectUris: [] } });
      const signedIn = await authorizeCode(context, { client, person, browser, parameters: { redirect_uri: redirect } });
      const { body } = await exchange(issuer, signedIn, { redirect_uri: redirect });
      const subject = String(decodeJwt(String(body['id_token'])).sub);
      const userinfo = (await (await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${String(body['access_token'])}` } })).json()) as { sub: string };
      expect(userinfo.sub).toBe(subject);
      expect((await post(issuer, 'introspect', { token: String(body['access_token']) }, client)).body['sub']).toBe(subject);
      subjects.push(subject);
    }
    expect(subjects[0]).toBe(subjects[1]);
    expect(new Set([...subjects, person.user.id]).size).toBe(3);
  });
});
