import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { riskPolicySchema, type RiskPolicy, signalNames } from '../../tenancy/index.ts';
import { judge, type Measurement, type Measurements, riskActions } from './policy.ts';

const policies: fc.Arbitrary<RiskPolicy> = fc.record({
  weights: fc.record(Object.fromEntries(signalNames.map((name) => [name, fc.integer({ min: 0, max: 100 })]))) as unknown as fc.Arbitrary<RiskPolicy['weights']>,
  limits: fc.record({ travelKilometresPerHour: fc.integer({ min: 100, max: 5_000 }), attemptsPerAddress: fc.integer({ min: 1, max: 500 }), attemptsPerName: fc.integer({ min: 1, max: 500 }), signInsPerUser: fc.integer({ min: 1, max: 500 }), failuresPerName: fc.integer({ min: 1, max: 500 }) }),
  thresholds: fc.record({ notify: thresholds(), captcha: thresholds(), secondFactor: thresholds(), deny: thresholds() }),
});
function thresholds() { return fc.option(fc.integer({ min: 1, max: 100 })); }
const values: fc.Arbitrary<Measurement> = fc.oneof(
  fc.record({ state: fc.constant('measured' as const), value: fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 0, max: 10_000, noNaN: true })) }),
  fc.constant<Measurement>({ state: 'unknown' }), fc.constant<Measurement>({ state: 'error' }));
const found: fc.Arbitrary<Measurements> = fc.record(Object.fromEntries(signalNames.map((name) => [name, values])));
const rank = (action: (typeof riskActions)[number]) => riskActions.indexOf(action);
const defaults = riskPolicySchema.parse({});
const quiet: Measurements = Object.fromEntries(signalNames.map((name) => [name, { state: 'measured', value: 0 }]));

describe('the score of a sign-in', () => {
  it('is 0 to 100, and is made of its reasons', () => {
    fc.assert(fc.property(found, policies, (measurements, policy) => {
      const { score, reasons, actions, action } = judge(measurements, policy);
      expect(score).toBe(Math.min(100, reasons.reduce((sum, { weight }) => sum + weight, 0)));
      expect(actions).toContain(action);
      for (const { text } of reasons) expect(text).not.toMatch(/undefined|NaN/);
    }));
  });

  it('never falls when a signal finds more, nor does what it asks for', () => {
    fc.assert(fc.property(found, policies, fc.constantFrom(...signalNames), fc.double({ min: 0, max: 10_000, noNaN: true }), (measurements, policy, name, more) => {
      const measurement = measurements[name];
      const before = judge(measurements, policy);
      const raised: Measurement = measurement?.state === 'measured' ? { state: 'measured', value: measurement.value + more } : { state: 'error' };
      const after = judge({ ...measurements, [name]: raised }, policy);
      expect(after.score).toBeGreaterThanOrEqual(before.score);
      expect(rank(after.action)).toBeGreaterThanOrEqual(rank(before.action));
      expect(after.actions).toEqual(before.actions[0] === 'allow' ? expect.anything() : expect.arrayContaining([...before.actions]));
    }), { numRuns: 1_000 });
  });

  it('never falls by an error, a missing signal, or a number that is none', () => {
    fc.assert(fc.property(found, policies, fc.constantFrom(...signalNames), fc.constantFrom<Measurement | undefined>({ state: 'error' }, { state: 'measured', value: Number.NaN }, undefined), (measurements, policy, name, broken) => {
      const spoiled = { ...measurements, [name]: broken } as Measurements;
      expect(judge(spoiled, policy).score).toBeGreaterThanOrEqual(judge(measurements, policy).score);
      expect(rank(judge(spoiled, policy).action)).toBeGreaterThanOrEqual(rank(judge(measurements, policy).action));
    }), { numRuns: 1_000 });
  });

  it('is 0 where nothing was found or could be known', () => {
    expect(judge(quiet, defaults)).toEqual({ score: 0, reasons: [], actions: ['allow'], action: 'allow' });
    expect(judge(Object.fromEntries(signalNames.map((name) => [name, { state: 'unknown' }])), defaults).score).toBe(0);
  });

  it('says why in words', () => {
    const { score, reasons, actions } = judge({ ...quiet, impossible_travel: { state: 'measured', value: 8_400, detail: 'DE to CN, 7800 km in 0.9 h' }, failure_burst: { state: 'measured', value: 7 }, bad_address: { state: 'error' } }, defaults);
    expect(score).toBe(100);
    expect(reasons.map(({ text }) => text)).toEqual([
      '8400 km/h from the last sign-in: DE to CN, 7800 km in 0.9 h', 'bad_address could not be found out', '7 failed attempts for the name in ten minutes (from 5 on)']);
    expect(actions).toEqual(['notify', 'second_factor', 'deny']);
  });
});
