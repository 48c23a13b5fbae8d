/** The bucket of the application that authenticated: the same one as at the REST API. */
import type { KoaContextWithOIDC } from 'oidc-provider';
import { oauthRateLimited, takeForAddress, takeForApplication, takeForPublicApplication } from '../../access/index.ts';
import { requestApplication } from './clients.ts';
import { TooManyRequests } from './errors.ts';
import { contextOf, endpointOf } from './request-context.ts';

/** Where a request notes that its application has shown who it is and has paid. */
const paid = 'applicationLimited';

/**
 * Takes one request from the application's bucket, once per request. Called where the client has shown who it is:
 * before that, anybody could empty the bucket of somebody else by naming a client_id. A public client never shows it.
 * @throws TooManyRequests (429)
 */
export async function limitApplication(ctx: KoaContextWithOIDC): Promise<void> {
  if (!ctx.oidc.client || ctx.state[paid] === true) return;
  ctx.state[paid] = true;
  const take = ctx.oidc.client.clientAuthMethod === 'none' ? takeForPublicApplication : takeForApplication;
  const decision = await take(contextOf(ctx), requestApplication(ctx));
  if (decision.allowed) return;
  const { headers, body } = oauthRateLimited(decision);
  ctx.set(headers);
  throw new TooManyRequests(body.error_description, headers);
}

/** Endpoints that a program calls; pages are limited by address where they are routed. */
const programs = new Set(['token', 'introspection', 'revocation', 'pushed_authorization_request', 'device_authorization', 'userinfo', 'registration', 'client', 'client_update', 'client_delete']);

/** Whoever failed to show who it is pays from the bucket of its address: guessing secrets and tokens has an end. */
export async function limitStrangers(ctx: KoaContextWithOIDC): Promise<void> {
  if ((ctx.status !== 400 && ctx.status !== 401) || ctx.state[paid] === true || !programs.has(endpointOf(ctx) ?? '')) return;
  const decision = await takeForAddress(contextOf(ctx));
  if (decision.allowed) return;
  const { status, headers, body } = oauthRateLimited(decision);
  ctx.body = body;
  ctx.status = status;
  ctx.set(headers);
}
