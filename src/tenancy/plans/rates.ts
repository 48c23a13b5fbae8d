/** Rates that a plan sets: how often in a stretch of time. */
import { Problem } from '../../core/errors.ts';
import type { InstanceContext } from '../context.ts';
import { countUse } from './monthly.ts';
import { limitOf } from './plan.ts';
import { loadPlan } from './plan-cache.ts';

interface Bucket { readonly ratePerSecond: number; readonly burst: number }

/** A bucket of an application as the plan allows it: no faster and no larger than its `requestsPerSecond`. */
export async function limitBucket(context: InstanceContext, bucket: Bucket): Promise<Bucket> {
  const most = limitOf(await loadPlan(context), 'requestsPerSecond');
  return most === undefined ? bucket : { ratePerSecond: Math.min(bucket.ratePerSecond, most), burst: Math.min(bucket.burst, most) };
}

/**
 * Asks whether the webhook of a flow may be called now, and counts the call. False: the flow had as many calls in a
 * minute as the plan allows, or the month is used up; the call is dropped, which is counted too.
 */
export async function takeWebhookCall(context: InstanceContext, flowId: string): Promise<boolean> {
  const perMinute = limitOf(await loadPlan(context), 'webhookCallsPerMinute');
  const allowed = perMinute === undefined
    || (await context.core.rateLimiter.take(`webhook:${context.instance.id}:${flowId}`, { ratePerSecond: perMinute / 60, burst: perMinute })).allowed;
  const counted = allowed && await countUse(context, 'webhookCalls').then(() => true, refusedByLimit);
  if (!counted) await countUse(context, 'webhookCallsDropped');
  return counted;
}

function refusedByLimit(error: unknown): false {
  if (error instanceof Problem && error.status === 429) return false;
  throw error;
}
