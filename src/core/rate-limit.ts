import { createHash } from 'node:crypto';
import type { RedisClient } from './redis.ts';

/** A bucket holds at most `burst` tokens and gains `ratePerSecond` of them each second, continuously. */
export interface Bucket { ratePerSecond: number; burst: number }

export interface RateLimiter {
  /**
   * Takes `tokens` (default 1) from the bucket of `key`, `{what is limited}:{whom}`, all or none. A new key starts with a full bucket.
   * Answers without a promise where no network is needed. Asking for more than `burst` is always refused.
   */
  take(key: string, bucket: Bucket, tokens?: number): Promise<RateDecision> | RateDecision;
}

/** The same limiter, telling what was limited: the part of the key before its first colon. */
export function countRefusals(limiter: RateLimiter, onRefused: (limited: string) => void): RateLimiter {
  const noted = (key: string, decision: RateDecision): RateDecision => {
    if (!decision.allowed) onRefused(key.slice(0, key.indexOf(':')));
    return decision;
  };
  return {
    take(key, bucket, tokens) {
      const decision = limiter.take(key, bucket, tokens);
      return decision instanceof Promise ? decision.then((later) => noted(key, later)) : noted(key, decision);
    },
  };
}

export interface RateDecision {
  allowed: boolean;
  /** Tokens a full bucket holds. */
  limit: number;
  /** Whole tokens left after this call. */
  remaining: number;
  /** Whole seconds until the refused tokens are there; 0 when allowed. */
  retryAfterSeconds: number;
  /** Whole seconds until the bucket is full again. */
  resetSeconds: number;
  /** Whole seconds in which an empty bucket fills. */
  windowSeconds: number;
}

export interface LocalRateLimiter extends RateLimiter {
  take(key: string, bucket: Bucket, tokens?: number): RateDecision;
  /** Buckets in memory. */
  readonly size: number;
}

interface LocalBucket { tokens: number; updatedAt: number; fullAt: number }

/**
 * Buckets in this process. `clock` counts milliseconds; it need not be the time of day.
 * A full bucket is as good as none, so full ones are dropped: each new key looks at two others, which
 * keeps the map in proportion to the keys in use. At `maxBuckets` the fullest of a sample goes,
 * never simply the oldest: a flood of new keys must not empty the memory of who is over the limit.
 */
export function createLocalRateLimiter(
  clock: () => number = () => performance.now(),
  { maxBuckets = 50_000 }: { maxBuckets?: number } = {},
): LocalRateLimiter {
  const buckets = new Map<string, LocalBucket>();
  let hand = buckets.entries();

  function nextUnderHand(): [string, LocalBucket] | undefined {
    let next = hand.next();
    if (next.done) {
      hand = buckets.entries();
      next = hand.next();
    }
    return next.value;
  }

  function makeRoom(now: number): void {
    let fullest: [string, LocalBucket] | undefined;
    for (let looked = 0; looked < (buckets.size < maxBuckets ? 2 : 16); looked += 1) {
      const candidate = nextUnderHand();
      if (!candidate) return;
      if (candidate[1].fullAt <= now) buckets.delete(candidate[0]);
      else if (!fullest || candidate[1].fullAt < fullest[1].fullAt) fullest = candidate;
    }
    if (fullest && buckets.size >= maxBuckets) buckets.delete(fullest[0]);
  }

  return {
    get size() { return buckets.size; },
    take(key, bucket, tokens = 1) {
      checkBucket(bucket, tokens);
      const now = clock();
      let state = buckets.get(key);
      if (!state) {
        makeRoom(now);
        state = { tokens: bucket.burst, updatedAt: now, fullAt: now };
        buckets.set(key, state);
      }
      const gained = (Math.max(0, now - state.updatedAt) * bucket.ratePerSecond) / 1000;
      state.tokens = Math.min(bucket.burst, state.tokens + gained);
      state.updatedAt = now;
      const allowed = state.tokens >= tokens;
      if (allowed) state.tokens -= tokens;
      state.fullAt = now + ((bucket.burst - state.tokens) / bucket.ratePerSecond) * 1000;
      return decide(allowed, state.tokens, bucket, tokens);
    },
  };
}

/**
 * Takes tokens in one step inside Redis, by Redis' own clock: exact for any number of servers.
 * ARGV: tokens, rate per second, burst. Numbers travel as text of 17 digits, because Redis cuts
 * Lua numbers to integers. The key expires a second after its bucket is full.
 */
const takeScript = `
local tokens, rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local held, at = burst, now
local state = redis.call('GET', KEYS[1])
if state then
  local heldText, atText = string.match(state, '^(%S+) (%S+)$')
  at = tonumber(atText)
  held = math.min(burst, tonumber(heldText) + math.max(0, now - at) * rate / 1000000)
end
local allowed = held >= tokens
if allowed then held = held - tokens end
if allowed or now < at then
  local expiry = math.ceil((burst - held) / rate * 1000) + 1000
  redis.call('SET', KEYS[1], string.format('%.17g %.0f', held, now), 'PX', string.format('%.0f', expiry))
end
return { allowed and 1 or 0, string.format('%.17g', held) }`;

const takeScriptSha = createHash('sha1').update(takeScript).digest('hex');

export interface SharedRateLimiterOptions {
  redis: RedisClient;
  /** Decides while Redis is away. It counts along meanwhile, so that a failure gives no caller a second burst here. */
  local: RateLimiter;
  /** Called once when Redis fails, with its first failure. */
  onFallback(error: unknown): void;
  /** Called once when Redis answers in time again. */
  onRecover(): void;
  /** Milliseconds of silence after which Redis counts as hung; default 75. No take waits longer than four times this. */
  timeoutMs?: number;
  /** Milliseconds between two looks whether Redis is back; default 250. */
  probeIntervalMs?: number;
}

