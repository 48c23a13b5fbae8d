import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstance, type InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, push, redirectUri, signIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let signing: TestClient;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
  keys = await generateKeyPair('ES256', { extractable: true });
  signing = await createClient(context, { oidc: { jwks: { keys: [{ ...await exportJWK(keys.publicKey) as Record<string, string>, kid: 'k1', alg: 'ES256' }] } } });
});
afterAll(() => server.close());

const pushedUrl = (client: TestClient, requestUri: unknown) => `${issuer}/oauth2/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: String(requestUri) }).toString()}`;
const errorOf = (url: string) => new URL(url).searchParams.get('error');

async function requestObject(client: TestClient, pkce: { challenge: string }, change: Record<string, unknown> = {}, key: CryptoKey = keys.privateKey): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT(Object.fromEntries(Object.entries({
    iss: client.clientId, aud: issuer, client_id: client.clientId, response_type: 'code', redirect_uri: redirectUri, scope: 'openid', state: 'signed-state',
    code_challenge: pkce.challenge, code_challenge_method: 'S256', iat: now, exp: now + 60, jti: randomUUID(), ...change,
  }).filter(([, value]) => value !== undefined))).setProtectedHeader({ alg: 'ES256', kid: 'k1' }).sign(key);
}
const jarUrl = (client: TestClient, request: string, change: Record<string, string> = {}) =>
  `${issuer}/oauth2/authorize?${new URLSearchParams({ client_id: client.clientId, request, ...change }).toString()}`;

describe('pushed authorization requests (RFC 9126)', () => {
  it('stands for the request, and the answer goes where it said', async () => {
    const client = await createClient(context, { oidc: { requirePushedAuthorizationRequests: true } });
    const pkce = createPkce();
    const pushed = await push(issuer, client, pkce);
    expect(pushed).toMatchObject({ status: 201, body: { expires_in: 60 } });
    const browser = createBrowser(server.origin);
    const page = await signIn(browser, await browser.open(pushedUrl(client, pushed.body['request_uri'])), await createPerson(context));
    expect((await exchange(issuer, { client, pkce, code: new URL(page.url).searchParams.get('code') ?? '' })).status).toBe(200);
    const direct = await browser.request(authorizeUrl(issuer, client, createPkce()));
    expect(errorOf(direct.headers.get('location') ?? '')).toBe('invalid_request');
  });
});

describe('signed request objects (RFC 9101)', () => {
  it('what is signed counts, what is beside it does not', async () => {
    const pkce = createPkce();
    const browser = createBrowser(server.origin);
    const page = await signIn(browser, await browser.open(jarUrl(signing, await requestObject(signing, pkce), { state: 'outer', scope: 'openid email', redirect_uri: 'https://evil.test/' })), await createPerson(context));
    expect(page.url).toContain(redirectUri);
    expect(new URL(page.url).searchParams.get('state')).toBe('signed-state');
    const tokens = await exchange(issuer, { client: signing, pkce, code: new URL(page.url).searchParams.get('code') ?? '' });
    expect(tokens.body['scope']).toBe('openid');
  });
});

