/**
 * One of everything, made over the API itself: a parameter of a route that has no value yet gets it from the route that
 * makes such a thing. A new kind of thing is in the tests that walk all routes as soon as it has routes.
 */
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { exampleOf, smallestQueryOf } from './schemas.ts';

type Parameters = Readonly<Record<string, string>>;
type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;

const instancePrefix = '/t/:instance/api/v1';
const idPattern = /^([a-z]+)_[0-9a-hjkmnp-tv-z]{26}$/;

/** Adds what is missing; several rounds, as one thing may lie below another. What cannot be made stays missing. */
export async function completeParameters(routes: readonly DeclaredRoute[], call: Call, known: Parameters): Promise<Parameters> {
  const parameters: Record<string, string> = { ...known };
  const isMissing = (name: string) => parameters[name] === undefined;
  for (let found = true; found;) {
    found = false;
    for (const { making, name } of makersOf(routes).filter((maker) => isMissing(maker.name))) {
      const path = fill(making.url.slice(instancePrefix.length), parameters);
      if (path === undefined || !isMissing(name)) continue;
      const answer = await make(making, path, parameters, call);
      const value = answer.body['id'] ?? answer.body[name] ?? answer.headers.get('location')?.split('/').at(-1);
      if (answer.status >= 300 || typeof value !== 'string') continue;
      parameters[name] = value;
      found = true;
    }
  }
  // A second thing of the same kind, under another name: `childGroupId` beside `groupId`.
  for (const name of routes.flatMap(({ url }) => namesIn(url)).filter(isMissing)) {
    const twin = Object.keys(parameters).find((candidate) => candidate !== name && name.endsWith(`${candidate.charAt(0).toUpperCase()}${candidate.slice(1)}`));
    if (twin !== undefined) parameters[name] = parameters[twin] ?? '';
  }
  return parameters;
}

/** By the route's example; an upload gets a line that does nothing. */
function make(route: DeclaredRoute, path: string, parameters: Parameters, call: Call) {
  const [type] = (route.schema as { consumes?: readonly string[] } | undefined)?.consumes ?? [];
  if (!type?.includes('ndjson')) return call('POST', path, withIds(exampleOf(route), idsOf(parameters)));
  const query = smallestQueryOf(route);
  return call('POST', `${path}${query}`, Buffer.from(`${JSON.stringify({ userId: parameters['userId'], roles: [] })}\n`), { 'content-type': type });
}

/** The POST of each collection whose members have routes of their own. */
function makersOf(routes: readonly DeclaredRoute[]): { making: DeclaredRoute; name: string }[] {
  return routes.filter(({ method, url, access }) => method === 'POST' && access.credential === 'bearer' && url.startsWith(instancePrefix)).flatMap((making) => {
    const name = routes.map(({ url }) => (url.startsWith(`${making.url}/:`) ? url.slice(making.url.length + 2).split('/')[0] : undefined)).find((found) => found !== undefined);
    return name === undefined ? [] : [{ making, name }];
  });
}

const namesIn = (path: string): string[] => [...path.matchAll(/:([a-zA-Z]+)/g)].map(([, name = '']) => name);

function fill(path: string, parameters: Parameters): string | undefined {
  return namesIn(path).some((name) => parameters[name] === undefined) ? undefined : path.replace(/:([a-zA-Z]+)/g, (_all, name: string) => encodeURIComponent(parameters[name] ?? ''));
}

/** An id for each prefix: `user`, `app`, … */
export function idsOf(parameters: Parameters): Map<string, string> {
  return new Map(Object.values(parameters).flatMap((value) => { const prefix = idPattern.exec(value)?.[1]; return prefix === undefined ? [] : [[prefix, value] as const]; }));
}

/** The value with every id in it replaced by the one of its prefix, where there is one. */
export function withIds(value: unknown, ids: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string') { const prefix = idPattern.exec(value)?.[1]; return (prefix !== undefined && ids.get(prefix)) || value; }
  if (Array.isArray(value)) return value.map((member) => withIds(member, ids));
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withIds(member, ids)]));
  return value;
}
