/** Passkeys through the flow engine, with an authenticator that can also do what no real one would. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../tenancy/index.ts';
import { instanceSettingsSchema } from '../../tenancy/index.ts';
import { bareInstance } from '../../../test/support/core.ts';
import { createUser } from '../../directory/index.ts';
import { listCredentials } from '../enrolments/index.ts';
import type { Facts } from '../flow/facts.ts';
import { submitFlow } from '../flow/submit.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';
import { type Asking, type Change, type Making, SoftwareAuthenticator } from '../testing/software-authenticator.ts';
import type { FlowView, MethodView } from '../types.ts';
import { webauthnEnrolment } from './enrolment.ts';
import { webauthn } from './factor.ts';

type Settings = InstanceContext['instance']['settings'];

let setting: Setting;
let origin: string;
let userId: string;
let name: string;
let key: SoftwareAuthenticator;
let people = 0;

beforeAll(async () => {
  setting = await startSetting({ DATABASE_POOL_SIZE: '20' });
  origin = new URL(setting.context.instance.issuer).origin;
});
afterAll(() => setting.close());
beforeEach(async () => {
  name = `holder-${(people += 1)}`;
  userId = await setting.addUser(name);
  key = new SoftwareAuthenticator(origin);
  await register(key);
});

/** The same person with a password, which takes its time to be hashed. */
async function withPassword(): Promise<void> {
  name = `${name}-with-password`;
  userId = await setting.addUser(name, rightPassword);
  key = new SoftwareAuthenticator(origin);
  await register(key);
}

const policy = (change: Partial<Settings['passkeys']>) => setting.with({ settings: { passkeys: { ...instanceSettingsSchema.parse({}).passkeys, ...change } } });

const factsOf = (id: string, username = name) => ({ flowId: `flow_of_${id}`, channel: 'browser', now: new Date(), proofs: [], user: { id, username, state: 'usable' } }) as unknown as Facts;

/** What an enrolment answers. */
async function enrol(authenticator: SoftwareAuthenticator, { context = setting.context, id = userId, change = {} }: { context?: InstanceContext; id?: string; change?: Change } = {}) {
  const facts = factsOf(id);
  const view = await webauthnEnrolment.describe(context, facts);
  return webauthnEnrolment.verify(context, facts, { credential: authenticator.create(view?.data as Making, change) });
}

/** The passkey belongs to the user afterwards. */
async function register(authenticator: SoftwareAuthenticator, options: { context?: InstanceContext; id?: string } = {}): Promise<void> {
  const enrolled = await enrol(authenticator, options);
  if ('code' in enrolled) throw new Error(`not enrolled: ${enrolled.code}`);
  await (options.context ?? setting.context).transaction((tx) => webauthnEnrolment.store(tx, options.id ?? userId, JSON.parse(JSON.stringify(enrolled.credential))));
}

const passkeyOf = (view: FlowView): MethodView | undefined =>
  (view.step && 'methods' in view.step ? view.step.methods.find(({ method }) => method === 'webauthn') : undefined);
const optionsOf = (view: FlowView) => passkeyOf(view)?.data as Asking & { allowCredentials: { id: string }[]; userVerification: string };

async function begin(context = setting.context, request: Parameters<TestBrowser['start']>[0] = {}) {
  const browser = new TestBrowser(setting, context);
  const flowId = await browser.start(request);
  return { browser, flowId };
}

/** Posts an answer to what the page asks now. */
async function answer({ browser, flowId }: Awaited<ReturnType<typeof begin>>, authenticator = key, change: Change = {}) {
  const view = await browser.see(flowId);
  return browser.post(flowId, 'webauthn.verify', { credential: authenticator.get(optionsOf(view), change) });
}

const proofsOf = async (flowId: string) => (await setting.context.db.flow.findFirstOrThrow({ where: { id: flowId } })).proofs as unknown[];
const noticeOf = async ({ browser, flowId }: Awaited<ReturnType<typeof begin>>) => (await browser.see(flowId)).notices[0]?.code;

