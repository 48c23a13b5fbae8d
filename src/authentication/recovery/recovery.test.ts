import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUser, findUserById, updateUser } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findLiveSession } from '../live-sessions.ts';
import { preparePasswordFor, storePassword } from '../passwords.ts';
import { lastCode, lastMail, mails } from '../testing/mailbox.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';
import { decideRequest, listRequests } from './requests.ts';
import { openRecoveryLink, recoveryOrigin } from './links.ts';
import { registerFlowOrigin } from '../flow/origins.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ DATABASE_POOL_SIZE: '10' });
  registerFlowOrigin(setting.core, recoveryOrigin);
});
afterAll(() => setting.close());

const newPassword = 'nine purple bicycles whistle';
let hash: string | undefined;

/** Somebody with a proven address and the right password. */
async function person(username: string): Promise<{ id: string; email: string }> {
  const { context } = setting;
  const email = `${username}@example.com`;
  const user = await createUser(context, { username, email }, { emailVerified: true });
  hash ??= (await preparePasswordFor(context, user, rightPassword, 'administrator')).hash;
  await context.transaction((tx) => storePassword(tx, user.id, { hash: hash ?? '', mustChange: false, by: 'administrator' }));
  return { id: user.id, email };
}

async function begin(context: InstanceContext = setting.context) {
  const browser = new TestBrowser(setting, context);
  return { browser, flowId: await browser.start({}, { purpose: 'recover' }) };
}

async function ask(identifier: string, context: InstanceContext = setting.context) {
  const begun = await begin(context);
  await begun.browser.post(begun.flowId, 'recover', { identifier, channel: 'email' });
  return begun;
}

/** Opens a link as a browser does. */
async function open(url: string) {
  const browser = new TestBrowser(setting);
  const started = await openRecoveryLink(setting.context, url.split('/').at(-1) ?? '', browser.tokens);
  if (!started) return undefined;
  browser.take(started.setCookies);
  // Opening acts on nothing; the button does.
  if ((await browser.see(started.flowId)).actions.includes('continue')) await browser.post(started.flowId, 'continue');
  return { browser, flowId: started.flowId };
}

const linkTo = async (email: string) => (await lastMail(setting.context, email)).variables['link'] ?? '';
const canSignIn = async (username: string, password: string) => {
  const browser = new TestBrowser(setting);
  return hasFinished(await browser.signIn(await browser.start(), username, password));
};

describe('recovering an account', () => {
  it('takes a code from the proven mailbox, asks for a new password, and signs in', async () => {
    const { id, email } = await person('rita');
    const { browser, flowId } = await ask('rita');
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'recover', sent: { channel: 'email' }, fields: [{ name: 'code' }] });
    const mail = await lastMail(setting.context, email);
    expect(mail).toMatchObject({ template: 'recovery_code', variables: { username: 'rita' } });
    await browser.post(flowId, 'verify_recovery', { code: mail.variables['code'] ?? '' });
    expect(await browser.see(flowId)).toMatchObject({ account: { username: 'rita' }, step: { name: 'change_password', reason: 'recovery' } });
    expect(await canSignIn('rita', rightPassword)).toBe(true);
    expect(hasFinished(await browser.post(flowId, 'change_password', { newPassword }))).toBe(true);
    expect((await findLiveSession(setting.context, browser.tokens.sessionToken))?.userId).toBe(id);
    expect([await canSignIn('rita', newPassword), await canSignIn('rita', rightPassword)]).toEqual([true, false]);
    expect((await lastMail(setting.context, email)).template).toBe('account_recovered');
    expect(await setting.context.db.event.count({ where: { type: 'account.recovered', subjectId: id } })).toBe(1);
  });

  it('is found by the address where the username is lost, and the mail names it', async () => {
    const { email } = await person('forgotten-name');
    await ask(email.toUpperCase());
    expect((await lastMail(setting.context, email)).variables['username']).toBe('forgotten-name');
  });

  it('begins at the sign-in page, with what was typed there', async () => {
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'rita' });
    expect((await browser.see(flowId)).actions).toContain('recover');
    const answer = await browser.post(flowId, 'recover');
    const next = answer.kind === 'redirect' ? answer.location.split('/').at(-1) ?? '' : '';
    expect(await browser.see(next)).toMatchObject({ purpose: 'recover', step: { name: 'recover', fields: [{ name: 'identifier', value: 'rita' }] }, actions: ['sign_in', 'cancel'] });
  });

  it('attack: flow.enumeration: Looks, writes and queues the same for every name', async () => {
    await person('known');
    const unverified = await createUser(setting.context, { username: 'unverified', email: 'unverified@example.com' });
    await createUser(setting.context, { username: 'no-address' });
    const disabled = await person('disabled');
    await setting.context.db.user.updateMany({ where: { id: disabled.id }, data: { status: 'disabled' } });
    const seen = [];
    for (const identifier of ['known', 'unverified', 'unverified@example.com', 'no-address', 'disabled', 'nobody-here', 'nobody@example.com']) {
      const { browser, flowId } = await begin();
      const counts = async (): Promise<number[]> => {
        const { db } = setting.context;
        return Promise.all([db.notificationMessage.count(), db.challenge.count(), db.recovery.count(), db.event.count(), db.flow.count(), db.throttle.count()]);
      };
      const before = await counts();
      await browser.post(flowId, 'recover', { identifier, channel: 'email' });
      const written = (await counts()).map((count, index) => count - (before[index] ?? 0));
      const view = await browser.see(flowId);
      await browser.post(flowId, 'verify_recovery', { code: '000000' });
      const after = await browser.see(flowId);
      const text = JSON.stringify([view.step, view.actions, view.notices, view.account, after.step, after.notices]).replaceAll(/\d{4}-\d\d-\d\dT[^"]*/g, '');
      seen.push({ text, written });
    }
    for (const other of seen.slice(1)) expect(other).toEqual(seen[0]);
    expect((await mails(setting.context)).some(({ to }) => to === 'unverified@example.com')).toBe(false);
    expect((await findUserById(setting.context, unverified.id))?.emailVerified).toBe(false);
  });
});

