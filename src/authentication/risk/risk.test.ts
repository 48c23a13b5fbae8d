import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createContext, type InstanceContext, type InstanceSettings, instanceSettingsSchema, riskPolicySchema } from '../../tenancy/index.ts';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser, wrongPassword } from '../testing/sign-in.ts';
import { countAll, nameKey, readCounters } from './counters.ts';
import { createList } from './lists.ts';
import { solve } from './captcha.ts';
import { judge, measurementsSchema } from './policy.ts';
import { startReplay } from './replay.ts';
import { cityOf, writeMmdb } from './testing/mmdb.ts';

const berlin = '198.51.100.10';
const shanghai = '203.0.113.10';
const browserAgent = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15';

let setting: Setting;
let directory: string;
let people = 0;
let username: string;
let userId: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'postern-risk-'));
  const file = path.join(directory, 'city.mmdb');
  await writeFile(file, writeMmdb({ '198.51.100.0/24': cityOf('DE', 'Berlin', 52.52, 13.4), '203.0.113.0/24': cityOf('CN', 'Shanghai', 31.2, 121.5) }));
  setting = await startSetting({ GEOIP_FILE: file });
  // Before anything asks for the zones of the instance.
  await setting.context.db.networkZone.create({ data: { id: 'zone_00000000000000000000000001', name: 'here', ipv4Cidrs: ['198.51.100.0/24'] } });
});
afterAll(async () => {
  await setting.close();
  await rm(directory, { recursive: true, force: true });
});
beforeEach(async () => {
  username = `person${people += 1}`;
  userId = await setting.addUser(username, rightPassword);
});

type Change = Parameters<typeof instanceSettingsSchema.parse>[0];
function from(address: string | undefined, settings: Change = {}, userAgent: string | undefined = browserAgent): InstanceContext {
  const { instance, core } = setting.context;
  return createContext(core, { ...instance, settings: instanceSettingsSchema.parse(settings) as InstanceSettings }, { address, userAgent });
}
const enforce = (thresholds: object, more: object = {}) => ({ risk: { mode: 'enforce', thresholds: { notify: null, captcha: null, secondFactor: null, deny: null, ...thresholds }, ...more } });

async function signIn(browser: TestBrowser, password = rightPassword) {
  const flowId = await browser.start({ prompt: ['login'] });
  const result = await browser.signIn(flowId, username, password);
  return { flowId, result, view: hasFinished(result) ? undefined : await browser.see(flowId) };
}
const assessmentOf = (flowId: string) => setting.context.db.riskAssessment.findFirstOrThrow({ where: { flowId } });
const eventsOf = (type: string) => setting.context.db.event.findMany({ where: { type, subjectId: userId }, orderBy: { sequence: 'asc' } });

