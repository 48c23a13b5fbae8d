/** What is tried against codes: many tries, many flows, many at once, other spellings, and asking who exists. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../tenancy/index.ts';
import { instanceSettingsSchema } from '../../tenancy/index.ts';
import { submitFlow } from '../flow/submit.ts';
import { openMagicLink } from '../magic-links.ts';
import { giveAddress, giveTotp, newestMessage, totpCode } from '../testing/codes.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';

let setting: Setting;
let people = 0;

const settings = (change: Partial<InstanceContext['instance']['settings']['methods']> = {}) => ({
  methods: { ...instanceSettingsSchema.parse({}).methods, first: ['password', 'otp_email', 'otp_sms', 'magic_link'] as const satisfies string[], ...change },
  lockout: { failuresPerAccount: 1_000, failuresPerAddress: 10_000, windowSeconds: 900, blockSeconds: 300 } });
const within = (change: Parameters<typeof settings>[0] = {}, address = '192.0.2.1') => {
  const { methods, lockout } = settings(change);
  return setting.with({ settings: { methods: { ...methods, first: [...methods.first] }, lockout }, address });
};

beforeAll(async () => { setting = await startSetting({ DATABASE_POOL_SIZE: '20' }); });
afterAll(() => setting.close());

async function person(): Promise<{ name: string; userId: string; email: string }> {
  const name = `target-${(people += 1)}`;
  const userId = await setting.addUser(name, rightPassword);
  await giveAddress(setting.context, userId, { email: `${name}@example.com`, phone: `+86139001390${String(people).padStart(2, '0')}` });
  return { name, userId, email: `${name}@example.com` };
}

async function identified(context: InstanceContext, identifier: string): Promise<{ browser: TestBrowser; flowId: string }> {
  const browser = new TestBrowser(setting, context);
  const flowId = await browser.start();
  await browser.post(flowId, 'identify', { identifier });
  return { browser, flowId };
}

async function atSecondFactor(context: InstanceContext, name: string): Promise<{ browser: TestBrowser; flowId: string }> {
  const browser = new TestBrowser(setting, context);
  const flowId = await browser.start({ acrValues: ['urn:postern:acr:multi'] });
  await browser.signIn(flowId, name);
  return { browser, flowId };
}

/** Flows that have their password behind them, without one hash for each: the proofs of one are those of all. */
async function manyAtSecondFactor(context: InstanceContext, name: string, count: number): Promise<{ browser: TestBrowser; flowId: string }[]> {
  const { flowId: first } = await atSecondFactor(context, name);
  const { userId, proofs, risk, hookResults } = await context.db.flow.findFirstOrThrow({ where: { id: first } });
  return Promise.all(Array.from({ length: count }, async () => {
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start({ acrValues: ['urn:postern:acr:multi'] });
    await context.db.flow.updateMany({ where: { id: flowId }, data: { userId, proofs: proofs as [], risk: risk ?? {}, hookResults: hookResults ?? {} } });
    return { browser, flowId };
  }));
}

const noticeOf = async (browser: TestBrowser, flowId: string) => (await browser.see(flowId)).notices[0];
const wrong = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

describe('attack: flow.otp-single-use', () => {
  it('an authenticator app\'s code works once in sequence, once of twenty at once, and not three steps late', async () => {
    const context = within();
    const { name, userId } = await person();
    const { secret } = await giveTotp(setting, userId);
    const late = await atSecondFactor(context, name);
    expect(hasFinished(await late.browser.post(late.flowId, 'totp.verify', { code: totpCode(setting, secret, -3) }))).toBe(false);
    expect(hasFinished(await late.browser.post(late.flowId, 'totp.verify', { code: totpCode(setting, secret, 3) }))).toBe(false);
    const code = totpCode(setting, secret);
    const flows = await manyAtSecondFactor(context, name, 21);
    const answers = await Promise.all(flows.slice(0, 20).map(({ browser, flowId }) => browser.post(flowId, 'totp.verify', { code })));
    expect(answers.filter(hasFinished)).toHaveLength(1);
    const [last] = flows.slice(20);
    if (!last) throw new Error('there are 21');
    expect(hasFinished(await last.browser.post(last.flowId, 'totp.verify', { code }))).toBe(false);
    expect(await noticeOf(last.browser, last.flowId)).toMatchObject({ code: expect.stringMatching(/Code\.Used|Too\.Many\.Attempts/) as string });
    // An older step than the last one that was taken is replayed as well.
    expect(hasFinished(await last.browser.post(last.flowId, 'totp.verify', { code: totpCode(setting, secret, -1) }))).toBe(false);
  });

  it('a sent code works once of twenty at once, and not in another flow of the same person', async () => {
    const context = within();
    const { name } = await person();
    const { browser, flowId } = await identified(context, name);
    await browser.post(flowId, 'otp_email.prepare');
    const { code } = await newestMessage(context);
    const { version, formToken } = await browser.see(flowId);
    const { browserToken, sessionToken } = browser.tokens;
    await Promise.all(Array.from({ length: 20 }, () => submitFlow(context, flowId, browserToken, { do: 'otp_email.verify', version, formToken, fields: { code }, sessionToken })));
    const flow = await context.db.flow.findFirstOrThrow({ where: { id: flowId } });
    expect(await context.db.event.count({ where: { type: 'session.created', subjectId: flow.sessionId ?? '' } })).toBe(1);
    expect(await context.db.challenge.count({ where: { flowId, consumedAt: { not: null }, attemptsLeft: 4 } })).toBe(1);
    const second = await identified(context, name);
    expect(hasFinished(await second.browser.post(second.flowId, 'otp_email.verify', { code }))).toBe(false);
  });
});