describe('a passkey', () => {
  it('signs in without a name, and is two factors where the person was verified', async () => {
    const flow = await begin(setting.context, { acrValues: ['urn:postern:acr:phishing-resistant'] });
    expect(hasFinished(await answer(flow))).toBe(true);
    const outcome = setting.outcomes.findLast(({ flowId }) => flowId === flow.flowId)?.outcome;
    expect(outcome).toMatchObject({ kind: 'completed', session: { userId, acr: 'urn:postern:acr:phishing-resistant', amr: ['mfa', 'pop', 'user'] } });
  });

  it('is possession alone where the policy lets it pass without verification: more is asked for', async () => {
    const context = policy({ userVerification: 'preferred' });
    const flow = await begin(context, { acrValues: ['urn:postern:acr:multi'] });
    expect(hasFinished(await answer(flow, key, { userVerified: false }))).toBe(false);
    expect((await flow.browser.see(flow.flowId)).step?.name).toBe('second_factor');
  });

  it('is a second factor after the password, named only then', async () => {
    await withPassword();
    const flow = await begin(setting.context, { acrValues: ['urn:postern:acr:multi'] });
    expect(optionsOf(await flow.browser.see(flow.flowId)).allowCredentials).toEqual([]);
    await flow.browser.post(flow.flowId, 'identify', { identifier: name });
    expect(optionsOf(await flow.browser.see(flow.flowId)).allowCredentials).toEqual([]);
    await flow.browser.post(flow.flowId, 'password.verify', { password: rightPassword });
    expect(optionsOf(await flow.browser.see(flow.flowId)).allowCredentials.map(({ id }) => id)).toEqual([key.id]);
    expect(hasFinished(await answer(flow, key, { userHandle: undefined }))).toBe(true);
  });

  it('has a name, from its model where nobody gave one; can be renamed and removed, with events', async () => {
    const another = new SoftwareAuthenticator(origin);
    another.aaguid = 'ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4';
    another.backupEligible = true;
    await register(another);
    const credentials = await listCredentials(setting.context, userId);
    expect(credentials.map((each) => [each.name, each.detail])).toEqual([['Passkey', undefined], ['Google Password Manager', 'Google Password Manager, synced']]);
    const [first] = credentials;
    const { context } = setting;
    expect(await context.transaction((tx) => webauthnEnrolment.rename?.(tx, userId, first?.id ?? '', 'My key') ?? Promise.resolve(false))).toBe(true);
    const stranger = await setting.addUser(`stranger-${people}`);
    expect(await context.transaction((tx) => webauthnEnrolment.remove(tx, stranger, first?.id ?? ''))).toBe(false);
    expect(await context.transaction((tx) => webauthnEnrolment.remove(tx, userId, first?.id ?? ''))).toBe(true);
    const events = await context.db.event.findMany({ where: { subjectId: userId, type: { startsWith: 'credential.' } }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['credential.added', 'credential.added', 'credential.renamed', 'credential.removed']);
    const flow = await begin();
    await answer(flow);
    expect(await noticeOf(flow)).toBe('Passkey.Unknown');
    expect(hasFinished(await answer(flow, another))).toBe(true);
    expect(await context.db.passkey.findFirst({ where: { credentialId: another.id } })).toMatchObject({ backupEligible: true, backedUp: true });
  });

  it('whose counter goes back is told to the log, and refused where the policy says so', async () => {
    const count = (seen: number, context?: InstanceContext) => begin(context).then((flow) => answer(flow, key, { counter: seen })).then(hasFinished);
    expect([await count(7), await count(7), await count(3, policy({ onCounterRegression: 'refuse' })), await count(8)]).toEqual([true, true, false, true]);
    const events = await setting.context.db.event.findMany({ where: { type: 'passkey.counter_regressed', subjectId: userId }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ after }) => after)).toMatchObject([{ stored: 7, seen: 7, refused: false }, { stored: 7, seen: 3, refused: true }]);
  });

  it('is not offered where the instance does not list it, and not taken', async () => {
    const context = setting.with({ settings: { methods: { ...instanceSettingsSchema.parse({}).methods, first: ['password'] } } });
    const offered = await begin();
    const options = optionsOf(await offered.browser.see(offered.flowId));
    const flow = await begin(context);
    expect(passkeyOf(await flow.browser.see(flow.flowId))).toBeUndefined();
    await flow.browser.post(flow.flowId, 'webauthn.verify', { credential: key.get(options) });
    expect(await proofsOf(flow.flowId)).toEqual([]);
  });

  it('attack: flow.enumeration: what is asked for before a proof is the same for every name', async () => {
    const masked = async (identifier: string) => {
      const flow = await begin();
      await flow.browser.post(flow.flowId, 'identify', { identifier });
      const view = passkeyOf(await flow.browser.see(flow.flowId));
      const { challenge, ...rest } = view?.data as { challenge: string };
      return [challenge.length, rest, view?.fields];
    };
    await setting.addUser(`plain-${people}`);
    expect(await masked(name)).toEqual(await masked('nobody-at-all'));
    expect(await masked(name)).toEqual(await masked(`plain-${people}`));
  });

  it('fifty answers at once are one success', async () => {
    const { browser, flowId } = await begin();
    const view = await browser.see(flowId);
    const fields = { credential: key.get(optionsOf(view), { counter: 1 }) };
    const { browserToken, sessionToken } = browser.tokens;
    const results = await Promise.all(Array.from({ length: 50 }, () =>
      submitFlow(browser.context, flowId, browserToken, { do: 'webauthn.verify', version: view.version, formToken: view.formToken, fields, sessionToken })));
    expect(results.filter(hasFinished).length).toBeGreaterThanOrEqual(1);
    expect(results.filter(({ kind }) => kind !== 'redirect')).toEqual([]);
    expect(await setting.context.db.session.count({ where: { userId } })).toBe(1);
    expect(await setting.context.db.event.count({ where: { type: { in: ['passkey.counter_regressed', 'sign_in.failed'] }, subjectId: userId } })).toBe(0);
  });
});

