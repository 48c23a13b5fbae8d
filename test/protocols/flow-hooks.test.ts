import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHook } from '../../src/authentication/hooks/hooks.ts';
import { createResourceServer, putResourceGrant } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { type HookReceiver, isSignedBy, startHookReceiver } from '../support/hook-receiver.ts';
import { authorizeCode, createClient, createPerson, exchange, post, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

const secret = 'a-secret-of-the-receiver-1234';
const resource = 'https://orders.example.com';
let server: TestServer;
let context: InstanceContext;
let receiver: HookReceiver;
beforeAll(async () => {
  receiver = await startHookReceiver();
  ({ server, context } = await startProtocolServer({ settings: { OUTBOUND_ALLOW: '127.0.0.1' } }));
  await createHook(context, { name: 'Claims', triggers: ['token.issue'], url: receiver.url, secret });
});
afterAll(async () => {
  await receiver.close();
  await server.close();
});

async function signedIn() {
  const client = await createClient(context);
  const api = await context.db.resourceServer.findFirst({ where: { identifier: resource } })
    ?? await createResourceServer(context, { identifier: resource, name: 'Orders', scopes: [{ name: 'orders:read', description: 'Read' }], accessTokenSeconds: 600, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
  await putResourceGrant(context, client.application.id, api.id, ['orders:read']);
  return authorizeCode(context, { client, person: await createPerson(context), parameters: { resource, scope: 'openid offline_access orders:read', prompt: 'consent' } });
}

describe('a flow webhook at the issue of tokens', () => {
  it('adds claims to access tokens, at the exchange and at each refresh; what we say ourselves stays', async () => {
    receiver.answer = () => ({ body: { action: 'modify_claims', claims: { cost_center: '4711' } } });
    const made = await signedIn();
    const { body } = await exchange(context.instance.issuer, made, { resource });
    expect(decodeJwt(String(body['access_token']))).toMatchObject({ cost_center: '4711', sub: made.person.user.id, aud: resource });
    expect(decodeJwt(String(body['id_token']))).not.toHaveProperty('cost_center');
    expect(receiver.calls.at(-1)?.json).toMatchObject({ trigger: 'token.issue', application: { id: made.client.application.id }, user: { id: made.person.user.id }, token: { audience: [resource], grantType: 'authorization_code' } });
    expect(receiver.calls.at(-1) && isSignedBy(secret, receiver.calls.at(-1) as never)).toBe(true);
    receiver.answer = () => ({ body: { action: 'modify_claims', claims: { cost_center: '4712' } } });
    const refreshed = await post(context.instance.issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']), resource }, made.client);
    expect(decodeJwt(String(refreshed.body['access_token']))).toMatchObject({ cost_center: '4712' });
  });

  it.each([['denies', { body: { action: 'deny' } }], ['does not answer in time and fails closed', { delayMs: 4_000 }]])('one that %s: invalid_grant, and there is no token', async (_name, answer) => {
    const made = await signedIn();
    receiver.answer = () => answer;
    expect(await exchange(context.instance.issuer, made, { resource })).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});
