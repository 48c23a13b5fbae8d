import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { base64url, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeUrl, createClient, createPkce, post, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let keyServer: Server;
let keyRequests = 0;
let keyAnswer: { status: number; body: string } = { status: 200, body: '{"keys":[]}' };
let client: TestClient;
let elsewhere: TestClient;
beforeAll(async () => {
  keyServer = createServer((_request, response) => {
    keyRequests += 1;
    response.writeHead(keyAnswer.status, { 'content-type': 'application/json' }).end(keyAnswer.body);
  });
  await new Promise<void>((resolve) => { keyServer.listen(0, '127.0.0.1', resolve); });
  ({ server, context } = await startProtocolServer({ settings: { OUTBOUND_ALLOW: 'localhost,127.0.0.1' } }));
  ({ issuer } = server);
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  client = await createClient(context, { oidc: { tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys: [{ ...await exportJWK(publicKey) as Record<string, string>, kid: 'k1', alg: 'ES256' }] } } });
  elsewhere = await withKeysElsewhere();
});
afterAll(async () => {
  await server.close();
  keyServer.close();
});

/** Only https addresses can be registered; the row is changed before anybody has read it, so that a listener here can count. */
async function withKeysElsewhere(): Promise<TestClient> {
  const made = await createClient(context, { oidc: { tokenEndpointAuthMethod: 'private_key_jwt', jwksUri: 'https://keys.example.com/' } });
  const { settings } = await context.db.application.findFirstOrThrow({ where: { clientId: made.clientId } });
  await context.db.application.updateMany({ where: { clientId: made.clientId }, data: { settings: { ...settings as object, jwksUri: `http://localhost:${(keyServer.address() as AddressInfo).port}/` } } });
  return made;
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const encode = (value: unknown) => base64url.encode(JSON.stringify(value));
const present = (token: string) => post(issuer, 'token', { grant_type: 'client_credentials', client_assertion_type: assertionType, client_assertion: token });
const claims = (of: TestClient) => ({ iss: of.clientId, sub: of.clientId, aud: issuer, jti: randomUUID(), exp: Math.floor(Date.now() / 1000) + 60 });

describe('attack: token.jose-bombs', () => {
  it.each<[string, () => string]>([
    ['a compressed JWE', () => `${encode({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' })}..${base64url.encode('0'.repeat(12))}.${base64url.encode('0'.repeat(20_000))}.${base64url.encode('0'.repeat(16))}`],
    ['endless key derivation', () => `${encode({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_000_000_000, p2s: 'AAAAAAAAAAAAAAAAAAAAAA' })}.AAAA.AAAA.AAAA.AAAA`],
    ['a giant header', () => `${encode({ alg: 'ES256', kid: 'k'.repeat(30_000) })}.${encode(claims(client))}.AAAA`],
    ['a deep payload', () => `${encode({ alg: 'ES256', kid: 'k1' })}.${base64url.encode(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)}.AAAA`],
    ['a giant key in its header', () => `${encode({ alg: 'RS256', jwk: { kty: 'RSA', e: 'AQAB', n: 'A'.repeat(20_000) } })}.${encode(claims(client))}.AAAA`],
    ['numbers in place of text', () => `${encode({ alg: 1, kid: {} })}.${encode({ ...claims(client), iss: [] })}.AAAA`],
  ])('refuses at once: %s', async (_what, make) => {
    const token = make();
    const places: [string, () => Promise<number>][] = [
      ['client assertion', async () => (await present(token)).status],
      ['request object', async () => (await createBrowser(server.origin).request(`${issuer}/oauth2/authorize?client_id=${client.clientId}&response_type=code&request=${token.slice(0, 12_000)}`)).status],
      ['id_token_hint', async () => (await createBrowser(server.origin).request(authorizeUrl(issuer, client, createPkce(), { id_token_hint: token.slice(0, 12_000) }))).status],
      ['logout hint', async () => (await createBrowser(server.origin).request(`${issuer}/oauth2/logout?id_token_hint=${token.slice(0, 12_000)}`)).status],
      ['DPoP proof', async () => (await post(issuer, 'token', { grant_type: 'client_credentials' }, { clientId: server.machine.clientId, secret: server.machine.clientSecret }, { dpop: token.slice(0, 7_000) })).status],
      ['bearer', async () => (await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${token.slice(0, 12_000)}` } })).status],
    ];
    for (const [place, attempt] of places) {
      const before = performance.now();
      const status = await attempt();
      expect([303, 400, 401], place).toContain(status);
      expect(performance.now() - before, place).toBeLessThan(1_000);
    }
  });

  it('a hundred unknown keys cost one fetch', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    keyRequests = 0;
    for (let attempt = 0; attempt < 100; attempt += 1) {
      const token = await new SignJWT(claims(elsewhere)).setProtectedHeader({ alg: 'ES256', kid: randomUUID() }).sign(privateKey);
      expect([401, 429]).toContain((await present(token)).status);
    }
    expect(keyRequests).toBe(1);
  });

  it.each([
    ['a fault', { status: 500, body: '' }], ['no JSON', { status: 200, body: '<html>' }], ['no keys', { status: 200, body: '{}' }],
    ['a hostile key set', { status: 200, body: '{"keys":[{"kty":"oct","k":"AAAA"},null,{"kty":"RSA","n":5}]}' }],
    ['too much', { status: 200, body: `{"keys":[${'{"kty":"RSA"},'.repeat(100_000)}{}]}` }],
  ])('a key address that answers with %s is a refusal, and is left alone for a while', async (_what, answer) => {
    keyAnswer = answer;
    keyRequests = 0;
    const { privateKey } = await generateKeyPair('ES256');
    // The address failed a moment ago in the last case: a client of its own each time, at an address of its own.
    const own = await withKeysElsewhere();
    const { settings } = await context.db.application.findFirstOrThrow({ where: { clientId: own.clientId } });
    await context.db.application.updateMany({ where: { clientId: own.clientId }, data: { settings: { ...settings as object, jwksUri: `http://localhost:${(keyServer.address() as AddressInfo).port}/${own.clientId}` } } });
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const token = await new SignJWT(claims(own)).setProtectedHeader({ alg: 'ES256', kid: 'k' }).sign(privateKey);
      const { status } = await present(token);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    }
    expect(keyRequests).toBeLessThanOrEqual(2);
  });
});
