import { createHash, createPublicKey, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtInResourceServers, disableApplication, enableApplication, putResourceGrant, removeResourceGrant } from '../applications/index.ts';
import { createUser, disableUser } from '../directory/index.ts';
import { createInstance, loadKeySet, privateKeyPlace, rotateSigningKeys, retireSigningKey, signingKeyFor, withPrincipal } from '../tenancy/index.ts';
import { type ApiServer, grantOwnApis, startApiServer, type TokenOptions } from '../../test/support/api-server.ts';
import { assignRole, removeRole } from './administrators.ts';

let server: ApiServer;
/** Where tokens point with jku and x5u: must never be called. */
let keyServer: Server;
let calls = 0;
const path = '/t/default/api/v1/keys';
const seconds = () => Math.floor(Date.now() / 1000);

beforeAll(async () => {
  server = await startApiServer();
  keyServer = createServer((_request, answer) => { calls += 1; answer.end('{"keys":[]}'); });
  await new Promise<void>((resolve) => { keyServer.listen(0, '127.0.0.1', resolve); });
  await createInstance(server.core, { id: 'other', name: 'Other' });
});
afterAll(async () => {
  keyServer.close();
  await server.close();
});

const present = (authorization: string | string[], target = path, headers: Record<string, string | string[]> = {}) => server.send('GET', target, { headers: { authorization, ...headers } });
const presentToken = async (options: TokenOptions = {}) => present(`Bearer ${await server.token(options)}`);
const audience = () => `${server.origin}/t/default/api/v1`;

describe('access tokens at the management API (RFC 9068 §4)', () => {
  it.each(['ES256', 'RS256', 'EdDSA'] as const)('takes one that the instance signed with %s', async (algorithm) => {
    const answer = await presentToken({ algorithm });
    expect(answer.status).toBe(200);
    expect(answer.headers['ratelimit-limit']).toBe('100');
  });

  it.each<[string, TokenOptions]>([
    ['another audience', { claims: { aud: 'https://orders.example.com' } }],
    ['the audience of another instance', { claims: { aud: 'http://localhost/t/other/api/v1' } }],
    ['the platform as audience', { claims: { aud: 'http://localhost:3000/platform/v1' } }],
    ['the issuer as audience', { claims: { aud: 'x' } }],
    ['several audiences', { claims: { aud: ['PLACEHOLDER', 'https://orders.example.com'] } }],
    ['no audience', { claims: { aud: undefined } }],
    ['an issuer that is not ours', { claims: { iss: 'https://evil.example' } }],
    ['no issuer', { claims: { iss: undefined } }],
    ['a time that is over', { claims: { exp: 1 } }],
    ['no end', { claims: { exp: undefined } }],
    ['a start in the future', { claims: { nbf: 9_999_999_999 } }],
    ['an end that is text', { claims: { exp: '9999999999' } }],
    ['no subject', { claims: { sub: undefined } }],
    ['an unknown client', { claims: { client_id: 'nobody', sub: 'nobody' } }],
    ['no client', { claims: { client_id: undefined } }],
    ['a user who does not exist', { claims: { sub: 'user_00000000000000000000000000' } }],
    ['the type of an ID token', { header: { typ: 'JWT' } }],
    ['no type', { header: { typ: undefined } }],
    ['the type of a logout token', { header: { typ: 'logout+jwt' } }],
    ['the type of a proof', { header: { typ: 'dpop+jwt' } }],
    ['no kid', { header: { kid: undefined } }],
    ['an unknown kid', { header: { kid: 'key_00000000000000000000000000' } }],
    ['a kid that is a path', { header: { kid: '../../etc/passwd' } }],
    ['a binding to a certificate', { claims: { cnf: { 'x5t#S256': 'abc' } } }],
    ['a binding to a key, sent as Bearer', { claims: { cnf: { jkt: 'abc' } } }],
    ['a binding that nobody knows', { claims: { cnf: { kid: 'x' } } }],
  ])('refuses one with %s', async (_name, options) => {
    const claims = options.claims && 'aud' in options.claims && Array.isArray(options.claims['aud']) ? { aud: [audience(), 'https://orders.example.com'] } : options.claims;
    const answer = await presentToken({ ...options, ...(claims && { claims }) });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"']);
    expect(answer.json).not.toHaveProperty('logDetail');
  });

  it.each<[string, string | string[] | undefined]>([
    ['no header', undefined], ['an empty one', ''], ['another scheme', 'Basic YWJjOmRlZg=='], ['no token', 'Bearer '], ['two tokens', 'Bearer a b'],
    ['a cookie only', undefined],
  ])('asks for a token where there is %s', async (name, authorization) => {
    const cookie = name === 'a cookie only' ? { cookie: `postern_session_default=${await server.token()}; access_token=${await server.token()}` } : {};
    const answer = await server.send('GET', `${path}?access_token=${await server.token()}`, { headers: { ...(authorization !== undefined && { authorization }), ...cookie } });
    expect([answer.status, answer.headers['www-authenticate']?.startsWith('Bearer, DPoP')]).toEqual([401, true]);
  });

  it('refuses two Authorization lines, even of valid tokens', async () => {
    const token = `Bearer ${await server.token()}`;
    expect((await present([token, token])).status).toBe(401);
  });

  it.each(['Bearer x', 'Bearer x.y.z', `Bearer ${'a'.repeat(9_000)}`, 'Bearer eyJhbGciOiJub25lIn0..', 'Bearer ..', 'Bearer null', 'DPoP x.y.z'])('refuses %.40s', async (authorization) => {
    expect((await present(authorization)).status).toBe(401);
  });

  it('needs the scope of the route', async () => {
    const answer = await presentToken({ scopes: ['key:manage', 'user:read', 'key:read:x', 'KEY:READ'] });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([403, 'Bearer error="insufficient_scope", scope="key:read"']);
    expect((await presentToken({ scopes: ['key:read'] })).status).toBe(200);
    expect((await presentToken({ claims: { scope: ['key:read'] } })).status).toBe(403);
  });
});

