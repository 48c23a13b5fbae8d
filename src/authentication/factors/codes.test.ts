/** Codes, links, authenticator apps and recovery codes, through the flow engine. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApplication } from '../../applications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { instanceSettingsSchema } from '../../tenancy/index.ts';
import { openMagicLink, showLinkCode } from '../magic-links.ts';
import { submitFlow } from '../flow/submit.ts';
import { hashCode } from '../recovery-codes.ts';
import { giveAddress, giveRecoveryCodes, giveTotp, newestMessage, totpCode } from '../testing/codes.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';

let setting: Setting;
let context: InstanceContext;
let userId: string;
let name: string;
let people = 0;

const everything = ['password', 'otp_email', 'otp_sms', 'magic_link'] as const;
const methods = (change: Partial<InstanceContext['instance']['settings']['methods']> = {}) =>
  ({ ...instanceSettingsSchema.parse({}).methods, first: [...everything], ...change });
const multi = { acrValues: ['urn:postern:acr:multi'] };

beforeAll(async () => {
  setting = await startSetting({ DATABASE_POOL_SIZE: '20' });
  context = setting.with({ settings: { methods: methods() } });
});
afterAll(() => setting.close());
beforeEach(async () => {
  name = `person-${(people += 1)}`;
  userId = await setting.addUser(name, rightPassword);
  await giveAddress(context, userId, { email: `${name}@example.com`, phone: `+86138001380${String(people).padStart(2, '0')}` });
});

/** At the first factor, with a name typed. */
async function identified(identifier = name, within = context): Promise<{ browser: TestBrowser; flowId: string }> {
  const browser = new TestBrowser(setting, within);
  const flowId = await browser.start();
  await browser.post(flowId, 'identify', { identifier });
  return { browser, flowId };
}

/** The same at an application that narrows the list. */
async function identifiedAt(...signInMethods: ('password' | 'otp_email' | 'magic_link')[]): Promise<[TestBrowser, string]> {
  const { application } = await createApplication(context, { name: 'Narrow', kind: 'web', firstParty: true, oidc: { redirectUris: ['https://app.example.com/callback'], signInMethods } });
  const browser = new TestBrowser(setting, context);
  const flowId = await browser.start({}, { applicationId: application.id });
  await browser.post(flowId, 'identify', { identifier: name });
  return [browser, flowId];
}

/** Past the password, where the application asks for more. */
async function atSecondFactor(within = context): Promise<{ browser: TestBrowser; flowId: string }> {
  const browser = new TestBrowser(setting, within);
  const flowId = await browser.start(multi);
  await browser.signIn(flowId, name);
  expect((await browser.see(flowId)).step?.name).toBe('second_factor');
  return { browser, flowId };
}

async function sent(identifier = name, verb = 'otp_email.prepare', within = context) {
  const { browser, flowId } = await identified(identifier, within);
  await browser.post(flowId, verb);
  return { browser, flowId, ...await newestMessage(context) };
}

const noticeOf = async (browser: TestBrowser, flowId: string) => (await browser.see(flowId)).notices[0];
const offered = async (browser: TestBrowser, flowId: string) => {
  const { step } = await browser.see(flowId);
  return step && 'methods' in step ? step.methods.map(({ method }) => method) : [];
};

async function submitAll(browser: TestBrowser, flowId: string, verb: string, fields: Record<string, string>, times: number) {
  const { version, formToken } = await browser.see(flowId);
  const { browserToken, sessionToken } = browser.tokens;
  return Promise.all(Array.from({ length: times }, () => submitFlow(browser.context, flowId, browserToken, { do: verb, version, formToken, fields, sessionToken })));
}

const wrong = (code: string) => String((Number(code) + 1) % 1_000_000).padStart(6, '0');

