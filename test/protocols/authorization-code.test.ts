import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { authorizeCode, exchange, post, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
});
afterAll(() => server.close());

describe('authorization code (OAuth 2.1 §4.1)', () => {
  it('signs a person in and gives tokens once', async () => {
    const signedIn = await authorizeCode(context);
    expect(signedIn.callback.get('iss')).toBe(server.issuer);
    expect(signedIn.callback.get('state')).toBe('a-state');
    const first = await exchange(server.issuer, signedIn);
    expect(first.body).toMatchObject({ token_type: 'Bearer', scope: 'openid', expires_in: 1200 });
    expect(first.status).toBe(200);
    const second = await exchange(server.issuer, signedIn);
    expect(second).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const introspection = await post(server.issuer, 'introspect', { token: String(first.body['access_token']) }, signedIn.client);
    expect(introspection.body).toEqual({ active: false });
  });
});
