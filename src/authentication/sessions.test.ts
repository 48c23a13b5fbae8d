import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLiveSession, findLiveSessionById } from './live-sessions.ts';
import { addParticipant, addToken, end, endAllOfUser, issueToken, retireToken, setProtocolState } from './sessions.ts';
import { satisfies } from './satisfies.ts';
import { acrName } from './levels.ts';
import { registerAssignmentCheck } from './assignments.ts';
import { purgeInstance } from './purge.ts';
import { rightPassword, type Setting, startSetting, TestBrowser } from './testing/sign-in.ts';

let setting: Setting;
beforeAll(async () => { setting = await startSetting(); });
afterAll(() => setting.close());

async function signedIn(name = 'alice', fields: Record<string, string> = {}) {
  const browser = new TestBrowser(setting);
  await browser.signIn(await browser.start(), name, rightPassword, fields);
  const token = browser.tokens.sessionToken ?? '';
  const session = await findLiveSession(setting.context, token);
  if (!session) throw new Error('not signed in');
  return { browser, token, session };
}

const grant = (id: string, scope: string) => setting.context.db.oidcRecord.createMany({
  data: [{ model: 'Grant', id, payload: { openid: { scope } } }, { model: 'AuthorizationCode', id: `code of ${id}`, grantId: id, payload: {} }, { model: 'RefreshToken', id: `refresh of ${id}`, grantId: id, payload: {} }] });
const records = async () => (await setting.context.db.oidcRecord.findMany({ orderBy: [{ model: 'asc' }, { id: 'asc' }] })).map((row) => row.id);

describe('the end of a session', () => {
  it('revokes grants without offline_access, leaves the others, and marks every participant', async () => {
    const { session, token } = await signedIn();
    const other = await setting.addApplication('With offline access', true);
    await grant('g-online', 'openid profile');
    await grant('g-offline', 'openid offline_access');
    await grant('g-foreign', 'openid');
    await addParticipant(setting.context, { sessionId: session.id, applicationId: setting.applicationId, protocol: 'oidc', sid: 'sid-1', grantId: 'g-online' });
    await addParticipant(setting.context, { sessionId: session.id, applicationId: other, protocol: 'oidc', sid: 'sid-2', grantId: 'g-offline' });
    setting.jobs.length = 0;
    expect(await end(setting.context, session.id, 'signed_out')).toBe(true);
    expect(await end(setting.context, session.id, 'signed_out')).toBe(false);
    expect(await records()).toEqual(expect.arrayContaining(['code of g-foreign', 'code of g-offline', 'g-foreign', 'g-offline', 'refresh of g-foreign', 'refresh of g-offline']));
    expect(await records()).not.toEqual(expect.arrayContaining(['g-online']));
    expect((await records()).filter((id) => id.includes('online'))).toEqual([]);
    const participants = await setting.context.db.sessionParticipant.findMany({ where: { sessionId: session.id } });
    expect(participants.map((row) => row.logoutState)).toEqual(['pending', 'pending']);
    expect(setting.jobs).toHaveLength(2);
    expect(setting.jobs).toEqual(expect.arrayContaining(participants.map((row) => ({
      name: 'logout.oidc', data: { instanceId: 'default', participantId: row.id, sessionId: session.id, applicationId: row.applicationId, userId: session.userId, sid: row.sid } }))));
    expect(await findLiveSession(setting.context, token)).toBeUndefined();
    expect(await findLiveSessionById(setting.context, session.id)).toBeUndefined();
    expect(await setting.context.db.event.count({ where: { type: 'session.ended', subjectId: session.id } })).toBe(1);
  });

  it('happens once, however many ask for it at once', async () => {
    const { session } = await signedIn();
    const answers = await Promise.all(Array.from({ length: 20 }, () => end(setting.context, session.id, 'administrator')));
    expect(answers.filter(Boolean)).toHaveLength(1);
  });

  it('of all of a user leaves the one acting, and other people alone', async () => {
    const erin = await setting.addUser('erin', rightPassword);
    const [first, second, third] = [await signedIn('erin'), await signedIn('erin'), await signedIn('alice')];
    expect(await endAllOfUser(setting.context, erin, 'password_changed', second.session.id)).toBe(1);
    expect(await findLiveSession(setting.context, first.token)).toBeUndefined();
    expect(await findLiveSession(setting.context, second.token)).toBeDefined();
    expect(await findLiveSession(setting.context, third.token)).toBeDefined();
  });

  it('of thousands of one user takes a moment', async () => {
    const many = await setting.addUser('many', rightPassword);
    const later = new Date(setting.core.now().getTime() + 3_600_000);
    const ids = Array.from({ length: 3_000 }, (_value, index) => `sess_${String(index).padStart(26, '0')}`);
    await setting.context.db.session.createMany({ data: ids.map((id) => ({ id, userId: many, authTime: later, idleExpiresAt: later, absoluteExpiresAt: later })) });
    await setting.context.db.sessionParticipant.createMany({ data: ids.map((id) => ({ id: `part_${id}`, sessionId: id, applicationId: setting.applicationId, protocol: 'oidc', sid: id })) });
    setting.jobs.length = 0;
    const begun = performance.now();
    expect(await endAllOfUser(setting.context, many, 'user_disabled')).toBe(ids.length);
    expect(performance.now() - begun).toBeLessThan(8_000);
    expect(setting.jobs).toHaveLength(ids.length);
    expect(await setting.context.db.event.count({ where: { type: 'session.ended', subjectId: { in: ids } } })).toBe(ids.length);
  });

  it('is seen by another server at once', async () => {
    const other = await setting.another();
    const { session, token } = await signedIn();
    expect(await findLiveSession(other, token)).toBeDefined();
    await end(setting.context, session.id, 'administrator');
    expect(await findLiveSession(other, token)).toBeUndefined();
  });
});

