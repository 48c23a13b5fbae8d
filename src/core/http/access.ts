/**
 * Every route says who may call it, beside its schema. A route that says nothing does not start; the OpenAPI document
 * and the generated attack tests read the same declaration.
 */
import type { FastifyInstance, RouteOptions } from 'fastify';

export type RouteAccess =
  /**
   * A bearer token of this instance's management API with the scope; an administrator also needs the permission. One who
   * has it in some organizational units only is refused, unless `limit` says that the route keeps to them. An application
   * may come with `ownScope` instead: then the route answers about that application alone. What is `sensitive` also needs
   * a person's sign-in to be fresh, where the instance says so (RFC 9470).
   */
  | { credential: 'bearer'; scope: string; permission: string; limit?: 'organizational-units'; ownScope?: string; sensitive?: true }
  /** A bearer token of the platform API (a management client or owner of the first instance). */
  | { credential: 'platform'; scope: string }
  /** A person's browser: top-level navigations only, bound by our cookies and form token. Never an API. */
  | { credential: 'page' }
  /** The protocol itself authenticates the caller: an OAuth client, a SCIM peer, a signed message. */
  | { credential: 'protocol' }
  /** Who holds a sign-in under way (`Authorization: Flow …`), and its application beside it. Cookies are never read. */
  | { credential: 'flow' }
  /** Public by nature: discovery, keys, health, images, the OpenAPI document. */
  | { credential: 'none' }
  /** The operator: loopback, or METRICS_TOKEN. */
  | { credential: 'operator' };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
}

/** What a route was declared with, for the OpenAPI document and the tests that walk all routes. */
export interface DeclaredRoute {
  readonly method: string;
  readonly url: string;
  readonly access: RouteAccess;
  readonly schema: RouteOptions['schema'];
}

declare module 'fastify' {
  interface FastifyInstance {
    declaredRoutes: DeclaredRoute[];
  }
}

/** Refuses routes without a declaration; call it on the root before any route is registered. */
export function requireRouteAccess(app: FastifyInstance): void {
  const declared: DeclaredRoute[] = [];
  app.decorate('declaredRoutes', declared);
  app.addHook('onRoute', (route) => {
    const access = route.config?.access;
    if (!access) throw new Error(`The route ${String(route.method)} ${route.url} does not declare who may call it (config.access).`);
    if ((access.credential === 'bearer' || access.credential === 'platform') && !(route.schema as { response?: unknown } | undefined)?.response) {
      throw new Error(`The route ${String(route.method)} ${route.url} does not declare its answers (schema.response).`);
    }
    for (const method of [route.method].flat()) declared.push({ method, url: route.url, access, schema: route.schema });
  });
}
