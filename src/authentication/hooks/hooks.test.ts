import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../../test/support/feature-server.ts';
import { type HookReceiver, isSignedBy, startHookReceiver } from '../../../test/support/hook-receiver.ts';
import { untilSettled } from '../../../test/support/core.ts';
import { updateUser } from '../../directory/index.ts';
import { createContext, type InstanceContext } from '../../tenancy/index.ts';
import { lastCode } from '../testing/mailbox.ts';
import { hasFinished, type Setting, startSetting, TestBrowser, rightPassword } from '../testing/sign-in.ts';
import { readOfInstance } from '../event-reader.ts';
import { tellHook, tellJob } from './after.ts';
import { createHook, deleteHook, listCalls, listHooks, readHook, rotateSecret } from './hooks.ts';
import { hookRoutes } from './routes.ts';
import type { CreateHook } from './schemas.ts';
import { claimsFromHooks } from './token-claims.ts';

const secret = 'a-secret-of-the-receiver-1234';
let setting: Setting;
let receiver: HookReceiver;
const username = 'alice';
let userId: string;
beforeAll(async () => {
  receiver = await startHookReceiver();
  setting = await startSetting({ OUTBOUND_ALLOW: '127.0.0.1' });
  userId = setting.userId;
});
afterAll(async () => { await receiver.close(); await setting.close(); });
beforeEach(async () => {
  for (const { id } of (await listHooks(setting.context, { limit: 50 })).items) await deleteHook(setting.context, id);
  receiver.calls.length = 0;
  receiver.answer = () => ({});
});

const add = async (further: Partial<CreateHook> = {}) => (await createHook(setting.context, { name: 'Check', triggers: ['sign_in.before'], url: receiver.url, secret, ...further })).hook;
async function signIn(context: InstanceContext = setting.context, browser = new TestBrowser(setting, context)) {
  const flowId = await browser.start();
  const result = await browser.signIn(flowId, username);
  return { browser, flowId, result, finished: hasFinished(result) };
}
const lastCall = async (hookId: string) => (await listCalls(setting.context, hookId, { limit: 10 })).items[0];

