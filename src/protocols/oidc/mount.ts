/**
 * One OpenID provider for each instance, built when it is first needed and kept in a bounded cache. `mountFor` is the
 * only place that knows this (docs/decisions/0006-provider-mounting.md).
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LRUCache } from 'lru-cache';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { type Core, perCore } from '../../core/core.ts';
import { countUse, createContext, type InstanceContext, loadKeySet } from '../../tenancy/index.ts';
import { useApplicationsAsClients } from './clients.ts';
import { createConfiguration } from './configuration.ts';
import { refusalOf, serverError } from './errors.ts';
import { readInteractionsWithSession } from './interactions.ts';
import { adaptInternals } from './internals.ts';
import { Provider } from './library.ts';
import { renderError } from './pages.ts';
import { limitStrangers } from './rate-limit.ts';
import { hidePlaceholderSecret } from './registration.ts';
import { contextOf, endpointOf, rememberContext } from './request-context.ts';
import { finishWrites } from './request-storage.ts';

export interface Mount {
  /** Changes when settings, addresses or keys of the instance do: then the next request builds a new one. */
  readonly version: string;
  readonly provider: Provider;
  handle(request: IncomingMessage, response: ServerResponse): void;
}

/** 60 KB each: a server with 2,000 busy instances spends 120 MB on them. */
const mountsOf = perCore(() => new LRUCache<string, Mount>({ max: 2_000 }));

/** The provider of the context's instance, as its settings and keys are now. */
export async function mountFor(context: InstanceContext): Promise<Mount> {
  const { core, instance } = context;
  const keys = await loadKeySet(context);
  const version = `${instance.version}.${keys.version}.${instance.issuer}`;
  const kept = mountsOf(core).get(instance.id);
  if (kept?.version === version) return kept;
  const mount = createMount(createContext(core, instance, { principal: { kind: 'system' } }), version, createProvider(createContext(core, instance, { principal: { kind: 'system' } }), keys));
  mountsOf(core).set(instance.id, mount);
  return mount;
}

export const providerFor = async (context: InstanceContext): Promise<Provider> => (await mountFor(context)).provider;

function createProvider(instance: InstanceContext, keys: Parameters<typeof createConfiguration>[1]): Provider {
  const provider = new Provider(instance.instance.issuer, createConfiguration(instance, keys));
  provider.proxy = true; // it sees only what handOver writes
  useApplicationsAsClients(provider, instance);
  readInteractionsWithSession(provider);
  adaptInternals(provider, instance);
  provider.use(answerFaults);
  provider.on('server_error', (ctx: KoaContextWithOIDC, error: unknown) => onServerError(instance.core, ctx, error));
  provider.on('grant.success', countToken);
  provider.on('grant.error', nameUnauthorizedClient);
  provider.on('device_authorization.error', nameUnauthorizedClient);
  return provider;
}

/** For the month's statement. Nobody waits for it, and nothing comes of it that a token could fail for. */
function countToken(ctx: KoaContextWithOIDC): void {
  const context = contextOf(ctx);
  countUse(context, 'tokens').catch((error: unknown) => { context.core.log.warn({ err: error }, 'A token could not be counted'); });
}

/** RFC 6749 §5.2 has a code of its own for a grant that the client may not use; the library says invalid_request. */
function nameUnauthorizedClient(ctx: KoaContextWithOIDC, error: { error_description?: string | undefined }): void {
  if (error.error_description?.endsWith('is not allowed for this client')) {
    ctx.body = { error: 'unauthorized_client', error_description: error.error_description };
  }
}

function createMount(instance: InstanceContext, version: string, provider: Provider): Mount {
  const issuer = new URL(instance.instance.issuer);
  const base = issuer.pathname === '/' ? '' : issuer.pathname;
  const handle = provider.callback();
  return {
    version,
    provider,
    handle(request, response) {
      const below = request.url ?? '/';
      // The library derives its own addresses from these: they come from configuration, whatever the request claimed.
      Object.assign(request, { originalUrl: `${base}${below}` });
      request.headers.host = issuer.host;
      request.headers['x-forwarded-host'] = issuer.host;
      request.headers['x-forwarded-proto'] = issuer.protocol.slice(0, -1);
      // Deferred by one turn: requests that came together then run each stage together, which measured 5,964 → 11,122
      // opaque tokens a second on one core, and 94 instead of 167 µs of CPU for each at a fixed rate.
      setImmediate(() => void handle(request, response));
    },
  };
}

/** Hands a request over, its body unread. `below` is the path and query below the issuer. */
export function handOver(mount: Mount, context: InstanceContext, request: IncomingMessage, response: ServerResponse, below: string): void {
  request.url = below;
  if (context.address !== undefined) request.headers['x-forwarded-for'] = context.address;
  rememberContext(request, context);
  mount.handle(request, response);
}

/** What leaves the provider's own error handling, and addresses that it does not know. */
async function answerFaults(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  try {
    await next();
    await finishWrites(ctx);
    if (ctx.status === 404 && ctx.body === undefined) {
      ctx.body = { error: 'invalid_request', error_description: 'there is no such endpoint' };
      ctx.status = 404;
    }
    hidePlaceholderSecret(ctx);
    await limitStrangers(ctx);
  } catch (error) {
    // What the provider was about to answer, a page or a redirect with a code, was not saved.
    for (const header of ['location', 'content-type']) ctx.remove(header);
    onServerError(contextOf(ctx).core, ctx, error);
    if (seenByPeople.has(endpointOf(ctx) ?? '')) renderError(ctx, serverError, error instanceof Error ? error : new Error(String(error)));
  }
}

const seenByPeople = new Set(['authorization', 'resume', 'code_verification', 'device_resume']);

/** 503 where it is the database, else a fault: logged with its cause, answered without any. Pages answer for themselves. */
function onServerError(core: Core, ctx: KoaContextWithOIDC, error: unknown): void {
  const context = contextOf(ctx);
  const refusal = refusalOf(error);
  if (!refusal || refusal.status >= 500) {
    core.log.error({ err: error, requestId: context.requestId, instanceId: context.instance.id, route: endpointOf(ctx) }, 'An OAuth request failed');
  }
  if (ctx.type === 'text/html') return;
  ctx.status = refusal?.status ?? 500;
  if (refusal) ctx.set(refusal.headers);
  ctx.body = refusal?.body ?? serverError;
}
