/**
 * attack: flow.enumeration: The time that an answer takes tells nothing of the account. A few samples here; many, and the
 * figures, with ENUMERATION_SAMPLES=300 npx vitest run src/authentication/recovery/timing.test.ts
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createUser } from '../../directory/index.ts';
import { type Setting, startSetting, TestBrowser } from '../testing/sign-in.ts';

const samples = Number(process.env['ENUMERATION_SAMPLES'] ?? 12);
/** With few samples on a busy machine only gross differences show. */
const mostDifference = samples >= 100 ? 0.2 : 1;

let setting: Setting;
beforeAll(async () => {
  setting = await startSetting();
  for (let index = 0; index < samples; index += 1) await createUser(setting.context, { username: `known-${index}`, email: `known-${index}@example.com` }, { emailVerified: true });
}, 120_000);
afterAll(() => setting.close());

/** Milliseconds of one answer, each from another network so that no limit is met. */
async function time(index: number, purpose: 'recover' | 'register', fields: Record<string, string>): Promise<number> {
  const { registration } = setting.context.instance.settings;
  const context = setting.with({ settings: { registration: { ...registration, enabled: true } }, address: `198.51.${index >> 8}.${index & 255}` });
  const browser = new TestBrowser(setting, context);
  const flowId = await browser.start({}, { purpose });
  const form = await browser.see(flowId);
  const before = performance.now();
  await browser.post(flowId, purpose, fields, form);
  return performance.now() - before;
}

const median = (values: readonly number[]) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;

async function compare(purpose: 'recover' | 'register', fieldsFor: (name: string) => Record<string, string>, count: number): Promise<number> {
  const known: number[] = [];
  const unknown: number[] = [];
  for (let index = 0; index < count; index += 1) {
    // In turns, so that whatever else the machine does falls on both.
    const isKnownFirst = index % 2 === 0;
    for (const isKnown of [isKnownFirst, !isKnownFirst]) (isKnown ? known : unknown).push(await time(index * 2 + Number(isKnown), purpose, fieldsFor(isKnown ? `known-${index}` : `nobody-${index}`)));
  }
  const [one, other] = [median(known), median(unknown)];
  if (samples >= 100) process.stdout.write(`${purpose}: median of ${count}: known ${one.toFixed(2)} ms, unknown ${other.toFixed(2)} ms\n`);
  return Math.abs(one - other) / Math.min(one, other);
}

describe('attack: flow.enumeration: The median time', () => {
  it('of a recovery is the same for who exists and who does not', { timeout: 300_000 }, async () => {
    expect(await compare('recover', (name) => ({ identifier: name, channel: 'email' }), samples)).toBeLessThan(mostDifference);
  });

  it('of a registration is the same for an address that somebody has', { timeout: 300_000 }, async () => {
    expect(await compare('register', (name) => ({ email: `${name}@example.com`, password: 'seven green umbrellas dance' }), Math.ceil(samples / 3))).toBeLessThan(mostDifference);
  });
});
