/**
 * Every route that the server declares, as a stranger, without the scope, from another instance, from outside of a part
 * of the tree, and with ids of another instance in every place. The routes and their fields are read from the server.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assignRole } from '../../src/access/index.ts';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { createInstance } from '../../src/tenancy/index.ts';
import { createMember, createUnit, signAccessToken, type Unit } from '../support/administrators.ts';
import { idsOf } from '../support/complete-world.ts';
import { digestOf } from '../support/digest.ts';
import { post, startProtocolServer } from '../support/oidc.ts';
import type { RawAnswer } from '../support/raw-request.ts';
import { apiRoutes, bodyOf as exampleWithIds, managementRoutes, nameOf, requestRoute, type RouteRequest } from '../support/routes.ts';
import { fieldsOf, idPrefixOf, schemaOf, unwrap } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { call, createWorld, parametersOf, wideLimits, type World } from '../support/world.ts';
import { z } from 'zod';

// Hundreds of requests in one test: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: TestServer;
let own: World;
let other: World;
let platformToken: string;
let routes: readonly DeclaredRoute[];
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  own = await createWorld(server, started.context);
  other = await createWorld(server, await createInstance(server.core, { id: 'other', name: 'Other' }, { principal: { kind: 'system' } }));
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
  routes = apiRoutes(server);
});
afterAll(() => server.close());

const managed = () => managementRoutes(server);
const tokenFor = (route: DeclaredRoute) => (route.access.credential === 'platform' ? platformToken : own.token);
/** What the route takes, with ids of our own instance. */
const bodyOf = (route: DeclaredRoute): unknown => exampleWithIds(route, own.parameters);
const request = (route: DeclaredRoute, options: RouteRequest): Promise<RawAnswer> => requestRoute(server, route, options);

/** An id of the same kind and time that nobody ever had. */
const neverWas = (id: string, digit = 0) => `${id.slice(0, -10)}${String(digit).repeat(10)}`;
const isId = (value: string | undefined): value is string => value !== undefined && /^[a-z]+_[0-9a-hjkmnp-tv-z]{26}$/.test(value);

/** All that a caller can tell: status, headers and body, without what differs from one request to the next. */
function told(answer: RawAnswer): string {
  const headers = [...answer.headers].filter(([name]) => !/^(date|ratelimit.*|x-ratelimit.*|content-length|etag|location|retry-after)$/.test(name)).map(([name, values]) => `${name}: ${values.join()}`).sort();
  const body = answer.body.replace(/[a-z]+_[0-9a-hjkmnp-tv-z]{26}/g, 'ID').replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replace(/"[\w-]{40,}"/g, '"SECRET"').replace(/"hint":"[^"]*"/g, '"hint":""').replace(/"(version|sequence)":\d+/g, '"$1":0');
  return JSON.stringify([answer.status, headers, body]);
}

/**
 * Asks with an id that never was, with the one in question, and with another that never was. The first takes what there
 * is to take of our own instance (a name); then the two others must be answered alike.
 */
async function expectAsIfAbsent(what: string, id: string, ask: (id: string) => Promise<RawAnswer>): Promise<RawAnswer> {
  await ask(neverWas(id));
  const answer = await ask(id);
  const absent = await ask(neverWas(id, 1));
  expect([what, told(answer)]).toEqual([what, told(absent)]);
  return absent;
}

async function untouched(instanceId: string, work: () => Promise<void>): Promise<void> {
  const before = await digestOf(server.databaseUrl, instanceId);
  await work();
  expect(await digestOf(server.databaseUrl, instanceId)).toEqual(before);
}

