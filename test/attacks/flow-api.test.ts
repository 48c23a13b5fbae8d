/** Attacks on sign-in that a program draws: steps, handles, other applications and origins, races, replays, enumeration. */
import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setPassword } from '../../src/authentication/index.ts';
import { disableUser } from '../../src/directory/index.ts';
import { sha256 } from '../../src/core/secrets.ts';
import { createInstance, type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { ApiProgram, type FlowAnswer, ownOrigin } from '../support/api-flow.ts';
import { authorizeUrl, createClient, createPerson, createPkce, password, type Person, post, type TestClient } from '../support/oidc.ts';
import { createBrowser } from '../support/browser.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';

let server: TestServer;
let context: InstanceContext;
let person: Person;
let page: TestClient;
let backend: TestClient;
const oidc = { embeddedSignIn: { enabled: true, allowedOrigins: [ownOrigin] } };

beforeAll(async () => {
  server = await startTestServer();
  context = withPrincipal(await server.context(), { kind: 'system' });
  await server.api('PATCH', '/settings', { ...wideLimits, lockout: { failuresPerAccount: 100, failuresPerAddress: 10_000 } });
  person = await createPerson(context);
  page = await createClient(context, { name: 'Page', kind: 'browser', oidc });
  backend = await createClient(context, { name: 'Backend', oidc });
});
afterAll(() => server.close());

async function started(client: TestClient = page, change: Record<string, unknown> = {}): Promise<ApiProgram> {
  const program = new ApiProgram(server.issuer, client);
  expect((await program.start(change)).status).toBe(201);
  return program;
}
const rowOf = (program: ApiProgram) => context.db.flow.findFirstOrThrow({ where: { id: program.flow?.flowId.split('.')[0] ?? '' } });
const sessions = () => context.db.session.count({ where: { endedAt: null } });
const exchange = (program: ApiProgram, code: string | undefined, headers: Record<string, string> = {}) => post(server.issuer, 'token', {
  grant_type: 'authorization_code', code, redirect_uri: 'urn:postern:flow', code_verifier: program.pkce.verifier, client_id: program.client.clientId }, undefined, headers);

/** Everything that can be posted, with fields that its schema takes. */
const inputs: [string, object][] = [
  ['identify', { identifier: 'somebody' }], ['password/verify', { password }], ['change_password', { newPassword: 'another marmalade 99 engine' }],
  ['consent', { decision: 'allow' }], ['continue', {}],
];

describe('attack: flow.step-skip (the Authentication API)', () => {
  it('an input of another step changes nothing: 409 with the view, before and after a name', async () => {
    for (const at of ['identify', 'first_factor']) {
      const program = await started();
      if (at === 'first_factor') await program.post('identify', { identifier: person.username });
      const before = await rowOf(program);
      for (const [path, fields] of inputs.filter(([name]) => name !== (at === 'identify' ? 'identify' : 'password/verify'))) {
        const answer = await program.send('POST', `/flow/${path}`, { version: program.flow?.version, ...fields });
        expect([at, path, answer.status, answer.body.code, answer.body.flow?.step?.name]).toEqual([at, path, 409, 'Operation.Failure.Flow.Changed', at]);
        expect(await rowOf(program)).toEqual(before);
      }
    }
  });

  it('an old or future version is not taken', async () => {
    const program = await started();
    await program.post('identify', { identifier: person.username });
    const before = await rowOf(program);
    for (const version of [1, 3, 999]) {
      const answer = await program.send('POST', '/flow/password/verify', { version, password });
      expect([version, answer.status, answer.body.flow?.version]).toEqual([version, 409, 2]);
    }
    expect(await rowOf(program)).toEqual(before);
  });

  it('what has ended stays so', async () => {
    const count = await sessions();
    const program = await started();
    const { result } = (await program.signIn(person.username, password)).body;
    const before = await rowOf(program);
    for (const [path, fields] of inputs) expect((await program.send('POST', `/flow/${path}`, { version: program.flow?.version, ...fields })).body.result?.code).toBe(result?.code);
    expect((await program.send('DELETE', '/flow')).status).toBe(204);
    expect((await program.send('POST', '/flow/restart', {})).status).toBe(409);
    expect(await rowOf(program)).toEqual(before);
    expect(await sessions()).toBe(count + 1);
  });

  it('proofs of one flow are none of another, and a name typed later is nobody\'s', async () => {
    const victim = await createPerson(context);
    const [own, other] = [await started(), await started()];
    await other.post('identify', { identifier: victim.username });
    await own.signIn(person.username, password);
    const swapped = await own.send('POST', '/flow/identify', { version: own.flow?.version, identifier: victim.username });
    expect(swapped.body.account?.username).toBe(person.username);
    expect(await other.send('GET', '/flow')).toMatchObject({ status: 200, body: { status: 'active', step: { name: 'first_factor' } } });
    expect((await context.db.session.count({ where: { userId: victim.user.id } }))).toBe(0);
  });

  it('ends with the tenth wrong input, and the right one comes too late', async () => {
    const program = await started();
    await program.post('identify', { identifier: 'nobody-at-all' });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 10; attempt += 1) statuses.push((await program.post('password/verify', { password: 'wrong' })).status);
    expect(statuses).toEqual([...Array<number>(9).fill(400), 403]);
    expect((await program.post('password/verify', { password })).body).toMatchObject({ status: 403, code: 'Operation.Denied', reason: 'attempts_used_up', flow: { status: 'denied' } });
  });
});