describe('attack: flow.otp-guess', () => {
  it('wrong codes over fifty flows at once are counted for the person: the right one at the end is refused', async () => {
    const context = within();
    const { name, userId } = await person();
    const { secret } = await giveTotp(setting, userId);
    const flows = await manyAtSecondFactor(context, name, 50);
    await Promise.all(flows.map(({ browser, flowId }) => browser.post(flowId, 'totp.verify', { code: wrong(totpCode(setting, secret)) })));
    const [last] = flows;
    if (!last) throw new Error('there are fifty');
    expect(hasFinished(await last.browser.post(last.flowId, 'totp.verify', { code: totpCode(setting, secret) }))).toBe(false);
    expect(await noticeOf(last.browser, last.flowId)).toMatchObject({ code: 'Operation.Failure.Too.Many.Attempts', retryAt: expect.any(String) as string });
    expect(await context.db.event.count({ where: { type: 'account.locked', subjectType: 'user', subjectId: userId } })).toBe(1);
    // At most ten of the fifty were compared with the secret at all.
    expect(await context.db.event.count({ where: { type: 'sign_in.failed', subjectId: userId } })).toBeLessThanOrEqual(10);
    setting.pass(301);
    const later = await atSecondFactor(context, name);
    expect(hasFinished(await later.browser.post(later.flowId, 'totp.verify', { code: totpCode(setting, secret) }))).toBe(true);
  });

  it('codes sent to fifty flows of one name are counted together', async () => {
    const context = within({ sendsPerUser: 100, sendsPerAddress: 10_000 });
    const { name } = await person();
    let code = '';
    let last: Awaited<ReturnType<typeof identified>> | undefined;
    for (let round = 0; round < 3; round += 1) {
      last = await identified(context, name);
      await last.browser.post(last.flowId, 'otp_email.prepare');
      ({ code } = await newestMessage(context));
      for (let attempt = 0; attempt < 4 && round * 4 + attempt < 10; attempt += 1) await last.browser.post(last.flowId, 'otp_email.verify', { code: wrong(code) });
    }
    if (!last) throw new Error('there is one');
    await last.browser.post(last.flowId, 'otp_email.verify', { code: wrong(code) });
    expect(hasFinished(await last.browser.post(last.flowId, 'otp_email.verify', { code }))).toBe(false);
    expect(await noticeOf(last.browser, last.flowId)).toMatchObject({ code: 'Operation.Failure.Too.Many.Attempts' });
  });
});

describe('attack: flow.rate-key', () => {
  it('all spellings of a name share one count of tries and of messages', async () => {
    const context = within({ failuresPerUser: 3, sendsPerUser: 4, sendsPerAddress: 10_000 });
    const { email } = await person();
    const spellings = [email, email.toUpperCase(), ` ${email} `, `${email}.`, `\u200b${email}`, email.replace('a', 'а'), email.replace('e', 'ｅ')];
    const answers = [];
    for (const spelling of spellings) {
      const { browser, flowId } = await identified(context, spelling);
      await browser.post(flowId, 'otp_email.prepare');
      answers.push((await noticeOf(browser, flowId))?.code);
    }
    expect(answers).toEqual([...Array.from({ length: 4 }, () => undefined), ...Array.from({ length: spellings.length - 4 }, () => 'Operation.Failure.Too.Many.Messages')]);
    for (const spelling of spellings.slice(0, 4)) {
      const { browser, flowId } = await identified(context, spelling);
      await browser.post(flowId, 'otp_email.verify', { code: '000000' });
      answers.push((await noticeOf(browser, flowId))?.code);
    }
    expect(answers.at(-1)).toBe('Operation.Failure.Too.Many.Attempts');
  });

  it('a /64, and an IPv4 address in IPv6 clothes, are one sender', async () => {
    const codes = [];
    for (const address of ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:db8:1:2:ffff::3', '2001:db8:1:2:a:b:c:d', '2001:db8:1:2::5', '2001:db8:1:2::6']) {
      const { browser, flowId } = await identified(within({ sendsPerAddress: 5 }, address), `nobody-${people++}`);
      await browser.post(flowId, 'otp_email.prepare');
      codes.push((await noticeOf(browser, flowId))?.code);
    }
    expect(codes).toEqual([undefined, undefined, undefined, undefined, undefined, 'Operation.Failure.Too.Many.Messages']);
  });
});

