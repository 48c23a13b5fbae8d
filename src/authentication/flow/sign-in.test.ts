import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setPassword } from '../passwords.ts';
import { findUserById } from '../../directory/index.ts';
import { findLiveSession } from '../live-sessions.ts';
import { end } from '../sessions.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser, wrongPassword } from '../testing/sign-in.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting(); });
afterAll(() => setting.close());

const lastOutcome = () => setting.outcomes.at(-1)?.outcome;
const live = (browser: TestBrowser) => findLiveSession(browser.context, browser.tokens.sessionToken);

describe('signing in', () => {
  it('asks for a name, then a password, then goes back to the application with a session', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start({ scopes: ['openid', 'profile'] });
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'identify', accounts: [], fields: [{ name: 'identifier', type: 'text', required: true, autocomplete: 'username', maxLength: 255 }] });
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    expect(await browser.see(flowId)).toMatchObject({ identifier: 'alice', account: undefined, step: { name: 'first_factor', methods: expect.arrayContaining([expect.objectContaining({ method: 'password', do: 'password.verify' })]) as unknown }, actions: ['switch_account', 'recover', 'cancel'] });
    expect(hasFinished(await browser.post(flowId, 'password.verify', { password: rightPassword }))).toBe(true);

    const session = await live(browser);
    expect(session).toMatchObject({ userId: setting.userId, acr: 'urn:postern:acr:single', amr: ['pwd'], remember: false });
    expect(lastOutcome()).toMatchObject({ kind: 'completed', sessionChanged: true, sessionToken: browser.tokens.sessionToken, consent: { scopes: ['openid', 'profile'] }, session: { id: session?.id } });
    expect((await findUserById(setting.context, setting.userId))?.lastSignInAt).not.toBeNull();
    expect(await browser.see(flowId)).toMatchObject({ status: 'completed', step: undefined, actions: ['continue'] });
  });

  it('says after a wrong password no more than that, and keeps the attempt', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.signIn(flowId, 'alice', wrongPassword);
    expect(await browser.see(flowId)).toMatchObject({ status: 'active', account: undefined, notices: [{ code: 'Operation.Failure.Credential.Invalid', field: 'password' }] });
    expect(await attemptsLeft(flowId)).toBe(9);
    expect(hasFinished(await browser.signIn(flowId))).toBe(true);
  });

  it('ends the flow with the tenth wrong password; the right one comes too late', async () => {
    await setting.addUser('guessed', rightPassword);
    const browser = new TestBrowser(setting, setting.with({ settings: { lockout: { failuresPerAccount: 100, failuresPerAddress: 1_000, windowSeconds: 900, blockSeconds: 900 } } }));
    const flowId = await browser.start();
    for (let attempt = 0; attempt < 10; attempt += 1) await browser.signIn(flowId, 'guessed', wrongPassword);
    expect(await browser.see(flowId)).toMatchObject({ status: 'denied', denial: 'attempts_used_up', actions: ['leave'] });
    await browser.post(flowId, 'password.verify', { password: rightPassword });
    expect(await live(browser)).toBeUndefined();
    expect(hasFinished(await browser.post(flowId, 'leave'))).toBe(true);
    expect(lastOutcome()).toEqual({ kind: 'denied', reason: 'attempts_used_up', error: 'access_denied' });
  });

  it.each<[string, string, Record<string, string>]>([
    ['a blank name', 'identify', { identifier: '  ' }],
    ['no field at all', 'identify', {}],
    ['a name with control characters', 'identify', { identifier: 'ali\u0000ce' }],
    ['a name of 256 characters', 'identify', { identifier: 'a'.repeat(256) }],
    ['a password before a name', 'password.verify', { password: rightPassword }],
    ['a new password before a proof', 'change_password', { newPassword: rightPassword }],
    ['consent before a proof', 'consent', { decision: 'allow' }],
    ['to go on while something is missing', 'continue', {}],
    ['to leave while nothing was denied', 'leave', {}],
    ['a method that is none', 'constructor.verify', {}],
    ['an action that is none', '__proto__', {}],
    ['somebody else\'s account', 'choose_account', { account: 'user_somebody' }],
  ])('gets nowhere with %s', async (_name, verb, fields) => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    expect(hasFinished(await browser.post(flowId, verb, fields))).toBe(false);
    expect(await browser.see(flowId)).toMatchObject({ status: 'active', step: { name: 'identify' } });
    expect(await attemptsLeft(flowId)).toBe(10);
  });

  it('keeps a person signed in who asks for it, and lists the account in this browser only', async () => {
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start(), 'alice', rightPassword, { remember: 'on' });
    expect(await live(browser)).toMatchObject({ remember: true });
    browser.forgetSession();
    const flowId = await browser.start();
    expect((await browser.see(flowId)).step).toMatchObject({ accounts: [{ account: setting.userId, username: 'alice', signedIn: false }] });
    await browser.post(flowId, 'choose_account', { account: setting.userId });
    expect(hasFinished(await browser.post(flowId, 'password.verify', { password: rightPassword }))).toBe(true);
    const other = new TestBrowser(setting);
    expect((await other.see(await other.start())).step).toMatchObject({ accounts: [] });
  });

  it.each(['disabled', 'locked', 'expired', 'pending'] as const)('tells the owner of a %s account after the password, not before', async (status) => {
    const userId = await setting.addUser(`${status}-owner`, rightPassword);
    await setting.context.db.user.updateMany({ where: { id: userId }, data: { status } });
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.signIn(flowId, `${status}-owner`, wrongPassword);
    expect(await browser.see(flowId)).toMatchObject({ status: 'active', notices: [{ code: 'Operation.Failure.Credential.Invalid' }] });
    await browser.signIn(flowId, `${status}-owner`);
    expect(await browser.see(flowId)).toMatchObject({ status: 'denied', denial: `account_${status}` });
    expect(await live(browser)).toBeUndefined();
  });

  it('refuses an account that was disabled between the proof and the end', async () => {
    const userId = await setting.addUser('leaver', rightPassword);
    const third = await setting.addApplication('Partner of leavers', false);
    const browser = new TestBrowser(setting);
    const flowId = await browser.start({ scopes: ['openid', 'email'] }, { applicationId: third });
    await browser.signIn(flowId, 'leaver');
    await setting.context.db.user.updateMany({ where: { id: userId }, data: { status: 'disabled' } });
    await browser.post(flowId, 'consent', { decision: 'allow' });
    expect(await browser.see(flowId)).toMatchObject({ status: 'denied', denial: 'account_disabled' });
    expect(await setting.context.db.session.count({ where: { userId } })).toBe(0);
    expect(await setting.context.db.consent.count({ where: { userId } })).toBe(0);
  });
});

