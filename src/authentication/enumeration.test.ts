/** attack: flow.enumeration. What is answered, written and computed before a proof depends on the typed text alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasFinished, rightPassword, type Setting, startSetting, TestBrowser, withoutChallenge, wrongPassword } from './testing/sign-in.ts';

const names = ['enabled-one', 'disabled-one', 'locked-one', 'no-password', 'nobody-here'];

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting();
  for (const name of names.slice(0, 3)) await setting.addUser(name, rightPassword);
  await setting.addUser('no-password');
  for (const status of ['disabled', 'locked']) await setting.context.db.user.updateMany({ where: { username: `${status}-one` }, data: { status } });
});
afterAll(() => setting.close());

/** Rows of every table of the engine, for what a submission writes. */
async function rowCounts(): Promise<Record<string, number>> {
  const { db } = setting.context;
  return {
    flow: await db.flow.count(), throttle: await db.throttle.count(), event: await db.event.count(), session: await db.session.count(),
    challenge: await db.challenge.count(), browser: await db.browser.count(), knownBrowser: await db.knownBrowser.count() };
}

const difference = (before: Record<string, number>, after: Record<string, number>) =>
  Object.fromEntries(Object.entries(after).map(([table, count]) => [table, count - (before[table] ?? 0)]));

/** What a person sees, with what differs between any two flows masked. */
const masked = (view: object, name: string) => JSON.parse(JSON.stringify(withoutChallenge(view))
  .replaceAll(name, '<name>').replace(/flow_[0-9a-z]+/g, '<flow>').replace(/"formToken":"[^"]*"/, '"formToken":"<token>"').replace(/\d{4}-\d\d-\d\dT[^"]*/g, '<time>')) as unknown;

describe('a wrong password', () => {
  it('gets byte-equal pages for all kinds of names, writes equal rows and costs one hash', async () => {
    const seen = [];
    // The row of the address is there from now on.
    const warm = new TestBrowser(setting);
    await warm.signIn(await warm.start(), 'somebody-before', wrongPassword);
    for (const name of names) {
      const browser = new TestBrowser(setting);
      const flowId = await browser.start();
      let hashes = 0;
      const { passwordHasher } = browser.context.core;
      browser.context = { ...browser.context, core: { ...browser.context.core, passwordHasher: { ...passwordHasher, verify: async (hash, password) => { hashes += 1; return passwordHasher.verify(hash, password); } } } };
      await browser.post(flowId, 'identify', { identifier: name });
      const identified = await browser.see(flowId);
      const before = await rowCounts();
      const answer = await browser.post(flowId, 'password.verify', { password: wrongPassword });
      seen.push({ answer: masked(answer, name), identified: masked(identified, name), refused: masked(await browser.see(flowId), name), written: difference(before, await rowCounts()), hashes });
    }
    for (const other of seen.slice(1)) expect(other).toEqual(seen[0]);
    expect(seen[0]).toMatchObject({ hashes: 1, refused: { notices: [{ code: 'Operation.Failure.Credential.Invalid' }] } });
    expect(seen[0]).not.toHaveProperty('refused.account');
  });

  it('is locked out alike for names that exist and names that do not', async () => {
    const locked = await Promise.all(names.map(async (name) => {
      const browser = new TestBrowser(setting, setting.with({ settings: { lockout: { failuresPerAccount: 3, failuresPerAddress: 1_000, windowSeconds: 900, blockSeconds: 300 } } }));
      const flowId = await browser.start();
      for (let attempt = 0; attempt < 4; attempt += 1) await browser.signIn(flowId, `${name}`, wrongPassword);
      return masked(await browser.see(flowId), name);
    }));
    for (const other of locked.slice(1)) expect(other).toEqual(locked[0]);
    expect(locked[0]).toMatchObject({ notices: [{ code: 'Operation.Failure.Too.Many.Attempts', retryAt: '<time>' }] });
  });
});

describe('the event log', () => {
  it('never holds what was typed as a name or a password', async () => {
    const browser = new TestBrowser(setting);
    await browser.signIn(await browser.start(), 'marker-of-a-typed-name', 'marker-of-a-typed-password');
    const rows = await setting.context.db.$queryRaw<{ text: string }[]>`SELECT row_to_json(e)::text AS text FROM "Event" e WHERE "instanceId" = ${setting.context.instance.id}`;
    expect(rows.filter((row) => row.text.includes('marker-of'))).toEqual([]);
    const flows = await setting.context.db.$queryRaw<{ text: string }[]>`SELECT row_to_json(f)::text AS text FROM "Flow" f WHERE "instanceId" = ${setting.context.instance.id}`;
    expect(flows.filter((row) => row.text.includes('marker-of'))).toEqual([]);
  });
});

describe('an instance that discloses accounts', () => {
  it('says that a name does not exist, and only then', async () => {
    await setting.addUser('disclosed', rightPassword);
    const browser = new TestBrowser(setting, setting.with({ settings: { disclose: 'accounts' } }));
    for (const [name, code] of [['nobody-at-all', 'Operation.Failure.User.Not.Exist'], ['disclosed', 'Operation.Failure.Credential.Invalid']] as const) {
      const flowId = await browser.start();
      await browser.signIn(flowId, name, wrongPassword);
      expect((await browser.see(flowId)).notices[0]?.code).toBe(code);
    }
  });
});