describe('a code by mail or text', () => {
  it.each([['otp_email', () => `${name}@example.com`], ['otp_sms', () => `+86138001380${String(people).padStart(2, '0')}`]] as const)('%s signs in who typed the name or the address', async (method, address) => {
    for (const typed of [name, address()]) {
      const { browser, flowId, to, code } = await sent(typed, `${method}.prepare`);
      expect(to).toBe(address());
      expect(code).toMatch(/^\d{6}$/);
      expect(hasFinished(await browser.post(flowId, `${method}.verify`, { code: `${code.slice(0, 3)} ${code.slice(3)}` }))).toBe(true);
    }
    const { outcome } = setting.outcomes.at(-1) ?? {};
    expect(outcome?.kind === 'completed' ? [outcome.session.userId, outcome.session.acr] : outcome).toEqual([userId, 'urn:postern:acr:single']);
  });

  it('is void after five wrong tries, after its time, and once another was sent', async () => {
    const first = await sent();
    for (let attempt = 0; attempt < 5; attempt += 1) await first.browser.post(first.flowId, 'otp_email.verify', { code: wrong(first.code) });
    expect(hasFinished(await first.browser.post(first.flowId, 'otp_email.verify', { code: first.code }))).toBe(false);
    expect(await noticeOf(first.browser, first.flowId)).toMatchObject({ code: 'Operation.Failure.Code.Invalid', field: 'code' });

    const late = await sent();
    setting.pass(301);
    expect(hasFinished(await late.browser.post(late.flowId, 'otp_email.verify', { code: late.code }))).toBe(false);

    await late.browser.post(late.flowId, 'otp_email.prepare');
    const older = await newestMessage(context);
    setting.pass(31);
    await late.browser.post(late.flowId, 'otp_email.prepare');
    const newer = await newestMessage(context);
    expect(hasFinished(await late.browser.post(late.flowId, 'otp_email.verify', { code: older.code }))).toBe(older.code === newer.code);
    expect(hasFinished(await late.browser.post(late.flowId, 'otp_email.verify', { code: newer.code }))).toBe(true);
  });

  it('is of one flow, one method and one address', async () => {
    const one = await sent();
    const two = await sent();
    if (one.code !== two.code) expect(hasFinished(await two.browser.post(two.flowId, 'otp_email.verify', { code: one.code }))).toBe(false);
    expect(hasFinished(await two.browser.post(two.flowId, 'otp_sms.verify', { code: two.code }))).toBe(false);
    expect(hasFinished(await two.browser.post(two.flowId, 'magic_link.verify', { code: two.code }))).toBe(false);
    await giveAddress(context, userId, { email: `${name}.new@example.com` });
    expect(hasFinished(await two.browser.post(two.flowId, 'otp_email.verify', { code: two.code }))).toBe(false);
  });

  it('is not sent again at once, nor by many requests at once', async () => {
    const { browser, flowId } = await sent();
    const before = await context.db.challenge.count({ where: { flowId } });
    await browser.post(flowId, 'otp_email.prepare');
    expect(await noticeOf(browser, flowId)).toMatchObject({ code: 'Operation.Failure.Too.Many.Messages', retryAt: expect.any(String) as string });
    setting.pass(31);
    await submitAll(browser, flowId, 'otp_email.prepare', {}, 10);
    expect(await context.db.challenge.count({ where: { flowId } })).toBe(before + 1);
  });

  it('is a second factor with a hint of where it goes, and only for a verified address', async () => {
    const { browser, flowId } = await atSecondFactor();
    const { step } = await browser.see(flowId);
    expect(step && 'methods' in step && step.methods.find(({ method }) => method === 'otp_email')).toMatchObject({ hint: 'p…@example.com', fields: [] });
    await browser.post(flowId, 'otp_email.prepare');
    expect(hasFinished(await browser.post(flowId, 'otp_email.verify', { code: (await newestMessage(context)).code }))).toBe(true);
    const { outcome } = setting.outcomes.at(-1) ?? {};
    expect(outcome?.kind === 'completed' && [outcome.session.acr, outcome.session.amr]).toEqual(['urn:postern:acr:multi', ['mfa', 'otp', 'pwd']]);

    await context.db.user.updateMany({ where: { id: userId }, data: { emailVerified: false } });
    const again = await atSecondFactor();
    expect(await offered(again.browser, again.flowId)).not.toContain('otp_email');
    const before = await context.db.challenge.count();
    await again.browser.post(again.flowId, 'otp_email.prepare');
    expect(await context.db.challenge.count()).toBe(before);
  });
});

