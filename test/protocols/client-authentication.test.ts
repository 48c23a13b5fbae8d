import { randomUUID } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addClientSecret, createResourceServer, disableApplication, putResourceGrant, type ResourceServer, updateApplication } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createClient, createPkce, post, push, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let api: ResourceServer;
let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let byKey: TestClient;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
  api = await createResourceServer(context, { identifier: 'https://orders.example.com', name: 'Orders', scopes: [{ name: 'read', description: 'Read' }], accessTokenSeconds: 600, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
  keys = await generateKeyPair('ES256', { extractable: true });
  byKey = await machine({ tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys: [{ ...await exportJWK(keys.publicKey) as Record<string, string>, kid: 'k1', alg: 'ES256' }] } });
});
afterAll(() => server.close());

async function machine(oidc: Parameters<typeof createClient>[1] extends infer Change ? Change extends { oidc?: infer Oidc } ? Oidc : never : never): Promise<TestClient> {
  const client = await createClient(context, { kind: 'machine', name: 'Worker', oidc });
  await putResourceGrant(context, client.application.id, api.id, ['read']);
  return client;
}

interface Assertion { claims?: Record<string, unknown>; header?: Record<string, unknown>; key?: CryptoKey | Uint8Array }
async function assertion(client: TestClient, { claims = {}, header = {}, key = keys.privateKey }: Assertion = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const payload = Object.fromEntries(Object.entries({ iss: client.clientId, sub: client.clientId, aud: issuer, jti: randomUUID(), iat: now, exp: now + 60, ...claims }).filter(([, value]) => value !== undefined));
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'k1', ...header }).sign(key);
}
const present = (token: string, change: Record<string, string | undefined> = {}) => post(issuer, 'token', {
  grant_type: 'client_credentials', client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: token, ...change });
const byPost = (client: TestClient, secret = client.secret) => post(issuer, 'token', { grant_type: 'client_credentials', client_id: client.clientId, client_secret: secret });
const byBasic = (client: TestClient, secret = client.secret) => post(issuer, 'token', { grant_type: 'client_credentials' }, { ...client, secret });

describe('client authentication (RFC 6749 §2.3, RFC 7523)', () => {
  it('takes a secret by either way of sending it', async () => {
    const client = await machine({});
    expect((await byBasic(client)).status).toBe(200);
    expect((await byPost(client)).status).toBe(200);
  });

  it('takes both secrets while they overlap, and the old one no longer after', async () => {
    const client = await machine({});
    const added = await addClientSecret(context, client.application.id, { overlapSeconds: 600 });
    expect((await byBasic(client, added.secret)).status).toBe(200);
    expect((await byBasic(client)).status).toBe(200);
    await context.db.clientSecret.updateMany({ where: { applicationId: client.application.id, id: { not: added.id } }, data: { expiresAt: new Date(Date.now() - 1000) } });
    await updateApplication(context, client.application.id, { name: 'Worker again' });
    expect((await byBasic(client)).status).toBe(401);
    expect((await byBasic(client, added.secret)).status).toBe(200);
  });

  it('takes assertions by key and by secret', async () => {
    expect((await present(await assertion(byKey))).status).toBe(200);
    const client = await machine({ tokenEndpointAuthMethod: 'client_secret_jwt' });
    expect((await present(await assertion(client, { header: { alg: 'HS256', kid: undefined }, key: new TextEncoder().encode(client.secret) }))).status).toBe(200);
    const added = await addClientSecret(context, client.application.id, { overlapSeconds: 600 });
    for (const secret of [client.secret, added.secret]) {
      expect((await present(await assertion(client, { header: { alg: 'HS256', kid: undefined }, key: new TextEncoder().encode(secret) }))).status).toBe(200);
    }
  });
});