describe('the assessment of a sign-in', () => {
  it('finds nothing the first time, from anywhere', async () => {
    const { flowId } = await signIn(new TestBrowser(setting, from(berlin)));
    const assessment = await assessmentOf(flowId);
    expect(assessment).toMatchObject({ score: 0, action: 'allow', enforced: false, country: 'DE', city: 'Berlin', userId, completedAt: expect.any(Date) as Date });
    expect(assessment.measurements).toMatchObject({ new_device: { state: 'unknown' }, new_place: { state: 'unknown' }, impossible_travel: { state: 'unknown' }, bad_address: { state: 'unknown' }, bot_agent: { value: 0 } });
    expect(await eventsOf('risk.assessed')).toEqual([]);
  });

  it('knows the browser, the country and the way from the last time', async () => {
    const browser = new TestBrowser(setting, from(berlin));
    await signIn(browser);
    const again = await assessmentOf((await signIn(browser)).flowId);
    expect(again.score).toBe(0);
    const { flowId } = await signIn(new TestBrowser(setting, from(shanghai)));
    const elsewhere = await assessmentOf(flowId);
    expect(elsewhere).toMatchObject({ score: 80, reasons: ['new_device', 'new_place', 'impossible_travel'], action: 'second_factor', enforced: false });
    const [event] = await eventsOf('risk.assessed');
    expect(event?.after).toMatchObject({ score: 80, enforced: false, flowId, reasons: [{ signal: 'new_device' }, { signal: 'new_place', text: expect.stringContaining('CN') as string }, { text: expect.stringMatching(/km\/h .*DE to CN/) as string }] });
    expect((await eventsOf('sign_in.new_device')).map(({ after }) => after)).toMatchObject([{ flowId, assessmentId: elsewhere.id }]);
  });

  it('sees programs, listed addresses, and many wrong passwords before the right one', async () => {
    await createList(setting.context, { name: `list of ${username}`, enabled: true, ranges: '100.64.7.0/24' });
    const browser = new TestBrowser(setting, from('100.64.7.1', {}, 'curl/8.5.0'));
    const flowId = await browser.start();
    for (let attempt = 0; attempt < 5; attempt += 1) await browser.signIn(flowId, username, wrongPassword);
    await browser.signIn(flowId, username);
    const assessment = await assessmentOf(flowId);
    expect(assessment.reasons).toEqual(['bad_address', 'bot_agent', 'failure_burst']);
    expect(assessment.score).toBe(100);
  });

  it('counts what cannot be found out in full, and lets nobody in by it', async () => {
    const context = from(berlin, enforce({ deny: 60 }));
    const broken: InstanceContext = { ...context, core: { ...context.core, keyring: { ...context.core.keyring, hmac: (purpose, value) => { if (purpose === 'risk-counter') throw new Error('broken'); return context.core.keyring.hmac(purpose, value); } } } };
    const { measure } = await import('./measure.ts');
    const { measurements } = await measure(broken, { channel: 'browser', browserId: null, identifier: username, pending: {} } as never, userId);
    expect(measurements).toMatchObject({ velocity_address: { state: 'error' }, velocity_name: { state: 'error' }, velocity_user: { state: 'error' }, failure_burst: { state: 'error' } });
    expect(judge(measurements, riskPolicySchema.parse({})).score).toBe(90);
  });

  it('does not learn a place from a sign-in that was refused', async () => {
    const browser = new TestBrowser(setting, from(berlin));
    await signIn(browser);
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { flowId, view } = await signIn(new TestBrowser(setting, from(shanghai, enforce({ deny: 80 }))));
      expect(view).toMatchObject({ status: 'denied', denial: 'risk', step: undefined });
      expect(await assessmentOf(flowId)).toMatchObject({ completedAt: null, action: 'deny', enforced: true, reasons: ['new_device', 'new_place', 'impossible_travel'] });
    }
    expect((await eventsOf('sign_in.denied')).map(({ after }) => after)).toMatchObject([{ reason: 'risk' }, { reason: 'risk' }]);
  });

  it('is made once for a flow, and not at all where it is off', async () => {
    const browser = new TestBrowser(setting, from(berlin, { ...enforce({ captcha: 1 }), captcha: { difficulty: 8 } }, 'curl/8'));
    const { flowId, view } = await signIn(browser);
    expect(view?.step?.name).toBe('captcha');
    await browser.see(flowId);
    await browser.post(flowId, 'password.verify', { password: rightPassword });
    expect(await setting.context.db.riskAssessment.count({ where: { flowId } })).toBe(1);
    const off = await signIn(new TestBrowser(setting, from(berlin, { risk: { mode: 'off' } }, 'curl/8')));
    expect(hasFinished(off.result)).toBe(true);
    expect(await setting.context.db.riskAssessment.count({ where: { flowId: off.flowId } })).toBe(0);
  });
});