describe('what is offered', () => {
  it('is the instance\'s list, narrowed by the application, and nothing else is taken', async () => {
    const plain = await identified(name, setting.context);
    expect(await offered(plain.browser, plain.flowId)).not.toContain('otp_email');
    const before = await context.db.challenge.count();
    await plain.browser.post(plain.flowId, 'otp_email.prepare');
    expect(await context.db.challenge.count()).toBe(before);

    const onlyCodes = setting.with({ settings: { methods: methods({ first: ['otp_email'] }) } });
    const codes = await identified(name, onlyCodes);
    expect(await offered(codes.browser, codes.flowId)).toEqual(['otp_email']);
    expect(await offered(...await identifiedAt('password', 'otp_email'))).toEqual(['password', 'otp_email']);
    expect(await offered(...await identifiedAt('magic_link'))).toEqual(['magic_link']);
    expect(hasFinished(await codes.browser.post(codes.flowId, 'password.verify', { password: rightPassword }))).toBe(false);
    expect(hasFinished(await codes.browser.post(codes.flowId, 'totp.verify', { code: '123456' }))).toBe(false);
  });
});

describe('a mailed link', () => {
  const tokenOf = (link: string) => link.split('/').at(-1) ?? '';

  it('survives mail scanners, goes on in the browser that waits, and works once', async () => {
    const { browser, flowId, link } = await sent(name, 'magic_link.prepare');
    expect(link).toBe(`${context.instance.issuer}/link/${tokenOf(link)}`);
    const scanner = new TestBrowser(setting, context);
    for (let times = 0; times < 2; times += 1) expect(await openMagicLink(context, tokenOf(link), scanner.tokens)).toEqual({ kind: 'elsewhere' });
    const opened = await openMagicLink(context, tokenOf(link), browser.tokens);
    if (opened?.kind !== 'here') throw new Error('the link is not for this browser');
    expect(hasFinished(await browser.post(flowId, 'magic_link.verify', { token: tokenOf(link) }, opened.view))).toBe(true);
    expect(await openMagicLink(context, tokenOf(link), browser.tokens)).toBeUndefined();
    expect(await showLinkCode(context, tokenOf(link))).toBeUndefined();
  });

  it('on another device shows a code for the page that waits, and signs in nobody there', async () => {
    const { browser, flowId, link } = await sent(name, 'magic_link.prepare');
    const other = new TestBrowser(setting, context);
    const first = await showLinkCode(context, tokenOf(link)) ?? '';
    const code = await showLinkCode(context, tokenOf(link)) ?? '';
    if (first !== code) expect(hasFinished(await browser.post(flowId, 'magic_link.verify', { code: first }))).toBe(false);
    expect(hasFinished(await browser.post(flowId, 'magic_link.verify', { code }))).toBe(true);
    expect(other.tokens.sessionToken).toBeUndefined();
  });

  it('begun by somebody else is of no use to them without the code', async () => {
    const { browser, flowId, link } = await sent(name, 'magic_link.prepare');
    const [id = ''] = tokenOf(link).split('.');
    for (const token of [id, `${id}.`, `${id}.x`, '', '.', 'x'.repeat(200)]) {
      expect(await openMagicLink(context, token, browser.tokens)).toBeUndefined();
      expect(hasFinished(await browser.post(flowId, 'magic_link.verify', { token }))).toBe(false);
    }
    setting.pass(601);
    expect(await openMagicLink(context, tokenOf(link), browser.tokens)).toBeUndefined();
  });
});

