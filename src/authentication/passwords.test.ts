import { createHash } from 'node:crypto';
import argon2 from 'argon2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadUser, type User } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { isBreached } from './breached-passwords.ts';
import { checkPasswordPolicy } from './password-policy.ts';
import { passwordKey, preparePasswordFor, setPassword } from './passwords.ts';
import { findLiveSession } from './live-sessions.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from './testing/sign-in.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting(); });
afterAll(() => setting.close());

const nobody = { words: [], earlierHashes: [] };
const person = async (username: string, password?: string): Promise<User> => loadUser(setting.context, await setting.addUser(username, password));

describe('the password policy', () => {
  it.each([
    ['', 'Password.Empty'],
    ['x'.repeat(1025), 'Password.Too.Long'],
    ['line\nbreak and more', 'Password.Not.Text'],
    ['lone \ud800 surrogate', 'Password.Not.Text'],
    ['t0o-short', 'Password.Too.Short'],
    ['👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 'Password.Too.Short'],
    ['password1234', 'Password.Too.Weak'],
    ['qwertyuiop', 'Password.Too.Weak'],
    ['aaaaaaaaaaaaaaaaaaaa', 'Password.Too.Weak'],
  ])('refuses %j as %s', async (password, fault) => {
    expect((await checkPasswordPolicy(setting.context, password, nobody)).faults).toEqual([fault]);
  });

  it.each(['correct horse battery staple', '正确的马电池订书钉再加几个字', 'xK9#mP2$vL5n'])('takes %j', async (password) => {
    expect((await checkPasswordPolicy(setting.context, password, nobody)).faults).toEqual([]);
  });

  it('finds the names of the account in it', async () => {
    const words = ['wilhelmina', 'featherstone'];
    expect((await checkPasswordPolicy(setting.context, 'wilhelminafeatherstone', nobody)).faults).toEqual([]);
    expect((await checkPasswordPolicy(setting.context, 'wilhelminafeatherstone', { words, earlierHashes: [] })).faults).toEqual(['Password.Too.Weak']);
  });

  it('does not let as many earlier passwords come back as it remembers', async () => {
    const user = await person('historian', 'first of the passwords');
    const context = setting.with({ settings: { password: { ...setting.context.instance.settings.password, historyCount: 2 } } });
    for (const password of ['second of the passwords', 'third of the passwords']) await setPassword(context, user, { password });
    const faults = async (password: string) => (await preparePasswordFor(context, user, password, 'user')).verdict.faults;
    expect(await faults('third of the passwords')).toEqual(['Password.Used.Before']);
    expect(await faults('second of the passwords')).toEqual(['Password.Used.Before']);
    expect(await faults('first of the passwords')).toEqual([]);
  });
});

describe('the list of breached passwords', () => {
  const digest = createHash('sha1').update('leaked elsewhere long ago').digest('hex').toUpperCase();
  /** A context whose one door out leads to `answer`; what is asked is recorded. */
  function withList(answer: () => { status: number; body: string }): { context: InstanceContext; asked: string[] } {
    const asked: string[] = [];
    const base = setting.with({ settings: { password: { ...setting.context.instance.settings.password, breachedListUrl: 'https://list.example.com/range' } } });
    const fetch: typeof base.core.outbound.fetch = async (url) => {
      asked.push(String(url));
      const { status, body } = answer();
      return { status, headers: new Headers(), body: Buffer.from(body), url: String(url), text: () => body, json: () => undefined };
    };
    return { context: { ...base, core: { ...base.core, outbound: { ...base.core.outbound, fetch } } }, asked };
  }

  it('is asked by five digits, and refuses what it lists', async () => {
    const { context, asked } = withList(() => ({ status: 200, body: `${'0'.repeat(35)}:3\r\n${digest.slice(5)}:42\r\n` }));
    expect((await checkPasswordPolicy(context, 'leaked elsewhere long ago', nobody)).faults).toEqual(['Password.Breached']);
    expect(asked).toEqual([`https://list.example.com/range/${digest.slice(0, 5)}`]);
    expect((await checkPasswordPolicy(context, rightPassword, nobody)).faults).toEqual([]);
  });

  it('does not count the made-up lines of a padded answer', async () => {
    const { context } = withList(() => ({ status: 200, body: `${digest.slice(5)}:0\r\n` }));
    expect(await isBreached(context, 'leaked elsewhere long ago')).toBe('not listed');
  });

  it.each<[string, () => { status: number; body: string }]>([
    ['answers an error', () => ({ status: 503, body: '' })],
    ['does not answer', () => { throw new Error('timeout'); }],
  ])('that %s keeps nobody from changing a password, and is told to the log of events', async (_name, answer) => {
    const { context } = withList(answer);
    const user = await person(`unlisted-${Math.random().toString(36).slice(2)}`, rightPassword);
    await setPassword(context, user, { password: 'leaked elsewhere long ago' });
    expect(await setting.context.db.event.count({ where: { type: 'password.breached_list_unavailable', subjectId: user.id } })).toBe(1);
  });

  it('is asked nothing unless the instance names one', async () => {
    const { context, asked } = withList(() => ({ status: 200, body: '' }));
    const off = { ...context, instance: setting.context.instance };
    expect(await isBreached(off, 'leaked elsewhere long ago')).toBe('not listed');
    expect(asked).toEqual([]);
  });
});

describe('setting a password', () => {
  it('ends all sessions of the user and writes one event without the password', async () => {
    const user = await person('reset', rightPassword);
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start(), 'reset');
    expect(await findLiveSession(setting.context, browser.tokens.sessionToken)).toBeDefined();
    await setPassword(setting.context, user, { password: 'another one for the person' });
    expect(await findLiveSession(setting.context, browser.tokens.sessionToken)).toBeUndefined();
    const events = await setting.context.db.event.findMany({ where: { type: 'password.changed', subjectId: user.id }, orderBy: { sequence: 'desc' } });
    expect(events[0]?.after).toEqual({ by: 'administrator', mustChange: false });
    expect(JSON.stringify(events, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).not.toContain('another one');
  });

  it('refuses what breaks the policy, names the field, and changes nothing', async () => {
    const user = await person('kept', rightPassword);
    const before = await setting.context.db.password.findUnique({ where: passwordKey(setting.context, user.id) });
    await expect(setPassword(setting.context, user, { password: 'password1234' })).rejects.toMatchObject({ status: 400, errors: [{ field: 'password', code: 'Password.Too.Weak' }] });
    expect(await setting.context.db.password.findUnique({ where: passwordKey(setting.context, user.id) })).toEqual(before);
  });
});

describe('a password hashed with older parameters', () => {
  it('is hashed anew at the next sign-in, and works before and after', async () => {
    const user = await person('old-hash', rightPassword);
    const old = await argon2.hash(rightPassword, { type: argon2.argon2id, memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    await setting.context.db.password.updateMany({ where: { userId: user.id }, data: { hash: old } });
    for (let time = 0; time < 2; time += 1) {
      const browser = new TestBrowser(setting);
      expect(hasFinished(await browser.signIn(await browser.start(), 'old-hash'))).toBe(true);
    }
    const { hash } = await setting.context.db.password.findUniqueOrThrow({ where: passwordKey(setting.context, user.id) });
    expect(hash).not.toBe(old);
    expect(setting.core.passwordHasher.needsRehash(hash)).toBe(false);
  });

  it('typed on a keyboard that composes letters otherwise is the same password (RFC 8265)', async () => {
    await person('composed', 'Zoë sieht fünf große Vögel');
    const browser = new TestBrowser(setting);
    expect(hasFinished(await browser.signIn(await browser.start(), 'composed', 'Zoë sieht fünf große Vögel'.normalize('NFD')))).toBe(true);
  });
});