describe('attack: token.alg-confusion: a token that chooses its own algorithm or key', () => {
  const claims = () => ({ iss: `${server.origin}/t/default`, aud: audience(), sub: server.clientId, client_id: server.clientId, jti: randomUUID(), iat: seconds(), exp: seconds() + 300, scope: 'key:read' });
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const own = async (algorithm: 'ES256' | 'RS256' = 'ES256') => signingKeyFor(await server.context(), algorithm);
  const publicJwk = async (algorithm: string): Promise<JWK> => {
    const found = (await loadKeySet(await server.context())).jwks.keys.find(({ alg }) => alg === algorithm);
    if (!found) throw new Error('no key');
    return found;
  };

  const forgeries: Record<string, () => Promise<string>> = {
    'alg none': async () => `${encode({ alg: 'none', typ: 'at+jwt', kid: (await own()).kid })}.${encode(claims())}.`,
    'alg None': async () => `${encode({ alg: 'None', typ: 'at+jwt', kid: (await own()).kid })}.${encode(claims())}.`,
    'signature taken off': async () => `${(await server.token()).split('.').slice(0, 2).join('.')}.`,
    'payload changed': async () => {
      const [header, , signature] = (await server.token()).split('.');
      return `${header ?? ''}.${encode({ ...claims(), scope: 'key:manage' })}.${signature ?? ''}`;
    },
    'HS256 with the public key as secret': async () => {
      const jwk = await publicJwk('RS256');
      const { kid = '' } = jwk;
      const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
      return new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid }).sign(Buffer.from(pem));
    },
    'HS256 with the modulus as secret': async () => {
      const { kid = '', n = '' } = await publicJwk('RS256');
      return new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid }).sign(Buffer.from(n, 'base64url'));
    },
    'RS512 by our RSA key': async () => {
      const jwk = (await loadKeySet(await server.context())).privateJwks.find(({ alg }) => alg === 'RS256');
      return new SignJWT(claims()).setProtectedHeader({ alg: 'RS512', typ: 'at+jwt', kid: jwk?.kid ?? '' }).sign(await importJWK({ ...jwk, alg: 'RS512' }, 'RS512'));
    },
    'PS256 by our RSA key': async () => {
      const jwk = (await loadKeySet(await server.context())).privateJwks.find(({ alg }) => alg === 'RS256');
      return new SignJWT(claims()).setProtectedHeader({ alg: 'PS256', typ: 'at+jwt', kid: jwk?.kid ?? '' }).sign(await importJWK({ ...jwk, alg: 'PS256' }, 'PS256'));
    },
    'kid of our RSA key on an ES256 signature': async () => new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: (await own('RS256')).kid }).sign((await own()).key),
    'their key under our kid': async () => new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: (await own()).kid }).sign((await generateKeyPair('ES256')).privateKey),
    'their key in jwk': async () => {
      const pair = await generateKeyPair('ES256', { extractable: true });
      return new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: (await own()).kid, jwk: await exportJWK(pair.publicKey) }).sign(pair.privateKey);
    },
    ...Object.fromEntries(['jku', 'x5u'].map((name) => [`a valid token with ${name}`, async () => server.token({ header: { [name]: `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/keys` } })])),
    'a valid token with jwk': async () => server.token({ header: { jwk: await publicJwk('ES256') } }),
    'a valid token with x5c': async () => server.token({ header: { x5c: ['MIIB'] } }),
    'an unknown critical parameter': async () => {
      const { kid, key } = await own();
      return new SignJWT(claims()).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid, crit: ['urn:example:x'], 'urn:example:x': 1 }).sign(key, { crit: { 'urn:example:x': true } });
    },
    'compressed': async () => server.token({ header: { zip: 'DEF' } }),
  };

  it.each(Object.keys(forgeries))('%s', async (name) => {
    const answer = await present(`Bearer ${await (forgeries[name] ?? (() => Promise.reject(new Error(name))))()}`);
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer error="invalid_token"']);
    expect(calls).toBe(0);
  });
});

