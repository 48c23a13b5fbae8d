import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareInstance } from '../../../test/support/core.ts';
import { findLiveSession } from '../live-sessions.ts';
import { startFlow } from './start.ts';
import { submitFlow } from './submit.ts';
import { loadFlowView } from './view.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser, withoutChallenge } from '../testing/sign-in.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting(); });
afterAll(() => setting.close());

describe('a flow belongs to the browser that began it', () => {
  it('in another browser, with or without cookies, it offers to begin the same request there and changes nothing', async () => {
    const owner = new TestBrowser(setting);
    const flowId = await owner.start();
    await owner.post(flowId, 'identify', { identifier: 'alice' });
    const form = await owner.see(flowId);
    const other = new TestBrowser(setting);
    await other.start();
    for (const tokens of [other.tokens, { browserToken: undefined, sessionToken: undefined }, { browserToken: 'made up', sessionToken: undefined }]) {
      expect(await loadFlowView(setting.context, flowId, tokens)).toEqual({ kind: 'elsewhere', restart: 'https://app.example.com/again?ref=request' });
      expect(await submitFlow(setting.context, flowId, tokens.browserToken, { do: 'password.verify', version: form.version, formToken: form.formToken, fields: { password: rightPassword } }))
        .toEqual({ kind: 'elsewhere', restart: 'https://app.example.com/again?ref=request' });
    }
    expect(withoutChallenge(await owner.see(flowId))).toEqual(withoutChallenge(form));
  });

  it('of another instance it is unknown', async () => {
    const owner = new TestBrowser(setting);
    const flowId = await owner.start();
    const other = await bareInstance(setting.core, 'other');
    expect(await loadFlowView(other, flowId, owner.tokens)).toEqual({ kind: 'elsewhere', restart: undefined });
  });

  it('of an API client it is no page', async () => {
    const owner = new TestBrowser(setting);
    const flowId = await owner.start();
    await setting.context.db.flow.updateMany({ where: { id: flowId }, data: { channel: 'api' } });
    expect(await loadFlowView(setting.context, flowId, owner.tokens)).toEqual({ kind: 'elsewhere', restart: undefined });
  });
});

describe('a form token', () => {
  it.each<[string, (view: { version: number; formToken: string }, other: { formToken: string }) => { version: number; formToken: string }]>([
    ['that is missing', (view) => ({ ...view, formToken: '' })],
    ['that is made up', (view) => ({ ...view, formToken: 'x'.repeat(43) })],
    ['of another flow of the same browser', (view, other) => ({ ...view, formToken: other.formToken })],
    ['of another version', (view) => ({ ...view, version: view.version + 1 })],
    ['of a version that is no number', (view) => ({ ...view, version: Number.NaN })],
  ])('%s is refused', async (_name, spoil) => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    const other = await browser.see(await browser.start());
    const view = await browser.see(flowId);
    const spoilt = spoil(view, other);
    const answer = await submitFlow(setting.context, flowId, browser.tokens.browserToken, { do: 'identify', fields: { identifier: 'alice' }, ...spoilt });
    expect(answer.kind).toBe('elsewhere');
    expect(withoutChallenge(await browser.see(flowId))).toEqual(withoutChallenge(view));
  });

  it('is used up by the input that it came with: an old form leads to where things stand', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    const old = await browser.see(flowId);
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    const now = await browser.see(flowId);
    expect(await browser.post(flowId, 'identify', { identifier: 'bob' }, old)).toMatchObject({ kind: 'redirect', location: `${setting.context.instance.issuer}/sign-in/${flowId}` });
    expect(withoutChallenge(await browser.see(flowId))).toEqual(withoutChallenge(now));
  });
});

