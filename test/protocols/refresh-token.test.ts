import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessions } from '../../src/authentication/index.ts';
import { disableApplication, updateApplication } from '../../src/applications/index.ts';
import { disableUser } from '../../src/directory/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { authorizeCode, createClient, createPerson, exchange, post, type SignedIn, startProtocolServer, type TestClient, type TokenAnswer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
});
afterAll(() => server.close());

async function signedInTokens(options: Parameters<typeof authorizeCode>[1] = {}): Promise<{ signedIn: SignedIn; client: TestClient; refreshToken: string; accessToken: string }> {
  const signedIn = await authorizeCode(context, options);
  const { body } = await exchange(issuer, signedIn);
  return { signedIn, client: signedIn.client, refreshToken: String(body['refresh_token']), accessToken: String(body['access_token']) };
}
const refresh = (client: TestClient | undefined, refreshToken: string, change: Record<string, string> = {}): Promise<TokenAnswer> =>
  post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: refreshToken, ...change }, client);
const isActive = async (client: TestClient, token: string): Promise<unknown> => (await post(issuer, 'introspect', { token }, client)).body['active'];
const invalidGrant = { status: 400, body: { error: 'invalid_grant' } };

describe('refresh token rotation (RFC 9700 §4.14)', () => {
  it('gives a new token each time and keeps the time of the sign-in', async () => {
    const { client, refreshToken } = await signedInTokens();
    const first = await refresh(client, refreshToken);
    expect(first.status).toBe(200);
    expect(first.body['refresh_token']).not.toBe(refreshToken);
    const second = await refresh(client, String(first.body['refresh_token']));
    expect(second.status).toBe(200);
    expect(decodeJwt(String(second.body['id_token']))['auth_time']).toBe(decodeJwt(String(first.body['id_token']))['auth_time']);
  });

  it('revokes the whole grant when a used token comes back', async () => {
    const { client, refreshToken, signedIn } = await signedInTokens();
    const rotated = await refresh(client, refreshToken);
    expect(await refresh(client, refreshToken)).toMatchObject(invalidGrant);
    expect(await refresh(client, String(rotated.body['refresh_token']))).toMatchObject(invalidGrant);
    expect(await isActive(client, String(rotated.body['access_token']))).toBe(false);
    const events = await context.db.event.findMany({ where: { type: 'grant.revoked' } });
    expect(events.map((event) => event.after)).toContainEqual({ reason: 'reuse', userId: signedIn.person.user.id, applicationId: client.application.id });
  });

  it('keeps a token where the application says so', async () => {
    const client = await createClient(context, { oidc: { refreshRotation: 'keep' } });
    const { refreshToken } = await signedInTokens({ client });
    for (let use = 0; use < 2; use += 1) expect((await refresh(client, refreshToken)).body['refresh_token']).toBe(refreshToken);
  });
});

describe('attack: oauth.refresh-race', () => {
  it('leaves at most one live family of 50 parallel refreshes', async () => {
    const { client, refreshToken } = await signedInTokens();
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(client, refreshToken)));
    const successes = answers.filter(({ status }) => status === 200);
    expect(successes.length).toBeLessThanOrEqual(1);
    expect(answers.filter(({ status }) => ![200, 400, 429].includes(status))).toEqual([]);
    const usable = await Promise.all(successes.map(({ body }) => refresh(client, String(body['refresh_token']))));
    expect(usable.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
  });
});

describe('attack: oauth.client-limits (refresh)', () => {
  it.each([
    ['another application presents it', async (token: string) => refresh(await createClient(context), token), invalidGrant],
    ['nobody authenticates', (token: string) => refresh(undefined, token), { status: 400, body: { error: 'invalid_request' } }],
    ['a wrong secret', async (token: string, client: TestClient) => refresh({ ...client, secret: 'wrong' }, token), { status: 401, body: { error: 'invalid_client' } }],
    ['an extra scope', (token: string, client: TestClient) => refresh(client, token, { scope: 'openid email' }), { status: 400, body: { error: 'invalid_scope' } }],
    ['an access token in its place', async (_token: string, client: TestClient, access: string) => refresh(client, access), invalidGrant],
    ['an API that was never asked for', (token: string, client: TestClient) => refresh(client, token, { resource: 'https://other.example.com' }), { status: 400, body: { error: 'invalid_target' } }],
  ])('refuses: %s', async (_what, attempt, expected) => {
    const { client, refreshToken, accessToken } = await signedInTokens();
    expect(await attempt(refreshToken, client, accessToken)).toMatchObject(expected);
  });
});