describe('attack: limit.anonymous-state', () => {
  it('a hundred requests for codes over many flows and addresses send few messages to one number, and rows are few', async () => {
    const { name, userId } = await person();
    const { phone } = await setting.context.db.user.findFirstOrThrow({ where: { id: userId } });
    const [messages, challenges] = [await setting.context.db.notificationMessage.count({ where: { recipient: { not: null }, status: 'queued' } }), await setting.context.db.challenge.count()];
    for (let round = 0; round < 50; round += 1) {
      const context = within({ sendsPerAddress: 10_000 }, `198.51.100.${round}`);
      // The name and the number are two counts at our door; the number's own count is one behind both.
      const { browser, flowId } = await identified(context, round % 2 === 0 ? name : phone ?? '');
      for (let times = 0; times < 2; times += 1) await browser.post(flowId, 'otp_sms.prepare');
    }
    const sent = await setting.context.db.notificationMessage.count({ where: { recipient: { not: null }, status: 'queued' } }) - messages;
    expect(sent).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(setting.context.instance.settings.notifications.messagesPerNumberPerHour);
    expect(await setting.context.db.challenge.count() - challenges).toBeLessThanOrEqual(12);
  }, 30_000);
});

describe('attack: flow.enumeration', () => {
  const masked = (view: object, name: string) => JSON.parse(JSON.stringify(view)
    .replaceAll(name, '<name>').replace(/flow_[0-9a-z]+/g, '<flow>').replace(/"formToken":"[^"]*"/, '"formToken":"<token>"').replace(/\d{4}-\d\d-\d\dT[^"]*/g, '<time>')) as unknown;

  it.each(['otp_email', 'otp_sms', 'magic_link'])('%s: existing, unverified, disabled, hostile and unknown names get equal pages, rows and messages', async (method) => {
    const context = within({ sendsPerAddress: 10_000 });
    const { db } = context;
    const kinds = ['full', 'bare', 'unverified', 'disabled', 'odd'] as const;
    const names = [...kinds.map((kind) => `${kind}-${method.replace('_', '-')}`), `nobody-${method}`];
    for (const [index, name] of names.slice(0, 5).entries()) {
      const userId = await setting.addUser(name, rightPassword);
      const [email, phone] = [`${name}@example.com`, `+8613700137${index}${method.length}0`];
      if (index !== 1) await giveAddress(context, userId, { email: index === 4 ? `"odd ${method}"@example.com` : email, phone });
      if (index === 2) await db.user.updateMany({ where: { id: userId }, data: { emailVerified: false, phoneVerified: false } });
      if (index === 3) await db.user.updateMany({ where: { id: userId }, data: { status: 'disabled' } });
    }
    const rows = async () => ({ challenge: await db.challenge.count(), message: await db.notificationMessage.count(), throttle: await db.throttle.count(), event: await db.event.count(), jobs: setting.jobs.length });
    const seen = [];
    for (const name of names) {
      const { browser, flowId } = await identified(context, name);
      const before = await rows();
      const answer = await browser.post(flowId, `${method}.prepare`);
      const prepared = masked(await browser.see(flowId), name);
      const refusal = await browser.post(flowId, `${method}.verify`, { code: '000000' });
      const refused = masked(await browser.see(flowId), name);
      const again = await browser.post(flowId, `${method}.prepare`);
      const written = Object.fromEntries(Object.entries(await rows()).map(([table, count]) => [table, count - (before[table as keyof typeof before])]));
      seen.push({ answer: masked(answer, name), prepared, refusal: masked(refusal, name), refused, again: masked(again, name), last: masked(await browser.see(flowId), name), written });
    }
    const [first] = seen;
    // The first one also makes the row that counts the address; later ones find it.
    for (const other of seen.slice(2)) expect(other).toEqual(seen[1]);
    expect({ ...first, written: undefined }).toEqual({ ...seen[1], written: undefined });
    expect(seen[1]).toMatchObject({ written: { challenge: 1, message: 1, jobs: 1 }, refused: { notices: [{ code: 'Operation.Failure.Code.Invalid' }] } });
  });

  it('a link that was never sent opens nothing', async () => {
    const context = within();
    const { browser, flowId } = await identified(context, 'nobody-at-all');
    await browser.post(flowId, 'magic_link.prepare');
    const { link, to } = await newestMessage(context);
    expect(to).toBeNull();
    const token = link.split('/').at(-1) ?? '';
    const opened = await openMagicLink(context, token, browser.tokens);
    expect(opened?.kind).toBe('here');
    expect(hasFinished(await browser.post(flowId, 'magic_link.verify', { token }))).toBe(false);
  });
});
