import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { authorizeCode, createClient, exchange, redirectUri, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let endpoint: string;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  endpoint = `${server.issuer}/oauth2/register`;
  expect((await fetch(endpoint, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).status).toBe(404);
  expect((await server.api('POST', '/initial-access-tokens')).status).toBe(409);
  expect((await server.api('PATCH', '/settings', { dynamicRegistration: { enabled: true } })).status).toBe(200);
});
afterAll(() => server.close());

async function allowance(): Promise<string> {
  const { status, body } = await server.api('POST', '/initial-access-tokens');
  expect(status).toBe(201);
  return (body as { token: string }).token;
}
interface Registration { client_id: string; client_secret: string; registration_access_token: string; registration_client_uri: string }
async function call(method: string, url: string, token: string | undefined, body?: object): Promise<{ status: number; body: Registration & { error?: string } }> {
  const answer = await fetch(url, { method, headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Registration };
}
const valid = { client_name: 'Registered', redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] };

describe('dynamic registration (RFC 7591, RFC 7592)', () => {
  it('makes a third-party application that works, and that its owner reads, changes and removes', async () => {
    const made = await call('POST', endpoint, await allowance(), valid);
    expect(made.status).toBe(201);
    const { client_id: clientId, client_secret: secret, registration_access_token: token, registration_client_uri: uri } = made.body;
    expect(uri).toBe(`${endpoint}/${clientId}`);
    const application = await context.db.application.findFirstOrThrow({ where: { clientId } });
    expect(application).toMatchObject({ name: 'Registered', kind: 'web', firstParty: false, enabled: true });
    const signedIn = await authorizeCode(context, { client: { application: application as never, clientId, secret } });
    expect((await exchange(server.issuer, signedIn)).status).toBe(200);

    const read = await call('GET', uri, token);
    expect(read).toMatchObject({ status: 200, body: { client_id: clientId, client_name: 'Registered' } });
    expect(read.body.client_secret).toBeUndefined();
    const changed = await call('PUT', uri, token, { ...valid, client_id: clientId, client_name: 'Changed' });
    expect(changed).toMatchObject({ status: 200, body: { client_name: 'Changed' } });
    expect((await exchange(server.issuer, await authorizeCode(context, { client: { application: application as never, clientId, secret } }))).status).toBe(200);
    expect((await call('GET', uri, token)).status).toBe(401);
    expect((await call('DELETE', uri, changed.body.registration_access_token)).status).toBe(204);
    expect(await context.db.application.count({ where: { clientId } })).toBe(0);
  });

  it.each<[string, object, string]>([
    ['a grant for itself', { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }, 'invalid_client_metadata'],
    ['an address of ours', { redirect_uris: ['OWN'] }, 'invalid_redirect_uri'],
    ['a script address', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
    ['plain http', { redirect_uris: ['http://app.example.com/callback'] }, 'invalid_redirect_uri'],
    ['no address', { redirect_uris: [] }, 'invalid_redirect_uri'],
  ])('refuses %s, which does not cost the token', async (_what, spoiled, error) => {
    const token = await allowance();
    const body = JSON.parse(JSON.stringify({ ...valid, ...spoiled }).replace('OWN', `${server.issuer}/sign-in/x`)) as object;
    const refused = await call('POST', endpoint, token, body);
    expect(refused.status).toBe(400);
    expect(refused.body.error).toMatch(error === 'invalid_redirect_uri' ? /^invalid_(redirect_uri|client_metadata)$/ : new RegExp(`^${error}$`));
    expect((await call('POST', endpoint, token, valid)).status).toBe(201);
  });

  it('takes a token once, and no other token, and shows no other application', async () => {
    const token = await allowance();
    const answers = await Promise.all(Array.from({ length: 10 }, () => call('POST', endpoint, token, valid)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(9);
    expect((await call('POST', endpoint, undefined, valid)).status).toBe(401);
    expect((await call('POST', endpoint, 'made-up', valid)).status).toBe(401);
    const other = await createClient(context);
    const own = answers.find(({ status }) => status === 201)?.body;
    expect((await call('GET', `${endpoint}/${other.clientId}`, own?.registration_access_token ?? '')).status).toBe(401);
    const privileged = await call('POST', endpoint, await allowance(), { ...valid, firstParty: true, builtIn: true, rateLimitPerSecond: 100_000 });
    expect(privileged.status).toBe(201);
    expect(await context.db.application.findFirst({ where: { clientId: privileged.body.client_id } })).toMatchObject({ firstParty: false, builtIn: false, rateLimitPerSecond: null });
  });
});
