/** Texts and names that break what stands behind: through every field, query and path of every route, read from the schemas. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { createUserSchema } from '../../src/directory/schemas.ts';
import { startProtocolServer } from '../support/oidc.ts';
import { apiRoutes, bodyOf, isUpload, nameOf, requestRoute } from '../support/routes.ts';
import { type Field, fieldsOf, schemaOf, unwrap } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { createWorld, parametersOf, type World } from '../support/world.ts';

let server: TestServer;
let world: World;
let platformToken: string;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  world = await createWorld(server, started.context);
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
  await world.api('POST', '/custom-fields', { key: 'note', label: 'Note', type: 'text' });
  await world.api('POST', '/custom-fields', { key: 'notes', label: 'Notes', type: 'list' });
}, 60_000);
afterAll(() => server.close());

const tokenFor = (route: DeclaredRoute) => (route.access.credential === 'platform' ? platformToken : world.token);
const writes = () => apiRoutes(server).filter((route) => route.method !== 'GET' && !isUpload(route) && schemaOf(route, 'body') !== undefined);
const send = (route: DeclaredRoute, body: unknown) => requestRoute(server, route, { parameters: world.parameters, token: tokenFor(route), body });
/** What callers did; what runs behind them, such as a batch that ends, is not theirs. */
const changes = () => server.core.database.event.count({ where: { actor: { path: ['kind'], equals: 'application' } } });

/** A body in which the field at a path has another value; in a list, that of its first member. */
function withField(value: unknown, path: readonly string[], member: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return member;
  if (Array.isArray(value)) return [withField(value[0], path, member)];
  return { ...value as object, [name]: withField((value as Record<string, unknown> | undefined)?.[name], rest, member) };
}

/** Ways to put a text into a field: as it is, in a list, as a value of a record, or as a name in it. */
function spoiled({ schema }: Field, text: string): unknown[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodString || inner instanceof z.ZodEnum || inner instanceof z.ZodStringFormat) return [text];
  if (inner instanceof z.ZodArray) { const element = unwrap(inner.element as z.ZodType); return element instanceof z.ZodString || element instanceof z.ZodStringFormat ? [[text]] : []; }
  if (inner instanceof z.ZodRecord) return [{ note: text }, { notes: [text] }, { [text]: 'x' }];
  return [];
}

/** Open by the standard of the route (AuthZEN `context`, `properties`): whatever is in it is data, and nothing is kept of it. */
const isPlainData = (route: DeclaredRoute, { path, schema }: Pick<Field, 'path' | 'schema'>, status: number) =>
  route.url.includes('/access/v1/') && status < 500 && (unwrap(schema) instanceof z.ZodRecord || path.length > 0);

const broken: Record<string, string> = {
  'NUL': 'a\u0000b', 'half a surrogate pair': 'a\uD800b', 'the other half': '\uDC00', 'an escape sequence': '\u001B[2Ja', 'a bell': 'a\u0007', 'next line': 'a\u0085b', 'delete': 'a\u007F',
  'a line separator': 'a\u2028b', 'right-to-left override': 'a\u202Eb', 'an isolate': 'a\u2066b', 'a byte order mark': '\uFEFFa',
};

describe('attack: input.control-characters', () => {
  it('are refused in every text of every body', async () => {
    const before = await changes();
    const passed: unknown[] = [];
    const texts = Object.entries(broken);
    let tried = 0;
    for (const route of writes()) {
      for (const field of fieldsOf(schemaOf(route, 'body'))) {
        // Four of them for each field, in turn: over all fields each is tried many times.
        for (const [what, text] of [0, 1, 2, 3].flatMap((next) => texts.slice((tried + next) % texts.length).slice(0, 1))) {
          for (const value of spoiled(field, text)) {
            const answer = await send(route, withField(bodyOf(route, world.parameters), field.path, value));
            if (answer.status !== 400 && !isPlainData(route, field, answer.status)) passed.push([nameOf(route), field.path.join('.'), what, answer.status]);
            tried += 1;
          }
        }
      }
    }
    expect(passed).toEqual([]);
    expect(tried).toBeGreaterThan(400);
    expect(await changes()).toBe(before);
  }, 180_000);

  it('and in every row of a bulk call, each on its own', async () => {
    for (const text of Object.values(broken).filter((each) => each.isWellFormed() && !each.includes('\0'))) {
      const fields = fieldsOf(createUserSchema).flatMap((field) => spoiled(field, text).map((value) => withField({ username: 'bulk.text' }, field.path, value)));
      const { status, body } = await world.api('POST', '/users/bulk', { rows: fields.map((user) => ({ operation: 'create', user })) });
      expect([status, (body['results'] as { status: number }[]).map((result) => result.status)]).toEqual([200, fields.map(() => 400)]);
    }
  });

  it('no query and no path is broken by them', async () => {
    for (const route of apiRoutes(server)) {
      for (const raw of ['%00', '%1B', 'a%00b', '%ED%A0%80', '%E2%80%AE', '%FF', '%C0%80', '%']) {
        for (const { path: [name = ''] } of fieldsOf(schemaOf(route, 'querystring'))) {
          const answer = await requestRoute(server, route, { parameters: world.parameters, token: tokenFor(route), query: `?${name}=${raw}`, ...(schemaOf(route, 'body') && { body: bodyOf(route, world.parameters) }) });
          expect([nameOf(route), name, raw, answer.status < 500]).toEqual([nameOf(route), name, raw, true]);
        }
        if (route.method !== 'GET') continue;
        for (const name of parametersOf(route).filter((each) => each !== 'instance' && each !== 'instanceId')) {
          const answer = await requestRoute(server, route, { parameters: { ...world.parameters, [name]: decodeLoosely(raw) }, token: tokenFor(route) });
          expect([nameOf(route), name, raw, [400, 404].includes(answer.status)]).toEqual([nameOf(route), name, raw, true]);
        }
      }
    }
  }, 180_000);
});

