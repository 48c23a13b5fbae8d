import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUser, enableUser, findUserById, findUserByIdentifier } from '../../directory/index.ts';
import { findLiveSession } from '../live-sessions.ts';
import { lastCode, lastMail, mails } from '../testing/mailbox.ts';
import { hasFinished, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';
import { approveRegistration, listRegistrations, refuseRegistration } from './approvals.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting({ DATABASE_POOL_SIZE: '20' }); });
afterAll(() => setting.close());

type Registration = Partial<Setting['context']['instance']['settings']['registration']>;
const open = (change: Registration = {}) => setting.with({ settings: { registration: { ...setting.context.instance.settings.registration, enabled: true, ...change } } });
const password = 'seven green umbrellas dance';

/** A browser at the form. */
async function begin(context = open()) {
  const browser = new TestBrowser(setting, context);
  return { browser, flowId: await browser.start({}, { purpose: 'register' }) };
}

/** The whole way; the last answer. */
async function register(email: string, fields: Record<string, string> = {}, context = open()) {
  const { browser, flowId } = await begin(context);
  await browser.post(flowId, 'register', { email, password, ...fields });
  const view = await browser.see(flowId);
  if (view.step?.name !== 'verify_email') return { browser, flowId, answer: undefined };
  const answer = await browser.post(flowId, 'verify_email', { code: await lastCode(context, email) });
  return { browser, flowId, answer };
}

const usersOf = (email: string) => setting.context.db.user.findMany({ where: { email } });

describe('registering', () => {
  it('asks for what the instance wants, proves the address, then makes the account and the session', async () => {
    const context = open({ fields: [{ field: 'givenName', required: true }, { field: 'familyName', required: false }] });
    const { browser, flowId } = await begin(context);
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'register', fields: [{ name: 'email', required: true }, { name: 'givenName', required: true }, { name: 'familyName', required: false }, { name: 'password', required: true }] });
    await browser.post(flowId, 'register', { email: 'nora@example.com', givenName: 'Nora', password });
    const view = await browser.see(flowId);
    expect(view.step).toMatchObject({ name: 'verify_email', to: 'n…@example.com', sent: {}, fields: [{ name: 'code' }] });
    expect(await usersOf('nora@example.com')).toEqual([]);

    expect(hasFinished(await browser.post(flowId, 'verify_email', { code: await lastCode(context, 'nora@example.com') }))).toBe(true);
    const session = await findLiveSession(context, browser.tokens.sessionToken);
    const user = await findUserById(context, session?.userId ?? '');
    expect(user).toMatchObject({ email: 'nora@example.com', emailVerified: true, givenName: 'Nora', displayName: 'Nora', status: 'enabled', username: 'nora@example.com' });
    // The password works from now on.
    const again = new TestBrowser(setting, context);
    expect(hasFinished(await again.signIn(await again.start(), 'nora@example.com', password))).toBe(true);
  });

  it.each<[string, Registration, Record<string, string>, string, string]>([
    ['no address', {}, { email: '' }, 'Params.Blank', 'email'],
    ['what is no address', {}, { email: 'nora' }, 'Params.Illegal', 'email'],
    ['an address of a domain that is denied', { deniedDomains: ['bad.example'] }, { email: 'a@mail.bad.example' }, 'Registration.Domain.Not.Allowed', 'email'],
    ['an address of a domain that is not allowed', { allowedDomains: ['good.example'] }, { email: 'a@good.example.net' }, 'Registration.Domain.Not.Allowed', 'email'],
    ['an address of a domain that only ends alike', { allowedDomains: ['good.example'] }, { email: 'a@notgood.example' }, 'Registration.Domain.Not.Allowed', 'email'],
    ['no password', {}, { password: '' }, 'Params.Blank', 'password'],
    ['no password while nothing else signs in', { password: 'optional' }, { password: '' }, 'Params.Blank', 'password'],
    ['a weak password', {}, { password: 'password12' }, 'Password.Too.Weak', 'password'],
    ['a required field left out', { fields: [{ field: 'username', required: true }] }, {}, 'Params.Blank', 'username'],
    ['somebody else\'s address as a username', { fields: [{ field: 'username', required: true }] }, { username: 'other@example.com' }, 'Registration.Username.Is.Address', 'username'],
    ['a username of two alphabets', { fields: [{ field: 'username', required: true }] }, { username: 'аlice' }, 'Params.Illegal', 'username'],
    ['a name with control characters', {}, { displayName: 'a\u0007b' }, 'Params.Illegal', 'displayName'],
  ])('refuses %s, keeps what was typed, and sends nothing', async (_name, change, fields, code, field) => {
    const { browser, flowId } = await begin(open({ fields: [{ field: 'displayName', required: false }], ...change }));
    const before = await setting.context.db.notificationMessage.count();
    await browser.post(flowId, 'register', { email: 'refused@example.com', password, ...fields });
    const view = await browser.see(flowId);
    expect(view.notices).toMatchObject([{ code, field }]);
    expect(view.step?.name).toBe('register');
    expect(JSON.stringify(view)).not.toContain(password);
    expect(await setting.context.db.notificationMessage.count()).toBe(before);
  });

  it('allows addresses of an allowed domain and below it', async () => {
    const context = open({ allowedDomains: ['good.example'] });
    for (const email of ['a@good.example', 'b@mail.Good.Example']) expect((await register(email, {}, context)).answer).toBeDefined();
  });

  it('takes no code twice, of another flow, or guessed', async () => {
    const context = open();
    const [first, second] = [await begin(context), await begin(context)];
    for (const { browser, flowId } of [first, second]) await browser.post(flowId, 'register', { email: 'code@example.com', password });
    const codeOfSecond = await lastCode(context, 'code@example.com');
    const codeOfFirst = (await mails(context)).filter(({ to }) => to === 'code@example.com').at(-2)?.variables['code'] ?? '';
    if (codeOfFirst !== codeOfSecond) {
      await first.browser.post(first.flowId, 'verify_email', { code: codeOfSecond });
      expect((await first.browser.see(first.flowId)).notices).toMatchObject([{ code: 'Operation.Failure.Code.Invalid' }]);
    }
    expect(hasFinished(await first.browser.post(first.flowId, 'verify_email', { code: codeOfFirst }))).toBe(true);
    // Somebody has it now: the other one is told, after having shown the mailbox.
    await second.browser.post(second.flowId, 'verify_email', { code: codeOfSecond });
    expect(await second.browser.see(second.flowId)).toMatchObject({ step: { name: 'register' }, notices: [{ code: 'Registration.Name.Taken', field: 'email' }] });
    expect(await usersOf('code@example.com')).toHaveLength(1);
  });

  it('attack: flow.enumeration: Says and writes the same for an address that somebody has; its owner gets another mail', async () => {
    const context = open();
    await register('owner@example.com');
    const seen = [];
    for (const email of ['owner@example.com', 'fresh@example.com']) {
      const { browser, flowId } = await begin(context);
      const counts = async () => ({ message: await context.db.notificationMessage.count(), challenge: await context.db.challenge.count(), event: await context.db.event.count(), throttle: await context.db.throttle.count() });
      const before = await counts();
      const answer = await browser.post(flowId, 'register', { email, password });
      const after = await counts();
      const { step, notices, actions, status, account, identifier } = await browser.see(flowId);
      const words = JSON.stringify({ step, notices, actions, status, account, identifier, answer: answer.kind }).replaceAll(/"to":"."/g, '').replace(/\d{4}-\d\d-\d\dT[^"]*/g, '').replace(/"to":"[^"]*"/, '');
      seen.push({ words, written: Object.entries(after).map(([table, count]) => [table, count - before[table as keyof typeof before]]) });
    }
    expect(seen[0]).toEqual(seen[1]);
    expect((await lastMail(context, 'owner@example.com')).template).toBe('registration_account_exists');
    expect((await lastMail(context, 'fresh@example.com')).template).toBe('registration_code');
  });

  it('makes one account of twenty at once', async () => {
    const context = open();
    const all = await Promise.all(Array.from({ length: 20 }, async () => {
      const { browser, flowId } = await begin(context);
      return { browser, flowId, form: await browser.see(flowId) };
    }));
    const email = 'race@example.com';
    // One after the other, so that each knows its own code; the completions race.
    const codes: string[] = [];
    for (const { browser, flowId } of all) {
      await browser.post(flowId, 'register', { email, password });
      codes.push((await mails(context)).findLast(({ template }) => template === 'registration_code')?.variables['code'] ?? '');
    }
    const answers = await Promise.all(all.map(({ browser, flowId }, index) => browser.post(flowId, 'verify_email', { code: codes[index] ?? '' })));
    expect(answers.filter(hasFinished)).toHaveLength(1);
    expect(await usersOf(email)).toHaveLength(1);
    expect(await context.db.event.count({ where: { type: 'user.created', after: { path: ['email'], equals: email } } })).toBe(1);
  });

  it('attack: input.identifier-collision: Refuses twins of a username in the completing transaction', async () => {
    const context = open({ fields: [{ field: 'username', required: true }] });
    expect(hasFinished((await register('twin-0@example.com', { username: 'maria' }, context)).answer ?? { kind: 'elsewhere', restart: undefined })).toBe(true);
    for (const [index, username] of ['MARIA', 'maria.', 'ｍaria'].entries()) {
      const { browser, flowId, answer } = await register(`twin-${index + 1}@example.com`, { username }, context);
      expect(answer && hasFinished(answer), username).toBeFalsy();
      expect(await browser.see(flowId), username).toMatchObject({ step: { name: 'register' }, notices: [{ field: 'username' }] });
    }
    expect((await findUserByIdentifier(context, 'Maria'))?.email).toBe('twin-0@example.com');
  });

  it('attack: admin.mass-assignment: Takes nothing that the form does not ask for', async () => {
    const context = open({ fields: [] });
    const { browser } = await register('plain@example.com', {
      id: 'user_x', status: 'disabled', emailVerified: 'false', phone: '+8613800138000', phoneVerified: 'true', username: 'root', externalId: 'x', groupIds: 'group_x', organizationalUnitIds: 'ou_root', displayName: 'Other', expiresAt: '2020-01-01T00:00:00Z', source: 'scim' }, context);
    const session = await findLiveSession(context, browser.tokens.sessionToken);
    expect(await findUserById(context, session?.userId ?? '')).toMatchObject({ username: 'plain@example.com', displayName: 'plain@example.com', phone: null, phoneVerified: false, externalId: null, expiresAt: null, status: 'enabled', sourceType: 'built_in' });
    expect(await context.db.organizationalUnitMember.count({ where: { userId: session?.userId ?? '' } })).toBe(0);
  });

  it('attack: fed.local-unverified: An account that never proved an address gives it up to its owner', async () => {
    const squatter = await createUser(setting.context, { username: 'squatter', email: 'victim@example.com' });
    const { browser, answer } = await register('victim@example.com');
    expect(answer && hasFinished(answer)).toBe(true);
    const session = await findLiveSession(setting.context, browser.tokens.sessionToken);
    expect(session?.userId).not.toBe(squatter.id);
    expect(await findUserById(setting.context, squatter.id)).toMatchObject({ email: null, emailVerified: false });
    expect((await findUserByIdentifier(setting.context, 'victim@example.com'))?.id).toBe(session?.userId);
  });

  it('leaves nothing behind when the transaction that makes the account breaks', async () => {
    const context = open({ fields: [{ field: 'displayName', required: false }] });
    const { browser, flowId } = await begin(context);
    await browser.post(flowId, 'register', { email: 'broken@example.com', password });
    const code = await lastCode(context, 'broken@example.com');
    const working = browser.context;
    // The server dies in the last statement of the transaction: everything before it is undone.
    browser.context = { ...working, transaction: (work) => working.transaction(async (tx) => {
      const result = await work(tx);
      if (await tx.db.user.count({ where: { email: 'broken@example.com' } }) > 0) throw new Error('the server was stopped');
      return result;
    }) };
    await expect(browser.post(flowId, 'verify_email', { code })).rejects.toThrow('the server was stopped');
    browser.context = working;
    expect(await usersOf('broken@example.com')).toEqual([]);
    expect(await findLiveSession(context, browser.tokens.sessionToken)).toBeUndefined();
    expect(hasFinished(await browser.post(flowId, 'continue'))).toBe(true);
    expect(await usersOf('broken@example.com')).toHaveLength(1);
  });

  it('is offered on the sign-in page where the instance allows it, and nowhere else', async () => {
    const closed = new TestBrowser(setting);
    expect((await closed.see(await closed.start())).actions).not.toContain('register');
    await expect(closed.start({}, { purpose: 'register' })).rejects.toMatchObject({ status: 400, code: 'Operation.Failure.Purpose.Not.Available' });
    const browser = new TestBrowser(setting, open());
    const flowId = await browser.start();
    expect((await browser.see(flowId)).actions).toContain('register');
    const answer = await browser.post(flowId, 'register');
    const next = answer.kind === 'redirect' ? answer.location.split('/').at(-1) ?? '' : '';
    expect(await browser.see(next)).toMatchObject({ purpose: 'register', step: { name: 'register' }, actions: ['sign_in', 'cancel'] });
    const back = await browser.post(next, 'sign_in');
    expect(await browser.see(back.kind === 'redirect' ? back.location.split('/').at(-1) ?? '' : '')).toMatchObject({ purpose: 'sign_in', step: { name: 'identify' } });
  });
});

describe('a registration that an administrator decides', () => {
  it('makes a pending account and no session; approved, it signs in; refused, it is gone', async () => {
    const context = open({ approval: true, notify: ['hr@example.com'] });
    const results = [];
    for (const email of ['wait-1@example.com', 'wait-2@example.com']) {
      const { browser, flowId } = await register(email, {}, context);
      expect(await browser.see(flowId)).toMatchObject({ status: 'denied', denial: 'registration_pending' });
      expect(await findLiveSession(context, browser.tokens.sessionToken)).toBeUndefined();
      const signIn = new TestBrowser(setting, context);
      const signInId = await signIn.start();
      await signIn.signIn(signInId, email, password);
      expect(await signIn.see(signInId)).toMatchObject({ status: 'denied', denial: 'account_pending' });
      expect((await lastMail(context, email)).template).toBe('registration_received');
      expect((await lastMail(context, 'hr@example.com')).template).toBe('registration_waiting');
      results.push((await usersOf(email))[0]?.id ?? '');
    }
    const { items } = await listRegistrations(context, { limit: 10, state: 'pending' });
    const of = (userId: string | undefined) => items.find((item) => item.userId === userId)?.id ?? '';
    await approveRegistration(context, of(results[0]));
    expect((await lastMail(context, 'wait-1@example.com')).template).toBe('registration_approved');
    const browser = new TestBrowser(setting, context);
    expect(hasFinished(await browser.signIn(await browser.start(), 'wait-1@example.com', password))).toBe(true);
    await refuseRegistration(context, of(results[1]), 'We only take employees.');
    expect(await lastMail(context, 'wait-2@example.com')).toMatchObject({ template: 'registration_rejected', variables: { reason: 'We only take employees.' } });
    expect(await findUserById(context, results[1] ?? '')).toBeUndefined();
    for (const id of [of(results[0]), of(results[1])]) await expect(approveRegistration(context, id)).rejects.toMatchObject({ status: 409 });
  });

  it('cannot be decided once the account was enabled by hand', async () => {
    const context = open({ approval: true });
    await register('by-hand@example.com', {}, context);
    const [user] = await usersOf('by-hand@example.com');
    await enableUser(context, user?.id ?? '');
    const { items } = await listRegistrations(context, { limit: 1 });
    await expect(refuseRegistration(context, items[0]?.id ?? '', undefined)).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Registration.Decided' });
  });
});
