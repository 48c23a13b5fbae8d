/**
 * Every way in, times everything that must keep somebody out. The ways are read from the code: a method or a purpose
 * that is not in the tables below fails, so that a new door cannot be forgotten.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../tenancy/index.ts';
import { sealSecret } from '../totp-credentials.ts';
import { newId } from '../../core/ids.ts';
import { findLiveSession } from '../live-sessions.ts';
import { methodSchema } from '../proofs.ts';
import { openRecoveryLink, recoveryOrigin } from '../recovery/links.ts';
import { lastCode, lastMail } from '../testing/mailbox.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';
import type { FlowView, Method, Proof, Purpose } from '../types.ts';
import { registerFlowOrigin } from './origins.ts';
import { available, startFlow } from './start.ts';

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting({ DATABASE_POOL_SIZE: '10' });
  registerFlowOrigin(setting.core, recoveryOrigin);
});
afterAll(() => setting.close());

interface Person { readonly id: string; readonly username: string; readonly email: string }
/** Comes in by the door as far as its own proof; what follows is the same for all. */
type Door = (context: InstanceContext, person: Person) => Promise<{ browser: TestBrowser; flowId: string }>;

const proofOf = (method: Method, change: Partial<Proof> = {}): Proof => ({
  method, authenticator: `${method}/door`, categories: ['possession'], amr: [], phishingResistant: false, provenAt: setting.core.now(), use: 'sign_in', ...change });

/** As the factor of the method leaves the flow: who it is, and what was proven. */
const byProof = (method: Method, purpose: Purpose = 'sign_in', change: Partial<Proof> = {}): Door => async (context, { id }) => {
  const browser = new TestBrowser(setting, context);
  const started = await startFlow(context, { channel: 'browser', purpose, origin: { kind: 'oidc', ref: 'door' }, applicationId: setting.applicationId, request: {} }, { userId: id, proofs: [proofOf(method, change)] });
  browser.take(started.setCookies);
  if ((await browser.see(started.flowId)).actions.includes('continue')) await browser.post(started.flowId, 'continue');
  return { browser, flowId: started.flowId };
};

const byMethod: Record<Method, Door | 'no door'> = {
  async password(context, { username }) {
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start();
    if ((await browser.see(flowId)).step) await browser.signIn(flowId, username);
    return { browser, flowId };
  },
  otp_email: byProof('otp_email'),
  otp_sms: byProof('otp_sms'),
  magic_link: byProof('magic_link'),
  webauthn: byProof('webauthn'),
  identity_source: byProof('identity_source', 'sign_in', { categories: ['federated'] }),
  setup_link: byProof('setup_link', 'setup', { use: 'recovery' }),
  // Second factors alone: they begin nothing.
  totp: 'no door', recovery_code: 'no door', remembered_device: 'no door',
};

const recover: Door = async (context, { username, email }) => {
  const browser = new TestBrowser(setting, context);
  const flowId = await browser.start({}, { purpose: 'recover' });
  if ((await browser.see(flowId)).step === undefined) return { browser, flowId };
  await browser.post(flowId, 'recover', { identifier: username, channel: 'email' });
  const mail = await lastMail(context, email).catch(() => undefined);
  const started = await openRecoveryLink(context, mail?.variables['link']?.split('/').at(-1) ?? '', browser.tokens);
  if (!started) return { browser, flowId };
  browser.take(started.setCookies);
  if ((await browser.see(started.flowId)).actions.includes('continue')) await browser.post(started.flowId, 'continue');
  return { browser, flowId: started.flowId };
};

const byPurpose: Record<Purpose, Door | 'no account yet'> = {
  sign_in: byMethod.password as Door,
  setup: byMethod.setup_link as Door,
  step_up: byProof('password', 'step_up', { categories: ['knowledge'] }),
  enrol: byProof('password', 'enrol', { categories: ['knowledge'] }),
  link: byProof('password', 'link', { categories: ['knowledge'] }),
  recover,
  register: 'no account yet',
};

const doors = [
  ...Object.entries(byMethod).flatMap(([name, door]) => (door === 'no door' ? [] : [[`by ${name}`, door] as const])),
  ...Object.entries(byPurpose).flatMap(([name, door]) => (door === 'no account yet' ? [] : [[`to ${name}`, door] as const])),
];

