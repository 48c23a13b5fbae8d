/** Everything that takes a JWT, and every way in which a JWT may ask to be checked otherwise. */
import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { managementAudience, platformAudience } from '../../src/access/index.ts';
import { findLiveSession, sessionCookieName } from '../../src/authentication/index.ts';
import { sha256 } from '../../src/core/secrets.ts';
import { type InstanceContext, signingKeyFor } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { forgeriesOf, type Genuine } from '../support/forge.ts';
import { type Listener, listen } from '../support/listener.ts';
import { authorizeCode, authorizeUrl, createClient, createPkce, exchange, post, push, redirectUri, type SignedIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';
import { readSources } from './test-files.ts';

/** One place that takes a JWT. `present` says whether the token was taken. */
interface Intake {
  make(): Promise<Genuine>;
  present(token: string): Promise<boolean>;
  /** Forgeries that are no forgeries here. */
  readonly allowed?: readonly string[];
}

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let listener: Listener;
let keys: { privateKey: CryptoKey; publicJwk: JWK };
let client: TestClient;
let machine: TestClient;
let withSecret: TestClient;
let signedIn: SignedIn;
let idToken: string;
beforeAll(async () => {
  listener = await listen();
  ({ server, context } = await startProtocolServer({ settings: { OUTBOUND_ALLOW: '127.0.0.1' } }));
  ({ issuer } = server);
  await server.api('PATCH', '/settings', wideLimits);
  context = await server.context();
  const pair = await generateKeyPair('ES256', { extractable: true });
  keys = { privateKey: pair.privateKey, publicJwk: { ...await exportJWK(pair.publicKey), kid: 'k1', alg: 'ES256' } };
  const registered = { keys: [keys.publicJwk as Record<string, string>] };
  client = await createClient(context, { oidc: { jwks: registered } });
  machine = await createClient(context, { oidc: { tokenEndpointAuthMethod: 'private_key_jwt', jwks: registered } });
  withSecret = await createClient(context, { oidc: { tokenEndpointAuthMethod: 'client_secret_jwt' } });
  signedIn = await authorizeCode(context, { client });
  idToken = String((await exchange(issuer, signedIn)).body['id_token']);
});
afterAll(async () => {
  await server.close();
  await listener.close();
});

const seconds = () => Math.floor(Date.now() / 1000);
async function byKey(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<Genuine> {
  const full = { alg: 'ES256', kid: 'k1', ...header };
  return { header: full, claims, publicJwk: keys.publicJwk, token: await new SignJWT(claims).setProtectedHeader(full as never).sign(keys.privateKey) };
}
/** Signed by the instance. */
async function byInstance(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<Genuine> {
  const { kid, key } = await signingKeyFor(context, 'ES256');
  const full = { alg: 'ES256', kid, ...header };
  const { publicJwk } = await context.db.signingKey.findFirstOrThrow({ where: { id: kid } });
  return { header: full, claims, publicJwk: publicJwk as JWK, token: await new SignJWT(claims).setProtectedHeader(full as never).sign(key) };
}
const accessTokenClaims = (audience: string, change: Record<string, unknown> = {}) => ({
  iss: issuer, aud: audience, sub: server.machine.clientId, client_id: server.machine.clientId, jti: randomUUID(), iat: seconds(), exp: seconds() + 300, scope: 'user:read instance:read', ...change });
const assertionClaims = (of: TestClient) => ({ iss: of.clientId, sub: of.clientId, aud: issuer, jti: randomUUID(), iat: seconds(), exp: seconds() + 60 });
const assertion = (token: string) => ({ client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion: token });
/** Taken means: the client is who it says, whatever comes of the rest. */
const authenticated = (answer: { status: number; body: Record<string, unknown> }) => answer.status !== 401 && answer.body['error'] !== 'invalid_client' && answer.body['error'] !== 'invalid_request';
const requestClaims = () => ({
  iss: client.clientId, aud: issuer, client_id: client.clientId, response_type: 'code', redirect_uri: redirectUri, scope: 'openid', code_challenge: createPkce().challenge, code_challenge_method: 'S256', iat: seconds(), exp: seconds() + 60, jti: randomUUID() });
const get = async (path: string, headers: Record<string, string>) => (await fetch(`${server.origin}${path}`, { headers })).status;
const codeFrom = (url: string) => new URL(url).searchParams.get('code') !== null;

const byAssertion = (endpoint: string, parameters: Record<string, string>): Intake => ({
  make: () => byKey(assertionClaims(machine)),
  present: async (token) => authenticated(await post(issuer, endpoint, { client_id: machine.clientId, ...parameters, ...assertion(token) })),
});

/** The places by what the metadata or the sources call them; a new one needs an entry. */
const intakes: Record<string, Record<string, Intake>> = {
  token_endpoint_auth_signing_alg_values_supported: {
    'assertion at the token endpoint': byAssertion('token', { grant_type: 'refresh_token', refresh_token: 'x' }),
    'assertion at the pushed request endpoint': byAssertion('par', { response_type: 'code', redirect_uri: redirectUri, scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' }),
    'assertion at introspection': byAssertion('introspect', { token: 'x' }),
    'assertion at revocation': byAssertion('revoke', { token: 'x' }),
    'assertion by secret': {
      make: async () => {
        const claims = assertionClaims(withSecret);
        return { header: { alg: 'HS256' }, claims, publicJwk: undefined, token: await new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(withSecret.secret)) };
      },
      present: async (token) => authenticated(await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: 'x', ...assertion(token) })),
    },
  },
  request_object_signing_alg_values_supported: {
    'request object at the authorization endpoint': {
      make: () => byKey(requestClaims()),
      present: async (token) => {
        const page = await createBrowser(server.origin).request(`${issuer}/oauth2/authorize?${new URLSearchParams({ client_id: client.clientId, request: token }).toString()}`);
        return (page.headers.get('location') ?? '').includes('/sign-in/');
      },
    },
    'request object in a pushed request': {
      make: () => byKey(requestClaims()),
      present: async (token) => (await post(issuer, 'par', { client_id: client.clientId, request: token }, client)).status === 201,
    },
  },
  dpop_signing_alg_values_supported: {
    'proof at the token endpoint': {
      make: () => byKey({ htm: 'POST', htu: `${issuer}/oauth2/token`, jti: randomUUID(), iat: seconds() }, { typ: 'dpop+jwt', jwk: withoutNames(keys.publicJwk), kid: undefined }),
      present: async (token) => (await post(issuer, 'token', { grant_type: 'client_credentials' }, { clientId: server.machine.clientId, secret: server.machine.clientSecret }, { dpop: token })).body['token_type'] === 'DPoP',
      // The key of a proof is in its header (RFC 9449 §4.2): whoever signs with it has it. x5c, x5u, jku and kid say nothing here.
      allowed: ['a key in its header', 'a key in its header under our kid'],
    },
  },
  'src/access/bearer.ts': {
    'management API': { make: () => byInstance(accessTokenClaims(managementAudience(issuer)), { typ: 'at+jwt' }), present: async (token) => await get('/t/default/api/v1/users', { authorization: `Bearer ${token}` }) === 200 },
    'platform API': { make: () => byInstance(accessTokenClaims(platformAudience(server.core.config.consoleUrl)), { typ: 'at+jwt' }), present: async (token) => await get('/platform/v1/instances', { authorization: `Bearer ${token}` }) === 200 },
  },
  'src/access/dpop-proof.ts': {
    'proof at the management API': {
      make: async () => byKey({ htm: 'GET', htu: `${issuer}/api/v1/users`, ath: sha256(await boundToken()), jti: randomUUID(), iat: seconds() }, { typ: 'dpop+jwt', jwk: withoutNames(keys.publicJwk), kid: undefined }),
      present: async (token) => await get('/t/default/api/v1/users', { authorization: `DPoP ${await boundToken()}`, dpop: token }) === 200,
    },
  },
  'src/protocols/oidc/policy.ts': {
    'id_token_hint at the authorization endpoint': {
      make: async () => ({ header: decodeProtectedHeader(idToken) as Record<string, unknown>, claims: decodeJwt(idToken), token: idToken, publicJwk: await publicKeyOf(idToken) }),
      present: async (token) => codeFrom((await signedIn.browser.open(authorizeUrl(issuer, client, createPkce(), { prompt: 'none', id_token_hint: token }))).url),
    },
  },
  'src/protocols/oidc/logout.ts': {
    'id_token_hint at the end-session endpoint': {
      make: async () => ({ header: decodeProtectedHeader(idToken) as Record<string, unknown>, claims: decodeJwt(idToken), token: idToken, publicJwk: await publicKeyOf(idToken) }),
      present: async (token) => {
        await signedIn.browser.request(`${issuer}/oauth2/logout?id_token_hint=${encodeURIComponent(token)}`);
        return await findLiveSession(context, signedIn.browser.cookies.get(sessionCookieName(context))?.value) === undefined;
      },
    },
  },
};

/** Metadata about what we sign, not about what we take. */
const issued = new Set(['id_token_signing_alg_values_supported', 'userinfo_signing_alg_values_supported', 'introspection_signing_alg_values_supported', 'authorization_signing_alg_values_supported']);

let bound: string | undefined;
async function boundToken(): Promise<string> {
  bound ??= (await byInstance(accessTokenClaims(managementAudience(issuer), { cnf: { jkt: await calculateJwkThumbprint(keys.publicJwk) } }), { typ: 'at+jwt' })).token;
  return bound;
}

async function publicKeyOf(token: string): Promise<JWK> {
  const row = await context.db.signingKey.findFirstOrThrow({ where: { id: String(decodeProtectedHeader(token).kid) } });
  return row.publicJwk as JWK;
}

function withoutNames(jwk: JWK): JWK {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => name !== 'kid' && name !== 'alg')) as JWK;
}