describe('attack: flow.session-fixation', () => {
  it('adopts no session cookie that was planted, and signs in under a new one', async () => {
    const attacker = new TestBrowser(setting);
    await setting.addUser('mallory', rightPassword);
    await attacker.signIn(await attacker.start(), 'mallory');
    const planted = attacker.tokens.sessionToken ?? '';

    const victim = new TestBrowser(setting);
    await victim.start();
    victim.take([`postern_session_default=${planted}; Path=/`]);
    const flowId = await victim.start();
    // The session is another browser's: it is neither gone on from nor offered.
    expect(await victim.see(flowId)).toMatchObject({ account: undefined, step: { name: 'identify', accounts: [] } });
    expect(hasFinished(await victim.signIn(flowId))).toBe(true);
    expect(victim.tokens.sessionToken).not.toBe(planted);
    expect(await findLiveSession(setting.context, victim.tokens.sessionToken)).toMatchObject({ userId: setting.userId });
    expect((await findLiveSession(setting.context, planted))?.userId).not.toBe(setting.userId);
  });

  it('counts a cookie that comes twice as none, and clears it', async () => {
    const { readBrowserCookies } = await import('../cookies.ts');
    const name = 'postern_session_default';
    for (const header of [`${name}=a; ${name}=b`, `${name}=b; x=1; ${name}=a`]) {
      expect(readBrowserCookies(setting.context, header)).toMatchObject({ sessionToken: undefined, clear: [expect.stringMatching(/^postern_session_default=; .*Max-Age=0/)] });
    }
  });
});

describe('attack: limit.anonymous-state (flows)', () => {
  it('keeps twenty unfinished flows per browser; the oldest goes', async () => {
    const browser = new TestBrowser(setting, setting.with({ address: '198.51.100.7' }));
    const first = await browser.start();
    for (let more = 0; more < 20; more += 1) await browser.start();
    const { browserId } = await setting.context.db.flow.findFirstOrThrow({ where: { browserId: { not: null } }, orderBy: { createdAt: 'desc' } });
    expect(await setting.context.db.flow.count({ where: { browserId, status: 'active' } })).toBe(20);
    await expect(browser.see(first)).rejects.toThrow('elsewhere');
  });

  it('lets one address begin only so many, and tells when to come back', async () => {
    const context = setting.with({ address: '2001:db8:1:2::1' });
    const neighbour = setting.with({ address: '2001:db8:1:2:ffff::9' });
    const before = await setting.context.db.flow.count();
    const browser = new TestBrowser(setting, context);
    await browser.start();
    const answers = await Promise.all(Array.from({ length: 400 }, (_, index) =>
      startFlow(index % 2 ? context : neighbour, { channel: 'browser', purpose: 'sign_in', origin: { kind: 'oidc', ref: 'r' }, request: {}, browserToken: browser.tokens.browserToken })
        .then(() => 'started', (error: { status?: number; headers?: Record<string, string> }) => (error.status === 429 && Number(error.headers?.['Retry-After']) > 0 ? 'refused' : 'broken'))));
    expect(answers).not.toContain('broken');
    expect(answers.filter((answer) => answer === 'refused').length).toBeGreaterThan(50);
    expect(await setting.context.db.flow.count() - before).toBeLessThan(350);
    await new TestBrowser(setting, setting.with({ address: '2001:db8:1:3::1' })).start();
  });
});

describe('a flow that has run out', () => {
  it('offers one button that begins the same request again, and takes no input', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    setting.pass(3_601);
    expect(await browser.see(flowId)).toMatchObject({ status: 'expired', step: undefined, actions: ['restart'] });
    expect(hasFinished(await browser.post(flowId, 'password.verify', { password: rightPassword }))).toBe(false);
    expect(await findLiveSession(setting.context, browser.tokens.sessionToken)).toBeUndefined();
    expect(await browser.post(flowId, 'restart')).toMatchObject({ location: 'https://app.example.com/again?ref=request' });
  });

  it('asks again for a proof that is older than ten minutes', async () => {
    const partner = await setting.addApplication('Slow', false);
    const browser = new TestBrowser(setting);
    const flowId = await browser.start({ scopes: ['openid', 'email'] }, { applicationId: partner });
    await browser.signIn(flowId);
    setting.pass(601);
    await browser.post(flowId, 'consent', { decision: 'allow' });
    expect(await browser.see(flowId)).toMatchObject({ step: { name: 'first_factor' }, account: { username: 'alice' } });
  });
});

describe('what is not there', () => {
  it('a purpose that there is none of is refused', async () => {
    await expect(new TestBrowser(setting).start({}, { purpose: 'become_owner' as never })).rejects.toMatchObject({ status: 400, code: 'Operation.Failure.Purpose.Not.Available' });
  });

  it('the API channel is refused', async () => {
    await expect(startFlow(setting.context, { channel: 'api', purpose: 'sign_in', origin: { kind: 'oidc', ref: 'r' }, request: {} })).rejects.toMatchObject({ status: 400, code: 'Operation.Failure.Channel.Not.Available' });
  });
});