describe('attack: flow.reset-lifecycle', () => {
  it('a code works once', async () => {
    const { email } = await person('once');
    const { browser, flowId } = await ask('once');
    const code = await lastCode(setting.context, email);
    await browser.post(flowId, 'verify_recovery', { code });
    await browser.post(flowId, 'change_password', { newPassword });
    const again = await begin();
    await again.browser.post(again.flowId, 'verify_recovery', { code });
    expect((await again.browser.see(again.flowId)).step?.name).toBe('recover');
    expect(await open(await linkTo(email)).catch(() => undefined)).toBeUndefined();
  });

  it('a code of one flow is none in another', async () => {
    const { email } = await person('crossing');
    await person('crossing-other');
    const first = await ask('crossing-other');
    await ask('crossing');
    await first.browser.post(first.flowId, 'verify_recovery', { code: await lastCode(setting.context, email) });
    expect(await first.browser.see(first.flowId)).toMatchObject({ account: undefined, step: { name: 'recover' }, notices: [{ code: 'Operation.Failure.Code.Invalid' }] });
  });

  it('a link spends nothing when it is opened, works in another browser, and once', async () => {
    const { id, email } = await person('linked');
    await ask('linked');
    const url = await linkTo(email);
    const [scanner, own] = [await open(url), await open(url)];
    expect(scanner).toBeDefined();
    if (!own || !scanner) throw new Error('the link does not open');
    expect(await own.browser.see(own.flowId)).toMatchObject({ account: { username: 'linked' }, step: { name: 'change_password' } });
    expect((await own.browser.post(own.flowId, 'change_password', { newPassword })).kind).toBe('redirect');
    expect((await findLiveSession(setting.context, own.browser.tokens.sessionToken))?.userId).toBe(id);
    expect(await open(url)).toBeUndefined();
    // The other flow of the same link has shown something that is used up.
    await scanner.browser.post(scanner.flowId, 'change_password', { newPassword: 'another password of a stranger' });
    expect(await scanner.browser.see(scanner.flowId)).toMatchObject({ status: 'denied', denial: 'recovery_void' });
    expect(await canSignIn('linked', newPassword)).toBe(true);
  });

  it('a code and a link are void after a newer one', async () => {
    const { email } = await person('newer');
    const older = await ask('newer');
    const [url, code] = [await linkTo(email), await lastCode(setting.context, email)];
    await ask('newer');
    expect(await open(url)).toBeUndefined();
    await older.browser.post(older.flowId, 'verify_recovery', { code });
    expect((await older.browser.see(older.flowId)).step?.name).toBe('recover');
    expect(await open(await linkTo(email))).toBeDefined();
  });

  it('what was shown is void when a newer one is asked for before the end', async () => {
    const { email } = await person('overtaken');
    const first = await ask('overtaken');
    await first.browser.post(first.flowId, 'verify_recovery', { code: await lastCode(setting.context, email) });
    await ask('overtaken');
    await first.browser.post(first.flowId, 'change_password', { newPassword });
    expect(await first.browser.see(first.flowId)).toMatchObject({ denial: 'recovery_void' });
    expect(await canSignIn('overtaken', rightPassword)).toBe(true);
  });

  it('a code and a link are void after a change of the address', async () => {
    const { id, email } = await person('moved');
    const { browser, flowId } = await ask('moved');
    const [url, code] = [await linkTo(email), await lastCode(setting.context, email)];
    await updateUser(setting.context, id, { email: 'moved-on@example.com' }, { emailVerified: true });
    expect(await open(url)).toBeUndefined();
    await browser.post(flowId, 'verify_recovery', { code });
    expect((await browser.see(flowId)).step?.name).toBe('recover');
  });

  it('a link does not live longer than the instance says', async () => {
    const { email } = await person('late');
    await ask('late');
    const url = await linkTo(email);
    setting.pass(901);
    expect(await open(url)).toBeUndefined();
    setting.pass(-901);
    expect(await open(url)).toBeDefined();
  });

  it('ends all sessions, all that applications were granted, and all remembered devices', async () => {
    const { id, email } = await person('thief');
    const thief = new TestBrowser(setting);
    await thief.signIn(await thief.start(), 'thief');
    const stolen = await findLiveSession(setting.context, thief.tokens.sessionToken);
    if (!stolen) throw new Error('nobody is signed in');
    await setting.context.db.rememberedDevice.create({ data: { id: 'rdev_1', userId: id, browserId: stolen.browserId, methods: ['totp'], provenAt: new Date(), name: 'x', expiresAt: new Date(Date.now() + 86_400_000) } });
    await setting.context.db.sessionParticipant.create({ data: { id: 'part_1', sessionId: stolen.id, applicationId: setting.applicationId, protocol: 'oidc', grantId: 'grant-1' } });
    const record = { model: 'Grant', id: 'grant-1', payload: { openid: { scope: 'openid offline_access' } }, expiresAt: new Date(Date.now() + 86_400_000) };
    await setting.context.db.oidcRecord.create({ data: record });
    await setting.context.db.oidcRecord.create({ data: { model: 'RefreshToken', id: 'refresh-1', grantId: 'grant-1', payload: {}, expiresAt: record.expiresAt } });
    const { browser, flowId } = await ask('thief');
    await browser.post(flowId, 'verify_recovery', { code: await lastCode(setting.context, email) });
    expect(hasFinished(await browser.post(flowId, 'change_password', { newPassword }))).toBe(true);
    expect(await findLiveSession(setting.context, thief.tokens.sessionToken)).toBeUndefined();
    expect(await findLiveSession(setting.context, browser.tokens.sessionToken)).toBeDefined();
    expect(await setting.context.db.oidcRecord.count({ where: { id: { in: ['grant-1', 'refresh-1'] } } })).toBe(0);
    expect(await setting.context.db.rememberedDevice.count({ where: { userId: id, revokedAt: null } })).toBe(0);
  });

  it('is of no use to who guesses: five tries for a code, then none', async () => {
    const { email } = await person('guessed');
    const { browser, flowId } = await ask('guessed');
    const code = await lastCode(setting.context, email);
    const wrong = code === '111111' ? '222222' : '111111';
    for (let attempt = 0; attempt < 5; attempt += 1) await browser.post(flowId, 'verify_recovery', { code: wrong });
    await browser.post(flowId, 'verify_recovery', { code });
    expect((await browser.see(flowId)).step?.name).toBe('recover');
  });

  it('of many at once one ends the recovery, and nothing is half-written when the server stops', async () => {
    const { id, email } = await person('parallel');
    await ask('parallel');
    const url = await linkTo(email);
    const opened = await Promise.all(Array.from({ length: 5 }, () => open(url)));
    const answers = await Promise.allSettled(opened.map(async (one, index) => one?.browser.post(one.flowId, 'change_password', { newPassword: `${newPassword} ${index}` })));
    expect(answers).toHaveLength(5);
    expect(await setting.context.db.event.count({ where: { type: 'account.recovered', subjectId: id } })).toBe(1);
    expect(await setting.context.db.session.count({ where: { userId: id, endedAt: null } })).toBe(1);

    const { browser, flowId } = await ask('parallel');
    await browser.post(flowId, 'verify_recovery', { code: await lastCode(setting.context, email) });
    const working = browser.context;
    browser.context = { ...working, transaction: (work) => working.transaction(async (tx) => {
      const result = await work(tx);
      if (await tx.db.recovery.count({ where: { flowId, consumedAt: { not: null } } }) > 0) throw new Error('the server was stopped');
      return result;
    }) };
    await expect(browser.post(flowId, 'change_password', { newPassword: `${newPassword} again` })).rejects.toThrow('the server was stopped');
    browser.context = working;
    expect(await canSignIn('parallel', `${newPassword} again`)).toBe(false);
    expect(hasFinished(await browser.post(flowId, 'continue'))).toBe(true);
    expect(await canSignIn('parallel', `${newPassword} again`)).toBe(true);
  });
});