describe('attack: tenant.idor-matrix: every route of our APIs', () => {
  it('has a value for each of its parameters', () => {
    const missing = new Set(managed().flatMap((route) => parametersOf(route).filter((name) => own.parameters[name] === undefined || other.parameters[name] === undefined).map((name) => `${name} of ${route.url}`)));
    expect([...missing]).toEqual([]);
  });

  it('answers 401 without a token', async () => {
    for (const route of routes) {
      const answer = await request(route, { parameters: own.parameters, token: undefined, body: bodyOf(route) });
      expect([nameOf(route), answer.status]).toEqual([nameOf(route), 401]);
    }
  });

  it('answers 403 to a token with every scope but its own', async () => {
    const scopes = [...new Set(managed().flatMap(({ access }) => (access.credential === 'bearer' ? [access.scope] : [])))];
    const tokens = new Map<string, string>();
    for (const scope of scopes) tokens.set(scope, await signAccessToken(own.context, own.machine.clientId, { scopes: scopes.filter((name) => name !== scope) }));
    await untouched('default', async () => {
      for (const route of managed()) {
        const answer = await request(route, { parameters: own.parameters, token: tokens.get('scope' in route.access ? route.access.scope : ''), body: bodyOf(route) });
        expect([nameOf(route), answer.status]).toEqual([nameOf(route), 403]);
      }
    });
  });

  it('answers 401 to a token of another instance, and to one of the other API', async () => {
    await untouched('default', async () => {
      for (const route of routes) {
        for (const token of [other.token, route.access.credential === 'platform' ? own.token : platformToken]) {
          const answer = await request(route, { parameters: own.parameters, token, body: bodyOf(route) });
          expect([nameOf(route), answer.status]).toEqual([nameOf(route), 401]);
        }
      }
    });
  });

  it('answers for another instance\'s id in its path as for one that never was', async () => {
    let tried = 0;
    await untouched('other', async () => {
      for (const route of managed()) {
        const names = parametersOf(route).filter((candidate) => candidate !== 'instance' && isId(other.parameters[candidate]));
        for (const swapped of [...names.map((name) => [name]), ...(names.length > 1 ? [names] : [])]) {
          const absent = await expectAsIfAbsent(`${nameOf(route)} :${swapped.join()}`, 'foreign_', (id) => {
            const foreign = Object.fromEntries(swapped.map((name) => { const theirs = other.parameters[name] ?? ''; return [name, id === 'foreign_' ? theirs : neverWas(theirs, Number(id.at(-1)))]; }));
            return request(route, { parameters: { ...own.parameters, ...foreign }, token: own.token, body: bodyOf(route) });
          });
          expect([nameOf(route), swapped.join(), absent.body.includes(other.person.username)]).toEqual([nameOf(route), swapped.join(), false]);
          tried += 1;
        }
      }
    });
    expect(tried).toBeGreaterThan(60);
  });

  it('answers for another instance\'s id in its query as for one that never was', async () => {
    const foreign = idsOf(other.parameters);
    let tried = 0;
    await untouched('other', async () => {
      for (const route of routes) {
        for (const { path: [name = ''], schema } of idFieldsOf(route, 'querystring')) {
          const id = foreign.get(idPrefixOf(schema) ?? 'user') ?? other.parameters['userId'] ?? '';
          const answer = await expectAsIfAbsent(`${nameOf(route)} ?${name}`, id, (value) => request(route, { parameters: own.parameters, token: tokenFor(route), query: `?${name}=${value}`, body: bodyOf(route) }));
          expect(answer.body).not.toContain(other.person.username);
          tried += 1;
        }
      }
    });
    expect(tried).toBeGreaterThan(3);
  });

  it('answers for another instance\'s id anywhere in its body as for one that never was', async () => {
    let tried = 0;
    await untouched('other', async () => {
      for (const route of routes) {
        for (const { what, id, make } of bodiesWithForeignIds(route, idsOf(other.parameters))) {
          await expectAsIfAbsent(`${nameOf(route)} ${what}`, id, (value) => request(route, { parameters: own.parameters, token: tokenFor(route), body: make(value) }));
          tried += 1;
          if (route.url.includes('/settings')) await own.api('PATCH', '/settings', wideLimits);
        }
      }
    });
    expect(tried).toBeGreaterThan(5);
  });

  it('takes no longer for another instance\'s id than for one that never was', async () => {
    for (const route of managed().filter(({ method }) => method === 'GET')) {
      for (const name of parametersOf(route).filter((candidate) => candidate !== 'instance' && isId(other.parameters[candidate]))) {
        const foreign = other.parameters[name] ?? '';
        const medians = async (): Promise<[number, number]> => {
          const times = new Map<string, number[]>([[foreign, []], [neverWas(foreign), []]]);
          for (let round = 0; round < 7; round += 1) {
            for (const [id, taken] of times) taken.push((await request(route, { parameters: { ...own.parameters, [name]: id }, token: own.token })).took);
          }
          const [theirs = 0, never = 0] = [...times.values()].map((taken) => taken.toSorted((one, another) => one - another)[3] ?? 0);
          return [theirs, never];
        };
        // Asked again when a busy machine may have been it: what the route itself does differently, it does every time.
        let differs = '';
        for (let attempt = 0; attempt < 4; attempt += 1) {
          const [theirs, never] = await medians();
          differs = Math.abs(theirs - never) < Math.max(15, 2 * Math.min(theirs, never)) ? '' : `${theirs.toFixed(1)} ms for a foreign id, ${never.toFixed(1)} ms for a made-up one`;
          if (differs === '') break;
        }
        expect([nameOf(route), name, differs]).toEqual([nameOf(route), name, '']);
      }
    }
  });
});

