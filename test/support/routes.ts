/** What tests that walk the declared routes of a server share. */
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { idsOf, withIds } from './complete-world.ts';
import type { RawAnswer } from './raw-request.ts';
import { exampleOf, smallestQueryOf } from './schemas.ts';
import type { TestServer } from './server.ts';
import { call, targetOf } from './world.ts';

type Parameters = Readonly<Record<string, string>>;

export const nameOf = ({ method, url }: DeclaredRoute): string => `${method} ${url}`;

/** Of the management or platform API. */
export const isApi = ({ access }: DeclaredRoute): boolean => access.credential === 'bearer' || access.credential === 'platform';

/** Routes of the management and platform APIs. */
export const apiRoutes = (server: TestServer): DeclaredRoute[] => server.app.declaredRoutes.filter((route) => route.method !== 'HEAD' && isApi(route));

/** Events of what callers did, strangers too; what the server does behind them, such as a batch that ends, is not theirs. */
export const countEventsOfCallers = (server: TestServer): Promise<number> => server.core.database.event.count({ where: { NOT: { actor: { path: ['kind'], equals: 'system' } } } });

export const managementRoutes = (server: TestServer): DeclaredRoute[] => apiRoutes(server).filter(({ access }) => access.credential === 'bearer');

/** Routes that take something else than JSON. */
export const isUpload = (route: DeclaredRoute): boolean => (route.schema as { consumes?: string[] } | undefined)?.consumes !== undefined;

/** What the route takes, with the ids of a world. */
export const bodyOf = (route: DeclaredRoute, parameters: Parameters): unknown => (isUpload(route) ? '{}' : withIds(exampleOf(route), idsOf(parameters)));

export interface RouteRequest { parameters: Parameters; token?: string | undefined; query?: string; body?: unknown; headers?: readonly (readonly [string, string])[] }

/** Calls a route with what it takes as its type. */
export async function requestRoute(server: TestServer, route: DeclaredRoute, { parameters, token, query = '', body, headers = [] }: RouteRequest): Promise<RawAnswer> {
  const type = (route.schema as { consumes?: string[] } | undefined)?.consumes?.[0] ?? 'application/json';
  return call(server, {
    method: route.method, target: `${targetOf(route, parameters)}${query || smallestQueryOf(route)}`,
    headers: [...(token === undefined ? [] : [['Authorization', `Bearer ${token}`] as const]), ...(body === undefined ? [] : [['Content-Type', type] as const]), ...headers],
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}
