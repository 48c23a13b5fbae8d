import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResourceServer, putResourceGrant, type ResourceServer } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { authorizeCode, createClient, exchange, post, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let api: ResourceServer;
let keys: { privateKey: CryptoKey; publicJwk: JWK };
beforeAll(async () => {
  ({ server, context } = await startProtocolServer({ settings: { MTLS_CERTIFICATE_HEADER: 'X-Client-Certificate', TRUSTED_PROXIES: '127.0.0.1' } }));
  ({ issuer } = server);
  api = await createResourceServer(context, { identifier: 'https://orders.example.com', name: 'Orders', scopes: [{ name: 'read', description: 'Read' }], accessTokenSeconds: 600, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
  keys = await newKeys();
});
afterAll(() => server.close());

async function newKeys(): Promise<{ privateKey: CryptoKey; publicJwk: JWK }> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  return { privateKey: pair.privateKey, publicJwk: await exportJWK(pair.publicKey) };
}

interface Proof { claims?: Record<string, unknown>; header?: Record<string, unknown>; key?: CryptoKey }
async function proof(method: string, url: string, { claims = {}, header = {}, key = keys.privateKey }: Proof = {}): Promise<string> {
  const payload = { htm: method, htu: url, jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims };
  return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: keys.publicJwk, ...header } as never).sign(key);
}
async function machine(oidc: object = {}): Promise<TestClient> {
  const client = await createClient(context, { kind: 'machine', name: 'Worker', oidc });
  await putResourceGrant(context, client.application.id, api.id, ['read']);
  return client;
}
const tokenUrl = () => `${issuer}/oauth2/token`;
const token = (client: TestClient, headers: Record<string, string>) => post(issuer, 'token', { grant_type: 'client_credentials' }, client, headers);

describe('DPoP (RFC 9449)', () => {
  it('binds tokens to the key of the proof, and refresh tokens of public clients with them', async () => {
    const client = await createClient(context, { kind: 'browser', oidc: { dpopBoundAccessTokens: true } });
    const signedIn = await authorizeCode(context, { client });
    const exchanged = await post(issuer, 'token', {
      grant_type: 'authorization_code', code: signedIn.code, redirect_uri: 'https://app.example.com/callback', code_verifier: signedIn.pkce.verifier, client_id: client.clientId,
    }, undefined, { dpop: await proof('POST', tokenUrl()) });
    expect(exchanged.body['token_type']).toBe('DPoP');
    const accessToken = String(exchanged.body['access_token']);
    const ath = createHash('sha256').update(accessToken).digest('base64url');
    const userinfo = async (authorization: string, dpop?: string) => (await fetch(`${issuer}/oauth2/userinfo`, { headers: { authorization, ...(dpop && { dpop }) } })).status;
    expect(await userinfo(`DPoP ${accessToken}`, await proof('GET', `${issuer}/oauth2/userinfo`, { claims: { ath } }))).toBe(200);
    expect(await userinfo(`Bearer ${accessToken}`)).toBe(401);
    expect(await userinfo(`DPoP ${accessToken}`, await proof('GET', `${issuer}/oauth2/userinfo`))).toBe(401);
    const other = await newKeys();
    expect(await userinfo(`DPoP ${accessToken}`, await proof('GET', `${issuer}/oauth2/userinfo`, { claims: { ath }, header: { jwk: other.publicJwk }, key: other.privateKey }))).toBe(401);
    const refresh = (dpop?: string) => post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(exchanged.body['refresh_token']), client_id: client.clientId }, undefined, dpop === undefined ? {} : { dpop });
    expect((await refresh()).status).toBe(400);
    expect((await refresh(await proof('POST', tokenUrl(), { header: { jwk: other.publicJwk }, key: other.privateKey }))).status).toBe(400);
    expect((await refresh(await proof('POST', tokenUrl()))).status).toBe(200);
  });

  it('names the key in tokens for APIs', async () => {
    const { body } = await token(await machine(), { dpop: await proof('POST', tokenUrl()) });
    expect(decodeJwt(String(body['access_token']))['cnf']).toEqual({ jkt: await calculateJwkThumbprint(keys.publicJwk) });
  });
});

