/** The Authentication API, as programs see it. */
import { decodeJwt } from 'jose';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { giveAddress, newestMessage } from '../../src/authentication/testing/codes.ts';
import { purgeInstance } from '../../src/authentication/purge.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { ApiProgram, type FlowBody, ownOrigin } from '../support/api-flow.ts';
import { createBrowser } from '../support/browser.ts';
import { createClient, createPerson, createPkce, password, type Person, post, redirectUri, type TestClient } from '../support/oidc.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';

let server: TestServer;
let context: InstanceContext;
let person: Person;
let page: TestClient;
let backend: TestClient;
const embeddedSignIn = { enabled: true, allowedOrigins: [ownOrigin] };

beforeAll(async () => {
  server = await startTestServer();
  context = withPrincipal(await server.context(), { kind: 'system' });
  await server.api('PATCH', '/settings', wideLimits);
  person = await createPerson(context);
  page = await createClient(context, { name: 'Page', kind: 'browser', oidc: { embeddedSignIn } });
  backend = await createClient(context, { name: 'Backend', oidc: { embeddedSignIn } });
});
afterAll(() => server.close());

const program = (client: TestClient = page) => new ApiProgram(server.issuer, client);
const started = async (client?: TestClient, change?: Record<string, unknown>) => {
  const made = program(client);
  expect((await made.start(change)).status).toBe(201);
  return made;
};
const exchange = (made: ApiProgram, result: FlowBody['result'], change: Record<string, string | undefined> = {}, headers = {}) => post(server.issuer, 'token', {
  grant_type: 'authorization_code', code: result?.code, redirect_uri: result?.redirectUri, code_verifier: made.pkce.verifier,
  ...(!made.isConfidential && { client_id: made.client.clientId }), ...change }, made.isConfidential ? made.client : undefined, headers);