/** Fields that name something by id, by their name or by their pattern. */
function idFieldsOf(route: DeclaredRoute, part: 'querystring' | 'body') {
  return fieldsOf(schemaOf(route, part)).filter(({ path, schema }) => /(^id|Ids?)$/.test(path.at(-1) ?? '') || (unwrap(schema) instanceof z.ZodString && idPrefixOf(schema) !== undefined));
}

interface ForeignBody { what: string; id: string; make: (id: string) => unknown }

/** The route's example, once for each id in it and each field of ids at its top, with the foreign id there. */
function bodiesWithForeignIds(route: DeclaredRoute, foreign: ReadonlyMap<string, string>): ForeignBody[] {
  const example = bodyOf(route);
  if (typeof example !== 'object' || example === null) return [];
  const inExample = placesOf(example).flatMap(({ path, value }) => {
    const id = foreign.get(value.split('_')[0] ?? '');
    return id === undefined ? [] : [{ what: `.${path.join('.')}`, id, make: (other: string) => replaceAt(example, path, other) }];
  });
  const named = idFieldsOf(route, 'body').filter(({ path }) => path.length === 1 && !(path[0] as string in example)).map(({ path: [name = ''], schema }) => {
    const id = foreign.get(idPrefixOf(schema) ?? 'user') ?? other.parameters['userId'] ?? '';
    return { what: `.${name}`, id, make: (value: string) => ({ ...example, [name]: unwrap(schema) instanceof z.ZodArray ? [value] : value }) };
  });
  return [...inExample, ...named];
}

function placesOf(value: unknown, path: readonly (string | number)[] = []): { path: readonly (string | number)[]; value: string }[] {
  if (typeof value === 'string') return isId(value) || value === 'ou_root' ? [{ path, value }] : [];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => placesOf(member, [...path, Array.isArray(value) ? Number(name) : name]));
}

function replaceAt(value: unknown, path: readonly (string | number)[], replacement: string): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return replacement;
  const copy = (Array.isArray(value) ? [...value as unknown[]] : { ...value as object }) as Record<string | number, unknown>;
  copy[name] = replaceAt(copy[name], rest, replacement);
  return copy;
}