/**
 * Buckets shared by all servers of one Redis, one round trip a take. The first failure or late answer
 * turns everything to the local buckets at once; a probe in the background turns back. So a dead or hung
 * Redis costs the takes that were in flight `timeoutMs`, and nobody else anything. A Redis that is busy but goes on
 * answering is not hung: giving up on it would cost exactness.
 * No leases of several tokens: those left with an idle server would be refused to a busy one.
 */
export function createSharedRateLimiter(options: SharedRateLimiterOptions): RateLimiter {
  const { redis, local, onFallback, onRecover, timeoutMs = 75, probeIntervalMs = 250 } = options;
  let healthy = true;
  let answeredAt = 0;

  async function evaluate(key: string, bucket: Bucket, tokens: number): Promise<{ allowed: boolean; held: number }> {
    const parameters = {
      keys: [`postern:bucket:${key}`],
      arguments: [String(tokens), String(bucket.ratePerSecond), String(bucket.burst)],
    };
    const reply = await redis.evalSha(takeScriptSha, parameters).catch((error: unknown) => {
      // Redis restarted and forgot the script; EVAL makes it known again.
      if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return redis.eval(takeScript, parameters);
      throw error;
    });
    answeredAt = performance.now();
    if (!Array.isArray(reply)) throw new Error('Redis answered a take with something else than a list');
    return { allowed: Number(reply[0]) === 1, held: Number(reply[1]) };
  }

  async function takeShared(key: string, bucket: Bucket, tokens: number): Promise<RateDecision> {
    try {
      const { allowed, held } = await inTime(evaluate(key, bucket, tokens));
      if (allowed) void local.take(key, bucket, tokens);
      return decide(allowed, held, bucket, tokens);
    } catch (error) {
      fallBack(error);
      return local.take(key, bucket, tokens);
    }
  }

  /** Rejects when Redis is silent, to this question and to all others, for `timeoutMs`. */
  function inTime<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const askedAt = performance.now();
    return new Promise((resolve, reject) => {
      let settled = false;
      let timer = setTimeout(look, timeoutMs);
      answer.finally(() => { settled = true; clearTimeout(timer); }).then(resolve, reject);

      // One more turn of the event loop first: an answer that lay unread because this process was busy is not late.
      function look(): void { setImmediate(() => setImmediate(decideWhetherHung)); }

      function decideWhetherHung(): void {
        if (settled) return;
        const now = performance.now();
        const patience = timeoutMs - (now - Math.max(askedAt, answeredAt));
        if (patience > 0 && now - askedAt < 4 * timeoutMs) timer = setTimeout(look, Math.min(patience, askedAt + 4 * timeoutMs - now));
        else reject(new Error(`Redis did not answer for ${Math.round(now - askedAt)} ms`));
      }
    });
  }

  function fallBack(error: unknown): void {
    if (!healthy) return;
    healthy = false;
    onFallback(error);
    probeLater();
  }

  function probeLater(): void {
    if (redis.isOpen) setTimeout(() => void probe(), probeIntervalMs).unref();
  }

  /** A take like any other, so that a Redis that answers PING but refuses writes does not count as healthy. */
  async function probe(): Promise<void> {
    const startedAt = performance.now();
    const answered = redis.isReady
      && await evaluate('probe', { ratePerSecond: 1000, burst: 1000 }, 1).then(() => true, () => false);
    if (!answered || performance.now() - startedAt > timeoutMs) return probeLater();
    healthy = true;
    onRecover();
  }

  return {
    take(key, bucket, tokens = 1) {
      checkBucket(bucket, tokens);
      if (healthy && !redis.isReady) fallBack(new Error('Redis is not connected'));
      return healthy ? takeShared(key, bucket, tokens) : local.take(key, bucket, tokens);
    },
  };
}

function checkBucket({ ratePerSecond, burst }: Bucket, tokens: number): void {
  if (!(ratePerSecond > 0 && ratePerSecond < Infinity && burst >= 1 && burst < Infinity && tokens >= 0)) {
    throw new RangeError(`Not a token bucket: ${ratePerSecond} a second, burst ${burst}, ${tokens} tokens asked for`);
  }
}

function decide(allowed: boolean, held: number, { ratePerSecond, burst }: Bucket, tokens: number): RateDecision {
  const missing = Math.min(tokens, burst) - held;
  return {
    allowed,
    limit: Math.floor(burst),
    remaining: Math.floor(held),
    retryAfterSeconds: allowed ? 0 : Math.max(1, Math.ceil(missing / ratePerSecond)),
    resetSeconds: Math.ceil((burst - held) / ratePerSecond),
    windowSeconds: Math.ceil(burst / ratePerSecond),
  };
}

/**
 * The header fields that tell a caller where it stands: `RateLimit-Limit`, `-Remaining` and `-Reset` as most
 * client libraries read them (draft-ietf-httpapi-ratelimit-headers-06), `RateLimit` and `RateLimit-Policy` as the
 * draft has them now (-10, structured fields of RFC 9651), and `Retry-After` (RFC 9110 §10.2.3) on a refusal.
 */
export function rateLimitHeaders(decision: RateDecision): Record<string, string> {
  const { limit, remaining, resetSeconds, windowSeconds, retryAfterSeconds } = decision;
  return {
    'RateLimit-Limit': String(limit),
    'RateLimit-Remaining': String(remaining),
    'RateLimit-Reset': String(resetSeconds),
    'RateLimit-Policy': `"default";q=${limit};w=${windowSeconds}`,
    'RateLimit': `"default";r=${remaining};t=${resetSeconds}`,
    ...(decision.allowed ? {} : { 'Retry-After': String(retryAfterSeconds) }),
  };
}