describe('attack: admin.content-type (flows)', () => {
  it('every path of a flow takes JSON and the handle alone: no cookie, no access token, no form', async () => {
    const routes = server.app.declaredRoutes.filter(({ access, method }) => access.credential === 'flow' && method !== 'HEAD');
    expect(routes.length).toBeGreaterThan(7);
    const token = await server.managementToken();
    const program = await started();
    const handle = program.flow?.flowId ?? '';
    const before = await rowOf(program);
    for (const { method, url } of routes) {
      const path = url.replace('/t/:instance/api/v1/auth', '');
      // What a schema refuses comes first; then nobody is found.
      const ask = (headers: Record<string, string | undefined>) => program.send(method, path, method === 'POST' ? { version: 1 } : undefined, headers);
      for (const headers of [{ authorization: undefined }, { authorization: `Bearer ${token}` }, { authorization: undefined, cookie: `postern_session_default=${handle}; postern_browser_default=${handle}` }]) {
        expect([method, path, [400, 404].includes((await ask(headers)).status)]).toEqual([method, path, true]);
      }
      if (method === 'POST') expect([path, (await ask({ 'content-type': 'application/x-www-form-urlencoded' })).status]).toEqual([path, 415]);
      if (method === 'POST') expect([path, (await ask({ 'content-type': 'text/plain' })).status]).toEqual([path, 415]);
    }
    expect(await rowOf(program)).toEqual(before);
  });
});

