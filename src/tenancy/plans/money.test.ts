import { describe, expect, it } from 'vitest';
import { amountOf, formatAmount } from './money.ts';
import { monthOf, endOfMonth, shiftMonth } from './months.ts';
import { freePlan, type Plan } from './plan.ts';
import { billUsage } from './statements.ts';

const inText = (units: bigint, price: string, currency = 'USD') => formatAmount(amountOf(units, price, currency), currency);

describe('amounts', () => {
  it.each([
    [1n, '0.004', 'USD', '0.00'],
    [1n, '0.005', 'USD', '0.01'],                    // half of a cent is rounded up
    [1n, '0.004999999', 'USD', '0.00'],
    [3n, '0.005', 'USD', '0.02'],                    // 1.5 cents
    [1n, '1.005', 'USD', '1.01'],                    // 1.005 is no number in binary: 100.49999999999999
    [2_345n, '0.001', 'USD', '2.35'],
    [1n, '0.5', 'JPY', '1'],
    [7n, '0.3', 'JPY', '2'],
    [1n, '0.0005', 'KWD', '0.001'],
    [0n, '123456789.123456789', 'USD', '0.00'],
    [1_000_000_000_000n, '999999999.999999999', 'USD', '999999999999999999000.00'],
    [9_007_199_254_740_993n, '0.01', 'USD', '90071992547409.93'],   // beyond what a double counts
  ])('%s at %s %s are %s', (units, price, currency, expected) => {
    expect(inText(units, price, currency)).toBe(expected);
  });

  it.each(['', '-1', '1.', '.5', '1e3', '0.0000000001', '1,5', ' 1'])('"%s" is no price', (price) => {
    expect(() => amountOf(1n, price, 'USD')).toThrow(RangeError);
  });
});

describe('a bill', () => {
  it('charges what is beyond the free part, and sums what it rounded', () => {
    const plan: Plan = { ...freePlan, id: 'plan_x', quotas: {
      users: { limit: null, included: 10, price: '0.125' },
      scimCalls: { limit: null, included: 10_000, price: '0.001' },
      tokens: { limit: null, included: null, price: '5' },
      apiCalls: { limit: 100, included: null, price: null },
    } };
    const { lines, total } = billUsage(plan, new Map([['users', 13], ['scimCalls', 12_345], ['tokens', 99], ['apiCalls', 100]] as const));
    const line = (quota: string) => lines.find((each) => each.quota === quota);
    expect(line('users')).toEqual({ quota: 'users', used: 13, included: 10, billed: 3, price: '0.125', amount: '0.38' });
    expect(line('scimCalls')).toMatchObject({ billed: 2_345, amount: '2.35' });
    expect(line('tokens')).toMatchObject({ used: 99, billed: 0, amount: '0.00' });
    expect(line('apiCalls')).toMatchObject({ used: 100, billed: 0, price: null, amount: '0.00' });
    expect(total).toBe('2.73');
    expect(lines.some(({ quota }) => quota === 'requestsPerSecond')).toBe(false);
  });
});

describe('months', () => {
  it('are those of UTC', () => {
    expect(monthOf(new Date('2026-12-31T23:59:59.999Z'))).toBe('2026-12');
    expect(monthOf(new Date('2026-12-31T23:30:00-05:00'))).toBe('2027-01');
    expect([shiftMonth('2026-12', 1), shiftMonth('2026-01', -1), shiftMonth('2026-03', -13)]).toEqual(['2027-01', '2025-12', '2025-02']);
    expect(endOfMonth('2028-02').toISOString()).toBe('2028-03-01T00:00:00.000Z');
  });
});
