/** How many messages one address, number or country may get. Counted over all doors and servers, by the log itself. */
import { tooManyMessages } from './errors.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { Channel } from './template-list.ts';

const hour = 3_600;
const day = 24 * hour;

export interface Counted { readonly channel: Channel; readonly recipientHash: string; readonly prefix: string }
export type Limited = { readonly retryAfterSeconds: number } | undefined;

/** Whether one more message would be too many. The caller holds no lock: two at once may both be let in. */
export async function findLimit(tx: InstanceContext, { channel, recipientHash, prefix }: Counted): Promise<Limited> {
  const settings = tx.instance.settings.notifications;
  const now = tx.now();
  const since = (seconds: number) => new Date(now.getTime() - seconds * 1_000);
  const [counts] = await tx.db.$queryRaw<{ hour: bigint; day: bigint; oldest: Date | null }[]>`
    SELECT count(*) FILTER (WHERE "createdAt" > ${since(hour)}) AS "hour", count(*) AS "day", min("createdAt") AS "oldest"
      FROM "NotificationMessage"
     WHERE "instanceId" = ${tx.instance.id} AND "recipientHash" = ${recipientHash} AND "createdAt" > ${since(channel === 'sms' ? day : hour)} AND "status" <> 'limited'`;
  const perHour = channel === 'sms' ? settings.messagesPerNumberPerHour : settings.messagesPerAddressPerHour;
  if (Number(counts?.hour ?? 0) >= perHour) return { retryAfterSeconds: hour };
  if (channel === 'email') return undefined;
  if (Number(counts?.day ?? 0) >= settings.messagesPerNumberPerDay) return { retryAfterSeconds: day };
  const most = settings.messagesPerPrefixPerHour;
  const decision = await tx.core.rateLimiter.take(`sms-prefix:${tx.instance.id}:${prefix}`, { ratePerSecond: most / hour, burst: most });
  return decision.allowed ? undefined : { retryAfterSeconds: decision.retryAfterSeconds };
}

/** Whether text messages may go to this number at all. */
export function isAllowedNumber(context: InstanceContext, to: string): boolean {
  const allowed = context.instance.settings.notifications.allowedPrefixes;
  return allowed.length === 0 || allowed.some((prefix) => to.startsWith(prefix));
}

export const refuseLimited = (limited: NonNullable<Limited>) => tooManyMessages(limited.retryAfterSeconds);