describe('a session', () => {
  it('of a user who is disabled, or whose account ran out, is none any more', async () => {
    const frank = await setting.addUser('frank', rightPassword);
    for (const change of [{ status: 'disabled' }, { status: 'enabled', expiresAt: new Date(setting.core.now().getTime() - 1_000) }]) {
      await setting.context.db.user.updateMany({ where: { id: frank }, data: { status: 'enabled', expiresAt: null } });
      const { token, session } = await signedIn('frank');
      await setting.context.db.user.updateMany({ where: { id: frank }, data: change });
      expect(await findLiveSession(setting.context, token)).toBeUndefined();
      await purgeInstance(setting.context);
      expect(await setting.context.db.session.findFirst({ where: { id: session.id } })).toMatchObject({ endReason: 'user_disabled' });
    }
  });

  it('ends when it is not used, and is kept by use up to its absolute end', async () => {
    const { token, session } = await signedIn();
    for (let hours = 0; hours < 161; hours += 7) {
      setting.pass(7 * 3_600);
      expect(await findLiveSession(setting.context, token), `after ${hours + 7} hours`).toBeDefined();
    }
    setting.pass(7 * 3_600 + 1);
    expect(await findLiveSession(setting.context, token)).toBeUndefined();
    await purgeInstance(setting.context);
    expect(await setting.context.db.session.findFirst({ where: { id: session.id } })).toMatchObject({ endReason: 'expired' });
    const unused = await signedIn();
    setting.pass(8 * 3_600 + 1);
    expect(await findLiveSession(setting.context, unused.token)).toBeUndefined();
  });

  it('notes its use at most once a minute', async () => {
    const { token, session } = await signedIn();
    const seen = async () => (await setting.context.db.session.findFirstOrThrow({ where: { id: session.id } })).lastSeenAt;
    const first = await seen();
    setting.pass(50);
    await findLiveSession(setting.context, token);
    expect(await seen()).toEqual(first);
    setting.pass(11);
    await Promise.all(Array.from({ length: 10 }, () => findLiveSession(setting.context, token)));
    expect((await seen()).getTime()).toBeGreaterThan(first.getTime());
  });

  it('has several tokens; the provider may add its own; a retired one works 30 s more', async () => {
    const { session, token } = await signedIn();
    const second = await issueToken(setting.context, session.id);
    await addToken(setting.context, session.id, 'made-by-the-provider');
    await addToken(setting.context, session.id, 'made-by-the-provider');
    for (const each of [token, second, 'made-by-the-provider']) expect((await findLiveSession(setting.context, each))?.id).toBe(session.id);
    setting.pass(1);
    await retireToken(setting.context, second);
    setting.pass(29);
    expect(await findLiveSession(setting.context, second)).toBeDefined();
    setting.pass(2);
    expect(await findLiveSession(setting.context, second)).toBeUndefined();
    expect(await findLiveSession(setting.context, token)).toBeDefined();
  });

  it('keeps all six participants that come at the same time, one row each', async () => {
    const { session, token } = await signedIn();
    const applications = await Promise.all([1, 2, 3, 4, 5, 6].map((number) => setting.addApplication(`Six ${number}`, true)));
    await Promise.all([...applications, ...applications].map((applicationId, index) => addParticipant(setting.context, { sessionId: session.id, applicationId, protocol: 'oidc', sid: `sid-${index % 6}`, grantId: `grant-${index}` })));
    const { participants } = await findLiveSession(setting.context, token) ?? { participants: [] };
    expect(participants.map((participant) => participant.applicationId).sort()).toEqual([...applications].sort());
  });

  it('keeps what the provider notes, and drops it again', async () => {
    const { session, token } = await signedIn();
    await setProtocolState(setting.context, session.id, { secret: 'logout under way' });
    expect((await findLiveSession(setting.context, token))?.protocolState).toEqual({ secret: 'logout under way' });
    await setProtocolState(setting.context, session.id, null);
    expect((await findLiveSession(setting.context, token))?.protocolState).toBeNull();
  });

  it.each([undefined, '', 'x', 'x'.repeat(10_000), '__proto__', "' OR 1=1 --"])('is not found by the token %j', async (token) => {
    expect(await findLiveSession(setting.context, token)).toBeUndefined();
  });
});