/** What the test's own encoding makes the raw form of again; forms that no text has are sent in queries only. */
function decodeLoosely(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    return '\u0000';
  }
}

const poison = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__', 'valueOf'];

/** The objects of a body, by the path to each. */
function objectsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (Array.isArray(value)) return value.length === 0 ? [] : objectsOf(value[0], path);
  if (typeof value !== 'object' || value === null) return [];
  return [path, ...Object.entries(value).flatMap(([name, member]) => objectsOf(member, [...path, name]))];
}

/** JSON with a member that object literals cannot have. */
function withMember(body: unknown, path: readonly string[], name: string): string {
  const marker = 'put-the-member-here';
  const at = (value: unknown, rest: readonly string[]): unknown => {
    if (Array.isArray(value)) return [at(value[0], rest)];
    const [next, ...further] = rest;
    return next === undefined ? { ...value as object, [marker]: { polluted: true } } : { ...value as object, [next]: at((value as Record<string, unknown>)[next], further) };
  };
  return JSON.stringify(at(body, path)).replace(JSON.stringify(marker), JSON.stringify(name));
}

function expectUntouched(): void {
  expect([({} as Record<string, unknown>)['polluted'], (Object.prototype as Record<string, unknown>)['polluted'], (Function.prototype as unknown as Record<string, unknown>)['polluted']]).toEqual([undefined, undefined, undefined]);
  expect([typeof Object.prototype.toString, typeof Object.prototype.hasOwnProperty, Object.prototype.constructor === Object]).toEqual(['function', 'function', true]);
}

describe('attack: input.prototype-keys', () => {
  it('no object of any body takes a name that every object has', async () => {
    let tried = 0;
    const passed: unknown[] = [];
    for (const route of writes()) {
      const example = bodyOf(route, world.parameters);
      for (const path of objectsOf(example)) {
        if (nameOf(route).endsWith('/users/bulk') && path.length > 0) continue;      // a row is refused on its own: below
        for (const name of poison) {
          const answer = await send(route, withMember(example, path, name));
          if (answer.status !== 400 && !(route.url.includes('/access/v1/') && answer.status < 500)) passed.push([nameOf(route), path.join('.'), name, answer.status]);
          tried += 1;
        }
      }
    }
    expect(passed).toEqual([]);
    expect(tried).toBeGreaterThan(200);
    expectUntouched();
  }, 180_000);

  it('no record of any body takes it as a name, and no text as a path', async () => {
    const passed: unknown[] = [];
    for (const route of writes()) {
      for (const field of fieldsOf(schemaOf(route, 'body')).filter(({ schema }) => unwrap(schema) instanceof z.ZodRecord)) {
        for (const name of [...poison, 'constructor.prototype.polluted', '__proto__.polluted', 'a.b']) {
          const body = JSON.stringify(withField(bodyOf(route, world.parameters), field.path, { 'put-the-member-here': 'x' })).replace('put-the-member-here', name);
          const answer = await send(route, body);
          if (answer.status !== 400 && !isPlainData(route, field, answer.status)) passed.push([nameOf(route), field.path.join('.'), name, answer.status]);
        }
      }
    }
    expect(passed).toEqual([]);
    expectUntouched();
  });

  it('rows of a bulk call, queries and filters neither', async () => {
    for (const name of poison) {
      const row = `{"rows":[{"operation":"create","user":{"username":"bulk.poison","${name}":{"polluted":true}}},{"operation":"create","user":{"username":"bulk.poison","customFields":{"${name}":"x"}}},{"operation":"create","${name}":{},"user":{"username":"bulk.poison"}}]}`;
      const route = writes().find((each) => nameOf(each) === 'POST /t/:instance/api/v1/users/bulk');
      if (!route) throw new Error('there is no bulk call');
      const answer = await send(route, row);
      const results = answer.status === 200 ? (JSON.parse(answer.body) as { results: { status: number }[] }).results.map((result) => result.status) : [];
      expect([name, answer.status === 400 || JSON.stringify(results) === '[400,400,400]']).toEqual([name, true]);
      expect([name, (await world.api('GET', `/users?customField=${encodeURIComponent(`${name}:x`)}`)).status]).toEqual([name, 400]);
      expect([name, (await world.api('GET', `/users?${encodeURIComponent(name)}=x`)).status]).toEqual([name, 400]);
      expect([name, (await world.api('GET', `/users?sort=${encodeURIComponent(name)}`)).status]).toEqual([name, 400]);
      expect([name, (await world.api('POST', '/custom-fields', { key: name, label: 'x', type: 'text' })).status]).toEqual([name, 400]);
    }
    expectUntouched();
  });
});
