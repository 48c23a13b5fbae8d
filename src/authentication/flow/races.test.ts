import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLiveSession } from '../live-sessions.ts';
import { submitFlow } from './submit.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser, wrongPassword } from '../testing/sign-in.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting({ DATABASE_POOL_SIZE: '20' }); });
afterAll(() => setting.close());

/** Submits the same form many times at once; a full hashing queue counts as an answer of its own. */
async function submitAll(browser: TestBrowser, flowId: string, verb: string, fields: Record<string, string>, times: number) {
  const { version, formToken } = await browser.see(flowId);
  const { browserToken, sessionToken } = browser.tokens;
  return Promise.all(Array.from({ length: times }, () =>
    submitFlow(browser.context, flowId, browserToken, { do: verb, version, formToken, fields, sessionToken })));
}

describe('fifty submissions of one form at once', () => {
  it('make one session, and all answers lead to the same place', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    const answers = await submitAll(browser, flowId, 'password.verify', { password: rightPassword }, 50);
    expect(answers.filter(hasFinished)).toHaveLength(50);
    const flow = await setting.context.db.flow.findFirstOrThrow({ where: { id: flowId } });
    expect(flow).toMatchObject({ status: 'completed', attemptsLeft: 10 });
    expect(await setting.context.db.session.count({ where: { browserId: flow.browserId, endedAt: null } })).toBe(1);
    expect(await setting.context.db.event.count({ where: { type: 'session.created', subjectId: flow.sessionId ?? '' } })).toBe(1);
    // Whichever answer the browser keeps, its cookie works.
    for (const answer of answers) {
      const copy = new TestBrowser(setting);
      if (answer.kind !== 'elsewhere') copy.take(answer.setCookies);
      expect((await findLiveSession(setting.context, copy.tokens.sessionToken))?.id).toBe(flow.sessionId);
    }
  });

  it('with a wrong password are checked one after the other, each paid for', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    const answers = await submitAll(browser, flowId, 'password.verify', { password: wrongPassword }, 50);
    expect(answers.every((answer) => answer.kind === 'redirect' && !hasFinished(answer))).toBe(true);
    const failed = await setting.context.db.event.count({ where: { type: 'sign_in.failed', after: { path: ['flowId'], equals: flowId } } });
    const { attemptsLeft } = await setting.context.db.flow.findFirstOrThrow({ where: { id: flowId } });
    expect(attemptsLeft).toBe(10 - failed);
    expect(failed).toBeGreaterThanOrEqual(1);
    expect(failed).toBeLessThanOrEqual(10);
  });

  it('count every consent once', async () => {
    const partner = await setting.addApplication('Races', false);
    const browser = new TestBrowser(setting);
    const flowId = await browser.start({ scopes: ['openid', 'profile'] }, { applicationId: partner });
    await browser.signIn(flowId);
    await submitAll(browser, flowId, 'consent', { decision: 'allow' }, 20);
    expect(await setting.context.db.event.count({ where: { type: 'consent.given', after: { path: ['applicationId'], equals: partner } } })).toBe(1);
  });
});

describe('wrong passwords for one name over many flows at once', () => {
  it('are checked as often as the limit says, and not once more', async () => {
    await setting.addUser('target', rightPassword);
    const context = setting.with({ settings: { lockout: { failuresPerAccount: 5, failuresPerAddress: 1_000, windowSeconds: 900, blockSeconds: 900 } } });
    const browsers = await Promise.all(Array.from({ length: 16 }, async () => {
      const browser = new TestBrowser(setting, context);
      const flowId = await browser.start();
      await browser.post(flowId, 'identify', { identifier: 'target' });
      return { browser, flowId };
    }));
    await Promise.all(browsers.map(({ browser, flowId }) => browser.post(flowId, 'password.verify', { password: wrongPassword })));
    const views = await Promise.all(browsers.map(({ browser, flowId }) => browser.see(flowId)));
    const codes = views.map((view) => view.notices[0]?.code);
    expect(codes.filter((code) => code === 'Operation.Failure.Credential.Invalid')).toHaveLength(5);
    expect(codes.filter((code) => code === 'Operation.Failure.Too.Many.Attempts')).toHaveLength(11);
  });
});

describe('four tabs that finish together', () => {
  it('end in one session with every flow completed, and no tab signs another out', async () => {
    const browser = new TestBrowser(setting);
    const flows: string[] = [];
    for (let tab = 0; tab < 4; tab += 1) flows.push(await browser.start());
    for (const flowId of flows) await browser.post(flowId, 'identify', { identifier: 'alice' });
    const answers = await Promise.all(flows.map((flowId) => browser.post(flowId, 'password.verify', { password: rightPassword })));
    expect(answers.every(hasFinished)).toBe(true);
    const rows = await setting.context.db.flow.findMany({ where: { id: { in: flows } } });
    expect(rows.map((row) => row.status)).toEqual(['completed', 'completed', 'completed', 'completed']);
    expect(new Set(rows.map((row) => row.sessionId)).size).toBe(1);
    for (const answer of answers) {
      const copy = new TestBrowser(setting);
      if (answer.kind !== 'elsewhere') copy.take(answer.setCookies);
      expect((await findLiveSession(setting.context, copy.tokens.sessionToken))?.id).toBe(rows[0]?.sessionId);
    }
  });
});

describe('a server that dies', () => {
  it('after it reserved a check: the flow goes on when its time is up, the attempt stays spent', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    const { reserve, findFlow } = await import('./store.ts');
    const flow = await findFlow(setting.context, flowId);
    if (!flow) throw new Error('no flow');
    expect(await reserve(setting.context, flow)).toBeDefined();
    expect(await reserve(setting.context, flow)).toBeUndefined();
    setting.pass(21);
    expect(hasFinished(await browser.post(flowId, 'password.verify', { password: rightPassword }))).toBe(true);
    expect((await setting.context.db.flow.findFirstOrThrow({ where: { id: flowId } })).attemptsLeft).toBe(9);
  });

  it('inside the completing transaction: nothing is half-written, and one click completes', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    const before = await setting.context.db.session.count();
    const honest = browser.context;
    let transactions = 0;
    browser.context = {
      ...honest,
      transaction: (work) => honest.transaction(async (tx) => {
        const result = await work(tx);
        transactions += 1;
        // The throttle takes the first one; the second is the completion, done but not committed.
        if (transactions === 2) throw new Error('killed');
        return result;
      }),
    };
    await expect(browser.post(flowId, 'password.verify', { password: rightPassword })).rejects.toThrow('killed');
    browser.context = honest;
    expect(await setting.context.db.session.count()).toBe(before);
    expect(await browser.see(flowId)).toMatchObject({ status: 'active', step: undefined, actions: ['continue', 'switch_account', 'cancel'] });
    expect(hasFinished(await browser.post(flowId, 'continue'))).toBe(true);
    expect(await setting.context.db.session.count()).toBe(before + 1);
  });
});

describe('two servers on one database', () => {
  it('finish at one what began at the other', async () => {
    const elsewhere = await setting.another();
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'alice' });
    browser.context = elsewhere;
    expect(hasFinished(await browser.post(flowId, 'password.verify', { password: rightPassword }))).toBe(true);
    expect(await findLiveSession(setting.context, browser.tokens.sessionToken)).toMatchObject({ userId: setting.userId });
  });
});