describe('attack: oauth.client-assertion', () => {
  const year = Math.floor(Date.now() / 1000) + 365 * 86_400;
  it.each<[string, Assertion]>([
    ['for the token endpoint', { claims: { aud: 'TOKEN' } }],
    ['for two servers', { claims: { aud: ['ISSUER', 'https://other.example.com'] } }],
    ['for us alone, in a list', { claims: { aud: ['ISSUER'] } }],
    ['for another server', { claims: { aud: 'https://other.example.com' } }],
    ['for nobody', { claims: { aud: undefined } }],
    ['good for a year', { claims: { exp: year } }],
    ['without an end', { claims: { exp: undefined } }],
    ['over', { claims: { exp: 1_000_000_000 } }],
    ['without a name', { claims: { jti: undefined } }],
    ['of another issuer', { claims: { iss: 'somebody' } }],
  ])('refuses an assertion %s', async (_what, spoiled) => {
    const place = (value: unknown): unknown => (value === 'TOKEN' ? `${issuer}/oauth2/token` : value === 'ISSUER' ? issuer : value);
    const claims = Object.fromEntries(Object.entries(spoiled.claims ?? {}).map(([name, value]) => [name, Array.isArray(value) ? value.map(place) : place(value)]));
    expect(await present(await assertion(byKey, { claims }))).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('takes an assertion once: in sequence, in parallel, and from another server', async () => {
    const once = await assertion(byKey);
    expect((await present(once)).status).toBe(200);
    expect((await present(once)).status).toBe(401);
    const raced = await assertion(byKey);
    const answers = await Promise.all(Array.from({ length: 50 }, () => present(raced)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => ![200, 401, 429].includes(status))).toEqual([]);
  });
});

describe('attack: token.alg-confusion (client assertion)', () => {
  it.each<[string, () => Promise<string>]>([
    ['none', async () => new UnsecuredJWT({ iss: byKey.clientId, sub: byKey.clientId, aud: issuer, jti: randomUUID(), exp: Math.floor(Date.now() / 1000) + 60 }).encode()],
    ['HS256 with the public key as secret', async () => assertion(byKey, { header: { alg: 'HS256' }, key: new TextEncoder().encode(JSON.stringify(await exportJWK(keys.publicKey))) })],
    ['another key', async () => assertion(byKey, { key: (await generateKeyPair('ES256')).privateKey })],
    ['a key in its header', async () => {
      const own = await generateKeyPair('ES256', { extractable: true });
      return assertion(byKey, { header: { jwk: await exportJWK(own.publicKey) }, key: own.privateKey });
    }],
    ['a key elsewhere', async () => assertion(byKey, { header: { jku: 'https://evil.example.com/jwks' }, key: (await generateKeyPair('ES256')).privateKey })],
    ['a critical extension', async () => assertion(byKey, { header: { crit: ['b64'], b64: true } })],
  ])('refuses: %s', async (_what, forge) => {
    expect(await present(await forge())).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });
});

describe('attack: oauth.client-limits', () => {
  it.each<[string, () => Promise<{ status: number; body: Record<string, unknown> }>, number, string]>([
    ['a wrong secret', async () => byBasic(await machine({}), 'wrong'), 401, 'invalid_client'],
    ['no secret', async () => post(issuer, 'token', { grant_type: 'client_credentials', client_id: (await machine({})).clientId }), 401, 'invalid_client'],
    ['an unknown client', async () => byBasic({ ...await machine({}), clientId: 'nobody' }), 401, 'invalid_client'],
    ['a secret where a key is registered', async () => byPost(byKey, 'anything'), 401, 'invalid_client'],
    ['a disabled application', async () => {
      const client = await machine({});
      await disableApplication(context, client.application.id);
      return byBasic(client);
    }, 401, 'invalid_client'],
    ['two ways at once', async () => {
      const client = await machine({});
      return post(issuer, 'token', { grant_type: 'client_credentials', client_id: client.clientId, client_secret: client.secret }, client);
    }, 400, 'invalid_request'],
    ['a grant that was switched off', async () => post(issuer, 'token', { grant_type: 'client_credentials' }, await createClient(context)), 400, 'unauthorized_client'],
    ['a grant that there is none of', async () => post(issuer, 'token', { grant_type: 'password', username: 'a', password: 'b' }, await createClient(context)), 400, 'unsupported_grant_type'],
    ['an implicit grant', async () => post(issuer, 'token', { grant_type: 'implicit' }, await createClient(context)), 400, 'unsupported_grant_type'],
    ['a device code without the grant', async () => post(issuer, 'device_authorization', { scope: 'openid' }, await createClient(context)), 400, 'unauthorized_client'],
    ['a scope that the application does not have', async () => push(issuer, await createClient(context, { oidc: { allowedScopes: ['openid'] } }), createPkce(), { scope: 'openid phone' }), 400, 'invalid_scope'],
    ['another response type', async () => push(issuer, await createClient(context), createPkce(), { response_type: 'token' }), 400, 'unsupported_response_type'],
    ['a malformed header', async () => post(issuer, 'token', { grant_type: 'client_credentials' }, undefined, { authorization: 'Basic !!!' }), 400, 'invalid_request'],
  ])('refuses: %s', async (_what, attempt, status, error) => {
    const answer = await attempt();
    expect(answer.body).toMatchObject({ error });
    expect(answer.status).toBe(status);
  });
});
