import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { createLocalRateLimiter, rateLimitHeaders } from './rate-limit.ts';

const perSecond = { ratePerSecond: 100, burst: 100 };

function limiterWithClock(maxBuckets?: number) {
  let now = 0;
  const limiter = createLocalRateLimiter(() => now, maxBuckets === undefined ? {} : { maxBuckets });
  return { limiter, advance: (milliseconds: number) => { now += milliseconds; } };
}

const countAllowed = (times: number, take: () => { allowed: boolean }): number =>
  Array.from({ length: times }, take).filter((decision) => decision.allowed).length;

describe('local token bucket', () => {
  it('lets the burst through at once, then refuses', () => {
    const { limiter } = limiterWithClock();
    expect(countAllowed(150, () => limiter.take('app', perSecond))).toBe(100);
  });

  it('answers without a promise', () => {
    expect(limiterWithClock().limiter.take('app', perSecond)).not.toBeInstanceOf(Promise);
  });

  it.each([[9, 0], [10, 1], [500, 50], [1_000, 100], [60_000, 100]])('gains after %i ms %i tokens, never more than the burst', (milliseconds, gained) => {
    const { limiter, advance } = limiterWithClock();
    countAllowed(100, () => limiter.take('app', perSecond));
    advance(milliseconds);
    expect(countAllowed(200, () => limiter.take('app', perSecond))).toBe(gained);
  });

  it('says what is left and when to come back', () => {
    const { limiter } = limiterWithClock();
    const slow = { ratePerSecond: 0.5, burst: 3 };
    expect(limiter.take('app', slow)).toEqual(
      { allowed: true, limit: 3, remaining: 2, retryAfterSeconds: 0, resetSeconds: 2, windowSeconds: 6 });
    limiter.take('app', slow, 2);
    expect(limiter.take('app', slow, 2)).toEqual(
      { allowed: false, limit: 3, remaining: 0, retryAfterSeconds: 4, resetSeconds: 6, windowSeconds: 6 });
  });

  it('lets a caller through that waited the time it was told', () => {
    fc.assert(fc.property(
      fc.double({ min: 0.1, max: 500, noNaN: true }), fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }),
      (ratePerSecond, burst, tokens) => {
        const { limiter, advance } = limiterWithClock();
        const bucket = { ratePerSecond, burst };
        const wanted = Math.min(tokens, burst);
        limiter.take('app', bucket, burst);
        const refused = limiter.take('app', bucket, wanted);
        expect(refused.allowed).toBe(false);
        advance(refused.retryAfterSeconds * 1000 + 0.001);
        expect(limiter.take('app', bucket, wanted).allowed).toBe(true);
      }));
  });

  it('never grants more than burst + rate × time, whatever the pattern', () => {
    fc.assert(fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 5 })), { maxLength: 200 }),
      (steps) => {
        const { limiter, advance } = limiterWithClock();
        const bucket = { ratePerSecond: 7, burst: 5 };
        let granted = 0;
        let elapsed = 0;
        for (const [wait, tokens] of steps) {
          advance(wait);
          elapsed += wait;
          if (limiter.take('app', bucket, tokens).allowed) granted += tokens;
          expect(granted).toBeLessThanOrEqual(bucket.burst + (bucket.ratePerSecond * elapsed) / 1000 + 1e-6);
        }
      }));
  });

  it('refuses to take part of what was asked for, and more than the bucket can ever hold', () => {
    const { limiter, advance } = limiterWithClock();
    expect(limiter.take('app', perSecond, 101).allowed).toBe(false);
    expect(limiter.take('app', perSecond, 100).allowed).toBe(true);
    advance(1_000_000);
    expect(limiter.take('app', perSecond, 101).allowed).toBe(false);
  });

  it('keeps keys apart, and follows a changed limit', () => {
    const { limiter } = limiterWithClock();
    countAllowed(100, () => limiter.take('one', perSecond));
    expect(limiter.take('two', perSecond).allowed).toBe(true);
    expect(countAllowed(100, () => limiter.take('two', { ratePerSecond: 10, burst: 10 }))).toBe(10);
  });

  it('survives a clock that steps back', () => {
    let now = 1_000_000;
    const limiter = createLocalRateLimiter(() => now);
    limiter.take('app', perSecond, 100);
    now = 0;
    expect(limiter.take('app', perSecond).allowed).toBe(false);
    now = 10;
    expect(limiter.take('app', perSecond).allowed).toBe(true);
  });

  it.each([
    [{ ratePerSecond: 0, burst: 10 }, 1], [{ ratePerSecond: -1, burst: 10 }, 1], [{ ratePerSecond: NaN, burst: 10 }, 1],
    [{ ratePerSecond: 1, burst: 0 }, 1], [{ ratePerSecond: 1, burst: Infinity }, 1],
    [{ ratePerSecond: 1, burst: 10 }, -1], [{ ratePerSecond: 1, burst: 10 }, NaN],
  ])('refuses a bucket that makes no sense: %j, %d tokens', (bucket, tokens) => {
    expect(() => limiterWithClock().limiter.take('app', bucket, tokens)).toThrow(RangeError);
  });
});

describe('memory of the local limiter', () => {
  it('drops full buckets as new keys come', () => {
    const { limiter, advance } = limiterWithClock();
    for (let n = 0; n < 20_000; n += 1) {
      limiter.take(`address ${n}`, perSecond);
      advance(1);
    }
    expect(limiter.size).toBeLessThan(200);
  });

  it('stays within its bound under a flood of new keys, and does not forgive the one over its limit', () => {
    const { limiter } = limiterWithClock(1_000);
    countAllowed(100, () => limiter.take('guilty', perSecond));
    for (let n = 0; n < 100_000; n += 1) limiter.take(`flood ${n}`, perSecond);
    expect(limiter.size).toBe(1_000);
    expect(limiter.take('guilty', perSecond).allowed).toBe(false);
  });
});

describe('RateLimit header fields', () => {
  it('tell limit, rest and reset', () => {
    const { limiter } = limiterWithClock();
    expect(rateLimitHeaders(limiter.take('app', { ratePerSecond: 10, burst: 100 }, 30))).toEqual({
      'RateLimit-Limit': '100', 'RateLimit-Remaining': '70', 'RateLimit-Reset': '3',
      'RateLimit-Policy': '"default";q=100;w=10', 'RateLimit': '"default";r=70;t=3',
    });
  });

  it('tell a refused caller when to come back', () => {
    const { limiter } = limiterWithClock();
    limiter.take('app', { ratePerSecond: 1, burst: 5 }, 5);
    expect(rateLimitHeaders(limiter.take('app', { ratePerSecond: 1, burst: 5 }, 2))).toMatchObject({
      'RateLimit-Remaining': '0', 'Retry-After': '2',
    });
  });
});
