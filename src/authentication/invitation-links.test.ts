import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInvitation, deleteUser, enableUser, findUserById, resendInvitation, revokeInvitation, updateUser } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { registerFlowOrigin } from './flow/origins.ts';
import { invitationOrigin, openInvitationLink } from './invitation-links.ts';
import { findLiveSession } from './live-sessions.ts';
import { hasFinished, type Setting, startSetting, TestBrowser } from './testing/sign-in.ts';

let setting: Setting;
let context: InstanceContext;
beforeAll(async () => {
  setting = await startSetting();
  ({ context } = setting);
  registerFlowOrigin(setting.core, invitationOrigin);
});
afterAll(() => setting.close());

const chosen = 'seven violins in a marmalade engine';
let count = 0;

async function invite(more: object = {}) {
  count += 1;
  const { invitation, url } = await createInvitation(context, { email: `guest${count}@example.com`, expiresInHours: 72, ...more });
  return { id: invitation.id, userId: invitation.userId, token: url.split('/').at(-1) ?? '', email: invitation.email };
}

async function open(token: string): Promise<{ browser: TestBrowser; flowId: string } | undefined> {
  const browser = new TestBrowser(setting);
  const started = await openInvitationLink(context, token, browser.tokens);
  if (!started) return undefined;
  browser.take(started.setCookies);
  return { browser, flowId: started.flowId };
}

async function accept(opened: Awaited<ReturnType<typeof open>>) {
  if (!opened) throw new Error('the link does not open');
  await opened.browser.post(opened.flowId, 'change_password', { newPassword: chosen });
  return findLiveSession(context, opened.browser.tokens.sessionToken);
}

describe('an invitation', () => {
  it('makes a pending account, and enables it when its person has chosen a password', async () => {
    const { token, userId, email } = await invite();
    expect(await findUserById(context, userId)).toMatchObject({ status: 'pending', username: email, emailVerified: false, sourceType: 'invitation' });
    const opened = await open(token);
    expect(await opened?.browser.see(opened.flowId)).toMatchObject({ account: { username: email }, step: { name: 'change_password', reason: 'setup' } });
    expect(await findUserById(context, userId)).toMatchObject({ status: 'pending' });
    expect(await accept(opened)).toMatchObject({ userId });
    // The link may have come by any way: it says nothing of the mailbox.
    expect(await findUserById(context, userId)).toMatchObject({ status: 'enabled', emailVerified: false });
    expect(await context.db.invitation.findFirst({ where: { userId } })).toMatchObject({ state: 'accepted' });
    const again = new TestBrowser(setting);
    expect(hasFinished(await again.signIn(await again.start(), email, chosen))).toBe(true);
    const events = await context.db.event.findMany({ where: { OR: [{ subjectId: userId }, { subjectType: 'invitation' }] }, select: { type: true, before: true, after: true } });
    expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(['invitation.created', 'invitation.accepted', 'user.enabled']));
    expect(JSON.stringify(events)).not.toContain(token);
  });

  it('keeps only the hash of its link', async () => {
    const { token } = await invite();
    expect(JSON.stringify(await context.db.invitation.findMany())).not.toContain(token);
  });

  it('attack: flow.invite-tamper: the link works once, also for two who use it at the same moment', async () => {
    const { token } = await invite();
    const both = [await open(token), await open(token)];
    const sessions = await Promise.all(both.map(accept));
    expect(sessions.filter(Boolean)).toHaveLength(1);
    expect(await open(token)).toBeUndefined();
  });

  it.each([
    ['withdrawn', async ({ id }) => revokeInvitation(context, id)],
    ['sent anew', async ({ id }) => { await resendInvitation(context, id, 72); }],
    ['too old', async () => { setting.pass(73 * 3_600); }],
    ['of a deleted account', async ({ userId }) => deleteUser(context, userId)],
    ['of an account with another address', async ({ userId }) => { await updateUser(context, userId, { email: 'somebody.else@example.com' }); }],
    ['of an account that an administrator enabled', async ({ userId }) => { await enableUser(context, userId); }],
  ] satisfies [string, (invitation: Awaited<ReturnType<typeof invite>>) => Promise<void>][])('attack: flow.invite-tamper: a link that is %s opens nothing, and a page opened before leads nowhere', async (_what, spoil) => {
    const invitation = await invite();
    const before = await open(invitation.token);
    await spoil(invitation);
    expect(await open(invitation.token)).toBeUndefined();
    expect(await accept(before).catch(() => undefined)).toBeUndefined();
    const user = await context.db.user.findFirst({ where: { id: invitation.userId } });
    expect(await context.db.password.count({ where: { userId: invitation.userId } })).toBe(0);
    expect(await context.db.invitation.findFirst({ where: { id: invitation.id } })).not.toMatchObject({ state: 'accepted' });
    expect(user?.lastSignInAt).toBeNull();
    await context.db.user.updateMany({ where: { email: 'somebody.else@example.com' }, data: { email: null, emailKey: null } });
  });

  it('attack: flow.invite-tamper: no field of the page changes who or what is set up', async () => {
    const { token, userId, email } = await invite();
    const opened = await open(token);
    const fields = { newPassword: chosen, email: 'attacker@example.com', username: 'root', userId: setting.userId, account: setting.userId, organizationalUnitIds: 'ou_root', groupIds: 'x', role: 'owner', status: 'enabled', invitation: 'inv_x' };
    await opened?.browser.post(opened.flowId, 'change_password', fields);
    expect(await findUserById(context, userId)).toMatchObject({ status: 'enabled', username: email, email });
    expect(await context.db.administratorAssignment.count({ where: { userId } })).toBe(0);
    expect(await context.db.groupMember.count({ where: { userId } })).toBe(0);
  });

  it('attack: flow.invite-tamper: who is signed in as somebody else does not accept as that one', async () => {
    const { token, userId } = await invite();
    const other = new TestBrowser(setting);
    await other.signIn(await other.start(), 'alice');
    const started = await openInvitationLink(context, token, other.tokens);
    if (!started) throw new Error('the link does not open');
    other.take(started.setCookies);
    await other.post(started.flowId, 'change_password', { newPassword: chosen });
    expect(await findLiveSession(context, other.tokens.sessionToken)).toMatchObject({ userId });
    const alice = new TestBrowser(setting);
    expect(hasFinished(await alice.signIn(await alice.start(), 'alice'))).toBe(true);
  });

  it.each(['', 'made up', 'a.b', '__proto__', "' OR 1=1"])('attack: flow.invite-tamper: %j is no link', async (token) => {
    expect(await open(token)).toBeUndefined();
  });
});
