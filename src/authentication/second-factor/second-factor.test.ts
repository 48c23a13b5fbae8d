import { TOTP, Secret } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceSettings } from '../../tenancy/settings.ts';
import { satisfies } from '../satisfies.ts';
import { storePassword } from '../passwords.ts';
import { endAllOfUser } from '../sessions.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';
import type { FlowView } from '../types.ts';
import { forgetDevices } from './remembered-devices.ts';
import { startFlow } from '../flow/start.ts';
import { findLiveSession } from '../live-sessions.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting(); });
afterAll(() => setting.close());

type Policy = Partial<InstanceSettings['secondFactor']>;
const under = (policy: Policy) => setting.with({ settings: { secondFactor: { ...setting.context.instance.settings.secondFactor, ...policy }, risk: { ...setting.context.instance.settings.risk, mode: 'off' } } });

/** An authenticator app, fed from the enrolment page. Each code is of a time step of its own. */
class App {
  private readonly totp: TOTP;
  constructor(secret: string) { this.totp = new TOTP({ secret: Secret.fromBase32(secret) }); }
  code(): string {
    setting.pass(30);
    return this.totp.generate({ timestamp: setting.core.now().getTime() });
  }
}

async function enrol(browser: TestBrowser, flowId: string): Promise<App> {
  const view = await browser.see(flowId);
  if (view.step?.name !== 'enrol_factor') throw new Error(`at ${view.step?.name ?? view.status}`);
  const { secret } = view.step.methods.find(({ method }) => method === 'totp')?.data as { secret: string };
  const app = new App(secret);
  await browser.post(flowId, 'totp.enrol', { code: app.code(), name: 'Phone' });
  return app;
}

let people = 0;
/** A person with an authenticator app. */
async function person(): Promise<{ username: string; id: string; app: App }> {
  people += 1;
  const username = `person${people}`;
  const id = await setting.addUser(username, rightPassword);
  const browser = new TestBrowser(setting, under({ mode: 'required' }));
  const flowId = await browser.start();
  await browser.signIn(flowId, username);
  const app = await enrol(browser, flowId);
  expect((await browser.see(flowId)).step).toMatchObject({ name: 'enrol_factor', reason: 'recovery_codes' });
  expect(hasFinished(await browser.post(flowId, 'skip'))).toBe(true);
  return { username, id, app };
}

const step = (view: FlowView) => view.step?.name ?? view.denial ?? view.status;