describe('attack: flow.partial-session (the Authentication API)', () => {
  it('a flow under way, and its handle, open nothing', async () => {
    const third = await createClient(context, { name: 'Third', kind: 'browser', firstParty: false, oidc });
    const program = await started(third, { scope: 'openid email' });
    const count = await sessions();
    expect((await program.signIn(person.username, password)).body.step?.name).toBe('consent');
    const handle = program.flow?.flowId ?? '';
    expect(await sessions()).toBe(count);
    for (const scheme of ['Bearer', 'Flow', 'DPoP']) {
      expect((await fetch(`${server.issuer}/oauth2/userinfo`, { headers: { authorization: `${scheme} ${handle}` } })).status).toBeGreaterThanOrEqual(400);
      expect((await fetch(`${server.issuer}/api/v1/users`, { headers: { authorization: `${scheme} ${handle}` } })).status).toBe(401);
    }
    for (const secret of handle.split('.')) expect((await exchange(program, secret)).body['error']).toBe('invalid_grant');
    const silent = await createBrowser(server.origin).request(authorizeUrl(server.issuer, third, createPkce(), { prompt: 'none' }), { headers: { cookie: `postern_session_default=${handle}` } });
    expect(new URL(silent.headers.get('location') ?? '').searchParams.get('error')).toBe('login_required');
  });

  it('a finished one has no cookie and no session token that a browser could hold', async () => {
    const program = await started();
    const done = await program.signIn(person.username, password);
    expect(done.headers.getSetCookie()).toEqual([]);
    const row = await rowOf(program);
    expect(await context.db.sessionToken.count({ where: { sessionId: row.sessionId ?? '' } })).toBe(0);
  });
});

describe('attack: token.purpose-confusion (handles of flows)', () => {
  it('a flow of another application, instance or channel, and a wrong secret, get one answer', async () => {
    const own = await started();
    const handle = own.flow?.flowId ?? '';
    const [id = '', secret = ''] = handle.split('.');
    const otherPage = await createClient(context, { name: 'Other', kind: 'browser', oidc: { embeddedSignIn: { enabled: true, allowedOrigins: ['https://other.example'] } } });
    const otherBackend = await createClient(context, { name: 'Other backend', oidc });
    await createInstance(server.core, { id: 'elsewhere', name: 'Elsewhere' });
    const hosted = await createBrowser(server.origin).open(authorizeUrl(server.issuer, page, createPkce()));
    const hostedId = new URL(hosted.url).pathname.split('/').at(-1) ?? '';
    const ofServer = (await started(backend)).flow?.flowId ?? '';
    const basic = ({ clientId, secret: value }: TestClient) => ({ origin: undefined, 'client-authorization': `Basic ${Buffer.from(`${clientId}:${value}`).toString('base64')}` });
    const asked = async (authorization: string | undefined, headers: Record<string, string | undefined> = {}, issuer = server.issuer): Promise<FlowAnswer> => new ApiProgram(issuer, page).send('GET', '/flow', undefined, { authorization, ...headers });

    const answers = new Map<string, FlowAnswer>([
      ['unknown', await asked('Flow flow_01k9v6z3x4p5q6r7s8t9v0w1x2.AAAA')],
      ['no header', await asked(undefined)],
      ['bearer', await asked(`Bearer ${handle}`)],
      ['wrong secret', await asked(`Flow ${id}.${secret.slice(0, -2)}AA`)],
      ['no secret', await asked(`Flow ${id}`)],
      ['empty secret', await asked(`Flow ${id}.`)],
      ['its hash', await asked(`Flow ${id}.${sha256(secret)}`)],
      ['a hosted page\'s', await asked(`Flow ${hostedId}.`)],
      ['another instance', await asked(`Flow ${handle}`, {}, server.issuer.replace('default', 'elsewhere'))],
      ['a server\'s, without authentication', await asked(`Flow ${ofServer}`)],
      ['a server\'s, by another server', await asked(`Flow ${ofServer}`, basic(otherBackend))],
      ['a server\'s, with a wrong secret', await asked(`Flow ${ofServer}`, basic({ ...backend, secret: 'wrong' }))],
      ['a page\'s, by a server', await asked(`Flow ${handle}`, basic(backend))],
      ['overlong', await asked(`Flow ${handle}${'A'.repeat(500)}`)],
    ]);
    const bodies = [...answers].map(([what, { status, body }]) => [what, status, { ...body, requestId: '' }]);
    const [, , first] = bodies[0] ?? [];
    expect(bodies).toEqual(bodies.map(([what]) => [what, 404, first]));
    expect((await asked(`Flow ${ofServer}`, basic(backend))).status).toBe(200);
    expect((await asked(`Flow ${handle}`, { origin: 'https://other.example' })).status).toBe(403);
    expect(otherPage.clientId).not.toBe(page.clientId);
    // On the pages it is nobody's either.
    expect((await createBrowser(server.origin).open(`${server.issuer}/sign-in/${id}`)).text).not.toContain('name="identifier"');
    expect((await asked(`Flow ${handle}`)).status).toBe(200);
  });

  it('an application that loses embedded sign-in, or is disabled, loses its flows', async () => {
    const client = await createClient(context, { name: 'For a while', kind: 'browser', oidc });
    const program = await started(client);
    await server.api('PATCH', `/applications/${client.application.id}`, { oidc: { embeddedSignIn: null } });
    await expect.poll(async () => (await program.send('GET', '/flow')).status, { timeout: 1_000 }).toBe(403);
    await server.api('POST', `/applications/${client.application.id}/disable`);
    await expect.poll(async () => (await program.send('GET', '/flow')).status, { timeout: 1_000 }).toBe(404);
  });
});