describe('an account that has nothing but a passkey', () => {
  it('gets a new one only after a time, in which its owner hears of it and can stop it', async () => {
    const { context } = setting;
    const user = await createUser(context, { username: 'keyholder', email: 'keyholder@example.com' }, { emailVerified: true });
    await context.db.passkey.create({ data: { id: 'passkey_1', userId: user.id, rpId: 'localhost', credentialId: 'AAAA', publicKey: Buffer.from('x'), aaguid: '00000000-0000-0000-0000-000000000000', name: 'Key', transports: [], backupEligible: false, backedUp: false } });
    const first = await ask('keyholder');
    await first.browser.post(first.flowId, 'verify_recovery', { code: await lastCode(context, user.email ?? '') });
    expect(await first.browser.see(first.flowId)).toMatchObject({ status: 'denied', denial: 'recovery_waiting' });
    expect((await lastMail(context, user.email ?? '')).template).toBe('recovery_waits');
    expect(await listRequests(context, { limit: 10, userId: user.id })).toMatchObject({ items: [{ kind: 'passkey', state: 'pending' }] });

    // Asked again before: not a minute earlier, and no second mail.
    setting.pass(3_600);
    const second = await ask('keyholder');
    await second.browser.post(second.flowId, 'verify_recovery', { code: await lastCode(context, user.email ?? '') });
    expect(await second.browser.see(second.flowId)).toMatchObject({ denial: 'recovery_waiting' });
    setting.pass(23 * 3_600);
    const third = await ask('keyholder');
    await third.browser.post(third.flowId, 'verify_recovery', { code: await lastCode(context, user.email ?? '') });
    const view = await third.browser.see(third.flowId);
    expect(view).toMatchObject({ step: { name: 'enrol_factor', methods: [{ method: 'webauthn' }] } });
    expect(view.actions).not.toContain('skip');
    expect((await mails(context)).filter(({ to, template }) => to === user.email && template === 'recovery_waits')).toHaveLength(1);

    const { items } = await listRequests(context, { limit: 10, userId: user.id });
    await expect(decideRequest(context, items[0]?.id ?? '', 'approved')).rejects.toMatchObject({ status: 409 });
    await decideRequest(context, items[0]?.id ?? '', 'refused');
    expect((await third.browser.see(third.flowId)).step?.name).not.toBe('enrol_factor');
    setting.pass(-24 * 3_600);
  });
});