describe('consent', () => {
  it('is asked once for each scope of a third-party application, and kept', async () => {
    const partner = await setting.addApplication('Partner', false);
    const browser = new TestBrowser(setting);
    const flowId = await browser.start({ scopes: ['openid', 'profile'] }, { applicationId: partner });
    await browser.signIn(flowId);
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'consent', scopes: [{ name: 'profile', isNew: true }] });
    expect(await live(browser)).toBeUndefined();
    expect(hasFinished(await browser.post(flowId, 'consent', { decision: 'allow' }))).toBe(true);

    const second = await browser.start({ scopes: ['openid', 'profile', 'email'] }, { applicationId: partner });
    expect((await browser.see(second)).step).toMatchObject({ scopes: [{ name: 'profile', isNew: false }, { name: 'email', isNew: true }] });
    expect(hasFinished(await browser.post(second, 'consent', { decision: 'allow' }))).toBe(true);
    const third = await browser.start({ scopes: ['openid', 'email'] }, { applicationId: partner });
    expect(await browser.see(third)).toMatchObject({ step: undefined, actions: expect.arrayContaining(['continue']) as unknown });
  });

  it('that is refused gives the application nothing, and no session', async () => {
    const partner = await setting.addApplication('Unloved', false);
    const browser = new TestBrowser(setting);
    const flowId = await browser.start({ scopes: ['openid', 'profile'] }, { applicationId: partner });
    await browser.signIn(flowId);
    expect(hasFinished(await browser.post(flowId, 'consent', { decision: 'deny' }))).toBe(true);
    expect(lastOutcome()).toEqual({ kind: 'cancelled' });
    expect(await live(browser)).toBeUndefined();
  });
});