describe('attack: oauth.request-object', () => {
  it('a pushed request is taken once, by the client that pushed it, at its instance', async () => {
    const { client, browser } = await authorizeCode(context);
    const other = await createClient(context);
    const pushed = String((await push(issuer, client, createPkce())).body['request_uri']);
    expect((await browser.request(pushedUrl(other, pushed))).text).toContain('invalid_request');
    const instance = await createInstance(server.core, { id: `other-${randomUUID().slice(0, 8)}`, name: 'Other' }, { principal: { kind: 'system' } });
    const elsewhere = await createBrowser(server.origin).request(pushedUrl(client, pushed).replace('/t/default/', `/t/${instance.instance.id}/`));
    expect(elsewhere.status).toBe(400);
    expect(new URL((await browser.open(pushedUrl(client, pushed))).url).searchParams.get('code')).not.toBeNull();
    const again = await browser.request(pushedUrl(client, pushed));
    expect(errorOf(again.headers.get('location') ?? '')).toBe('invalid_request_uri');
  });

  it.each<[string, (pkce: { challenge: string }) => Promise<string>]>([
    ['unsigned', async (pkce) => new UnsecuredJWT({ iss: signing.clientId, aud: issuer, client_id: signing.clientId, response_type: 'code', redirect_uri: redirectUri, scope: 'openid', code_challenge: pkce.challenge, code_challenge_method: 'S256' }).encode()],
    ['signed with another key', async (pkce) => requestObject(signing, pkce, {}, (await generateKeyPair('ES256')).privateKey)],
    ['for another server', async (pkce) => requestObject(signing, pkce, { aud: 'https://other.example.com' })],
    ['for another client', async (pkce) => requestObject(signing, pkce, { client_id: 'somebody' })],
    ['over', async (pkce) => requestObject(signing, pkce, { exp: 1_000_000_000 })],
    ['with another request inside', async (pkce) => requestObject(signing, pkce, { request: 'x' })],
    ['with an address inside', async (pkce) => requestObject(signing, pkce, { request_uri: 'https://evil.test/r' })],
    ['no JWT at all', async () => 'abc'],
    ['encrypted', async () => 'a.b.c.d.e'],
  ])('refuses a request object: %s', async (_what, make) => {
    const page = await createBrowser(server.origin).request(jarUrl(signing, await make(createPkce()), { redirect_uri: redirectUri, response_type: 'code' }));
    const error = page.headers.get('location') === null ? page.text : errorOf(page.headers.get('location') ?? '');
    expect(page.status).toBeLessThan(500);
    expect(error).toContain('invalid_request');
  });

  it('an unsigned request of an application that signs is refused', async () => {
    const client = await createClient(context, { oidc: { requireSignedRequestObject: true, jwks: { keys: [{ ...await exportJWK(keys.publicKey) as Record<string, string>, kid: 'k1', alg: 'ES256' }] } } });
    const page = await createBrowser(server.origin).request(authorizeUrl(issuer, client, createPkce()));
    expect(errorOf(page.headers.get('location') ?? '')).toBe('invalid_request');
  });

  it('never fetches a request_uri', async () => {
    let calls = 0;
    const listener = createServer((_request, response) => { calls += 1; response.end(); });
    await new Promise<void>((resolve) => { listener.listen(0, '127.0.0.1', resolve); });
    const address = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/request`;
    const page = await createBrowser(server.origin).request(authorizeUrl(issuer, signing, createPkce(), { request_uri: address }));
    expect(errorOf(page.headers.get('location') ?? '')).toBe('request_uri_not_supported');
    listener.close();
    expect(calls).toBe(0);
  });
});

describe('attack: input.operator-injection', () => {
  it.each(['client_id', 'redirect_uri', 'scope', 'state', 'response_type', 'code_challenge', 'prompt', 'max_age', 'nonce'])('%s twice is refused at the authorization endpoint', async (name) => {
    const url = new URL(authorizeUrl(issuer, signing, createPkce(), { nonce: 'n', prompt: 'login', max_age: '10' }));
    url.searchParams.append(name, `${url.searchParams.get(name) ?? ''}x`);
    const page = await createBrowser(server.origin).request(url.href);
    const location = page.headers.get('location');
    expect(page.status).toBeLessThan(404);
    if (location === null) expect(page.status).toBe(400);
    else expect(errorOf(location)).toBe('invalid_request');
  });

  it.each(['grant_type', 'code', 'redirect_uri', 'code_verifier', 'client_id'])('%s twice is refused at the token endpoint', async (name) => {
    const signedIn = await authorizeCode(context);
    const body = new URLSearchParams({ grant_type: 'authorization_code', code: signedIn.code, redirect_uri: redirectUri, code_verifier: signedIn.pkce.verifier, client_id: signedIn.client.clientId });
    body.append(name, 'another');
    const answer = await fetch(`${issuer}/oauth2/token`, { method: 'POST', body, headers: { authorization: `Basic ${btoa(`${signedIn.client.clientId}:${signedIn.client.secret}`)}` } });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_request' });
  });

  it.each([
    ['JSON', { 'content-type': 'application/json' }, '{"grant_type":{"not":""}}'],
    ['no type', {}, 'grant_type=client_credentials'],
    ['multipart', { 'content-type': 'multipart/form-data; boundary=x' }, '--x--'],
    ['nested names', { 'content-type': 'application/x-www-form-urlencoded' }, 'grant_type[not]=&client_id[contains]=a'],
    ['query instead of body', { 'content-type': 'application/x-www-form-urlencoded' }, ''],
  ])('refuses a body: %s', async (_what, headers, body) => {
    const answer = await fetch(`${issuer}/oauth2/token?grant_type=client_credentials`, { method: 'POST', headers: headers as Record<string, string>, body: Buffer.from(body) });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: 'invalid_request' });
  });
});

describe('attack: limit.parameter-size (OAuth)', () => {
  const megabyte = 'a'.repeat(1_000_000);
  it.each(['grant_type', 'client_id', 'client_secret', 'scope', 'code', 'resource', 'client_assertion', 'refresh_token'])('a megabyte of %s is a refusal', async (name) => {
    const before = performance.now();
    const answer = await fetch(`${issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'authorization_code', [name]: megabyte }) });
    expect([400, 401, 413]).toContain(answer.status);
    expect(performance.now() - before).toBeLessThan(500);
  });

  it.each([
    ['a long scope', { scope: Array.from({ length: 2_000 }, (_value, place) => `s${place}`).join(' ') }],
    ['deep claims', { claims: `${'{"userinfo":'.repeat(1_000)}1${'}'.repeat(1_000)}` }],
    ['NUL in the state', { state: '\u0000\u0007' }],
    ['NUL in the nonce', { nonce: '\u0000' }],
    ['NUL in a resource', { resource: 'https://orders.example.com/\u0000' }],
    ['NUL in a hint', { login_hint: '\u0000' }],
    ['control characters in the scope', { scope: 'openid \u0001' }],
    ['half a character', { state: '\ud800', nonce: '\udc00' }],
    ['lone surrogates', { login_hint: '%ED%A0%80' }],
  ])('%s at the authorization endpoint is a refusal or harmless', async (_what, change) => {
    expect((await createBrowser(server.origin).request(authorizeUrl(issuer, signing, createPkce(), change))).status).toBeLessThan(500);
  });

  it.each(['Bearer', 'Bearer  x', 'Basic', 'Basic Og==', 'Basic %%%', 'DPoP x', `Bearer ${'a'.repeat(10_000)}`])('Authorization: %s', async (authorization) => {
    for (const endpoint of ['userinfo', 'token', 'introspect', 'revoke', 'par']) {
      const answer = await fetch(`${issuer}/oauth2/${endpoint}`, { method: 'POST', headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' }, body: 'token=x' });
      expect([400, 401]).toContain(answer.status);
    }
  });
});