describe('a hook that is asked before a sign-in', () => {
  it('is told who and where, signed, without anything secret; the answer lets the person in', async () => {
    const hook = await add();
    const { flowId, finished } = await signIn();
    expect(finished).toBe(true);
    const [call] = receiver.calls;
    expect(call?.json).toMatchObject({ trigger: 'sign_in.before', instanceId: 'default', flow: { id: flowId, purpose: 'sign_in', methods: ['password'] }, application: { name: 'Orders' }, user: { id: userId, username }, request: { address: '192.0.2.1' } });
    expect(call && isSignedBy(secret, call)).toBe(true);
    expect(call && isSignedBy('another-secret-of-somebody', call)).toBe(false);
    expect(call && isSignedBy(secret, { ...call, body: call.body.replace(username, 'admin') })).toBe(false);
    expect(call?.body).not.toContain(rightPassword);
    expect(await lastCall(hook.id)).toMatchObject({ status: 'answered', action: 'continue', httpStatus: 200, flowId, userId, detail: null });
  });

  it('is asked once in a flow, through reloads, double clicks and another step', async () => {
    await add();
    receiver.answer = () => ({ body: { action: 'require_step', step: 'second_factor' } });
    const browser = new TestBrowser(setting, setting.context);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: username });
    const form = await browser.see(flowId);
    await Promise.all([1, 2, 3].map(() => browser.post(flowId, 'password.verify', { password: rightPassword }, form)));
    for (let reload = 0; reload < 3; reload += 1) await browser.see(flowId);
    expect(receiver.calls).toHaveLength(1);
    expect((await setting.context.db.flow.findFirstOrThrow({ where: { id: flowId } })).status).not.toBe('completed');
  });

  it('can end it; the person is told, the log says why', async () => {
    await add();
    receiver.answer = () => ({ body: { action: 'deny' } });
    const { flowId, finished, browser } = await signIn();
    expect(finished).toBe(false);
    expect(await browser.see(flowId)).toMatchObject({ status: 'denied' });
    const events = await setting.context.db.event.findMany({ where: { type: 'sign_in.denied', subjectId: userId, after: { path: ['flowId'], equals: flowId } } });
    expect(events.map(({ after }) => after)).toMatchObject([{ reason: 'webhook', flowId }]);
    expect(browser.tokens.sessionToken).toBeUndefined();
  });

  it('is not asked before a proof, nor where somebody is signed in already', async () => {
    await add();
    const browser = new TestBrowser(setting, setting.context);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: username });
    await browser.post(flowId, 'password.verify', { password: 'wrong' });
    expect(receiver.calls).toHaveLength(0);
    await browser.post(flowId, 'password.verify', { password: rightPassword });
    expect(receiver.calls).toHaveLength(1);
    const second = await browser.start();
    await browser.post(second, 'continue');
    expect(receiver.calls).toHaveLength(1);
  });

  it.each<[string, ReturnType<HookReceiver['answer']>, RegExp]>([
    ['answers with an error', { status: 500, body: {} }, /status 500/], ['redirects', { status: 302, body: {} }, /status 302/], ['hangs up', { hangUp: true }, /Connection\.Failed/],
    ['is slow', { delayMs: 3_000 }, /Timeout/], ['answers no JSON', { body: 'yes' }, /Malformed/], ['answers a word that there is none of', { body: { action: 'allow' } }, /none of continue, deny, require_step/],
    ['answers more than it may', { body: { action: 'continue', userId: 'user_admin' } }, /none of/], ['changes claims where there are none', { body: { action: 'modify_claims', claims: { a: '1' } } }, /no answer to sign_in\.before/],
    ['answers with a megabyte', { body: JSON.stringify({ action: 'continue', padding: 'x'.repeat(1_000_000) }) }, /Too\.Large/],
  ])('one that %s ends the flow where it fails closed', async (_name, given, detail) => {
    receiver.answer = () => given;
    const closed = await add({ timeoutMs: 200 });
    expect((await signIn()).finished).toBe(false);
    expect(await lastCall(closed.id)).toMatchObject({ status: 'failed', detail: expect.stringMatching(detail) as string });
  });

  it('one that fails open lets the person in', async () => {
    const open = await add({ timeoutMs: 200, onFailure: 'continue' });
    receiver.answer = () => ({ delayMs: 3_000 });
    expect((await signIn()).finished).toBe(true);
    expect(await lastCall(open.id)).toMatchObject({ status: 'failed', detail: expect.stringContaining('Timeout') as string });
  });

  it('an address inside is not called', async () => {
    const hook = await add({ url: 'http://169.254.169.254/latest/meta-data' });
    expect((await signIn()).finished).toBe(false);
    expect(await lastCall(hook.id)).toMatchObject({ status: 'failed', detail: expect.stringContaining('Outbound.Address.Blocked') as string });
  });

  it('several are asked in their order, until one denies', async () => {
    await add({ name: 'second', position: 20, url: `${receiver.url}/second` });
    await add({ name: 'first', position: 10, url: `${receiver.url}/first` });
    await add({ name: 'third', position: 30, url: `${receiver.url}/third` });
    receiver.answer = ({ path }) => ({ body: { action: path.endsWith('second') ? 'deny' : 'continue' } });
    expect((await signIn()).finished).toBe(false);
    expect(receiver.calls.map(({ path }) => path)).toEqual(['/hook/first', '/hook/second']);
  });

  it('a call that was lost with its server is not made again: its way to fail holds', async () => {
    const hook = await add({ onFailure: 'continue' });
    const browser = new TestBrowser(setting, setting.context);
    const flowId = await browser.start();
    await setting.context.db.flowHookRun.create({ data: { flowId, hookId: hook.id, trigger: 'sign_in.before', startedAt: new Date(Date.now() - 60_000) } });
    expect(hasFinished(await browser.signIn(flowId, username))).toBe(true);
    expect(receiver.calls).toHaveLength(0);
  });

  it('beyond its calls a minute they are dropped and counted, and how it fails holds', async () => {
    const hook = await add({ callsPerMinute: 2, onFailure: 'continue' });
    for (let count = 0; count < 4; count += 1) expect((await signIn()).finished).toBe(true);
    expect(receiver.calls).toHaveLength(2);
    expect(Number((await readHook(setting.context, hook.id)).dropped)).toBe(2);
    expect(await lastCall(hook.id)).toMatchObject({ status: 'dropped', detail: expect.stringContaining('2 calls a minute') as string });
  });

  it('a second server knows a new hook within a second', async () => {
    const other = await setting.another();
    const { hooksAt } = await import('./hooks.ts');
    expect(await hooksAt(other, 'sign_in.before')).toEqual([]);
    await add();
    await expect.poll(async () => (await hooksAt(other, 'sign_in.before')).length, { timeout: 1_000 }).toBe(1);
  });
});

