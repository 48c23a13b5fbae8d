/** Leads from the provider's own context (Koa) back to the InstanceContext of the request. */
import type { IncomingMessage } from 'node:http';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { InstanceContext } from '../../tenancy/index.ts';
import { Provider } from './library.ts';

/** On the request itself: weak maps of many short-lived keys cost the garbage collector more than they are worth. */
const contextKey = Symbol('instance context');
type Marked = IncomingMessage & { [contextKey]?: InstanceContext };

/** Notes whose request this is; the mount calls it before it hands the request over. */
export function rememberContext(request: IncomingMessage, context: InstanceContext): void {
  (request as Marked)[contextKey] = context;
}

/** The context of the request that a provider hook runs for. */
export function contextOf(ctx: { req: IncomingMessage }): InstanceContext {
  const context = (ctx.req as Marked)[contextKey];
  if (!context) throw new Error('a request reached the OpenID provider without its instance');
  return context;
}

/** The provider's context of the request at work; undefined in jobs. */
export function currentProviderContext(): KoaContextWithOIDC | undefined {
  return Provider.ctx as KoaContextWithOIDC | undefined;
}

/** The context at work: the request's, or the given one for jobs. */
export function currentContext(fallback: InstanceContext): InstanceContext {
  const ctx = currentProviderContext();
  return ctx === undefined ? fallback : (ctx.req as Marked)[contextKey] ?? fallback;
}

/** The provider's name of the endpoint; undefined where none matched (a feature that the instance has switched off). */
export const endpointOf = (ctx: { readonly oidc?: { readonly route: string } }): string | undefined => ctx.oidc?.route;