describe('attack: token.cross-instance', () => {
  it('refuses every token of another instance, also with this one\'s issuer and audience', async () => {
    const claims = { client_id: server.clientId, sub: server.clientId };
    expect((await presentToken({ instance: 'other', claims })).status).toBe(401);
    expect((await presentToken({ instance: 'other', claims: { ...claims, iss: `${server.origin}/t/default`, aud: audience() } })).status).toBe(401);
    expect((await present(`Bearer ${await server.token()}`, '/t/other/api/v1/keys')).status).toBe(401);
  });

  it('fails on the issuer where the other instance has a copy of the very key', async () => {
    const row = await server.core.database.signingKey.findFirstOrThrow({ where: { instanceId: 'default', algorithm: 'ES256', status: 'active' } });
    const { keyring } = server.core;
    const context = await server.context('other');
    await context.db.signingKey.create({ data: {
      ...row, instanceId: 'other', publicJwk: row.publicJwk as object, status: 'retiring',
      sealedPrivateJwk: keyring.seal(keyring.open(row.sealedPrivateJwk ?? '', privateKeyPlace('default', row.id)), privateKeyPlace('other', row.id)),
    } });
    const replica = await server.replica();          // reads the keys afresh
    expect((await loadKeySet(await replica.context('other'))).statuses.get(row.id)).toBe('retiring');
    const token = await server.token({ claims: { aud: `${server.origin}/t/other/api/v1` } });
    const answer = await replica.send('GET', '/t/other/api/v1/keys', { headers: { authorization: `Bearer ${token}` } });
    expect(answer.status).toBe(401);
    expect(replica.logLines().join('')).toContain('unexpected \\"iss\\" claim value');
    await replica.close();
    await context.db.signingKey.deleteMany({ where: { id: row.id } });
  });
});