describe('an authenticator app', () => {
  it('is a second factor, one step early or late, and is told apart by its name', async () => {
    const { id, secret } = await giveTotp(setting, userId);
    for (const steps of [-1, 0, 1]) {
      setting.pass(120);
      const { browser, flowId } = await atSecondFactor();
      expect(hasFinished(await browser.post(flowId, 'totp.verify', { code: totpCode(setting, secret, steps) }))).toBe(true);
    }
    expect(await context.db.totpCredential.findFirst({ where: { id } })).toMatchObject({ name: 'Phone', lastUsedAt: expect.any(Date) as Date });
  });

  it('of another person is none', async () => {
    const { secret } = await giveTotp(setting, await setting.addUser(`${name}-other`, rightPassword));
    await giveTotp(setting, userId);
    const { browser, flowId } = await atSecondFactor();
    expect(hasFinished(await browser.post(flowId, 'totp.verify', { code: totpCode(setting, secret) }))).toBe(false);
  });

  it('keeps its secret sealed', async () => {
    const { secret } = await giveTotp(setting, userId);
    const rows = await context.db.$queryRaw<{ text: string }[]>`SELECT row_to_json(t)::text AS text FROM "TotpCredential" t WHERE "instanceId" = ${context.instance.id} UNION ALL SELECT row_to_json(e)::text FROM "Event" e WHERE "instanceId" = ${context.instance.id}`;
    expect(rows.filter(({ text }) => text.includes(secret))).toEqual([]);
  });
});

describe('recovery codes', () => {
  it('work once each, however they are typed, and many at once make one success', async () => {
    const [code = '', next = ''] = await giveRecoveryCodes(setting, userId);
    const { browser, flowId } = await atSecondFactor();
    expect(hasFinished(await browser.post(flowId, 'recovery_code.verify', { code: ` ${code.toLowerCase().replaceAll('-', ' ')} ` }))).toBe(true);
    const again = await atSecondFactor();
    expect(hasFinished(await again.browser.post(again.flowId, 'recovery_code.verify', { code }))).toBe(false);

    const flows = await Promise.all(Array.from({ length: 6 }, () => atSecondFactor()));
    const answers = await Promise.all(flows.map(({ browser: each, flowId: id }) => each.post(id, 'recovery_code.verify', { code: next })));
    expect(answers.filter(hasFinished)).toHaveLength(1);
    expect(await context.db.recoveryCode.count({ where: { userId, usedAt: null } })).toBe(8);
  });

  it('of an older set are void, and the owner hears when few are left', async () => {
    const [old = ''] = await giveRecoveryCodes(setting, userId);
    const codes = await giveRecoveryCodes(setting, userId);
    const stale = await atSecondFactor();
    if (!codes.includes(old)) expect(hasFinished(await stale.browser.post(stale.flowId, 'recovery_code.verify', { code: old }))).toBe(false);
    const fresh = await giveRecoveryCodes(setting, userId);
    await context.db.recoveryCode.updateMany({ where: { userId, hash: { in: fresh.slice(0, 6).map((code) => hashCode(context, userId, code)) } }, data: { usedAt: new Date() } });
    const { browser, flowId } = await atSecondFactor();
    expect(hasFinished(await browser.post(flowId, 'recovery_code.verify', { code: fresh[6] ?? '' }))).toBe(true);
    expect(await context.db.notificationMessage.count({ where: { template: 'recovery_codes_low', recipient: { not: null } } })).toBeGreaterThanOrEqual(1);
    expect(await context.db.event.findFirst({ where: { type: 'recovery_code.used', subjectId: userId }, orderBy: { sequence: 'desc' } })).toMatchObject({ after: { left: 3 } });
  });
});