describe('secrets', () => {
  it('after a rotation both sign for a while, then the new one alone', async () => {
    const hook = await add();
    const rotated = await rotateSecret(setting.context, hook.id, { overlapHours: 1 });
    await signIn();
    const [during] = receiver.calls;
    expect(during && [isSignedBy(secret, during), isSignedBy(rotated.secret, during)]).toEqual([true, true]);
    await setting.context.db.flowHook.updateMany({ where: { id: hook.id }, data: { previousUntil: new Date(Date.now() - 1) } });
    await rotateSecret(setting.context, hook.id, { overlapHours: 0 });
    await signIn();
    expect(receiver.calls[1] && isSignedBy(secret, receiver.calls[1])).toBe(false);
  });
});

describe('a hook at the issue of tokens', () => {
  const token = () => claimsFromHooks(setting.context, { userId, application: { id: setting.applicationId, name: 'Orders' }, scopes: ['openid'], audience: [], grantType: 'authorization_code' });

  it('adds claims, never those of the protocol; without one nothing is asked', async () => {
    expect(await token()).toEqual({});
    await add({ triggers: ['token.issue'] });
    receiver.answer = () => ({ body: { action: 'modify_claims', claims: { 'cost_center': '4711', 'https://example.com/tags': ['a'] } } });
    expect(await token()).toEqual({ 'cost_center': '4711', 'https://example.com/tags': ['a'] });
    expect(receiver.calls[0]?.json).toMatchObject({ trigger: 'token.issue', user: { id: userId }, token: { scopes: ['openid'], grantType: 'authorization_code' } });
  });

  it.each([['sub'], ['acr'], ['aud'], ['client_id'], ['ISS'], ['constructor'], ['email']])('one that sets %s has failed: there is no token', async (name) => {
    await add({ triggers: ['token.issue'] });
    receiver.answer = () => ({ body: `{"action":"modify_claims","claims":{${JSON.stringify(name)}:"x"}}` });
    expect(await token()).toBeUndefined();
  });

  it('a name that only programs know becomes no claim', async () => {
    await add({ triggers: ['token.issue'] });
    receiver.answer = () => ({ body: '{"action":"modify_claims","claims":{"__proto__":{"admin":true},"a":"1"}}' });
    expect(JSON.stringify(await token() ?? null)).not.toContain('admin');
  });
});