describe('an instance where everybody needs a second factor', () => {
  it('has it set up at the first sign-in, without raising the level, and asks for it at the next', async () => {
    const { username, app } = await person();
    const outcome = setting.outcomes.at(-1)?.outcome;
    expect(outcome).toMatchObject({ kind: 'completed', session: { acr: 'urn:postern:acr:single', amr: ['pwd'] } });
    const browser = new TestBrowser(setting, under({ mode: 'required' }));
    const flowId = await browser.start();
    await browser.signIn(flowId, username);
    const view = await browser.see(flowId);
    expect(view.step).toMatchObject({ name: 'second_factor', methods: [{ method: 'totp' }], remember: { days: 30 } });
    expect(hasFinished(await browser.post(flowId, 'totp.verify', { code: app.code() }))).toBe(true);
    expect(setting.outcomes.at(-1)?.outcome).toMatchObject({ session: { acr: 'urn:postern:acr:multi', amr: ['mfa', 'otp', 'pwd'] } });
  });

  it('gives no session, no credential and no way around before it is set up', async () => {
    const id = await setting.addUser('nobody-yet', rightPassword);
    const browser = new TestBrowser(setting, under({ mode: 'required' }));
    const flowId = await browser.start();
    await browser.signIn(flowId, 'nobody-yet');
    for (const verb of ['skip', 'continue', 'consent', 'change_password', 'password.verify', 'totp.verify']) expect(hasFinished(await browser.post(flowId, verb, { password: rightPassword, code: '123456', newPassword: 'another long password' })), verb).toBe(false);
    expect(browser.tokens.sessionToken).toBeUndefined();
    expect(await setting.context.db.session.count({ where: { userId: id } })).toBe(0);
    expect(await setting.context.db.totpCredential.count({ where: { userId: id } })).toBe(0);
  });

  it('lets people put it off for some days, then not', async () => {
    const policy = { mode: 'required', graceDays: 3 } as const;
    await setting.addUser('later', rightPassword);
    const first = new TestBrowser(setting, under(policy));
    const flowId = await first.start();
    await first.signIn(flowId, 'later');
    expect(await first.see(flowId)).toMatchObject({ step: { name: 'enrol_factor', skipUntil: expect.any(String) as string }, actions: expect.arrayContaining(['skip']) as string[] });
    expect(hasFinished(await first.post(flowId, 'skip'))).toBe(true);
    const session = await findLiveSession(setting.context, first.tokens.sessionToken);
    if (!session) throw new Error('no session');
    expect(await satisfies(under(policy), session, { applicationId: setting.applicationId })).toEqual({ satisfied: true });
    setting.pass(3 * 86_400);
    const again = new TestBrowser(setting, under(policy));
    const second = await again.start();
    await again.signIn(second, 'later');
    expect((await again.see(second)).actions).not.toContain('skip');
    expect(hasFinished(await again.post(second, 'skip'))).toBe(false);
  });

  it('is no less strict at single sign-on', async () => {
    await setting.addUser('single', rightPassword);
    const browser = new TestBrowser(setting, under({ mode: 'off' }));
    await browser.signIn(await browser.start(), 'single');
    const session = await findLiveSession(setting.context, browser.tokens.sessionToken);
    if (!session) throw new Error('no session');
    expect(await satisfies(under({ mode: 'optional' }), session, { applicationId: setting.applicationId })).toEqual({ satisfied: true });
    expect(await satisfies(under({ mode: 'required' }), session, { applicationId: setting.applicationId })).toEqual({ satisfied: false, reason: 'second_factor' });
  });

  it('sends whom nobody helps away, where people may not set one up alone', async () => {
    await setting.addUser('alone', rightPassword);
    const browser = new TestBrowser(setting, under({ mode: 'required', enrolAtSignIn: false }));
    const flowId = await browser.start();
    await browser.signIn(flowId, 'alone');
    expect(await browser.see(flowId)).toMatchObject({ status: 'denied', denial: 'no_second_factor' });
  });
});

