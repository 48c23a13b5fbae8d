/** The bucket of the application that authenticated: the same one as at the REST API. */
import type { KoaContextWithOIDC } from 'oidc-provider';
import { rateLimitHeaders } from '../../core/rate-limit.ts';
import type { Application } from '../../applications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { applicationOf } from './clients.ts';
import { TooManyRequests } from './errors.ts';
import { contextOf } from './request-context.ts';

const limited = new WeakSet<object>();

/**
 * Takes one request from the application's bucket, once per request. Called where the client has shown who it is:
 * before that, anybody could empty the bucket of somebody else by naming a client_id.
 * @throws TooManyRequests (429)
 */
export async function limitApplication(ctx: KoaContextWithOIDC): Promise<void> {
  const { client } = ctx.oidc;
  if (!client || limited.has(ctx)) return;
  limited.add(ctx);
  const context = contextOf(ctx);
  const decision = await takeForApplication(context, applicationOf(client));
  const headers = rateLimitHeaders(decision);
  ctx.set(headers);
  if (decision.allowed) return;
  context.core.metrics.rateLimitRefusals.inc({ limited: 'application' });
  throw new TooManyRequests('too many requests of this client', headers);
}

function takeForApplication(context: InstanceContext, application: Application) {
  const { applicationPerSecond, applicationBurst } = context.instance.settings.rateLimit;
  return context.core.rateLimiter.take(`application:${context.instance.id}:${application.id}`, {
    ratePerSecond: application.rateLimitPerSecond ?? applicationPerSecond, burst: application.rateLimitBurst ?? applicationBurst,
  });
}