const change = (data: object) => (person: Person) => setting.context.db.user.updateMany({ where: { id: person.id }, data });
const nothing = async () => undefined;
const closed = () => setting.with({ settings: { networkAccess: { ...setting.context.instance.settings.networkAccess, signInZoneIds: ['zone_01k9v6z3x4p5q6r7s8t9v0w1x2'] } } });

/** What keeps somebody out, and what each door must say. */
const states: readonly [string, string, (person: Person) => Promise<unknown>, (() => InstanceContext)?][] = [
  ['locked', 'account_locked', change({ status: 'locked' })],
  ['disabled', 'account_disabled', change({ status: 'disabled' })],
  ['expired', 'account_expired', change({ expiresAt: new Date('2020-01-01') })],
  ['pending', 'account_pending', change({ status: 'pending' })],
  ['outside of the zones', 'sign_in_zone', nothing, closed],
  ['asked for a second factor', 'second_factor', async ({ id }) => {
    const credentialId = newId('totp');
    await setting.context.db.totpCredential.create({ data: { id: credentialId, userId: id, name: 'App', sealedSecret: sealSecret(setting.context, credentialId, 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'), lastStep: 0 } });
  }],
];

let people = 0;
async function person(): Promise<Person> {
  people += 1;
  const username = `guest${people}`;
  const id = await setting.addUser(username);
  const email = `${username}@example.com`;
  await setting.context.db.user.updateMany({ where: { id }, data: { email, emailKey: email, emailVerified: true } });
  await setting.context.db.password.createMany({ data: [{ userId: id, hash }] });
  return { id, username, email };
}
let hash: string;
beforeAll(async () => { hash = (await setting.context.db.password.findFirstOrThrow({ where: { userId: setting.userId } })).hash; });

const said = (view: FlowView) => view.denial ?? view.step?.name ?? view.status;

describe('attack: flow.every-door', () => {
  it('every method and every purpose has a row', () => {
    expect(Object.keys(byMethod).sort()).toEqual([...methodSchema.options].sort());
    expect(Object.keys(byPurpose).sort()).toEqual([...available].sort());
  });

  describe.each(doors)('%s', (name, door) => {
    it.each(states)('who is %s gets no session, and hears %s', async (_state, expected, prepare, where = () => setting.context) => {
      const guest = await person();
      await prepare(guest);
      const { browser, flowId } = await door(where(), guest);
      expect(browser.tokens.sessionToken).toBeUndefined();
      expect(await setting.context.db.session.count({ where: { userId: guest.id } })).toBe(0);
      const view = await browser.see(flowId);
      // A recovery of an account that cannot be recovered says nothing at all.
      const silent = name === 'to recover' && ['account_locked', 'account_disabled', 'account_expired', 'account_pending'].includes(expected) && view.step?.name === 'recover';
      if (!silent) expect(said(view)).toBe(expected);
      for (const verb of ['continue', 'skip', 'change_password', 'consent']) expect(hasFinished(await browser.post(flowId, verb, { newPassword: 'another long password', decision: 'allow' })), verb).toBe(false);
      expect(await findLiveSession(setting.context, browser.tokens.sessionToken)).toBeUndefined();
    });
  });

  it('who registers where everybody needs a second factor, or from outside of the zones, has no account before', async () => {
    const registration = { ...setting.context.instance.settings.registration, enabled: true };
    const context = setting.with({ settings: { registration, secondFactor: { ...setting.context.instance.settings.secondFactor, mode: 'required' } } });
    const browser = new TestBrowser(setting, context);
    const flowId = await browser.start({}, { purpose: 'register' });
    await browser.post(flowId, 'register', { email: 'new@example.com', password: rightPassword });
    await browser.post(flowId, 'verify_email', { code: await lastCode(context, 'new@example.com') });
    expect(said(await browser.see(flowId))).toBe('enrol_factor');
    expect(await context.db.user.count({ where: { email: 'new@example.com' } })).toBe(0);
    const outside = new TestBrowser(setting, setting.with({ settings: { registration, networkAccess: closed().instance.settings.networkAccess } }));
    expect(said(await outside.see(await outside.start({}, { purpose: 'register' })))).toBe('sign_in_zone');
  });

  it('a guest whom nothing keeps out comes in by each door', async () => {
    for (const [name, door] of doors.filter(([each]) => !['by setup_link', 'to setup', 'to recover', 'to link'].includes(each))) {
      const guest = await person();
      const { browser } = await door(setting.context, guest);
      expect(await findLiveSession(setting.context, browser.tokens.sessionToken), name).toMatchObject({ userId: guest.id });
    }
  });
});
