/** The bucket of the application that authenticated: the same one as at the REST API. */
import type { KoaContextWithOIDC } from 'oidc-provider';
import { oauthRateLimited, takeForAddress, takeForApplication } from '../../access/index.ts';
import { rateLimitHeaders } from '../../core/rate-limit.ts';
import { requestApplication } from './clients.ts';
import { TooManyRequests } from './errors.ts';
import { contextOf } from './request-context.ts';

const limited = new WeakSet<object>();

/**
 * Takes one request from the application's bucket, once per request. Called where the client has shown who it is:
 * before that, anybody could empty the bucket of somebody else by naming a client_id.
 * @throws TooManyRequests (429)
 */
export async function limitApplication(ctx: KoaContextWithOIDC): Promise<void> {
  if (!ctx.oidc.client || limited.has(ctx)) return;
  limited.add(ctx);
  const decision = await takeForApplication(contextOf(ctx), requestApplication(ctx));
  ctx.set(rateLimitHeaders(decision));
  if (decision.allowed) return;
  const { headers, body } = oauthRateLimited(decision);
  throw new TooManyRequests(body.error_description, headers);
}

/** Endpoints that a program calls; pages are limited by address where they are routed. */
const programs = new Set(['token', 'introspection', 'revocation', 'pushed_authorization_request', 'device_authorization', 'userinfo', 'registration', 'client', 'client_update', 'client_delete']);

/** Whoever failed to show who it is pays from the bucket of its address: guessing secrets and tokens has an end. */
export async function limitStrangers(ctx: KoaContextWithOIDC): Promise<void> {
  if ((ctx.status !== 400 && ctx.status !== 401) || limited.has(ctx) || !programs.has(ctx.oidc.route)) return;
  const decision = await takeForAddress(contextOf(ctx));
  if (decision.allowed) return;
  const { status, headers, body } = oauthRateLimited(decision);
  ctx.body = body;
  ctx.status = status;
  ctx.set(headers);
}
