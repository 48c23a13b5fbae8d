/** Two client libraries that other people wrote, over real HTTP: what they verify is what applications verify. */
import * as oauth from 'oauth4webapi';
import * as openid from 'openid-client';
import { exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResourceServer, deviceCodeGrant, putResourceGrant } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { createClient, createPerson, redirectUri, signIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: URL;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  issuer = new URL(server.issuer);
});
afterAll(() => server.close());

const plainHttp = { execute: [openid.allowInsecureRequests] };
const insecure = { [oauth.allowInsecureRequests]: true };

describe('openid-client', () => {
  const discover = (client: TestClient, authentication?: openid.ClientAuth) => openid.discovery(issuer, client.clientId, client.secret === '' ? undefined : client.secret, authentication, plainHttp);
  async function signInAt(address: URL): Promise<URL> {
    const browser = createBrowser(server.origin);
    return new URL((await signIn(browser, await browser.open(address.href), await createPerson(context))).url);
  }

  it.each<[string, (client: TestClient) => openid.ClientAuth | undefined]>([
    ['basic', () => undefined], ['post', (client) => openid.ClientSecretPost(client.secret)],
  ])('code with PKCE, userinfo, refresh, introspection, revocation, logout (%s)', async (_how, authentication) => {
    const client = await createClient(context);
    const configuration = await discover(client, authentication(client));
    const verifier = openid.randomPKCECodeVerifier();
    const nonce = openid.randomNonce();
    const state = openid.randomState();
    const callback = await signInAt(openid.buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri, scope: 'openid profile', code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', nonce, state }));
    const tokens = await openid.authorizationCodeGrant(configuration, callback, { pkceCodeVerifier: verifier, expectedNonce: nonce, expectedState: state, idTokenExpected: true });
    const subject = tokens.claims()?.sub ?? '';
    expect((await openid.fetchUserInfo(configuration, tokens.access_token, subject)).name).toBe('Pat Example');
    const refreshed = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '');
    expect((await openid.tokenIntrospection(configuration, refreshed.access_token)).active).toBe(true);
    await openid.tokenRevocation(configuration, refreshed.refresh_token ?? '');
    expect((await openid.tokenIntrospection(configuration, refreshed.access_token)).active).toBe(false);
    const logout = openid.buildEndSessionUrl(configuration, { id_token_hint: tokens.id_token ?? '', post_logout_redirect_uri: 'https://app.example.com/' });
    expect(logout.href.startsWith(`${server.issuer}/oauth2/logout`)).toBe(true);
  });

  it('pushed and signed requests, DPoP, private_key_jwt', async () => {
    const keys = await openid.randomDPoPKeyPair();
    const own = await generateKeyPair('ES256', { extractable: true });
    const client = await createClient(context, { oidc: {
      tokenEndpointAuthMethod: 'private_key_jwt', dpopBoundAccessTokens: true, requirePushedAuthorizationRequests: true,
      jwks: { keys: [{ ...await exportJWK(own.publicKey) as Record<string, string>, kid: 'k1', alg: 'ES256' }] } } });
    const key = { key: own.privateKey, kid: 'k1' };
    const configuration = await discover(client, openid.PrivateKeyJwt(key));
    const handle = openid.getDPoPHandle(configuration, keys);
    const verifier = openid.randomPKCECodeVerifier();
    const state = openid.randomState();
    const signed = await openid.buildAuthorizationUrlWithJAR(configuration, {
      redirect_uri: redirectUri, scope: 'openid', code_challenge: await openid.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', state }, key);
    const pushed = await openid.buildAuthorizationUrlWithPAR(configuration, signed.searchParams, { DPoP: handle });
    expect(pushed.searchParams.get('request_uri')).toMatch(/^urn:ietf:params:oauth:request_uri:/);
    const tokens = await openid.authorizationCodeGrant(configuration, await signInAt(pushed), { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true }, undefined, { DPoP: handle });
    expect(tokens.token_type).toBe('dpop');
    expect((await openid.fetchUserInfo(configuration, tokens.access_token, tokens.claims()?.sub ?? '', { DPoP: handle })).sub).toBe(tokens.claims()?.sub);
    expect((await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '', undefined, { DPoP: handle })).token_type).toBe('dpop');
  });

  it('the device grant', async () => {
    const client = await createClient(context, { kind: 'native', name: 'Television', oidc: { grantTypes: [deviceCodeGrant, 'refresh_token'], redirectUris: [], postLogoutRedirectUris: [] } });
    const configuration = await discover(client, openid.None());
    const device = await openid.initiateDeviceAuthorization(configuration, { scope: 'openid' });
    const browser = createBrowser(server.origin);
    const confirm = await browser.submit(await browser.open(device.verification_uri), { user_code: device.user_code });
    await signIn(browser, await browser.submit(confirm, { confirm: 'yes' }), await createPerson(context));
    const tokens = await openid.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 1 });
    expect(tokens.claims()?.sub).toMatch(/^user_/);
  });
});

describe('oauth4webapi', () => {
  it('discovery in both forms, client credentials for an API, its token verified there', async () => {
    for (const algorithm of ['oidc', 'oauth2'] as const) {
      const server_ = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm, ...insecure }));
      expect(server_.issuer).toBe(server.issuer);
      expect(server_.authorization_response_iss_parameter_supported).toBe(true);
    }
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure }));
    const api = await createResourceServer(context, { identifier: 'https://orders.example.com', name: 'Orders', scopes: [{ name: 'read', description: 'Read' }], accessTokenSeconds: 600, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
    const machine = await createClient(context, { kind: 'machine' });
    await putResourceGrant(context, machine.application.id, api.id, ['read']);
    const client: oauth.Client = { client_id: machine.clientId };
    const answer = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(machine.secret), { resource: api.identifier, scope: 'read' }, insecure);
    const { access_token: token } = await oauth.processClientCredentialsResponse(as, client, answer);
    const claims = await oauth.validateJwtAccessToken(as, new Request('https://orders.example.com/', { headers: { authorization: `Bearer ${token}` } }), api.identifier, insecure);
    expect(claims).toMatchObject({ client_id: machine.clientId, scope: 'read', iss: server.issuer });
  });

  it('code with PKCE and iss, JWT introspection (RFC 9701)', async () => {
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
    const application = await createClient(context, { oidc: { introspectionSignedResponseAlg: 'ES256' } });
    const client: oauth.Client = { client_id: application.clientId, introspection_signed_response_alg: 'ES256' };
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const url = new URL(as.authorization_endpoint ?? '');
    for (const [name, value] of Object.entries({ client_id: client.client_id, response_type: 'code', redirect_uri: redirectUri, scope: 'openid', state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' })) url.searchParams.set(name, value);
    const browser = createBrowser(server.origin);
    const page = await signIn(browser, await browser.open(url.href), await createPerson(context));
    const parameters = oauth.validateAuthResponse(as, client, new URL(page.url), state);
    const authentication = oauth.ClientSecretBasic(application.secret);
    const answer = await oauth.authorizationCodeGrantRequest(as, client, authentication, parameters, redirectUri, verifier, insecure);
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, answer, { requireIdToken: true });
    await oauth.validateApplicationLevelSignature(as, answer, insecure);
    const introspection = await oauth.introspectionRequest(as, client, authentication, tokens.access_token, { ...insecure, requestJwtResponse: true });
    expect((await oauth.processIntrospectionResponse(as, client, introspection)).active).toBe(true);
    await oauth.validateApplicationLevelSignature(as, introspection, insecure);
  });
});