describe('registrations and profiles', () => {
  const password = 'seven green umbrellas dance';
  const settings = () => setting.context.instance.settings;
  async function register(email: string) {
    const context = setting.with({ settings: { registration: { ...settings().registration, enabled: true } } });
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start({}, { purpose: 'register' });
    await browser.post(flowId, 'register', { email, password });
    return { browser, flowId, result: await browser.post(flowId, 'verify_email', { code: await lastCode(context, email) }) };
  }

  it('a registration is asked about once, with what was typed and without the password, before there is an account', async () => {
    await add({ triggers: ['registration.before', 'sign_in.before'] });
    receiver.answer = () => ({ body: { action: 'deny' } });
    const { browser, flowId } = await register('denied@example.com');
    expect(await browser.see(flowId)).toMatchObject({ status: 'denied' });
    expect(receiver.calls.map(({ json }) => json)).toMatchObject([{ trigger: 'registration.before', user: null, newUser: { email: 'denied@example.com' } }]);
    expect(receiver.calls[0]?.body).not.toMatch(/umbrellas|argon2/);
    expect(await setting.context.db.user.count({ where: { email: 'denied@example.com' } })).toBe(0);
    receiver.answer = () => ({});
    expect(hasFinished((await register('welcome@example.com')).result)).toBe(true);
    expect(await setting.context.db.user.count({ where: { email: 'welcome@example.com' } })).toBe(1);
  });

  it('a profile that was filled in is shown before it is saved', async () => {
    await add({ triggers: ['profile.before'] });
    receiver.answer = () => ({ body: { action: 'deny' } });
    const context = setting.with({ settings: { profile: { ...settings().profile, required: ['givenName'] } } });
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start();
    await browser.signIn(flowId, username);
    expect(receiver.calls).toHaveLength(0);
    await browser.post(flowId, 'complete_profile', { givenName: 'Alice' });
    expect(receiver.calls.map(({ json }) => json)).toMatchObject([{ trigger: 'profile.before', user: { id: userId }, changes: { givenName: 'Alice' } }]);
    expect(await browser.see(flowId)).toMatchObject({ status: 'denied' });
    expect(await setting.context.db.user.findFirst({ where: { id: userId } })).toMatchObject({ givenName: null });
  });
});

describe('what is told afterwards', () => {
  /** The same instance; jobs are kept instead of run. */
  function keepingJobs() {
    const jobs: { name: string; data: Record<string, unknown> & { instanceId: string } }[] = [];
    const core = { ...setting.core, jobs: { ...setting.core.jobs, enqueue: async (_db: unknown, name: string, data: { instanceId: string }) => { jobs.push({ name, data }); } } };
    return { jobs, context: createContext(core, setting.context.instance, { principal: { kind: 'system' } }) };
  }

  it('is told once for each event and hook, and again only when the hook did not take it', async () => {
    await untilSettled(setting.core);
    await readOfInstance(keepingJobs().context);       // what other tests left
    await add({ triggers: ['sign_in.after', 'profile.after'] });
    expect((await signIn()).finished).toBe(true);
    await updateUser(setting.context, userId, { displayName: 'Another name' });
    await untilSettled(setting.core);
    const { jobs, context } = keepingJobs();
    await readOfInstance(context);
    await readOfInstance(context);
    const mine = jobs.filter(({ name, data }) => name === tellJob && data['userId'] === userId);
    expect(mine.map(({ data }) => data['trigger'])).toEqual(['sign_in.after', 'profile.after']);
    const [first] = mine;
    if (!first) throw new Error('nothing was enqueued');
    receiver.answer = () => ({ status: 503 });
    await expect(tellHook(context.core, first.data)).rejects.toThrow('did not take');
    receiver.answer = () => ({ status: 200 });
    await tellHook(context.core, first.data);
    expect(receiver.calls.at(-1)?.json).toMatchObject({ trigger: 'sign_in.after', user: { id: userId, username }, event: { type: 'session.created' } });
  });

  it('people get mails: of a changed password, and of a new address at the old one', async () => {
    await updateUser(setting.context, userId, { email: `${username}@example.org` }, { emailVerified: true });
    await untilSettled(setting.core);
    await readOfInstance(keepingJobs().context);
    await setting.context.db.notificationMessage.deleteMany({});
    await updateUser(setting.context, userId, { email: 'new@evil.example' });
    await setting.addUser(`${username}-other`, rightPassword); // a password, but no address
    await untilSettled(setting.core);
    await readOfInstance(keepingJobs().context);
    const messages = await setting.context.db.notificationMessage.findMany({});
    expect(messages.map(({ template, recipient }) => ({ template, recipient }))).toEqual([{ template: 'email_changed', recipient: 'a…@example.org' }]);
  });
});