describe('who may not act any more', () => {
  it('refuses the tokens of a disabled application, also at a replica within a second', async () => {
    const context = await server.context();
    const replica = await server.replica();
    const token = `Bearer ${await server.token()}`;
    const there = async () => (await replica.send('GET', path, { headers: { authorization: token } })).status;
    expect(await there()).toBe(200);
    await disableApplication(context, server.applicationId);
    expect((await present(token)).status).toBe(401);
    await expect.poll(there, { timeout: 1_000 }).toBe(401);
    await enableApplication(context, server.applicationId);
    expect((await present(token)).status).toBe(200);
    await replica.close();
  });

  it('takes scopes back from tokens that are out already, also at a replica within a second', async () => {
    const context = withPrincipal(await server.context(), { kind: 'system' });
    const replica = await server.replica();
    const [management] = builtInResourceServers(context);
    const token = `Bearer ${await server.token()}`;
    const there = async () => (await replica.send('GET', path, { headers: { authorization: token } })).status;
    expect(await there()).toBe(200);
    await putResourceGrant(context, server.applicationId, management?.id ?? '', ['user:read']);
    expect((await present(token)).status).toBe(403);
    await expect.poll(there, { timeout: 1_000 }).toBe(403);
    await removeResourceGrant(context, server.applicationId, management?.id ?? '');
    expect((await present(token)).status).toBe(403);
    await grantOwnApis(context, server.applicationId);
    expect((await present(token)).status).toBe(200);
    await replica.close();
  });

  it('needs a person to be an administrator, and stops at once when they are not', async () => {
    const context = await server.context();
    const user = await createUser(context, { username: 'ada' });
    const second = await createUser(context, { username: 'bob' });
    const asUser = () => presentToken({ claims: { sub: user.id } });
    expect((await asUser()).status).toBe(403);
    await assignRole(context, user.id, 'owner');
    await assignRole(context, second.id, 'owner');
    expect((await asUser()).status).toBe(200);
    expect((await presentToken({ claims: { sub: user.id }, scopes: ['user:read'] })).status).toBe(403);
    await removeRole(context, user.id, 'owner');
    expect((await asUser()).status).toBe(403);
    await assignRole(context, user.id, 'owner');
    await disableUser(context, user.id);
    expect((await asUser()).status).toBe(401);
    await removeRole(context, user.id, 'owner');
    await expect(removeRole(context, second.id, 'owner')).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Administrator.Last' });
  });

  it('refuses a token whose session has ended, within a second', async () => {
    const context = await server.context();
    const user = await createUser(context, { username: 'carol' });
    await assignRole(context, user.id, 'owner');
    const later = new Date(Date.now() + 3_600_000);
    const id = 'sess_00000000000000000000000001';
    await context.db.session.create({ data: { id, userId: user.id, authTime: new Date(), idleExpiresAt: later, absoluteExpiresAt: later } });
    const token = `Bearer ${await server.token({ claims: { sub: user.id, sid: id } })}`;
    expect((await present(token)).status).toBe(200);
    await context.db.session.updateMany({ where: { id }, data: { endedAt: new Date() } });
    await expect.poll(async () => (await present(token)).status, { timeout: 1_000 }).toBe(401);
    expect((await presentToken({ claims: { sub: user.id, sid: 'sess_00000000000000000000000002' } })).status).toBe(401);
  });

  it('leaves one owner when two remove each other at the same time', async () => {
    const context = await createInstance(server.core, { id: 'owners', name: 'Owners' }, { principal: { kind: 'system' } });
    const users = await Promise.all(['one', 'two'].map((username) => createUser(context, { username })));
    for (const user of users) await assignRole(context, user.id, 'owner');
    const results = await Promise.allSettled(users.map((user) => removeRole(context, user.id, 'owner')));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await context.db.administratorAssignment.count()).toBe(1);
  });

  it('refuses what a retired key signed', async () => {
    const context = await server.context();
    const token = `Bearer ${await server.token({ algorithm: 'EdDSA' })}`;
    const { kid } = await signingKeyFor(context, 'EdDSA');
    await rotateSigningKeys(context, 'EdDSA');
    expect((await present(token)).status).toBe(200);
    await retireSigningKey(context, kid);
    expect((await present(token)).status).toBe(401);
  });
});