describe('attack: flow.remember-device', () => {
  /** Signs in with the app and has the browser remembered. */
  async function remembered(): Promise<{ browser: TestBrowser; username: string; id: string; app: App }> {
    const { username, id, app } = await person();
    const browser = new TestBrowser(setting, under({}));
    const flowId = await browser.start();
    await browser.signIn(flowId, username);
    expect(hasFinished(await browser.post(flowId, 'totp.verify', { code: app.code(), remember: 'true' }))).toBe(true);
    browser.forgetSession();
    await endAllOfUser(setting.context, id, 'signed_out');
    return { browser, username, id, app };
  }
  async function stepOf(browser: TestBrowser, username: string, request = {}): Promise<string> {
    const flowId = await browser.start(request);
    return hasFinished(await browser.signIn(flowId, username)) ? 'finished' : step(await browser.see(flowId));
  }

  it('a remembered browser is not asked again, and its session is worth no more than a password', async () => {
    const { browser, username } = await remembered();
    expect(await stepOf(browser, username)).toBe('finished');
    expect(setting.outcomes.at(-1)?.outcome).toMatchObject({ session: { acr: 'urn:postern:acr:single', amr: ['pwd'] } });
    const session = await findLiveSession(setting.context, browser.tokens.sessionToken);
    expect(session && await satisfies(under({ mode: 'required' }), session, { applicationId: setting.applicationId })).toEqual({ satisfied: true });
    expect(session && await satisfies(under({}), session, { applicationId: setting.applicationId, acrValues: ['urn:postern:acr:multi'] })).toEqual({ satisfied: false, reason: 'acr' });
  });

  it('another browser, and another user in this one, are asked', async () => {
    const { browser, username } = await remembered();
    expect(await stepOf(new TestBrowser(setting, under({})), username)).toBe('second_factor');
    const other = await person();
    expect(await stepOf(browser, other.username)).toBe('second_factor');
  });

  it.each<[string, (id: string) => Promise<unknown>]>([
    ['the person or an administrator forgot it', (id) => forgetDevices(setting.context, id, 'person')],
    ['the password was set anew', (id) => setting.context.transaction(async (tx) => storePassword(tx, id, { hash: (await tx.db.password.findFirstOrThrow({ where: { userId: id } })).hash, mustChange: false, by: 'administrator' }))],
    ['its time is over', async () => { setting.pass(30 * 86_400); }],
  ])('after %s, the browser is asked again', async (_what, change) => {
    const { browser, username, id } = await remembered();
    await change(id);
    expect(await stepOf(browser, username)).toBe('second_factor');
  });

  it('a level that is asked for, and an instance that remembers nothing, ask again', async () => {
    const { browser, username } = await remembered();
    expect(await stepOf(browser, username, { acrValues: ['urn:postern:acr:multi'] })).toBe('second_factor');
    browser.forgetSession();
    browser.context = under({ rememberDays: 0 });
    expect(await stepOf(browser, username)).toBe('second_factor');
  });

  it('no browser is remembered without a second factor', async () => {
    const id = await setting.addUser('plain', rightPassword);
    const browser = new TestBrowser(setting, under({}));
    await browser.signIn(await browser.start(), 'plain', rightPassword, { remember: 'true', rememberDevice: 'true' });
    expect(await setting.context.db.rememberedDevice.count({ where: { userId: id } })).toBe(0);
  });

  it('the same browser and user of another instance have nothing in common with it', async () => {
    const { id } = await remembered();
    const row = await setting.context.db.rememberedDevice.findFirstOrThrow({ where: { userId: id } });
    expect([row.tokenHash, row.instanceId]).toEqual([null, 'default']);
    await expect(setting.core.database.rememberedDevice.update({ where: { instanceId_id: { instanceId: 'default', id: row.id } }, data: { instanceId: 'other' } })).rejects.toThrow();
  });
});

describe('what the account page begins', () => {
  const begin = async (browser: TestBrowser, task: Parameters<typeof startFlow>[2] extends infer Given ? Given : never) => {
    const started = await startFlow(browser.context, { channel: 'browser', purpose: 'enrol', origin: { kind: 'oidc', ref: 'account' }, request: {}, ...browser.tokens }, task);
    browser.take(started.setCookies);
    return started.flowId;
  };

  it('adds a factor only after the existing one, five minutes old at most', async () => {
    const { username, id, app } = await person();
    const browser = new TestBrowser(setting, under({}));
    const flowId = await browser.start();
    await browser.signIn(flowId, username);
    expect(hasFinished(await browser.post(flowId, 'totp.verify', { code: app.code() }))).toBe(true);
    setting.pass(301);
    const second = await begin(browser, { answers: { task: { kind: 'enrol', method: 'totp' } } });
    expect(step(await browser.see(second))).toBe('second_factor');
    await browser.post(second, 'totp.enrol', { code: app.code() });
    expect(step(await browser.see(second))).toBe('second_factor');
    await browser.post(second, 'totp.verify', { code: app.code() });
    await enrol(browser, second);
    await browser.post(second, 'skip');
    expect(await setting.context.db.totpCredential.count({ where: { userId: id } })).toBe(2);
  });

  it('changes the password after it, and signs out everywhere else', async () => {
    const { username, id, app } = await person();
    const browser = new TestBrowser(setting, under({}));
    const flowId = await browser.start();
    await browser.signIn(flowId, username);
    expect(hasFinished(await browser.post(flowId, 'totp.verify', { code: app.code() }))).toBe(true);
    setting.pass(301);
    const change = await begin(browser, { answers: { task: { kind: 'password' } } });
    await browser.post(change, 'change_password', { newPassword: 'a whole new long password' });
    expect(step(await browser.see(change))).toBe('second_factor');
    await browser.post(change, 'totp.verify', { code: app.code() });
    expect(hasFinished(await browser.post(change, 'change_password', { newPassword: 'a whole new long password' }))).toBe(true);
    expect(await setting.context.db.session.count({ where: { userId: id, endedAt: null } })).toBe(1);
  });
});