describe('attack: webauthn.verify-result', () => {
  const spoilt: [string, Change][] = [
    ['a challenge of its own', { challenge: Buffer.alloc(56, 7).toString('base64url') }],
    ['no challenge', { challenge: '' }],
    ['another type', { type: 'webauthn.create' }],
    ['a sibling subdomain', { origin: 'http://sibling.localhost' }],
    ['another port', { origin: 'http://localhost:1' }],
    ['another scheme', { origin: 'https://localhost' }],
    ['another RP id', { rpId: 'example.com' }],
    ['a frame of another site', { crossOrigin: true }],
    ['a top origin', { topOrigin: 'https://evil.test' }],
    ['no user present', { userPresent: false }],
    ['another rawId', { rawId: 'AAAA' }],
    ['a wrong signature', { signature: Buffer.alloc(70, 1).toString('base64url') }],
    ['an empty signature', { signature: '' }],
    ['no user handle', { userHandle: undefined }],
    ['another user handle', { userHandle: Buffer.alloc(32).toString('base64url') }],
  ];
  it.each(spoilt)('an answer with %s is refused', async (_what, change) => {
    const flow = await begin();
    expect(hasFinished(await answer(flow, key, change))).toBe(false);
    expect(await proofsOf(flow.flowId)).toEqual([]);
    expect(hasFinished(await answer(flow))).toBe(true);
  });

  it.each(spoilt.filter(([what]) => !/signature|handle/.test(what)))('a new passkey with %s is refused', async (_what, change) => {
    expect(await enrol(new SoftwareAuthenticator(origin), { change: change.type ? { type: 'webauthn.get' } : change })).toMatchObject({ code: 'Passkey.Not.Made' });
  });

  it('a challenge works once, in its flow, at its instance, for its use, for its time', async () => {
    const [one, other] = [await begin(), await begin()];
    const options = optionsOf(await one.browser.see(one.flowId));
    const good = key.get(options);
    await other.browser.post(other.flowId, 'webauthn.verify', { credential: good });
    expect(await proofsOf(other.flowId)).toEqual([]);
    const enrolling = await webauthnEnrolment.verify(setting.context, { ...factsOf(userId), flowId: one.flowId }, { credential: new SoftwareAuthenticator(origin).create({ challenge: options.challenge, rp: { id: options.rpId }, user: { id: 'AAAA' } }) });
    expect(enrolling).toMatchObject({ code: 'Passkey.Not.Made' });
    // The first try uses it up, even a wrong one.
    await one.browser.post(one.flowId, 'webauthn.verify', { credential: key.get(options, { userHandle: undefined }) });
    await one.browser.post(one.flowId, 'webauthn.verify', { credential: good });
    expect(await proofsOf(one.flowId)).toEqual([]);
    const facts = { ...factsOf(userId), flowId: 'flow_late' } as Facts;
    const [late] = await webauthn.describe(setting.context, facts, 'second_factor');
    const lateAnswer = { credential: key.get(late?.data as Asking) };
    const tomorrow = { ...setting.context, now: () => new Date(setting.context.now().getTime() + 86_400_000) };
    expect(await webauthn.verify(tomorrow, facts, lateAnswer)).toMatchObject({ code: 'Operation.Failure.Credential.Invalid' });
    expect(await webauthn.verify(setting.context, facts, lateAnswer)).toMatchObject({ userId });
    expect(await webauthn.verify(setting.context, facts, lateAnswer)).toMatchObject({ code: 'Operation.Failure.Credential.Invalid' });
  });

  it.each([
    ['no JSON', '{'], ['a list', '[]'], ['nothing', '{}'], ['more than 8,192 bytes', JSON.stringify({ id: 'x'.repeat(8_200) })], ['more bytes than letters', `"${'é'.repeat(5_000)}"`],
  ])('%s is refused', async (_what, credential) => {
    const flow = await begin();
    expect(hasFinished(await flow.browser.post(flow.flowId, 'webauthn.verify', { credential }))).toBe(false);
    expect(await proofsOf(flow.flowId)).toEqual([]);
  });
});

