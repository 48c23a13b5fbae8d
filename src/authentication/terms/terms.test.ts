import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUser, findUserById } from '../../directory/index.ts';
import { satisfies } from '../satisfies.ts';
import { findLiveSession } from '../live-sessions.ts';
import { preparePasswordFor, storePassword } from '../passwords.ts';
import { lastCode } from '../testing/mailbox.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';
import { listAcceptances } from './acceptances.ts';
import { createTerms, publishTerms, updateTerms } from './documents.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting(); });
afterAll(() => setting.close());

const texts = (version: number) => ({ en: { title: `Terms ${version}`, text: `Be kind.\n\nVersion ${version}.` }, 'zh-CN': { title: `条款 ${version}`, link: 'https://example.com/zh' } });

describe('terms', () => {
  it('are asked for once for each version, kept with language and address, and asked for again when a newer one is published', async () => {
    const { context } = setting;
    const document = await createTerms(context, { name: 'Service' });
    const before = new TestBrowser(setting);
    expect(hasFinished(await before.signIn(await before.start()))).toBe(true);
    await publishTerms(context, document.id, texts(1));

    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.signIn(flowId);
    const field = `${document.id}.1`;
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'accept_terms', documents: [{ documentId: document.id, number: 1, field, texts: texts(1) }] });
    // Not without a tick, and no session meanwhile.
    for (const fields of [{}, { [field]: '' }, { [`${document.id}.2`]: 'true' }] as Record<string, string>[]) {
      await browser.post(flowId, 'accept_terms', fields);
      expect((await browser.see(flowId)).notices).toMatchObject([{ code: 'Terms.Not.Accepted', field }]);
    }
    await browser.post(flowId, 'continue');
    expect(await findLiveSession(context, browser.tokens.sessionToken)).toBeUndefined();
    expect(hasFinished(await browser.post(flowId, 'accept_terms', { [field]: 'true', locale: 'zh-CN' }))).toBe(true);
    const { items } = await listAcceptances(context, document.id, { limit: 10 });
    expect(items).toMatchObject([{ userId: setting.userId, number: 1, locale: 'zh-CN', address: '192.0.2.1' }]);
    expect(await context.db.event.count({ where: { type: 'terms.accepted', subjectId: setting.userId } })).toBe(1);

    const again = new TestBrowser(setting);
    expect(hasFinished(await again.signIn(await again.start()))).toBe(true);
    const session = await findLiveSession(context, again.tokens.sessionToken);
    if (!session) throw new Error('nobody is signed in');
    expect(await satisfies(context, session, { applicationId: setting.applicationId })).toEqual({ satisfied: true });

    await publishTerms(context, document.id, texts(2));
    // Single sign-on asks, too; the session itself stays.
    expect(await satisfies(context, session, { applicationId: setting.applicationId })).toEqual({ satisfied: false, reason: 'terms' });
    const next = await again.start();
    expect((await again.see(next)).step).toMatchObject({ name: 'accept_terms', documents: [{ number: 2 }] });
    expect(hasFinished(await again.post(next, 'accept_terms', { [`${document.id}.2`]: 'true' }))).toBe(true);

    await updateTerms(context, document.id, { state: 'retired' });
    const other = new TestBrowser(setting);
    await setting.addUser('bob', rightPassword);
    expect(hasFinished(await other.signIn(await other.start(), 'bob'))).toBe(true);
  });

  it('that were read are those that are accepted: a version published meanwhile is asked for', async () => {
    const { context } = setting;
    await setting.addUser('carol', rightPassword);
    const document = await createTerms(context, { name: 'Privacy' });
    await publishTerms(context, document.id, texts(1));
    const browser = new TestBrowser(setting);
    const flowId = await browser.start();
    await browser.signIn(flowId, 'carol');
    const form = await browser.see(flowId);
    await publishTerms(context, document.id, texts(2));
    await browser.post(flowId, 'accept_terms', { [`${document.id}.1`]: 'true' }, form);
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'accept_terms', documents: [{ number: 2 }] });
    await updateTerms(context, document.id, { state: 'retired' });
  });

  it('of many publishers at once have one number each', async () => {
    const { context } = setting;
    const document = await createTerms(context, { name: 'Race' });
    const made = await Promise.all(Array.from({ length: 6 }, (_, index) => publishTerms(context, document.id, texts(index))));
    expect(made.map(({ number }) => number).toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    await updateTerms(context, document.id, { state: 'retired' });
  });
});

describe('a profile that lacks something', () => {
  const wanting = (change: Partial<Setting['context']['instance']['settings']['profile']>) => setting.with({ settings: { profile: { ...setting.context.instance.settings.profile, ...change } } });

  it('is completed at sign-in, by what instance and application ask for, and nothing else', async () => {
    const id = await setting.addUser('dora', rightPassword);
    const context = wanting({ required: ['givenName'], requiredByApplication: { [setting.applicationId]: ['phone'] } });
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start();
    await browser.signIn(flowId, 'dora');
    expect((await browser.see(flowId)).step).toMatchObject({ name: 'complete_profile', fields: [{ name: 'givenName', required: true }, { name: 'phone', required: true }] });
    await browser.post(flowId, 'complete_profile', { givenName: 'Dora', phone: '12' });
    expect((await browser.see(flowId)).notices).toMatchObject([{ code: 'Params.Illegal', field: 'phone' }]);
    expect((await findUserById(context, id))?.givenName).toBeNull();
    expect(hasFinished(await browser.post(flowId, 'complete_profile', { givenName: 'Dora', phone: '+86 138 0013 8000', familyName: 'Smuggled', status: 'disabled', phoneVerified: 'true' }))).toBe(true);
    expect(await findUserById(context, id)).toMatchObject({ givenName: 'Dora', phone: '+8613800138000', phoneVerified: false, familyName: null, status: 'enabled' });
  });

  it('says what somebody else has, and takes another value', async () => {
    await setting.addUser('emma', rightPassword);
    const context = wanting({ required: ['email'] });
    await createUser(context, { username: 'holder', email: 'held@example.com' });
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start();
    await browser.signIn(flowId, 'emma');
    await browser.post(flowId, 'complete_profile', { email: 'held@example.com' });
    expect(await browser.see(flowId)).toMatchObject({ step: { name: 'complete_profile' }, notices: [{ code: 'Registration.Name.Taken', field: 'email' }] });
    expect(hasFinished(await browser.post(flowId, 'complete_profile', { email: 'emma@example.com' }))).toBe(true);
  });

  it('proves the address where the instance wants it, and only that address', async () => {
    const { context: plain } = setting;
    const user = await createUser(plain, { username: 'fred', email: 'fred@example.com' });
    const { hash } = await preparePasswordFor(plain, user, rightPassword, 'administrator');
    await plain.transaction((tx) => storePassword(tx, user.id, { hash: hash ?? '', mustChange: false, by: 'administrator' }));
    const context = wanting({ verifyEmail: true });
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start();
    await browser.signIn(flowId, 'fred');
    expect(await browser.see(flowId)).toMatchObject({ step: { name: 'verify_email', to: 'f…@example.com', fields: [] }, actions: expect.arrayContaining(['send_code']) as string[] });
    await browser.post(flowId, 'send_code');
    await browser.post(flowId, 'verify_email', { code: 'abcdef' });
    expect((await browser.see(flowId)).notices).toMatchObject([{ code: 'Operation.Failure.Code.Invalid' }]);
    expect(hasFinished(await browser.post(flowId, 'verify_email', { code: await lastCode(context, 'fred@example.com') }))).toBe(true);
    expect((await findUserById(context, user.id))?.emailVerified).toBe(true);
  });
});
