import { decodeJwt, decodeProtectedHeader, jwtVerify, createRemoteJWKSet } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResourceServer, putResourceGrant, type ResourceServer, updateApplication } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { authorizeCode, createClient, exchange, post, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let orders: ResourceServer;
let ledger: ResourceServer;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
  const scopes = [{ name: 'read', description: 'Read' }, { name: 'write', description: 'Write' }];
  orders = await createResourceServer(context, { identifier: 'https://orders.example.com', name: 'Orders', scopes, accessTokenSeconds: 600, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
  ledger = await createResourceServer(context, { identifier: 'https://ledger.example.com', name: 'Ledger', scopes, accessTokenSeconds: 600, tokenFormat: 'opaque', signingAlgorithm: 'ES256' });
});
afterAll(() => server.close());

async function createMachine(grants: [ResourceServer, string[]][] = []): Promise<TestClient> {
  const client = await createClient(context, { kind: 'machine', name: 'Worker' });
  for (const [api, scopes] of grants) await putResourceGrant(context, client.application.id, api.id, scopes);
  return client;
}
const token = (client: TestClient | undefined, change: Record<string, string> = {}) => post(issuer, 'token', { grant_type: 'client_credentials', ...change }, client);

describe('client credentials (RFC 6749 §4.4) and resource indicators (RFC 8707)', () => {
  it('the bootstrap client gets a management token with all its scopes when it names nothing', async () => {
    const { status, body } = await token({ clientId: server.machine.clientId, secret: server.machine.clientSecret } as TestClient);
    expect(status).toBe(200);
    expect(decodeJwt(String(body['access_token']))).toMatchObject({ iss: issuer, aud: `${issuer}/api/v1`, sub: 'automation', client_id: 'automation' });
    expect(String(body['scope']).split(' ')).toEqual(expect.arrayContaining(['user:read', 'user:manage', 'settings:manage']));
    expect((await fetch(`${issuer}/api/v1/users`, { headers: { authorization: `Bearer ${String(body['access_token'])}` } })).status).toBe(200);
  });

  it('signs tokens for an API as it wishes, verifiable by the published keys (RFC 9068)', async () => {
    const { body } = await token(await createMachine([[orders, ['read']]]), { resource: orders.identifier, scope: 'read' });
    const { payload, protectedHeader } = await jwtVerify(String(body['access_token']), createRemoteJWKSet(new URL(`${issuer}/oauth2/jwks`)), { issuer, audience: orders.identifier, typ: 'at+jwt' });
    expect(payload).toMatchObject({ scope: 'read' });
    expect(protectedHeader.alg).toBe('ES256');
    expect(body['expires_in']).toBe(600);
  });

  it('a user token for an API says how fresh and strong the sign-in was', async () => {
    const client = await createClient(context);
    await putResourceGrant(context, client.application.id, orders.id, ['read']);
    const signedIn = await authorizeCode(context, { client, parameters: { resource: orders.identifier, scope: 'openid read' } });
    const { body } = await exchange(issuer, signedIn);
    const claims = decodeJwt(String(body['access_token']));
    expect(claims).toMatchObject({ aud: orders.identifier, scope: 'read', sub: signedIn.person.user.id, acr: 'urn:postern:acr:single', auth_time: expect.any(Number) });
    expect(decodeProtectedHeader(String(body['access_token'])).typ).toBe('at+jwt');
  });

  it.each([
    ['an unknown API', { resource: 'https://nobody.example.com' }, 'invalid_target'],
    ['an API that was not granted', { resource: 'https://ledger.example.com' }, 'invalid_target'],
    ['another spelling', { resource: 'https://orders.example.com/' }, 'invalid_target'],
    ['no URI', { resource: 'orders' }, 'invalid_target'],
    ['a scope that was not granted', { resource: 'https://orders.example.com', scope: 'read write' }, 'invalid_scope'],
    ['a scope of nobody', { scope: 'anything' }, 'invalid_scope'],
    ['all in one word', { scope: 'read|.all' }, 'invalid_scope'],
  ])('refuses: %s', async (_what, change, error) => {
    expect(await token(await createMachine([[orders, ['read']]]), change)).toMatchObject({ status: 400, body: { error } });
  });
});

describe('attack: oauth.resource-unknown', () => {
  it('a token of one API opens no other one, nor userinfo', async () => {
    const { body } = await token(await createMachine([[orders, ['read']]]), { resource: orders.identifier });
    const authorization = `Bearer ${String(body['access_token'])}`;
    expect((await fetch(`${issuer}/api/v1/users`, { headers: { authorization } })).status).toBe(401);
    expect((await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization } })).status).toBe(401);
  });

  it('introspection answers the API itself and whom the token was issued to, and nobody else', async () => {
    const owner = await createMachine([[ledger, ['read']]]);
    const { body } = await token(owner, { resource: ledger.identifier, scope: 'read' });
    const introspect = async (client: TestClient) => (await post(issuer, 'introspect', { token: String(body['access_token']) }, client)).body;
    const api = await createMachine();
    await updateApplication(context, api.application.id, { oidc: { introspectsResources: [ledger.identifier] } });
    expect(await introspect(owner)).toMatchObject({ active: true, client_id: owner.clientId, scope: 'read', aud: ledger.identifier, iss: issuer, token_type: 'Bearer' });
    expect(await introspect(api)).toMatchObject({ active: true });
    expect(await introspect(await createMachine([[ledger, ['read']]]))).toEqual({ active: false });
    expect(await post(issuer, 'introspect', { token: String(body['access_token']) })).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
  });

  it('signs the answer when the API wants that (RFC 9701)', async () => {
    const api = await createMachine();
    await updateApplication(context, api.application.id, { oidc: { introspectsResources: [ledger.identifier], introspectionSignedResponseAlg: 'ES256' } });
    const { body } = await token(await createMachine([[ledger, ['read']]]), { resource: ledger.identifier });
    const answer = await post(issuer, 'introspect', { token: String(body['access_token']) }, api, { accept: 'application/token-introspection+jwt' });
    expect(answer.headers.get('content-type')).toContain('application/token-introspection+jwt');
    const { payload } = await jwtVerify(String(answer.body['text']), createRemoteJWKSet(new URL(`${issuer}/oauth2/jwks`)), { issuer, typ: 'token-introspection+jwt' });
    expect(payload['token_introspection']).toMatchObject({ active: true, aud: ledger.identifier });
  });
});

describe('rate limit of an application', () => {
  it('answers 429 with its own body, and no other application feels it', async () => {
    const client = await createMachine([[orders, ['read']]]);
    await updateApplication(context, client.application.id, { rateLimitPerSecond: 1, rateLimitBurst: 5 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => token(client)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ error: 'temporarily_unavailable' });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(refused?.headers.get('ratelimit-limit')).toBe('5');
    expect((await post(issuer, 'introspect', { token: 'x' }, client)).status).toBe(429);
    expect((await token(await createMachine([[orders, ['read']]]))).status).toBe(200);
  });

  it('who names another client_id without its secret empties nothing but the bucket of the own address', async () => {
    const client = await createMachine([[orders, ['read']]]);
    await updateApplication(context, client.application.id, { rateLimitPerSecond: 1, rateLimitBurst: 5 });
    const wrong = await Promise.all(Array.from({ length: 20 }, () => token({ ...client, secret: 'wrong' })));
    expect(wrong.every(({ status }) => status === 401)).toBe(true);
    expect((await token(client)).status).toBe(200);
  });
});