describe('the captcha', () => {
  const asked = { captcha: { ask: 'always', difficulty: 8, waitSeconds: 30 } };
  const stepOf = async (browser: TestBrowser, flowId: string) => {
    const { step } = await browser.see(flowId);
    if (step?.name !== 'captcha') throw new Error(`the step is ${step?.name}`);
    return step;
  };

  it('comes before a name, and its answer leads on', async () => {
    const browser = new TestBrowser(setting, from(berlin, asked));
    const flowId = await browser.start();
    const step = await stepOf(browser, flowId);
    await browser.post(flowId, 'identify', { identifier: username });
    expect((await browser.see(flowId)).identifier).toBeUndefined();
    await browser.post(flowId, 'captcha', { challenge: step.challenge, solution: solve(step) });
    expect((await browser.see(flowId)).step?.name).toBe('identify');
    expect(hasFinished(await browser.signIn(flowId, username))).toBe(true);
  });

  it.each<[string, (own: string, other: string) => Record<string, string>]>([
    ['no answer', (own) => ({ challenge: own, solution: '' })],
    ['a wrong answer', (own) => ({ challenge: own, solution: wrongFor(own) })],
    ['an answer that is no number', (own) => ({ challenge: own, solution: '1e3' })],
    ['the challenge of another flow', (_own, other) => ({ challenge: other, solution: solve({ challenge: other, difficulty: 8 }) })],
    ['less work than was asked for', (own) => { const easy = own.replace('.8.30.', '.0.30.'); return { challenge: easy, solution: '1' }; }],
    ['less waiting', (own) => ({ challenge: own.replace('.8.30.', '.8.1.'), solution: '' })],
    ['nothing', () => ({})],
  ])('takes %s for none', async (_name, spoil) => {
    const browser = new TestBrowser(setting, from(berlin, asked));
    const [flowId, other] = [await browser.start(), await browser.start()];
    await browser.post(flowId, 'captcha', spoil((await stepOf(browser, flowId)).challenge, (await stepOf(browser, other)).challenge));
    expect(await browser.see(flowId)).toMatchObject({ step: { name: 'captcha' }, notices: [{ code: expect.stringMatching(/^Captcha\./) as string }] });
  });

  it('is used up by its answer, also when many come at once', async () => {
    const browser = new TestBrowser(setting, from(berlin, asked));
    const flowId = await browser.start();
    const step = await stepOf(browser, flowId);
    const { checkAnswer } = await import('./captcha.ts');
    const verdicts = await Promise.all(Array.from({ length: 10 }, () => checkAnswer(browser.context, flowId, step.challenge, solve(step))));
    expect(verdicts.filter((verdict) => verdict === 'right')).toHaveLength(1);
  });

  it('can be waited out instead, unless the instance does not want that', async () => {
    const browser = new TestBrowser(setting, from(berlin, asked));
    const flowId = await browser.start();
    const { challenge } = await stepOf(browser, flowId);
    await browser.post(flowId, 'captcha', { challenge });
    expect((await browser.see(flowId)).notices).toMatchObject([{ code: 'Captcha.Too.Soon' }]);
    setting.pass(31);
    await browser.post(flowId, 'captcha', { challenge });
    expect((await browser.see(flowId)).step?.name).toBe('identify');
    browser.context = from(berlin, { captcha: { ...asked.captcha, waitSeconds: 0 } });
    const second = await browser.start();
    const step = await stepOf(browser, second);
    setting.pass(60);
    await browser.post(second, 'captcha', { challenge: step.challenge });
    expect((await browser.see(second)).step?.name).toBe('captcha');
  });

  it('is asked for after failures, of existing names and others alike', async () => {
    const velocity = { captcha: { ask: 'velocity', failuresPerName: 2, failuresPerAddress: 1_000, difficulty: 8 } };
    for (const name of [username, `nobody-${username}`]) {
      const browser = new TestBrowser(setting, from('192.0.2.77', velocity));
      const flowId = await browser.start();
      for (let attempt = 0; attempt < 2; attempt += 1) await browser.signIn(flowId, name, wrongPassword);
      expect((await browser.see(flowId)).step?.name).toBe('captcha');
      const other = await browser.start();
      expect((await browser.see(other)).step?.name).toBe('identify');
      await browser.post(other, 'identify', { identifier: name.toUpperCase() });
      expect((await browser.see(other)).step?.name).toBe('captcha');
    }
  });
});

const wrongFor = (challenge: string): string => {
  const right = Number(solve({ challenge, difficulty: 1 }));
  for (let number = right; ; number += 1) if (number !== Number(solve({ challenge, difficulty: 8 }))) return String(number);
};

describe('zones of sign-in', () => {
  const denied = { networkAccess: { signInDeniedZoneIds: ['zone_00000000000000000000000001'] } };
  const allowed = { networkAccess: { signInZoneIds: ['zone_00000000000000000000000001'] } };
  it.each<[string, Change, string | undefined, boolean]>([
    ['an allowed address', allowed, berlin, true], ['an address outside of the allowed ones', allowed, shanghai, false],
    ['a denied address', denied, berlin, false], ['an address that is not denied', denied, shanghai, true],
    ['a denied one among the allowed', { networkAccess: { ...allowed.networkAccess, ...denied.networkAccess } }, berlin, false],
    ['no address, with a list of allowed', allowed, undefined, false], ['no address, with a list of denied', denied, undefined, false],
    ['what is no address', denied, '198.51.100.300', false], ['an allowed address in another spelling', allowed, '::ffff:198.51.100.10', true], ['a denied one in another spelling', denied, '::ffff:c633:640a', false],
  ])('%s', async (_name, settings, address, open) => {
    const browser = new TestBrowser(setting, from(address, settings));
    const flowId = await browser.start();
    expect(await browser.see(flowId)).toMatchObject(open ? { step: { name: 'identify' } } : { status: 'denied', denial: 'sign_in_zone', step: undefined });
  });

  it('are asked before any account is looked up: nothing is hashed, counted or told', async () => {
    const browser = new TestBrowser(setting, from(shanghai));
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: username });
    const form = await browser.see(flowId);
    const before = [await setting.context.db.throttle.count(), await setting.context.db.riskCounter.count(), await setting.context.db.event.count()];
    browser.context = from(shanghai, allowed);
    const hashes = { count: 0 };
    const { core } = browser.context;
    browser.context = { ...browser.context, core: Object.assign(Object.create(core) as typeof core, { passwordHasher: { ...core.passwordHasher, verify: async () => { hashes.count += 1; return true; } } }) };
    await browser.post(flowId, 'password.verify', { password: rightPassword }, form);
    expect(hashes.count).toBe(0);
    expect([await setting.context.db.throttle.count(), await setting.context.db.riskCounter.count(), await setting.context.db.event.count()]).toEqual(before);
    browser.context = from(shanghai, allowed);
    expect(await browser.see(flowId)).toMatchObject({ denial: 'sign_in_zone', account: undefined });
  });

  it('end a sign-in that moves to another network, and single sign-on from there', async () => {
    const browser = new TestBrowser(setting, from(berlin, { ...allowed, ...enforce({ captcha: 1 }), captcha: { difficulty: 8 } }, 'curl/8'));
    const { flowId, view } = await signIn(browser);
    if (view?.step?.name !== 'captcha') throw new Error('no captcha');
    browser.context = from(shanghai, { ...allowed, captcha: { difficulty: 8 } });
    expect(hasFinished(await browser.post(flowId, 'captcha', { challenge: view.step.challenge, solution: solve(view.step) }, view))).toBe(false);
    const signedIn = new TestBrowser(setting, from(berlin, allowed));
    await signIn(signedIn);
    const { findLiveSession } = await import('../live-sessions.ts');
    const { satisfies } = await import('../satisfies.ts');
    const session = await findLiveSession(signedIn.context, signedIn.tokens.sessionToken);
    if (!session) throw new Error('not signed in');
    expect(await satisfies(from(berlin, allowed), session, { applicationId: setting.applicationId })).toEqual({ satisfied: true });
    expect(await satisfies(from(shanghai, allowed), session, { applicationId: setting.applicationId })).toEqual({ satisfied: false, reason: 'network_zone' });
  });
});

