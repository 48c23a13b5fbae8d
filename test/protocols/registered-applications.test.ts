/** What the management API lets be saved, the provider can use: no application is saved that then fails at its first request. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

const device = 'urn:ietf:params:oauth:grant-type:device_code';
const redirectUris = ['https://app.example.com/callback'];
const jwks = { keys: [{ ...(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }) as Record<string, string>), kid: 'one', use: 'sig' }] };

let server: TestServer;
beforeAll(async () => { server = await startTestServer(); });
afterAll(async () => { await server.close(); });

describe('an application that was saved is one that works', () => {
  it.each<[string, string, object]>([
    ['a web application', 'web', { redirectUris }],
    ['one without a path and with a port', 'web', { redirectUris: ['https://app.example.com', 'https://app.example.com:443/cb', 'http://localhost:5000/cb?x=1'] }],
    ['a form-posting secret', 'web', { redirectUris, tokenEndpointAuthMethod: 'client_secret_post' }],
    ['a secret that signs', 'web', { redirectUris, tokenEndpointAuthMethod: 'client_secret_jwt' }],
    ['a key', 'web', { redirectUris, tokenEndpointAuthMethod: 'private_key_jwt', jwks }],
    ['a key elsewhere', 'web', { redirectUris, tokenEndpointAuthMethod: 'private_key_jwt', jwksUri: 'https://app.example.com/jwks' }],
    ['no PKCE', 'web', { redirectUris, requirePkce: false }],
    ['code only', 'web', { redirectUris, grantTypes: ['authorization_code'] }],
    ['every grant', 'web', { redirectUris, grantTypes: ['authorization_code', 'refresh_token', 'client_credentials', device] }],
    ['signed requests', 'web', { redirectUris, requireSignedRequestObject: true, requestObjectSigningAlg: 'ES256', jwks }],
    ['pushed requests', 'web', { redirectUris, requirePushedAuthorizationRequests: true }],
    ['bound tokens', 'web', { redirectUris, dpopBoundAccessTokens: true }],
    ['pairwise', 'web', { redirectUris, subjectType: 'pairwise' }],
    ['other algorithms', 'web', { redirectUris, idTokenSignedResponseAlg: 'EdDSA', introspectionSignedResponseAlg: 'ES256' }],
    ['levels and ages', 'web', { redirectUris, defaultAcrValues: ['urn:postern:acr:multi'], defaultMaxAge: 0 }],
    ['logout and start addresses', 'web', { redirectUris, postLogoutRedirectUris: ['https://app.example.com/'], backchannelLogoutUri: 'http://localhost:5000/logout', initiateLoginUri: 'https://app.example.com/start' }],
    ['few scopes', 'web', { redirectUris, allowedScopes: ['openid'] }],
    ['no scopes', 'web', { redirectUris, allowedScopes: [] }],
    ['a browser application', 'browser', { redirectUris, allowedOrigins: ['https://app.example.com'] }],
    ['a native application', 'native', { redirectUris: ['com.example.app:/cb', 'com.example.app://cb', 'http://127.0.0.1/cb', 'http://[::1]:1234/cb', 'http://localhost/cb', 'https://app.example.com/cb'] }],
    ['a native application with a secret', 'native', { redirectUris: ['com.example.app:/cb'], tokenEndpointAuthMethod: 'client_secret_post' }],
    ['a device', 'native', { grantTypes: [device, 'refresh_token'] }],
    ['a pairwise device with keys', 'native', { grantTypes: [device], subjectType: 'pairwise', tokenEndpointAuthMethod: 'private_key_jwt', jwksUri: 'https://app.example.com/jwks' }],
    ['a machine', 'machine', {}],
    ['a machine with a key', 'machine', { tokenEndpointAuthMethod: 'private_key_jwt', jwks }],
  ])('%s', async (_what, kind, oidc) => {
    const created = await server.api('POST', '/applications', { name: 'Application', kind, oidc });
    expect(created).toMatchObject({ status: 201 });
    const { clientId } = created.body as { clientId: string };
    // The request is not complete; what counts is that the registration itself is not what is wrong.
    const token = await fetch(`${server.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams({ client_id: clientId, grant_type: 'client_credentials' }) });
    const { error } = await token.json() as { error?: string };
    expect(['invalid_client', 'unauthorized_client', 'invalid_request']).toContain(error);
  });
});
