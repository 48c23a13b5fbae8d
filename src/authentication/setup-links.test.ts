import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { storeCrossSitePost, takeCrossSitePost } from './cross-site-posts.ts';
import { registerFlowOrigin } from './flow/origins.ts';
import { findLiveSession } from './live-sessions.ts';
import { purgeInstance } from './purge.ts';
import { satisfies } from './satisfies.ts';
import { createSetupLink, isSetUp, openSetupLink, setupOrigin } from './setup-links.ts';
import { hasFinished, type Setting, startSetting, TestBrowser } from './testing/sign-in.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting();
  registerFlowOrigin(setting.core, setupOrigin);
});
afterAll(() => setting.close());

const chosen = 'chosen by the administrator';

async function administrator(name: string): Promise<string> {
  const userId = await setting.addUser(name);
  await setting.context.db.administratorAssignment.create({ data: { userId, role: 'owner' } });
  return userId;
}

async function open(token: string): Promise<{ browser: TestBrowser; flowId: string }> {
  const browser = new TestBrowser(setting);
  const started = await openSetupLink(setting.context, token, browser.tokens);
  if (!started) throw new Error('the link does not work');
  browser.take(started.setCookies);
  return { browser, flowId: started.flowId };
}

describe('a set-up link', () => {
  it('asks for a password and lands signed in; then the instance is set up', async () => {
    const userId = await administrator('root');
    const { token, url } = await createSetupLink(setting.context, userId);
    expect(url).toBe(`${setting.context.instance.issuer}/setup/${token}`);
    expect(await isSetUp(setting.context)).toBe(false);
    const { browser, flowId } = await open(token);
    expect(await browser.see(flowId)).toMatchObject({ account: { username: 'root' }, step: { name: 'change_password', reason: 'setup' }, actions: [] });
    expect(await browser.post(flowId, 'change_password', { newPassword: chosen })).toMatchObject({ kind: 'redirect', location: `${setting.context.instance.issuer}/` });
    const session = await findLiveSession(setting.context, browser.tokens.sessionToken);
    expect(session).toMatchObject({ userId, acr: 'urn:postern:acr:single' });
    // The console asks for a sign-in next: the session must be enough for it.
    expect(session && await satisfies(setting.context, session, { applicationId: setting.applicationId })).toEqual({ satisfied: true });
    expect(await isSetUp(setting.context)).toBe(true);
    const again = new TestBrowser(setting);
    expect(hasFinished(await again.signIn(await again.start(), 'root', chosen))).toBe(true);
  });

  it('is opened by mail scanners as often as they like, and works once', async () => {
    const { token } = await createSetupLink(setting.context, await administrator('scanned'));
    for (let visit = 0; visit < 3; visit += 1) await open(token);
    const [first, second] = [await open(token), await open(token)];
    const answers = await Promise.all([first, second].map(({ browser, flowId }) => browser.post(flowId, 'change_password', { newPassword: chosen })));
    expect(answers.filter((answer) => answer.kind === 'redirect' && answer.location === `${setting.context.instance.issuer}/`)).toHaveLength(1);
    expect(await openSetupLink(setting.context, token, first.browser.tokens)).toBeUndefined();
    const sessions = await Promise.all([first, second].map(({ browser }) => findLiveSession(setting.context, browser.tokens.sessionToken)));
    expect(sessions.filter(Boolean)).toHaveLength(1);
  });

  it('takes only a password that meets the policy, and nothing else', async () => {
    const userId = await administrator('strict');
    const { token } = await createSetupLink(setting.context, userId);
    const { browser, flowId } = await open(token);
    for (const [verb, fields] of [['change_password', { newPassword: 'password1234' }], ['password.verify', { password: 'x' }], ['switch_account', {}], ['cancel', {}], ['continue', {}], ['identify', { identifier: 'alice' }], ['choose_account', { account: setting.userId }]] as const) {
      await browser.post(flowId, verb, fields);
      expect(await browser.see(flowId)).toMatchObject({ status: 'active', step: { name: 'change_password' } });
    }
    expect(await findLiveSession(setting.context, browser.tokens.sessionToken)).toBeUndefined();
  });

  it('stops working after a day, when a newer one is made, and for made-up tokens', async () => {
    const userId = await administrator('late');
    const { token } = await createSetupLink(setting.context, userId);
    const { token: newer } = await createSetupLink(setting.context, userId);
    const browser = new TestBrowser(setting);
    expect(await openSetupLink(setting.context, token, browser.tokens)).toBeUndefined();
    expect(await openSetupLink(setting.context, 'made up', browser.tokens)).toBeUndefined();
    await open(newer);
    setting.pass(86_401);
    expect(await openSetupLink(setting.context, newer, browser.tokens)).toBeUndefined();
  });
});

describe('a cross-site POST', () => {
  const target = 'https://id.example.com/callback';

  it('is taken once, at its own address, within a minute', async () => {
    const handle = await storeCrossSitePost(setting.context, target, 'state=1&code=2');
    expect(await takeCrossSitePost(setting.context, 'https://id.example.com/other', handle)).toBeUndefined();
    const taken = await Promise.all(Array.from({ length: 20 }, () => takeCrossSitePost(setting.context, target, handle)));
    expect(taken.filter((body) => body === 'state=1&code=2')).toHaveLength(1);
    expect(taken.filter((body) => body === undefined)).toHaveLength(19);
    const late = await storeCrossSitePost(setting.context, target, 'late');
    setting.pass(61);
    expect(await takeCrossSitePost(setting.context, target, late)).toBeUndefined();
  });

  it('lies in the database without its content and without its handle', async () => {
    const handle = await storeCrossSitePost(setting.context, target, 'a secret answer');
    const rows = JSON.stringify(await setting.context.db.crossSitePost.findMany());
    expect(rows).not.toContain('secret answer');
    expect(rows).not.toContain(handle);
  });

  it('is refused when it is too large', async () => {
    await expect(storeCrossSitePost(setting.context, target, 'x'.repeat(131_073))).rejects.toMatchObject({ status: 413 });
  });
});

describe('housekeeping', () => {
  it('removes what has run out, and nothing that is alive', async () => {
    const keeper = new TestBrowser(setting);
    await keeper.signIn(await keeper.start(), 'alice', undefined, { remember: 'on' });
    const stranger = new TestBrowser(setting);
    await stranger.start();
    await storeCrossSitePost(setting.context, 'https://id.example.com/callback', 'old');
    setting.pass(3 * 86_400);
    const fresh = await new TestBrowser(setting).start();
    await purgeInstance(setting.context);
    const { db } = setting.context;
    expect(await db.flow.findMany({ select: { id: true } })).toEqual([{ id: fresh }]);
    expect(await db.crossSitePost.count()).toBe(0);
    expect(await db.throttle.count()).toBe(0);
    expect(await findLiveSession(setting.context, keeper.tokens.sessionToken)).toBeDefined();
    // The stranger's browser is gone, the one that signed in is kept.
    const { findBrowser } = await import('./browsers.ts');
    expect(await findBrowser(setting.context, stranger.tokens.browserToken)).toBeUndefined();
    expect(await findBrowser(setting.context, keeper.tokens.browserToken)).toBeDefined();
  });
});