describe('attack: oauth.sender-constraint', () => {
  const now = () => Math.floor(Date.now() / 1000);
  it.each<[string, () => Promise<string>]>([
    ['another method', () => proof('GET', tokenUrl())],
    ['another address', () => proof('POST', `${issuer}/oauth2/userinfo`)],
    ['another host', () => proof('POST', 'https://evil.test/oauth2/token')],
    ['too old', () => proof('POST', tokenUrl(), { claims: { iat: now() - 3_600 } })],
    ['from the future', () => proof('POST', tokenUrl(), { claims: { iat: now() + 3_600 } })],
    ['without a name', () => proof('POST', tokenUrl(), { claims: { jti: undefined } })],
    ['with its private key inside', async () => {
      const pair = await generateKeyPair('ES256', { extractable: true });
      return proof('POST', tokenUrl(), { header: { jwk: await exportJWK(pair.privateKey) }, key: pair.privateKey });
    }],
    ['signed with another key than it names', async () => proof('POST', tokenUrl(), { key: (await newKeys()).privateKey })],
    ['of another type', () => proof('POST', tokenUrl(), { header: { typ: 'JWT' } })],
    ['no token at all', async () => 'abc'],
    ['with a nonce that we never gave', () => proof('POST', tokenUrl(), { claims: { nonce: 'made-up' } })],
  ])('refuses a proof: %s', async (_what, make) => {
    const { status, body } = await token(await machine(), { dpop: await make() });
    expect(status).toBe(400);
    expect(['invalid_dpop_proof', 'use_dpop_nonce']).toContain(body['error']);
  });

  it('takes a proof once, also under 50 parallel attempts', async () => {
    const client = await machine();
    const once = await proof('POST', tokenUrl());
    const answers = await Promise.all(Array.from({ length: 50 }, () => token(client, { dpop: once })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => ![200, 400].includes(status))).toEqual([]);
  });

  it('an application that must prove possession gets nothing without', async () => {
    expect(await token(await machine({ dpopBoundAccessTokens: true }), {})).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});

describe('mutual TLS behind a trusted proxy (RFC 8705)', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'postern-mtls-'));
  const certificate = (name: string): { pem: string; thumbprint: string; base64: string } => {
    const file = (kind: string) => path.join(directory, `${name.replace(/\W/g, '')}.${kind}`);
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', `/O=Example/CN=${name}`, '-keyout', file('key'), '-out', file('pem')], { stdio: 'ignore' });
    const pem = readFileSync(file('pem'), 'utf8');
    const { raw } = new X509Certificate(pem);
    return { pem, base64: raw.toString('base64'), thumbprint: createHash('sha256').update(raw).digest('base64url') };
  };
  const worker = certificate('worker');
  const stranger = certificate('stranger');
  const bySubject = () => machine({ tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuthSubjectDn: 'CN=worker,O=Example', tlsClientCertificateBoundAccessTokens: true });
  const selfSigned = () => machine({ tokenEndpointAuthMethod: 'self_signed_tls_client_auth', jwks: { keys: [{ ...new X509Certificate(worker.pem).publicKey.export({ format: 'jwk' }) as Record<string, string>, x5c: [worker.base64] }] } });
  const present = (client: TestClient, headers: Record<string, string>) => post(issuer, 'token', { grant_type: 'client_credentials', client_id: client.clientId }, undefined, headers);
  const verified = { 'x-client-certificate-verify': 'SUCCESS' };

  it('authenticates by subject and binds the token to the certificate', async () => {
    const { status, body } = await present(await bySubject(), { ...verified, 'x-client-certificate': encodeURIComponent(worker.pem) });
    expect(status).toBe(200);
    expect(decodeJwt(String(body['access_token']))['cnf']).toEqual({ 'x5t#S256': worker.thumbprint });
  });

  it('authenticates a registered self-signed certificate, in the form of RFC 9440 too', async () => {
    expect((await present(await selfSigned(), { 'x-client-certificate': `:${worker.base64}:` })).status).toBe(200);
  });

  it.each<[string, () => Promise<TestClient>, Record<string, string>]>([
    ['no certificate', bySubject, {}],
    ['one that the proxy did not verify', bySubject, { 'x-client-certificate': encodeURIComponent(worker.pem) }],
    ['one that failed', bySubject, { 'x-client-certificate-verify': 'FAILED:self signed', 'x-client-certificate': encodeURIComponent(worker.pem) }],
    ['another subject', bySubject, { ...verified, 'x-client-certificate': encodeURIComponent(stranger.pem) }],
    ['another self-signed one', selfSigned, { ...verified, 'x-client-certificate': encodeURIComponent(stranger.pem) }],
    ['two at once', bySubject, { ...verified, 'x-client-certificate': `${worker.base64}, ${stranger.base64}` }],
    ['no certificate at all', bySubject, { ...verified, 'x-client-certificate': 'abc' }],
  ])('refuses: %s', async (_what, client, headers) => {
    expect(await present(await client(), headers)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
  });

  it('the header of an untrusted peer counts for nothing', async () => {
    const direct = await startProtocolServer({ settings: { MTLS_CERTIFICATE_HEADER: 'X-Client-Certificate', TRUSTED_PROXIES: '192.0.2.1' } });
    try {
      const client = await createClient(direct.context, { kind: 'machine', oidc: { tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuthSubjectDn: 'CN=worker,O=Example' } });
      const answer = await post(direct.server.issuer, 'token', { grant_type: 'client_credentials', client_id: client.clientId }, undefined, { ...verified, 'x-client-certificate': encodeURIComponent(worker.pem) });
      expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    } finally {
      await direct.server.close();
    }
  });

  it('a code of a bound application needs the certificate as well', async () => {
    const client = await createClient(context, { oidc: { tlsClientCertificateBoundAccessTokens: true } });
    expect(await exchange(issuer, await authorizeCode(context, { client }))).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });
});