describe('the routes of flow webhooks', () => {
  let server: FeatureServer;
  beforeAll(async () => { server = await startFeatures(async (app) => { await app.register(hookRoutes, { prefix: '/api/v1/flow-hooks' }); }, { OUTBOUND_ALLOW: '127.0.0.1' }); });
  afterAll(() => server.close());
  interface View { id: string; secret: string; status: string; items: View[]; action: string }

  it('show the secret once, refuse stale changes, test and list calls', async () => {
    const created = await server.api('POST', '/flow-hooks', { name: 'Check', triggers: ['sign_in.before'], url: receiver.url });
    const { id, secret: shown } = created.body as View;
    expect(created).toMatchObject({ status: 201, headers: { 'cache-control': 'no-store' } });
    expect(shown.length).toBeGreaterThanOrEqual(24);
    expect(JSON.stringify((await server.api('GET', `/flow-hooks/${id}`)).body)).not.toContain(shown);
    expect(JSON.stringify((await server.api('GET', '/flow-hooks')).body)).not.toContain(shown);
    expect(await server.api('PATCH', `/flow-hooks/${id}`, { enabled: false }, { 'if-match': '"7"' })).toMatchObject({ status: 412 });
    expect(await server.api('PATCH', `/flow-hooks/${id}`, { enabled: false }, { 'if-match': '"1"' })).toMatchObject({ status: 200, headers: { etag: '"2"' } });
    expect(await server.api('POST', `/flow-hooks/${id}/test`, {})).toMatchObject({ status: 200, body: { status: 'answered', action: 'continue' } });
    expect(receiver.calls.at(-1)?.json).toMatchObject({ test: true });
    expect(receiver.calls.at(-1) && isSignedBy(shown, receiver.calls.at(-1) as never)).toBe(true);
    expect(((await server.api('GET', `/flow-hooks/${id}/calls`)).body as View).items).toHaveLength(1);
    expect(JSON.stringify(await server.core.database.event.findMany({ select: { before: true, after: true } }))).not.toContain(shown);
    expect(await server.api('DELETE', `/flow-hooks/${id}`)).toMatchObject({ status: 204 });
    expect(await server.api('GET', `/flow-hooks/${id}/calls`)).toMatchObject({ status: 404 });
  });

  it('attack: fed.secret-follows-host: a webhook with another URL needs its secret again, and nobody is called', async () => {
    const { id } = (await server.api('POST', '/flow-hooks', { name: 'Check', triggers: ['token.issue'], url: 'https://hooks.example.com/postern' })).body as View;
    expect(await server.api('PATCH', `/flow-hooks/${id}`, { url: receiver.url })).toMatchObject({ status: 400, body: { errors: [{ field: 'secret', code: 'required' }] } });
    expect(receiver.calls).toHaveLength(0);
    expect(await server.api('PATCH', `/flow-hooks/${id}`, { url: receiver.url, secret })).toMatchObject({ status: 200 });
  });

  it.each([[{ url: 'ftp://example.com/' }], [{ url: 'https://user:password@example.com/' }], [{ url: 'https://example.com/#x' }], [{ triggers: [] }], [{ triggers: ['sign_in.during'] }], [{ timeoutMs: 3_001 }], [{ callsPerMinute: 101 }], [{ secret: 'short' }], [{ onFailure: 'ask' }], [{ other: 1 }]])('%j is refused', async (change) => {
    expect(await server.api('POST', '/flow-hooks', { name: 'Check', triggers: ['sign_in.before'], url: 'https://hooks.example.com/', ...change })).toMatchObject({ status: 400 });
  });
});
