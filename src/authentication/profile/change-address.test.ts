import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUser, findUserById, type User } from '../../directory/index.ts';
import type { Setting } from '../testing/sign-in.ts';
import { lastCode, lastMail } from '../testing/mailbox.ts';
import { startSetting } from '../testing/sign-in.ts';
import { beginAddressChange, confirmAddressChange, findAddressChange } from './change-address.ts';

let setting: Setting;
let user: User;
beforeAll(async () => {
  setting = await startSetting();
  user = await createUser(setting.context, { username: 'ines', email: 'old@example.com' }, { emailVerified: true });
});
afterAll(() => setting.close());

const now = async () => (await findUserById(setting.context, user.id))?.email;

describe('another address of one\'s own', () => {
  it('takes the place of the old one only when its code was shown, once', async () => {
    const { context } = setting;
    expect(await beginAddressChange(context, user, 'email', 'new@example.com')).toBeUndefined();
    expect([await now(), await findAddressChange(context, user.id, 'email')]).toEqual(['old@example.com', { to: 'n…@example.com' }]);
    const code = await lastCode(context, 'new@example.com');
    expect(await confirmAddressChange(context, user, 'email', code === '000000' ? '111111' : '000000')).toMatchObject({ code: 'Operation.Failure.Code.Invalid' });
    expect(await confirmAddressChange(context, user, 'sms', code)).toMatchObject({ code: 'Operation.Failure.Code.Invalid' });
    const all = await Promise.all(Array.from({ length: 3 }, () => confirmAddressChange(context, user, 'email', code)));
    expect(all.filter((fault) => fault === undefined)).toHaveLength(1);
    expect(await findUserById(context, user.id)).toMatchObject({ email: 'new@example.com', emailVerified: true });
    expect(await context.db.event.count({ where: { type: 'user.updated', subjectId: user.id } })).toBe(1);
  });

  it('is void after five tries, after a newer one, and after ten minutes', async () => {
    const { context } = setting;
    await beginAddressChange(context, user, 'email', 'first@example.com');
    const first = await lastCode(context, 'first@example.com');
    await beginAddressChange(context, user, 'email', 'second@example.com');
    const second = await lastCode(context, 'second@example.com');
    if (first !== second) expect(await confirmAddressChange(context, user, 'email', first)).toMatchObject({ code: 'Operation.Failure.Code.Invalid' });
    setting.pass(601);
    expect(await confirmAddressChange(context, user, 'email', second)).toMatchObject({ code: 'Operation.Failure.Code.Invalid' });
    setting.pass(-601);
    for (let tries = 0; tries < 5; tries += 1) await confirmAddressChange(context, user, 'email', second === '222222' ? '333333' : '222222');
    expect(await confirmAddressChange(context, user, 'email', second)).toBeDefined();
    expect(await now()).toBe('new@example.com');
  });

  it('does not say that somebody else has it: they get another message', async () => {
    const { context } = setting;
    await createUser(context, { username: 'holder', email: 'held@example.com' }, { emailVerified: true });
    expect(await beginAddressChange(context, user, 'email', 'held@example.com')).toBeUndefined();
    expect((await lastMail(context, 'held@example.com')).template).toBe('registration_account_exists');
  });

  it.each([['', 'Params.Blank'], ['nobody', 'Params.Illegal'], ['a@b\r\nBcc: c@d', 'Params.Illegal']])('is not %j', async (value, code) => {
    expect(await beginAddressChange(setting.context, user, 'email', value)).toMatchObject({ code, field: 'email' });
  });
});