describe('attempts', () => {
  const lockout = { failuresPerAccount: 3, failuresPerAddress: 1_000, windowSeconds: 900, blockSeconds: 300 };

  async function fail(name: string, times: number, context = setting.with({ settings: { lockout } })): Promise<void> {
    for (let attempt = 0; attempt < times; attempt += 1) {
      const browser = new TestBrowser(setting, context);
      await browser.signIn(await browser.start(), name, wrongPassword);
    }
  }

  it('attack: flow.rate-key: are counted for one name in all its spellings', async () => {
    await setting.addUser('maria', rightPassword);
    await fail('maria', 1);
    await fail('MARIA ', 1);
    await fail('Ｍaria', 1);
    const browser = new TestBrowser(setting, setting.with({ settings: { lockout } }));
    const flowId = await browser.start();
    await browser.signIn(flowId, 'mariа');                       // the last letter is Cyrillic
    expect((await browser.see(flowId)).notices[0]?.code).toBe('Operation.Failure.Too.Many.Attempts');
    expect(await setting.context.db.event.count({ where: { type: 'account.locked' } })).toBeGreaterThan(0);
  });

  it('count for all spellings of one telephone number together', async () => {
    const owner = await setting.addUser('with-phone', rightPassword);
    await setting.context.db.user.updateMany({ where: { id: owner }, data: { phone: '+12025550123', phoneVerified: true } });
    for (const spelling of ['+12025550123', '+1 202 555 0123', '+1 (202) 555-0123']) await fail(spelling, 1);
    const browser = new TestBrowser(setting, setting.with({ settings: { lockout } }));
    const flowId = await browser.start();
    await browser.signIn(flowId, '+1.202.555.0123', rightPassword);
    expect((await browser.see(flowId)).notices).toMatchObject([{ code: 'Operation.Failure.Too.Many.Attempts' }]);
  });

  it('of strangers do not lock the owner out of a browser that signed in before', async () => {
    await setting.addUser('owner', rightPassword);
    const known = new TestBrowser(setting, setting.with({ settings: { lockout } }));
    expect(hasFinished(await known.signIn(await known.start(), 'owner'))).toBe(true);
    known.forgetSession();
    await fail('owner', 5);
    const stranger = new TestBrowser(setting, setting.with({ settings: { lockout } }));
    expect(hasFinished(await stranger.signIn(await stranger.start(), 'owner'))).toBe(false);
    expect(hasFinished(await known.signIn(await known.start(), 'owner'))).toBe(true);
  });

  it('of a known browser are counted too', async () => {
    await setting.addUser('keeper', rightPassword);
    const known = new TestBrowser(setting, setting.with({ settings: { lockout } }));
    await known.signIn(await known.start(), 'keeper');
    known.forgetSession();
    for (let attempt = 0; attempt < 3; attempt += 1) await known.signIn(await known.start(), 'keeper', wrongPassword);
    const flowId = await known.start();
    expect(hasFinished(await known.signIn(flowId, 'keeper'))).toBe(false);
    expect((await known.see(flowId)).notices[0]?.code).toBe('Operation.Failure.Too.Many.Attempts');
  });

  it('are given back when they were right', async () => {
    await setting.addUser('regular', rightPassword);
    for (let time = 0; time < 8; time += 1) {
      const browser = new TestBrowser(setting, setting.with({ settings: { lockout } }));
      expect(hasFinished(await browser.signIn(await browser.start(), 'regular'))).toBe(true);
    }
  });

  it('are counted for one IPv6 network, whatever the name, and for IPv4 in its IPv6 form', async () => {
    const strict = { ...lockout, failuresPerAddress: 4 };
    for (const [first, last] of [['2001:db8:9:9::1', '2001:db8:9:9:aaaa::2'], ['203.0.113.9', '::ffff:203.0.113.9']] as const) {
      for (let attempt = 0; attempt < 4; attempt += 1) await fail(`guess-${first}-${attempt}`, 1, setting.with({ settings: { lockout: strict }, address: first }));
      const browser = new TestBrowser(setting, setting.with({ settings: { lockout: strict }, address: last }));
      const flowId = await browser.start();
      await browser.signIn(flowId, `another-${first}`, wrongPassword);
      expect((await browser.see(flowId)).notices[0]?.code).toBe('Operation.Failure.Too.Many.Attempts');
    }
  });

  it('may begin again when the block is over', async () => {
    await setting.addUser('patient', rightPassword);
    await fail('patient', 4);
    setting.pass(301);
    const browser = new TestBrowser(setting, setting.with({ settings: { lockout } }));
    expect(hasFinished(await browser.signIn(await browser.start(), 'patient'))).toBe(true);
  });

  it('cost nothing when the hashing queue is full', async () => {
    const { ServiceBusy } = await import('../core/password-hashing.ts');
    const browser = new TestBrowser(setting);
    const honest = browser.context;
    const flowId = await browser.start();
    await browser.post(flowId, 'identify', { identifier: 'queued' });
    await fail('queued', 1, honest);
    const throttle = () => honest.db.throttle.aggregate({ _sum: { failures: true } });
    const before = await throttle();
    browser.context = { ...honest, core: { ...honest.core, passwordHasher: { ...honest.core.passwordHasher, verify: async () => { throw new ServiceBusy(1); } } } };
    await expect(browser.post(flowId, 'password.verify', { password: rightPassword })).rejects.toMatchObject({ status: 503 });
    browser.context = honest;
    expect(await throttle()).toEqual(before);
    expect(await honest.db.flow.findFirst({ where: { id: flowId } })).toMatchObject({ attemptsLeft: 10, busyToken: null });
  });
});