describe('a browser that is signed in', () => {
  it('goes on from its session; another tab offers it with one click', async () => {
    const browser = new TestBrowser(setting);
    const first = await browser.start();
    const second = await browser.start();
    const third = await browser.start();
    await browser.post(third, 'identify', { identifier: 'somebody' });
    await browser.signIn(first);
    const before = await live(browser);

    expect((await browser.see(second)).step).toMatchObject({ name: 'identify', accounts: [{ account: setting.userId, signedIn: true }] });
    expect(hasFinished(await browser.post(second, 'choose_account', { account: setting.userId }))).toBe(true);
    expect(await browser.see(third)).toMatchObject({ continueAs: { account: setting.userId, username: 'alice' } });
    expect(hasFinished(await browser.post(third, 'choose_account', { account: setting.userId }))).toBe(true);
    expect((await live(browser))?.id).toBe(before?.id);
  });

  it('is asked for the password again by prompt=login and max_age, and keeps its session with a new token', async () => {
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start());
    const before = await live(browser);
    const oldToken = browser.tokens.sessionToken;
    for (const request of [{ prompt: ['login'] }, { maxAge: 60 }]) {
      setting.pass(120);
      const flowId = await browser.start(request, { purpose: 'step_up' });
      expect(await browser.see(flowId)).toMatchObject({ account: { username: 'alice' }, step: { name: 'first_factor' } });
      expect(hasFinished(await browser.post(flowId, 'password.verify', { password: rightPassword }))).toBe(true);
    }
    const after = await live(browser);
    expect(after?.id).toBe(before?.id);
    expect(after?.authTime.getTime()).toBeGreaterThan(before?.authTime.getTime() ?? Infinity);
    expect(await findLiveSession(setting.context, oldToken)).toBeUndefined();
  });

  it('keeps the replaced token alive for 30 s, and never for what was proven later', async () => {
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start());
    const before = await live(browser);
    const oldToken = browser.tokens.sessionToken;
    setting.pass(120);
    const flowId = await browser.start({ prompt: ['login'] });
    setting.pass(1);
    await browser.post(flowId, 'password.verify', { password: rightPassword });
    expect(browser.tokens.sessionToken).not.toBe(oldToken);
    const old = await findLiveSession(setting.context, oldToken);
    expect(old?.id).toBe(before?.id);
    expect(old?.authTime.getTime()).toBeLessThan((await live(browser))?.authTime.getTime() ?? 0);
    setting.pass(31);
    expect(await findLiveSession(setting.context, oldToken)).toBeUndefined();
    expect(await live(browser)).toBeDefined();
  });

  it('never becomes somebody else by a proof: that ends the old session first', async () => {
    const bob = await setting.addUser('bob', rightPassword);
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start());
    const first = await live(browser);
    const flowId = await browser.start({ prompt: ['select_account'] });
    await browser.signIn(flowId, 'bob');
    expect(await live(browser)).toMatchObject({ userId: bob });
    expect(await setting.context.db.session.findFirst({ where: { id: first?.id ?? '' } })).toMatchObject({ endReason: 'other_account' });
    expect(lastOutcome()).toMatchObject({ sessionChanged: true });
  });

  it('keeps every demand of the request through "not you?"', async () => {
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start());
    const flowId = await browser.start({ prompt: ['login'], maxAge: 30, acrValues: ['urn:postern:acr:single'], loginHint: 'alice' });
    const switched = await browser.post(flowId, 'switch_account');
    const next = switched.kind === 'redirect' ? switched.location.split('/').at(-1) ?? '' : '';
    expect(next).toMatch(/^flow_/);
    expect(await browser.see(flowId)).toMatchObject({ status: 'cancelled' });
    expect(await browser.see(next)).toMatchObject({ status: 'active', step: { name: 'identify' }, identifier: undefined });
    const row = await setting.context.db.flow.findFirst({ where: { id: next } });
    expect(row).toMatchObject({ request: { prompt: ['login'], maxAge: 30, acrValues: ['urn:postern:acr:single'] }, originRef: 'request', proofs: [] });
    await browser.signIn(next);
    expect(await live(browser)).toMatchObject({ userId: setting.userId });
  });

  it('sends an application away that asks for a level nobody can show', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start({ acrValues: ['urn:postern:acr:multi'] });
    expect(hasFinished(await browser.signIn(flowId))).toBe(true);
    expect(lastOutcome()).toEqual({ kind: 'denied', reason: 'no_second_factor', error: 'unmet_authentication_requirements' });
    expect(await live(browser)).toBeUndefined();
  });

  it('starts over when its session ended meanwhile', async () => {
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start());
    const flowId = await browser.start({ scopes: ['openid'] });
    const form = await browser.see(flowId);
    expect(form).toMatchObject({ actions: expect.arrayContaining(['continue']) as unknown });
    await end(setting.context, (await live(browser))?.id ?? '', 'administrator');
    expect(hasFinished(await browser.post(flowId, 'continue', {}, form))).toBe(false);
    expect(await browser.see(flowId)).toMatchObject({ status: 'active', step: { name: 'identify' }, account: undefined });
  });
});

describe('a password that must change', () => {
  it('is changed after the present one was shown, and only then does a session begin', async () => {
    const userId = await setting.addUser('carol', rightPassword);
    const user = await findUserById(setting.context, userId);
    if (!user) throw new Error('no user');
    await setPassword(setting.context, user, { password: 'first given by an administrator', mustChange: true });
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.signIn(flowId, 'carol', 'first given by an administrator');
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'change_password', reason: 'required' });
    for (const [newPassword, code] of [['short', 'Password.Too.Short'], ['password1234', 'Password.Too.Weak'], ['first given by an administrator', 'Password.Used.Before'], ['', 'Params.Blank']] as const) {
      await browser.post(flowId, 'change_password', { newPassword });
      expect((await browser.see(flowId)).notices).toEqual([{ code, field: 'newPassword' }]);
    }
    expect(await live(browser)).toBeUndefined();
    expect(hasFinished(await browser.post(flowId, 'change_password', { newPassword: 'chosen by carol herself' }))).toBe(true);
    expect(await live(browser)).toMatchObject({ userId });
    const again = new TestBrowser(setting);
    expect(hasFinished(await again.signIn(await again.start(), 'carol', 'chosen by carol herself'))).toBe(true);
  });

  it('is asked for when it is older than the instance allows', async () => {
    await setting.addUser('dave', rightPassword);
    setting.pass(91 * 86_400);
    const { password } = setting.context.instance.settings;
    const browser = new TestBrowser(setting, setting.with({ settings: { password: { ...password, maximumAgeDays: 90 } } }));
    const flowId = await browser.start();
    await browser.signIn(flowId, 'dave');
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'change_password', reason: 'expired' });
  });
});

async function attemptsLeft(flowId: string): Promise<number | undefined> {
  return (await setting.context.db.flow.findFirst({ where: { id: flowId } }))?.attemptsLeft;
}