describe('attack: oauth.sender-constraint (flows)', () => {
  const proof = async (key: { privateKey: CryptoKey; jwk: JWK }, path: string, method: string, handle?: string, jti: string = randomUUID()) =>
    new SignJWT({ htm: method, htu: `${server.issuer}${path}`, jti, iat: Math.floor(Date.now() / 1000), ...(handle !== undefined && { ath: sha256(handle) }) })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: key.jwk }).sign(key.privateKey);
  const newKey = async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    return { privateKey, jwk: await exportJWK(publicKey) };
  };

  it('a flow and its code are bound to the key that it began with', async () => {
    const [key, other] = [await newKey(), await newKey()];
    const program = new ApiProgram(server.issuer, page);
    const startProof = await proof(key, '/api/v1/auth/flows', 'POST');
    expect((await program.start({}, { dpop: startProof })).status).toBe(201);
    expect((await rowOf(program)).dpopJkt).toBe(await calculateJwkThumbprint(key.jwk));
    const handle = program.flow?.flowId ?? '';
    const spoiled: [string, string | undefined][] = [
      ['none', undefined], ['of another key', await proof(other, '/api/v1/auth/flow', 'GET', handle)], ['for another method', await proof(key, '/api/v1/auth/flow', 'POST', handle)],
      ['for another address', await proof(key, '/api/v1/auth/flows', 'GET', handle)], ['for another flow', await proof(key, '/api/v1/auth/flow', 'GET', 'flow_other')], ['without the flow', await proof(key, '/api/v1/auth/flow', 'GET')],
    ];
    for (const [what, dpop] of spoiled) expect([what, (await program.send('GET', '/flow', undefined, { dpop })).status]).toEqual([what, 401]);
    const once = await proof(key, '/api/v1/auth/flow', 'GET', handle);
    expect([(await program.send('GET', '/flow', undefined, { dpop: once })).status, (await program.send('GET', '/flow', undefined, { dpop: once })).status]).toEqual([200, 401]);
    expect((await new ApiProgram(server.issuer, page).start({}, { dpop: startProof })).status).toBe(401);

    // A code is used up by whoever shows it wrongly: one flow for each.
    for (const [status, dpop] of [[400, undefined], [400, await proof(other, '/oauth2/token', 'POST')], [200, await proof(key, '/oauth2/token', 'POST')]] as const) {
      const bound = new ApiProgram(server.issuer, page);
      await bound.start({}, { dpop: await proof(key, '/api/v1/auth/flows', 'POST') });
      const held = bound.flow?.flowId;
      await bound.post('identify', { identifier: person.username }, { dpop: await proof(key, '/api/v1/auth/flow/identify', 'POST', held) });
      const done = await bound.post('password/verify', { password }, { dpop: await proof(key, '/api/v1/auth/flow/password/verify', 'POST', held) });
      const tokens = await exchange(bound, done.body.result?.code, dpop === undefined ? {} : { dpop });
      expect([tokens.status, tokens.body['token_type'], tokens.body['error']]).toEqual([status, status === 200 ? 'DPoP' : undefined, status === 200 ? undefined : 'invalid_grant']);
    }
  });
});