describe('who has lost the second factor, too', () => {
  it('is still asked for it, and goes on without only when an administrator agrees', async () => {
    const { context } = setting;
    const { id, email } = await person('lost-all');
    await context.db.totpCredential.create({ data: { id: 'cred_lost', userId: id, name: 'Phone', sealedSecret: 'sealed', lastStep: 0, createdAt: new Date(Date.now() - 60_000) } });
    const { browser, flowId } = await ask('lost-all');
    await browser.post(flowId, 'verify_recovery', { code: await lastCode(context, email) });
    expect(await browser.see(flowId)).toMatchObject({ step: { name: 'second_factor' }, actions: expect.arrayContaining(['ask_approver']) as string[] });
    await browser.post(flowId, 'change_password', { newPassword });
    expect((await browser.see(flowId)).step?.name).toBe('second_factor');
    await browser.post(flowId, 'ask_approver');
    await browser.post(flowId, 'ask_approver');
    const { items } = await listRequests(context, { limit: 10, state: 'pending', userId: id });
    expect(items).toMatchObject([{ kind: 'second_factor' }]);
    expect((await browser.see(flowId)).step?.name).toBe('second_factor');
    await decideRequest(context, items[0]?.id ?? '', 'approved');
    expect((await browser.see(flowId)).step?.name).toBe('change_password');
    expect(hasFinished(await browser.post(flowId, 'change_password', { newPassword }))).toBe(true);
    // What was lost is gone, the approval is used, and the next recovery asks again.
    expect(await context.db.totpCredential.count({ where: { userId: id } })).toBe(0);
    expect(await listRequests(context, { limit: 10, userId: id })).toMatchObject({ items: [{ state: 'used' }] });
    await expect(decideRequest(context, items[0]?.id ?? '', 'approved')).rejects.toMatchObject({ status: 409 });
  });
});
