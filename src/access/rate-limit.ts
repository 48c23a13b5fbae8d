/** Who is served how often: applications by their own bucket, everybody else by address. */
import { networkOf } from '../core/addresses.ts';
import { type Problem, tooManyRequests } from '../core/errors.ts';
import { type RateDecision, rateLimitHeaders } from '../core/rate-limit.ts';
import type { Application } from '../applications/index.ts';
import { type InstanceContext, limitBucket } from '../tenancy/index.ts';

type LimitedApplication = Pick<Application, 'id' | 'rateLimitPerSecond' | 'rateLimitBurst'>;

/**
 * Takes one request from the application's bucket, which its API calls and OAuth requests share. Call it only after
 * the application has shown who it is: else anybody could empty the bucket by naming a client_id.
 */
export async function takeForApplication(context: InstanceContext, application: LimitedApplication): Promise<RateDecision> {
  return takeFrom(context, application, `application:${context.instance.id}:${application.id}`);
}

/** The same for an application without credentials (RFC 6749 §2.1), which anybody can claim to be: a bucket for each network. */
export async function takeForPublicApplication(context: InstanceContext, application: LimitedApplication): Promise<RateDecision> {
  return takeFrom(context, application, `application:${context.instance.id}:${application.id}:${networkOf(context.address)}`);
}

async function takeFrom(context: InstanceContext, application: LimitedApplication, bucket: string): Promise<RateDecision> {
  const { applicationPerSecond, applicationBurst } = context.instance.settings.rateLimit;
  return context.core.rateLimiter.take(bucket, await limitBucket(context, {
    ratePerSecond: application.rateLimitPerSecond ?? applicationPerSecond, burst: application.rateLimitBurst ?? applicationBurst,
  }));
}

/** Takes one request from the bucket of the client's address in this instance. */
export async function takeForAddress(context: InstanceContext): Promise<RateDecision> {
  const { addressPerSecond, addressBurst } = context.instance.settings.rateLimit;
  return context.core.rateLimiter.take(`address:${context.instance.id}:${networkOf(context.address)}`, { ratePerSecond: addressPerSecond, burst: addressBurst });
}

/** The refusal of the REST APIs. */
export function rateLimited(decision: RateDecision): Problem {
  return tooManyRequests(`Too many requests; try again in ${decision.retryAfterSeconds} seconds.`, rateLimitHeaders(decision));
}

/** The refusal in the words of OAuth: status 429, these headers, this body (RFC 6749 §5.2 has no code of its own for it). */
export function oauthRateLimited(decision: RateDecision): { status: 429; headers: Record<string, string>; body: { error: string; error_description: string } } {
  return {
    status: 429, headers: { ...rateLimitHeaders(decision), 'Cache-Control': 'no-store' },
    body: { error: 'temporarily_unavailable', error_description: `too many requests; try again in ${decision.retryAfterSeconds} seconds` },
  };
}