describe('attack: oauth.code-other-client (flows)', () => {
  it('50 parallel submissions: one winner, one session, the others are told to look again', async () => {
    const program = await started();
    await program.post('identify', { identifier: person.username });
    const count = await sessions();
    const { version } = program.flow ?? {};
    const answers = await Promise.all(Array.from({ length: 50 }, () => program.send('POST', '/flow/password/verify', { version, password })));
    // Whoever comes when all is done gets the result once more: the same.
    const codes = new Set(answers.flatMap(({ body }) => (body.result ?? body.flow?.result)?.code ?? []));
    expect(answers.every(({ status }) => status === 200 || status === 409)).toBe(true);
    expect(answers.filter(({ status }) => status === 409).length).toBeGreaterThan(0);
    expect(codes.size).toBe(1);
    expect(await sessions()).toBe(count + 1);
    expect((await rowOf(program)).attemptsLeft).toBe(10);
  });

  it('a code that was replayed from the flow gives tokens once; its second use ends them', async () => {
    const program = await started();
    await program.signIn(person.username, password);
    const repeated = await Promise.all(Array.from({ length: 8 }, () => program.send('GET', '/flow')));
    const [code, ...others] = new Set(repeated.map(({ body }) => body.result?.code));
    expect(others).toEqual([]);
    const first = await exchange(program, code);
    expect(first.status).toBe(200);
    expect((await program.send('GET', '/flow')).body.result?.code).toBe(code);
    expect((await exchange(program, code)).body['error']).toBe('invalid_grant');
    expect((await fetch(`${server.issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${String(first.body['access_token'])}` } })).status).toBe(401);
    expect((await program.send('GET', '/flow')).body.result).toBeUndefined();
  });

  it('a code in a redirect to urn:postern:flow cannot be asked for', async () => {
    const asked = await createBrowser(server.origin).request(authorizeUrl(server.issuer, page, createPkce(), { redirect_uri: 'urn:postern:flow' }));
    expect([asked.status, asked.headers.get('location')]).toEqual([400, null]);
  });
});

describe('attack: flow.enumeration (the Authentication API)', () => {
  it('unknown, disabled and passwordless names get what a wrong password gets, byte for byte', async () => {
    const disabled = await createPerson(context);
    await disableUser(context, disabled.user.id);
    const plain = await createPerson(context);
    await context.db.password.deleteMany({ where: { userId: plain.user.id } });
    const seen: string[] = [];
    for (const name of [person.username, disabled.username, plain.username, `nobody-${randomUUID()}`]) {
      const program = await started();
      const named = await program.post('identify', { identifier: name });
      const refused = await program.post('password/verify', { password: 'wrong all along' });
      const { flowId = '', expiresAt = '' } = program.flow ?? {};
      const masked = (answer: FlowAnswer) => JSON.stringify([answer.status, answer.body, [...answer.headers].filter(([header]) => !['date', 'content-length'].includes(header) && !header.startsWith('ratelimit'))])
        .replaceAll(flowId, 'FLOW').replaceAll(expiresAt, 'TIME').replaceAll(/req_\w+/g, 'REQUEST').replaceAll(/"challenge":"[^"]+"/g, '"challenge":"RANDOM"');
      seen.push(`${masked(named)}\n${masked(refused)}`);
    }
    expect(seen).toEqual(seen.map(() => seen[0]));
    // After the right password the state may be told.
    await setPassword(context, disabled.user, { password });
    const program = await started();
    const told = await program.signIn(disabled.username, password);
    expect([told.status, told.body.code, told.body.reason]).toEqual([403, 'Operation.Denied', 'account_disabled']);
  });
});