describe('signing in', () => {
  it.each([['a page', () => page], ['a server', () => backend]] as const)('of %s leads step by step to a code and to tokens that state the level', async (_what, client) => {
    const made = await started(client(), { scope: 'openid profile', nonce: 'n-1', acrValues: ['urn:postern:acr:single'] });
    expect(made.flow).toMatchObject({ version: 1, status: 'active', purpose: 'sign_in', step: { name: 'identify', fields: [{ name: 'identifier' }] } });
    const named = await made.post('identify', { identifier: person.username });
    expect([named.status, named.body.step?.name, named.body.step?.methods?.map(({ method }) => method)]).toEqual([200, 'first_factor', expect.arrayContaining(['password'])]);
    expect(named.body.account).toBeUndefined();
    const done = await made.post('password/verify', { password });
    expect(done.body).toMatchObject({ status: 'completed', result: { redirectUri: 'urn:postern:flow', iss: server.issuer }, account: { username: person.username } });
    expect(done.headers.getSetCookie()).toEqual([]);
    expect(done.headers.get('cache-control')).toBe('no-store');
    const tokens = await exchange(made, done.body.result);
    expect(tokens.status).toBe(200);
    expect(decodeJwt(String(tokens.body['id_token']))).toMatchObject({ sub: person.user.id, acr: 'urn:postern:acr:single', amr: ['pwd'], nonce: 'n-1', auth_time: expect.any(Number) as number });
    const session = await context.db.session.findFirstOrThrow({ where: { userId: person.user.id }, orderBy: { id: 'desc' } });
    expect(session).toMatchObject({ browserId: null, address: made.isConfidential ? '198.51.100.7' : '127.0.0.1' });
  });

  it('gives the same code again while it lives, and none after it was used up by time', async () => {
    const made = await started();
    const done = await made.signIn(person.username, password);
    for (const repeated of [await made.send('GET', '/flow'), await made.post('password/verify', { password }), await made.post('continue')]) {
      expect([repeated.status, repeated.body.result?.code]).toEqual([200, done.body.result?.code]);
    }
    expect((await exchange(made, done.body.result)).status).toBe(200);
    expect((await made.send('GET', '/flow')).body.result?.code).toBe(done.body.result?.code);
    server.setClock(new Date(Date.now() + 61_000));
    const late = await made.send('GET', '/flow').finally(() => { server.setClock(undefined); });
    expect([late.status, late.body.status, late.body.result]).toEqual([200, 'completed', undefined]);
  });

  it('says what was wrong, and lets the same version try again', async () => {
    const made = await started();
    await made.post('identify', { identifier: person.username });
    const wrong = await made.post('password/verify', { password: 'not the right one' });
    expect(wrong.status).toBe(400);
    expect(wrong.headers.get('content-type')).toContain('application/problem+json');
    expect(wrong.body).toMatchObject({ code: 'Operation.Failure.Credential.Invalid', errors: [{ field: 'password' }], flow: { status: 'active', step: { name: 'first_factor' } } });
    expect((await made.post('password/verify', { password })).body.status).toBe('completed');
  });

  it('spends nothing on a body that fits no schema', async () => {
    const made = await started();
    await made.post('identify', { identifier: person.username });
    for (const fields of [{}, { password: 1 }, { password: '' }, { password, further: true }, { password, version: '2' }]) {
      const refused = await made.post('password/verify', fields);
      expect([fields, refused.status, refused.body.code]).toEqual([fields, 400, 'Params.Illegal']);
    }
    const [row] = await context.db.flow.findMany({ where: { id: made.flow?.flowId.split('.')[0] ?? '' } });
    expect(row?.attemptsLeft).toBe(10);
  });

  it('of a third-party application asks for consent; refusing ends the flow', async () => {
    const third = await createClient(context, { name: 'Third', kind: 'browser', firstParty: false, oidc: { embeddedSignIn } });
    const made = await started(third, { scope: 'openid email' });
    const asked = await made.signIn(person.username, password);
    expect(asked.body).toMatchObject({ status: 'active', step: { name: 'consent', scopes: [{ name: 'email', isNew: true }] } });
    const again = await started(third, { scope: 'openid email' });
    await again.signIn(person.username, password);
    expect((await again.post('consent', { decision: 'deny' })).body).toMatchObject({ status: 'cancelled' });
    const done = await made.post('consent', { decision: 'allow' });
    expect(done.body.status).toBe('completed');
    expect((await exchange(made, done.body.result)).body['scope']).toBe('openid email');
  });

  it('begins again as somebody else, and gives up', async () => {
    const made = await started();
    await made.post('identify', { identifier: 'somebody' });
    const before = made.flow?.flowId;
    const again = await made.send('POST', '/flow/restart', {});
    expect([again.status, again.body.step?.name, again.body.flowId === before]).toEqual([201, 'identify', false]);
    expect((await made.post('identify', { identifier: 'somebody' })).status).toBe(409);
    made.flow = again.body;
    expect((await made.send('DELETE', '/flow')).status).toBe(204);
    expect((await made.send('GET', '/flow')).body).toMatchObject({ status: 'cancelled', actions: [] });
  });

  it('ends by its time with 410, and the same request begins again', async () => {
    const made = await started();
    server.setClock(new Date(Date.now() + 901_000));
    try {
      const late = await made.post('identify', { identifier: person.username });
      expect([late.status, late.body.code, late.body.restart]).toEqual([410, 'Operation.Failure.Flow.Expired', true]);
      expect((await made.send('GET', '/flow')).status).toBe(410);
      expect((await made.send('POST', '/flow/restart', {})).status).toBe(201);
    } finally {
      server.setClock(undefined);
    }
  });

  it('leads to the hosted pages what the program cannot draw', async () => {
    const third = await createClient(context, { name: 'Plain', kind: 'browser', firstParty: false, oidc: { embeddedSignIn } });
    const made = await started(third, { scope: 'openid email', supports: ['password', 'redirect'] });
    const { step } = (await made.signIn(person.username, password)).body;
    expect(step).toMatchObject({ name: 'redirect', redirectUri, requestUri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:/) as string });
    const landed = await createBrowser(server.origin).request(`${server.issuer}/oauth2/authorize?client_id=${third.clientId}&request_uri=${encodeURIComponent(step?.requestUri ?? '')}`);
    expect([landed.status, landed.headers.get('location')]).toEqual([303, expect.stringContaining('/sign-in/flow_')]);
    const drawsNothing = await started(page, { supports: ['redirect'] });
    expect((await drawsNothing.post('identify', { identifier: person.username })).body.step?.name).toBe('redirect');
  });

  it('ends its session with its grant', async () => {
    const made = await started();
    const done = await made.signIn(person.username, password);
    const tokens = await exchange(made, done.body.result);
    const session = await context.db.session.findFirstOrThrow({ where: { userId: person.user.id }, orderBy: { id: 'desc' } });
    expect(session.endedAt).toBeNull();
    await post(server.issuer, 'revoke', { token: String(tokens.body['refresh_token']), client_id: page.clientId });
    expect((await context.db.session.findFirstOrThrow({ where: { id: session.id } })).endedAt).not.toBeNull();
  });
});