describe('attack: token.revocation-sticks', () => {
  it.each([
    ['the user is disabled', async ({ signedIn }: { signedIn: SignedIn }) => { await disableUser(context, signedIn.person.user.id); }],
    ['the session is ended', async ({ signedIn }: { signedIn: SignedIn }) => { await sessions.endAllOfUser(context, signedIn.person.user.id, 'administrator'); }],
    ['consent is withdrawn', async ({ signedIn, client }: { signedIn: SignedIn; client: TestClient }) => { expect((await server.api('DELETE', `/users/${signedIn.person.user.id}/consents/${client.application.id}`)).status).toBe(204); }],
    ['the grant type is switched off', async ({ client }: { client: TestClient }) => { await updateApplication(context, client.application.id, { oidc: { grantTypes: ['authorization_code'], allowedScopes: ['openid'] } }); }],
    ['the application is disabled', async ({ client }: { client: TestClient }) => { await disableApplication(context, client.application.id); }],
  ])('no door serves a token when %s', async (what, change) => {
    const { client, refreshToken, accessToken, signedIn } = await signedInTokens();
    const other = await createClient(context, { oidc: { introspectsResources: ['https://api.example.com'] } });
    expect(await isActive(client, accessToken)).toBe(true);
    await change({ signedIn, client });
    const refreshed = await refresh(client, refreshToken);
    expect([400, 401]).toContain(refreshed.status);
    if (what === 'the grant type is switched off') return;
    const userinfo = await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } });
    expect(userinfo.status).toBe(401);
    expect(userinfo.headers.get('www-authenticate')).toContain('invalid_token');
    expect(await isActive(what === 'the application is disabled' ? other : client, accessToken)).toBe(false);
  });

  it('a consent is listed until it is withdrawn, and asked for again', async () => {
    const { client, signedIn } = await signedInTokens({ client: await createClient(context, { firstParty: false }), parameters: { scope: 'openid email' } });
    const consents = `/users/${signedIn.person.user.id}/consents`;
    const listed = await server.api('GET', consents);
    expect(listed.body).toMatchObject({ items: [{ applicationId: client.application.id, applicationName: client.application.name, scopes: ['email'] }] });
    expect((await server.api('DELETE', `${consents}/${client.application.id}`)).status).toBe(204);
    expect((await server.api('GET', consents)).body).toEqual({ items: [] });
    expect((await server.api('DELETE', `${consents}/${client.application.id}`)).status).toBe(404);
    const other = await createPerson(context);
    expect((await server.api('DELETE', `/users/${other.user.id}/consents/${client.application.id}`)).status).toBe(404);
  });

  it('with offline_access a grant outlives the session', async () => {
    const { client, refreshToken, signedIn } = await signedInTokens({ parameters: { scope: 'openid offline_access', prompt: 'consent' } });
    await sessions.endAllOfUser(context, signedIn.person.user.id, 'administrator');
    expect((await refresh(client, refreshToken)).status).toBe(200);
  });

  it('revocation ends the grant; of another application it does nothing (RFC 7009 §2.1)', async () => {
    const { client, refreshToken, accessToken } = await signedInTokens();
    const stranger = await createClient(context);
    expect((await post(issuer, 'revoke', { token: refreshToken }, stranger)).status).toBe(200);
    expect(await isActive(client, accessToken)).toBe(true);
    expect((await post(issuer, 'revoke', { token: refreshToken }, client)).status).toBe(200);
    expect(await isActive(client, accessToken)).toBe(false);
    expect(await refresh(client, refreshToken)).toMatchObject(invalidGrant);
  });
});
