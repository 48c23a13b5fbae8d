/** Guessing of device user codes (RFC 8628 §5.1): few misses for an address, and not many for a whole instance. */
import { networkOf } from '../../core/addresses.ts';
import { rateLimitHeaders } from '../../core/rate-limit.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { NotYours, TooManyRequests } from './errors.ts';

const missesOfAddress = { ratePerSecond: 1 / 30, burst: 10 };
const missesOfInstance = { ratePerSecond: 1, burst: 200 };

/**
 * Takes `misses` from what is left of wrong codes; 0 only asks whether any is left.
 * @throws TooManyRequests (429) when none is
 */
export async function checkUserCodeGuesses(context: InstanceContext, misses = 0): Promise<void> {
  const { rateLimiter } = context.core;
  const ofAddress = await rateLimiter.take(`device:${context.instance.id}:${networkOf(context.address)}`, missesOfAddress, misses);
  const ofInstance = await rateLimiter.take(`device-instance:${context.instance.id}`, missesOfInstance, misses);
  for (const decision of [ofAddress, ofInstance]) {
    if (!decision.allowed || decision.remaining === 0) throw new TooManyRequests('too many wrong codes, try again later', rateLimitHeaders(decision));
  }
}

/**
 * The first browser that enters a code owns it: another one cannot approve what this one began (RFC 8628 §5.4).
 * Returns the code's payload; undefined when there is no such code.
 */
export async function claimUserCode(context: InstanceContext, userCodeHash: string, sessionUid: string): Promise<Record<string, unknown> | undefined> {
  const [row] = await context.db.$queryRaw<{ payload: Record<string, unknown>; uid: string }[]>`
    UPDATE "OidcRecord" SET "uid" = coalesce("uid", ${sessionUid})
     WHERE "instanceId" = ${context.instance.id} AND "model" = 'DeviceCode' AND "userCode" = ${userCodeHash}
    RETURNING "payload", "uid"`;
  if (row && row.uid !== sessionUid) throw new NotYours('this code is being used in another browser');
  return row?.payload;
}