describe('whether a session is enough', () => {
  it.each<[string, Parameters<typeof satisfies>[2], unknown]>([
    ['for an application that asks for nothing', { applicationId: '' }, { satisfied: true }],
    ['for the level it has', { applicationId: '', acrValues: ['urn:postern:acr:multi', 'urn:postern:acr:single'] }, { satisfied: true }],
    ['not for a higher level', { applicationId: '', acrValues: ['urn:postern:acr:multi'] }, { satisfied: false, reason: 'acr' }],
    ['not for a level that nobody knows', { applicationId: '', acrValues: ['gold'] }, { satisfied: false, reason: 'acr' }],
    ['while it is young enough', { applicationId: '', maxAge: 3_600 }, { satisfied: true }],
    ['not when it is older than asked', { applicationId: '', maxAge: 1 }, { satisfied: false, reason: 'max_age' }],
    ['not for prompt=login', { applicationId: '', prompt: ['login'] }, { satisfied: false, reason: 'prompt' }],
    ['not for an application that is none', { applicationId: 'app_none' }, { satisfied: false, reason: 'application' }],
  ])('%s', async (_name, requirement, expected) => {
    const { session } = await signedIn();
    setting.pass(2);
    expect(await satisfies(setting.context, session, { ...requirement, applicationId: requirement.applicationId || setting.applicationId })).toEqual(expected);
  });

  it('not for an application that the user is not assigned to, nor when the check fails', async () => {
    const restricted = await setting.addApplication('Restricted', true);
    const broken = await setting.addApplication('Broken', true);
    registerAssignmentCheck(setting.core, async (_context, applicationId) => {
      if (applicationId === broken) throw new Error('broken');
      return applicationId !== restricted;
    });
    const { session, browser } = await signedIn();
    for (const applicationId of [restricted, broken]) {
      expect(await satisfies(setting.context, session, { applicationId })).toEqual({ satisfied: false, reason: 'account' });
      const flowId = await browser.start({}, { applicationId });
      expect(await browser.see(flowId)).toMatchObject({ status: 'denied', denial: 'not_assigned' });
    }
  });

  it('names its level as the application does', () => {
    const context = setting.with({ settings: { acrNames: { aal1: 'urn:postern:acr:single', aal2: 'urn:postern:acr:multi' } } });
    expect(acrName(context, 'urn:postern:acr:multi', ['aal2', 'aal1'])).toBe('aal2');
    expect(acrName(context, 'urn:postern:acr:single', ['aal2', 'aal1'])).toBe('aal1');
    expect(acrName(context, 'urn:postern:acr:single', ['aal2'])).toBe('urn:postern:acr:single');
    expect(acrName(context, 'urn:postern:acr:single', ['__proto__'])).toBe('urn:postern:acr:single');
  });
});