describe('attack: admin.delegate-escalation: every route, as an administrator of another part of the tree', () => {
  let here: Unit;
  let limited: string;
  let colleague: string;
  beforeAll(async () => {
    const { context } = own;
    here = await createUnit(context, 'Here');
    const there = await createUnit(context, 'There');
    // Everything that exists lies outside: the people there, the rest nowhere.
    await context.db.organizationalUnitMember.createMany({ data: [{ userId: own.parameters['userId'] ?? '', organizationalUnitId: there.id, isPrimary: true }], skipDuplicates: true });
    colleague = await createMember(context, 'colleague.within', here);
    const permissions = [...new Set(managed().flatMap(({ access }) => (access.credential === 'bearer' ? [access.permission] : [])))];
    const role = await own.api('POST', '/administrator-roles', { name: 'Everything, in a part', permissions });
    expect(role.status).toBe(201);
    const administrator = await createMember(context, 'administrator.within', here);
    await assignRole(context, administrator, String(role.body['id']), { organizationalUnitIds: [here.id] });
    limited = await signAccessToken(context, own.machine.clientId, { subject: administrator });
  });
  const keepsToParts = ({ access }: DeclaredRoute) => access.credential === 'bearer' && access.limit === 'organizational-units';
  const outside = () => [own.person.username, own.person.user.id, String(own.parameters['sessionId'])];

  it('a route that does not keep to parts refuses', async () => {
    await untouched('default', async () => {
      for (const route of managed().filter((candidate) => !keepsToParts(candidate))) {
        const answer = await request(route, { parameters: own.parameters, token: limited, body: bodyOf(route) });
        expect([nameOf(route), answer.status]).toEqual([nameOf(route), 403]);
      }
    });
  });

  it('one that does answers for what lies outside as for what never was', async () => {
    const routesOfParts = managed().filter(keepsToParts);
    expect(routesOfParts.length).toBeGreaterThan(10);
    await untouched('default', async () => {
      for (const route of routesOfParts) {
        for (const name of parametersOf(route).filter((candidate) => ['userId', 'sessionId', 'organizationalUnitId', 'invitationId', 'subjectId', 'registrationId', 'requestId'].includes(candidate))) {
          const answer = await expectAsIfAbsent(`${nameOf(route)} :${name}`, own.parameters[name] ?? '', (id) => request(route, { parameters: { ...own.parameters, [name]: id }, token: limited, body: bodyOf(route) }));
          expect([nameOf(route), answer.status >= 400]).toEqual([nameOf(route), true]);
        }
      }
    });
  });

  it('and shows nothing of it in its lists, whatever is asked for', async () => {
    for (const route of managed().filter((candidate) => keepsToParts(candidate) && candidate.method === 'GET' && parametersOf(candidate).length === 1)) {
      const queries = ['', ...idFieldsOf(route, 'querystring').map(({ path: [name = ''] }) => `?${name}=${own.parameters['userId'] ?? ''}`)];
      for (const query of queries) {
        const answer = await request(route, { parameters: own.parameters, token: limited, query });
        for (const secret of outside()) expect([nameOf(route), query, answer.body.includes(secret)]).toEqual([nameOf(route), query, false]);
      }
    }
    const users = await call(server, { target: '/t/default/api/v1/users?limit=200', headers: [['Authorization', `Bearer ${limited}`]] });
    expect(users.body).toContain(colleague);
  });

  it('nor takes it in a body', async () => {
    const inside = { ...own.parameters, userId: colleague, organizationalUnitId: here.id };
    for (const route of managed().filter((candidate) => keepsToParts(candidate) && candidate.method !== 'GET')) {
      for (const { what, id, make } of bodiesWithForeignIds(route, idsOf(own.parameters))) {
        await expectAsIfAbsent(`${nameOf(route)} ${what}`, id, (value) => request(route, { parameters: inside, token: limited, body: make(value) }));
      }
    }
  });
});

describe('attack: oauth.client-limits: a token of the management API', () => {
  it('is for one instance: another one issues none for it', async () => {
    const answer = await post(other.issuer, 'token', { grant_type: 'client_credentials', resource: `${own.issuer}/api/v1` }, other.machine);
    expect(answer.body['error']).toBe('invalid_target');
  });
});