describe('attack: webauthn.credential-owner', () => {
  let attacker: SoftwareAuthenticator;
  beforeEach(async () => {
    attacker = new SoftwareAuthenticator(origin);
    await register(attacker, { id: await setting.addUser(`attacker-${people}`) });
  });

  it('an own passkey is nothing in the flow of another name, nor a second factor after another password', async () => {
    await withPassword();
    const flow = await begin(setting.context, { acrValues: ['urn:postern:acr:multi'] });
    await flow.browser.post(flow.flowId, 'identify', { identifier: name });
    await answer(flow, attacker);
    expect(await proofsOf(flow.flowId)).toEqual([]);
    await flow.browser.post(flow.flowId, 'password.verify', { password: rightPassword });
    const handle = (await webauthnEnrolment.describe(setting.context, factsOf(userId)))?.data as Making;
    for (const change of [{}, { userHandle: undefined }, { userHandle: handle.user.id }, { id: key.id, userHandle: handle.user.id }]) await answer(flow, attacker, change);
    expect(await proofsOf(flow.flowId)).toHaveLength(1);
  });

  it('a passkey of one instance is unknown to another, even where the same one is registered at both', async () => {
    const other = await bareInstance(setting.core, `other-${people}`, { address: '192.0.2.1' });
    const owner = await createUser(other, { username: 'owner', displayName: 'Owner' });
    const facts = { ...factsOf(owner.id, 'owner'), user: undefined } as unknown as Facts;
    const ask = async () => (await webauthn.describe(other, facts, 'second_factor').then(async ([view]) => view ?? (await webauthn.describe(other, { ...facts, application: undefined } as Facts, 'identify'))[0]))?.data as Asking;
    expect(await webauthn.verify(other, facts, { credential: key.get(await ask()) })).toMatchObject({ code: 'Passkey.Unknown' });
    await register(key, { context: other, id: owner.id });
    expect(await webauthn.verify(other, facts, { credential: key.get(await ask()) })).toMatchObject({ userId: owner.id });
    const { challenge, rpId } = optionsOf(await begin().then(({ browser, flowId }) => browser.see(flowId)));
    expect(await webauthn.verify(other, facts, { credential: key.get({ challenge, rpId }) })).toMatchObject({ code: 'Operation.Failure.Credential.Invalid' });
  });

  it('a credential id that belongs to somebody cannot be registered again', async () => {
    expect(await enrol(key, { id: await setting.addUser(`thief-${people}`) })).toMatchObject({ code: 'Passkey.Exists' });
  });
});

describe('attack: webauthn.policy-server-side', () => {
  it('an answer without user verification is refused where the policy asks for it', async () => {
    const flow = await begin();
    expect(hasFinished(await answer(flow, key, { userVerified: false }))).toBe(false);
    expect(await enrol(new SoftwareAuthenticator(origin), { change: { userVerified: false } })).toMatchObject({ code: 'Passkey.Not.Made' });
  });

  it('another algorithm or model is refused, whatever the browser was told', async () => {
    expect(await enrol(new SoftwareAuthenticator(origin, 'P-384'))).toMatchObject({ code: 'Passkey.Not.Made' });
    const context = policy({ allowedAaguids: ['11111111-1111-1111-1111-111111111111'] });
    expect(await enrol(new SoftwareAuthenticator(origin), { context })).toMatchObject({ code: 'Passkey.Model.Not.Allowed' });
    expect(await enrol(new SoftwareAuthenticator(origin), { context, change: { aaguid: '11111111-1111-1111-1111-111111111111' } })).toHaveProperty('credential');
    expect(await enrol(new SoftwareAuthenticator(origin), { context: policy({ attestation: 'direct' }) })).toMatchObject({ code: 'Passkey.Not.Attested' });
  });

  it('a password does not reach the level of a passkey', async () => {
    await withPassword();
    const flow = await begin(setting.context, { acrValues: ['urn:postern:acr:phishing-resistant'] });
    expect(hasFinished(await flow.browser.signIn(flow.flowId, name))).toBe(false);
    expect(hasFinished(await flow.browser.post(flow.flowId, 'password.verify', { password: rightPassword }))).toBe(false);
    expect(hasFinished(await answer(flow))).toBe(true);
  });
});