describe('attack: oauth.sender-constraint: tokens bound to a key (RFC 9449 §7)', () => {
  const ath = (token: string) => createHash('sha256').update(token).digest('base64url');
  async function bound() {
    const pair = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(pair.publicKey);
    const token = await server.token({ claims: { cnf: { jkt: await calculateJwkThumbprint(jwk) } } });
    const proof = (changes: { claims?: Record<string, unknown>; header?: Record<string, unknown>; key?: CryptoKey } = {}) =>
      new SignJWT({ jti: randomUUID(), htm: 'GET', htu: `${server.origin}${path}`, iat: seconds(), ath: ath(token), ...changes.claims })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...changes.header }).sign(changes.key ?? pair.privateKey);
    const use = (proofs: string | string[], scheme = 'DPoP') => present(`${scheme} ${token}`, path, { dpop: proofs });
    return { pair, jwk, token, proof, use };
  }

  it('takes a token with a fresh proof, once', async () => {
    const { proof, use } = await bound();
    const once = await proof();
    expect((await use(once)).status).toBe(200);
    const again = await use(once);
    expect([again.status, again.headers['www-authenticate']?.startsWith('DPoP error="invalid_dpop_proof"')]).toEqual([401, true]);
  });

  it('takes a proof once over two servers and 20 parallel requests', async () => {
    const replica = await server.replica();
    const { proof, token } = await bound();
    const headers = { authorization: `DPoP ${token}`, dpop: await proof() };
    const answers = await Promise.all(Array.from({ length: 20 }, (_value, index) => (index % 2 ? server : replica).send('GET', path, { headers })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(19);
    await replica.close();
  });

  it.each<[string, Parameters<Awaited<ReturnType<typeof bound>>['proof']>[0]]>([
    ['another method', { claims: { htm: 'POST' } }], ['another address', { claims: { htu: 'https://evil.example/' } }], ['the address in other spelling', { claims: { htu: 'http://localhost/t/default/api/v1/keys/' } }],
    ['another token', { claims: { ath: 'AAAA' } }], ['no token hash', { claims: { ath: undefined } }], ['no jti', { claims: { jti: undefined } }], ['a jti that is short', { claims: { jti: '1' } }],
    ['an old time', { claims: { iat: 1 } }], ['a time to come', { claims: { iat: 9_999_999_999 } }], ['no time', { claims: { iat: undefined } }],
    ['another type', { header: { typ: 'JWT' } }], ['no key', { header: { jwk: undefined } }],
  ])('refuses a proof with %s', async (_name, changes) => {
    const { proof, use } = await bound();
    expect((await use(await proof(changes))).status).toBe(401);
  });

  it('refuses a proof of another key, one with a private key in it, and two proofs', async () => {
    const { proof, use, pair } = await bound();
    const stranger = await generateKeyPair('ES256', { extractable: true });
    expect((await use(await proof({ key: stranger.privateKey }))).status).toBe(401);
    expect((await use(await proof({ key: stranger.privateKey, header: { jwk: await exportJWK(stranger.publicKey) } }))).status).toBe(401);
    expect((await use(await proof({ header: { jwk: await exportJWK(pair.privateKey) } }))).status).toBe(401);
    expect((await use([await proof(), await proof()])).status).toBe(401);
  });

  it('is not taken down to Bearer, and a plain token not up to DPoP', async () => {
    const { proof, use } = await bound();
    expect((await use(await proof(), 'Bearer')).status).toBe(401);
    expect((await present(`DPoP ${await server.token()}`, path, { dpop: await proof() })).status).toBe(401);
  });
});