describe('counters of velocity', () => {
  it('attack: flow.rate-key (captcha and velocity): one count for all spellings of a name, and for a whole /64', async () => {
    const names = [username, username.toUpperCase(), ` ${username} `.trim(), username.normalize('NFD')];
    for (const name of names) await countAll(setting.context, [nameKey(setting.context, 'attempt_name', name)]);
    expect(await readCounters(setting.context, [nameKey(setting.context, 'attempt_name', username)])).toEqual([names.length]);
    const { addressKey } = await import('./counters.ts');
    const hashes = ['2001:db8:5:6::1', '2001:db8:5:6:ffff::9', '2001:0DB8:0005:0006:1:2:3:4'].map((address) => addressKey(from(address), 'attempt_address').keyHash);
    expect(new Set(hashes).size).toBe(1);
    expect(addressKey(from('::ffff:192.0.2.5'), 'attempt_address')).toEqual(addressKey(from('192.0.2.5'), 'attempt_address'));
    expect(addressKey(from(undefined), 'attempt_address')).toEqual(addressKey(from('unparsable'), 'attempt_address'));
  });

  it('fade with time, and lose nothing when many come at once', async () => {
    const keys = [nameKey(setting.context, 'attempt_name', `fading-${username}`), nameKey(setting.context, 'failure_name', `fading-${username}`)];
    await Promise.all(Array.from({ length: 20 }, (_, index) => countAll(setting.context, index % 2 === 0 ? keys : keys.toReversed())));
    expect(await readCounters(setting.context, keys)).toEqual([20, 20]);
    setting.pass(600);
    const [faded = 0] = await readCounters(setting.context, keys);
    expect(faded).toBeGreaterThanOrEqual(0);
    expect(faded).toBeLessThanOrEqual(20);
    setting.pass(600);
    expect(await readCounters(setting.context, keys)).toEqual([0, 0]);
  });
});

describe('a replay', () => {
  it('judges what was measured with a draft, and says what would have changed', async () => {
    const browser = new TestBrowser(setting, from(berlin));
    await signIn(browser);
    const { flowId } = await signIn(new TestBrowser(setting, from(shanghai)));
    const stored = await assessmentOf(flowId);
    const policy = riskPolicySchema.parse({ weights: { impossible_travel: 100 } });
    const { status, result } = await startReplay(from(berlin), { days: 7, policy });
    const { assessments, before, after, changed } = result as unknown as { assessments: number; before: Record<string, number>; after: Record<string, number>; changed: { from: string; to: string; count: number; samples: { assessmentId: string; scoreBefore: number; scoreAfter: number }[] }[] };
    expect(status).toBe('done');
    expect(assessments).toBe(await setting.context.db.riskAssessment.count());
    const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0);
    expect([sum(before), sum(after)]).toEqual([assessments, assessments]);
    expect(changed.find(({ from: was, to }) => was === 'second_factor' && to === 'deny')?.samples).toContainEqual(expect.objectContaining({ assessmentId: stored.id, scoreBefore: 80, scoreAfter: 100 }));
    // The same policy changes nothing.
    expect(judge(measurementsSchema.parse(stored.measurements), riskPolicySchema.parse({})).score).toBe(stored.score);
    expect(await assessmentOf(flowId)).toEqual(stored);
  });
});