describe('attack: token.alg-confusion', () => {
  it('every place that takes a JWT is in the table', async () => {
    const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json() as Record<string, unknown>;
    const announced = Object.keys(metadata).filter((name) => /_(signing_alg|encryption_alg|encryption_enc)_values_supported$/.test(name) && !issued.has(name));
    const verifying = (await readSources(['src'], (file) => !file.endsWith('.test.ts') && !file.includes('/testing/')))
      .filter(({ text }) => /\b(?:jwtVerify|compactVerify|flattenedVerify|generalVerify|jwtDecrypt|compactDecrypt|EmbeddedJWK|createRemoteJWKSet)\(|IdToken\.validate\(/.test(text)).map(({ file }) => file)
      // A file that an administrator uploads, checked by certificates: its tests lie beside it.
      .filter((file) => file !== 'src/authentication/passkeys/metadata.ts');
    expect(Object.keys(intakes).toSorted()).toEqual([...announced, ...verifying].toSorted());
  });

  it.each(Object.values(intakes).flatMap((places) => Object.entries(places)).sort(([left], [right]) => Number(left.includes('end-session')) - Number(right.includes('end-session'))))('%s', async (_name, intake) => {
    for (const [forgery, token] of forgeriesOf(await intake.make(), listener.url)) {
      if (intake.allowed?.includes(forgery)) continue;
      expect([forgery, await intake.present(token)]).toEqual([forgery, false]);
    }
    // The valid one, made anew, is taken: what was refused was refused for its forgery.
    expect(await intake.present((await intake.make()).token)).toBe(true);
    expect(listener.connections()).toBe(0);
  });

  it('no key that could be misused is registered for an application', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    for (const jwks of [
      { keys: [{ kty: 'oct', k: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0' }] }, { keys: [await exportJWK(privateKey)] }, { keys: [{ kty: 'RSA', e: 'AQAB', n: 'AQAB' }] }, { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] },
      { keys: [{ kty: 'unknown' }] }, { keys: [] }, { keys: Array.from({ length: 21 }, () => keys.publicJwk) }, { keys: [keys.publicJwk, keys.publicJwk] }, { keys: [{ kty: 'RSA', e: 'AQAB', n: 'A'.repeat(100_000) }] },
    ]) {
      const answer = await server.api('POST', '/applications', { name: 'Keys', kind: 'web', oidc: { redirectUris: [redirectUri], tokenEndpointAuthMethod: 'private_key_jwt', jwks } });
      expect([JSON.stringify(jwks).slice(0, 80), answer.status]).toEqual([JSON.stringify(jwks).slice(0, 80), 400]);
    }
  });

  it('a pushed request still works: the limits that the forgeries met are not what refused them', async () => {
    expect((await push(issuer, client, createPkce())).status).toBe(201);
  });
});