describe('a session without a browser', () => {
  it('ends when nothing of what was granted can be used any more, and not before', async () => {
    const lasting = await createClient(context, { name: 'Lasting', kind: 'browser', oidc: { embeddedSignIn, refreshTokenSeconds: 2_592_000 } });
    const ids: string[] = [];
    for (const exchanges of [true, false]) {
      const made = await started(lasting);
      const done = await made.signIn(person.username, password);
      if (exchanges) expect((await exchange(made, done.body.result)).status).toBe(200);
      ids.push((await context.db.flow.findFirstOrThrow({ where: { id: made.flow?.flowId.split('.')[0] ?? '' } })).sessionId ?? '');
    }
    const ended = async (hours: number) => {
      server.setClock(new Date(Date.now() + hours * 3_600_000));
      await purgeInstance(context).finally(() => { server.setClock(undefined); });
      return Promise.all(ids.map(async (id) => (await context.db.session.findFirstOrThrow({ where: { id } })).endedAt !== null));
    };
    expect(await ended(23)).toEqual([false, false]);
    expect(await ended(25)).toEqual([false, true]);
    expect(await ended(31 * 24)).toEqual([true, true]);
  });
});

describe('who may', () => {
  it.each<[string, number, (made: ApiProgram) => Promise<{ status: number }>]>([
    ['an application without embedded sign-in', 403, async () => program(await createClient(context, { name: 'Hosted', kind: 'browser' })).start()],
    ['an application that is not there', 401, (made) => made.start({ applicationId: 'app_01k9v6z3x4p5q6r7s8t9v0w1x2' })],
    ['another origin', 403, (made) => made.start({}, { origin: 'https://evil.example' })],
    ['no origin at all', 403, (made) => made.start({}, { origin: undefined })],
    ['a server without its secret', 401, () => program(backend).start({}, { 'client-authorization': undefined })],
    ['a server with a wrong secret', 401, () => program(backend).start({}, { 'client-authorization': `Basic ${Buffer.from(`${backend.clientId}:wrong`).toString('base64')}` })],
    ['a server that does not say for whom', 400, () => program(backend).start({ client: undefined })],
    ['a page that says an address', 400, (made) => made.start({ client: { address: '198.51.100.7' } })],
    ['one without PKCE', 400, (made) => made.start({ codeChallenge: undefined })],
    ['one with plain PKCE', 400, (made) => made.start({ codeChallengeMethod: 'plain' })],
    ['a scope that is not allowed', 400, (made) => made.start({ scope: 'openid made-up' })],
    ['an API that was not granted', 400, (made) => made.start({ resource: [`${server.issuer}/api/v1`] })],
    ['a foreign redirect address', 400, (made) => made.start({ redirectUri: 'https://evil.example/' })],
    ['a step-up of nobody', 400, (made) => made.start({ purpose: 'step_up' })],
    ['a form instead of JSON', 415, (made) => made.start({}, { 'content-type': 'application/x-www-form-urlencoded' })],
  ])('%s: %i', async (_what, status, act) => {
    const answer = await act(program());
    expect(answer.status).toBe(status);
  });

  it('pages of any origin may ask and read, without credentials', async () => {
    const asked = await fetch(`${server.issuer}/api/v1/auth/flows`, { method: 'OPTIONS', headers: { origin: ownOrigin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
    expect([asked.status, asked.headers.get('access-control-allow-origin'), asked.headers.get('access-control-allow-credentials')]).toEqual([204, '*', null]);
    const refused = await program().start({}, { origin: 'https://evil.example' });
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
    const made = await started();
    const done = await made.signIn(person.username, password);
    const tokens = await exchange(made, done.body.result, {}, { origin: ownOrigin });
    expect([tokens.status, tokens.headers.get('access-control-allow-origin')]).toEqual([200, ownOrigin]);
  });

  it('a code goes to nobody without its verifier, its client or its redirect address', async () => {
    const other = await createClient(context, { name: 'Other page', kind: 'browser', oidc: { embeddedSignIn } });
    for (const change of [{ code_verifier: createPkce().verifier }, { code_verifier: undefined }, { redirect_uri: redirectUri }, { client_id: other.clientId }]) {
      const made = await started();
      const done = await made.signIn(person.username, password);
      expect((await exchange(made, done.body.result, change)).body['error']).toMatch(/^invalid_(grant|request)$/);
    }
  });
});

describe('the compatible form', () => {
  it('says the same in an envelope: flows, refusals with class and name, the code at the end', async () => {
    const made = program();
    const begin = await made.send('POST', '/compatible/flows', { applicationId: page.application.id, scope: 'openid', codeChallenge: made.pkce.challenge, codeChallengeMethod: 'S256' });
    const envelope = begin.body as unknown as { data: { fId: string; flowType: string; additional: FlowBody } };
    expect([begin.status, envelope]).toMatchObject([201, { success: true, code: 'Operation.Success', data: { flowType: 'NEED_IDENTIFY', additional: { version: 1 } } }]);
    const authorization = `Flow ${envelope.data.fId}`;
    const answer = (path: string, body: object) => made.send('POST', `/compatible/flow/${path}`, body, { authorization });
    expect((await answer('identify', { version: 1, identifier: person.username })).body).toMatchObject({ success: true, data: { flowType: 'NEED_FIRST_FACTOR', additional: { version: 2 } } });
    const wrong = await answer('password/verify', { version: 2, password: 'wrong all along' });
    expect([wrong.status, wrong.body]).toMatchObject([400, { success: false, code: 'Operation.Failure', message: 'Operation.Failure.Credential.Invalid', requestId: expect.stringContaining('req_') as string, data: { flowType: 'NEED_FIRST_FACTOR' } }]);
    expect((await answer('password/verify', { version: 2 })).body).toMatchObject({ success: false, code: 'Params.Illegal', message: 'Params.Illegal', data: null });
    const done = (await answer('password/verify', { version: 2, password })).body as unknown as typeof envelope;
    expect(done.data.flowType).toBe('COMPLETED');
    expect((await exchange(made, done.data.additional.result)).status).toBe(200);
    const none = await made.send('GET', '/compatible/flow', undefined, { authorization: 'Flow flow_nothing' });
    expect([none.status, none.body]).toMatchObject([404, { success: false, code: 'Resource.NotFound', message: 'Resource.NotFound', data: null }]);
  });
});

describe('every way that there is', () => {
  const settings = (change: object) => server.api('PATCH', '/settings', change);
  const methods = (made: ApiProgram) => made.flow?.step?.methods?.map(({ method }) => method);

  it('a code by mail instead of a password, said byte for byte alike for who does not exist', async () => {
    await settings({ methods: { first: ['password', 'otp_email'] } });
    const seen: string[] = [];
    const known = await createPerson(context);
    await giveAddress(context, known.user.id, { email: known.user.email ?? '' });
    for (const name of [known.username, 'nobody-who-exists']) {
      const made = await started();
      await made.post('identify', { identifier: name });
      const sent = await made.post('otp_email/prepare');
      const method = sent.body.step?.methods?.find((one) => one.method === 'otp_email');
      expect([name, sent.status, method]).toMatchObject([name, 200, { fields: [{ name: 'code', autocomplete: 'one-time-code' }], sent: {} }]);
      const wrong = await made.post('otp_email/verify', { code: '000000' });
      expect([name, wrong.status]).toEqual([name, 400]);
      seen.push(JSON.stringify([wrong.body.code, Object.keys(wrong.body.flow ?? {}), wrong.body.flow?.step?.methods?.map((one) => Object.keys(one))]));
      if (name !== known.username) continue;
      const { code, to } = await newestMessage(context);
      expect(to).toBe(known.user.email);
      expect((await made.post('otp_email/verify', { code })).body).toMatchObject({ status: 'completed', account: { username: known.username } });
    }
    expect(seen[1]).toBe(seen[0]);
    await settings({ methods: { first: ['password'] } });
  });

  it('a second factor is set up while signing in, asked for the next time, and stated in the tokens', async () => {
    await settings({ secondFactor: { mode: 'required', methods: ['totp'] } });
    try {
      const somebody = await createPerson(context);
      const made = await started();
      await made.signIn(somebody.username, password);
      expect([made.flow?.step?.name, methods(made)]).toEqual(['enrol_factor', expect.arrayContaining(['totp'])]);
      const { secret } = (made.flow?.step?.methods?.find(({ method }) => method === 'totp') as unknown as { data: { secret: string } }).data;
      const code = (steps: number) => TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: Date.now() + steps * 30_000 });
      let view = (await made.post('totp/enrol', { code: code(0), name: 'Phone' })).body;
      // Recovery codes are offered with a first factor of one's own; they can be put off.
      if (view.step?.name === 'enrol_factor') view = (await made.post('skip')).body;
      expect(view.status).toBe('completed');

      const again = await started();
      await again.signIn(somebody.username, password);
      expect([again.flow?.step?.name, methods(again)]).toEqual(['second_factor', expect.arrayContaining(['totp'])]);
      expect((await again.post('totp/verify', { code: code(0) })).status).toBe(400);
      const done = await again.post('totp/verify', { code: code(1) });
      expect(decodeJwt(String((await exchange(again, done.body.result)).body['id_token']))).toMatchObject({ acr: 'urn:postern:acr:multi', amr: ['mfa', 'otp', 'pwd'] });
    } finally {
      expect((await settings({ secondFactor: { mode: 'optional', methods: ['totp', 'webauthn', 'otp_sms', 'otp_email'] } })).status).toBe(200);
    }
  });

  it('registration and recovery, each reached from the sign-in page', async () => {
    await settings({ registration: { enabled: true, fields: [] }, recovery: { email: true } });
    const made = await started();
    expect(made.flow?.actions).toEqual(expect.arrayContaining(['register', 'recover']));
    const before = made.flow?.flowId;
    const form = await made.send('POST', '/flow/register', { version: 1 });
    expect([form.status, form.body.step?.name, form.body.flowId === before]).toEqual([200, 'register', false]);
    made.flow = form.body;
    const email = 'new.person@example.com';
    expect((await made.post('register', { email, password: 'marmalade engine 99 violins' })).body.step?.name).toBe('verify_email');
    expect(await context.db.user.count({ where: { email } })).toBe(0);
    const done = await made.post('verify_email', { code: (await newestMessage(context)).code });
    expect(done.body.status).toBe('completed');
    expect((await exchange(made, done.body.result)).status).toBe(200);
    expect(await context.db.user.count({ where: { email, emailVerified: true } })).toBe(1);

    const lost = await started();
    lost.flow = (await lost.send('POST', '/flow/recover', { version: 1 })).body;
    expect(lost.flow.step?.name).toBe('recover');
    await lost.post('recover', { identifier: email });
    const proven = await lost.post('verify_recovery', { code: (await newestMessage(context)).code });
    expect(proven.body.step?.name).toBe('change_password');
    const changed = await lost.post('change_password', { newPassword: 'violins engine 100 marmalade' });
    expect(changed.body.status).toBe('completed');
    const afterwards = await started();
    expect((await afterwards.signIn(email, 'marmalade engine 99 violins')).status).toBe(400);
    expect((await afterwards.post('password/verify', { password: 'violins engine 100 marmalade' })).body.status).toBe('completed');
  });
});

describe('busy', () => {
  it('gives the attempt back with 503 when no password can be checked now', async () => {
    const programs = await Promise.all(Array.from({ length: 60 }, () => started()));
    await Promise.all(programs.map((made, place) => made.post('identify', { identifier: `nobody-${place}` })));
    const answers = await Promise.all(programs.map((made) => made.post('password/verify', { password: 'wrong all along' })));
    const busy = programs.filter((_made, place) => answers[place]?.status === 503);
    expect(busy.length).toBeGreaterThan(0);
    expect(answers.find(({ status }) => status === 503)?.headers.get('retry-after')).toMatch(/^\d+$/);
    for (const made of busy) expect((await context.db.flow.findFirstOrThrow({ where: { id: made.flow?.flowId.split('.')[0] ?? '' } })).attemptsLeft).toBe(10);
  });

  it('tells when to come back with 429, and takes no attempt of the flow for it', async () => {
    await server.api('PATCH', '/settings', { lockout: { failuresPerAccount: 3, failuresPerAddress: 10_000, windowSeconds: 900, blockSeconds: 900 } });
    const made = await started();
    await made.post('identify', { identifier: 'somebody-who-is-locked' });
    for (let attempt = 0; attempt < 3; attempt += 1) expect((await made.post('password/verify', { password: 'wrong' })).status).toBe(400);
    const locked = await made.post('password/verify', { password: 'wrong' });
    expect([locked.status, locked.body.code, Number(locked.headers.get('retry-after')) > 800]).toEqual([429, 'Operation.Failure.Too.Many.Attempts', true]);
    expect((await context.db.flow.findFirstOrThrow({ where: { id: made.flow?.flowId.split('.')[0] ?? '' } })).attemptsLeft).toBe(7);
  });
});
