/** What the server holds is not taken from a body: each write, with each such field beside what it takes. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { digestOf } from '../support/digest.ts';
import { startProtocolServer } from '../support/oidc.ts';
import { apiRoutes, bodyOf, isUpload, nameOf, requestRoute } from '../support/routes.ts';
import { fieldsOf, schemaOf, unwrap } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { createWorld, type World } from '../support/world.ts';

// Hundreds of requests in one test: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: TestServer;
let world: World;
let platformToken: string;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  world = await createWorld(server, started.context);
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
});
afterAll(() => server.close());

const held: Readonly<Record<string, unknown>> = {
  id: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2', instanceId: 'other', status: 'enabled', role: 'owner', roles: ['owner'], permissions: ['*'], scopes: ['administrator:manage'], isAdministrator: true, administrator: true,
  emailVerified: true, phoneVerified: true, email_verified: true, password: 'seven violins', passwordHash: '$argon2id$', hash: 'x', secret: 'x', createdAt: '2020-01-01T00:00:00Z', updatedAt: '2020-01-01T00:00:00Z', lastSignInAt: '2020-01-01T00:00:00Z',
  version: 99, builtIn: true, firstParty: true, source: 'scim', sourceType: 'scim', recycledAt: null, erasesAt: null, usernameKey: 'x', nameKey: 'x', path: '/ou_root/', limited: false, customRoleId: null, acceptedAt: '2020-01-01T00:00:00Z', state: 'accepted', tokenHash: 'x', verifiedAt: '2020-01-01T00:00:00Z',
};

const isStrict = (schema: z.ZodType): boolean => schema instanceof z.ZodObject && schema._zod.def.catchall instanceof z.ZodNever;

interface ObjectPlace { readonly path: readonly string[]; readonly schema: z.ZodObject }

/** The objects in a body: itself and those below it, also in lists. */
function objectsIn(schema: z.ZodType, path: readonly string[] = []): ObjectPlace[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodArray) return objectsIn(inner.element as z.ZodType, path);
  if (!(inner instanceof z.ZodObject)) return [];
  return [{ path, schema: inner }, ...Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([name, field]) => objectsIn(field, [...path, name]))];
}

/** Puts fields into the object at a path, where the example has one; in a list into its first member. */
function putInto(value: unknown, path: readonly string[], fields: object): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : [putInto(value[0], path, fields), ...value.slice(1) as unknown[]];
  if (typeof value !== 'object' || value === null) return undefined;
  const [name, ...rest] = path;
  if (name === undefined) return { ...value, ...fields };
  const inner = putInto((value as Record<string, unknown>)[name], rest, fields);
  return inner === undefined ? undefined : { ...value, [name]: inner };
}

/** The names that the route's own answers show and its body does not take. */
function namesInAnswers(route: DeclaredRoute): string[] {
  const responses = (route.schema as { response?: Record<string, unknown> } | undefined)?.response ?? {};
  return Object.entries(responses).flatMap(([status, schema]) => (status.startsWith('2') && schema instanceof z.ZodType ? fieldsOf(schema).filter(({ path }) => path.length === 1).map(({ path: [name = ''] }) => name) : []));
}

const writes = () => apiRoutes(server).filter((route) => route.method !== 'GET' && !isUpload(route) && schemaOf(route, 'body') !== undefined);

describe('attack: admin.mass-assignment', () => {
  it('no write takes a field that only the server sets', async () => {
    const before = await digestOf(server.databaseUrl, 'default');
    let tried = 0;
    for (const route of writes()) {
      const schema = schemaOf(route, 'body') as z.ZodType;
      const token = route.access.credential === 'platform' ? platformToken : world.token;
      const example = bodyOf(route, world.parameters);
      for (const { path, schema: object } of objectsIn(schema)) {
        if (!isStrict(object)) continue;
        const names = [...new Set([...Object.keys(held), ...(path.length === 0 ? namesInAnswers(route) : [])])].filter((name) => !Object.hasOwn(object.shape as object, name));
        const all = putInto(example, path, Object.fromEntries(names.map((name) => [name, held[name] ?? 'x'])));
        if (all === undefined) continue;
        // Each alone where it stands at the top; below that all together, and each is named.
        for (const body of path.length === 0 ? names.map((name) => putInto(example, path, { [name]: held[name] ?? 'x' })) : [all]) {
          const answer = await requestRoute(server, route, { parameters: world.parameters, token, body });
          // A call for many answers a bad row in its results; nothing of it is done (below).
          const refused = answer.status === 400 || (answer.status === 200 && /"status":400|"failed":[1-9]/.test(answer.body));
          expect([nameOf(route), path.join('.'), JSON.stringify(body).slice(-80), refused, refused || answer.body]).toEqual([nameOf(route), path.join('.'), JSON.stringify(body).slice(-80), true, true]);
          if (path.length === 0) expect(answer.body).toMatch(/Params\.|unrecognized|not take|nknown|Unrecognized/);
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(1_000);
    expect(await digestOf(server.databaseUrl, 'default')).toEqual(before);
  });

  it('no body is loose but those of decisions, which change nothing (AuthZEN 1.0 §5)', () => {
    const loose = writes().filter((route) => !isStrict(unwrap(schemaOf(route, 'body') as z.ZodType)));
    expect(loose.map(nameOf).filter((name) => !name.includes('/access/v1/'))).toEqual([]);
  });

  it('a person who is signed up or invited is verified by proof alone', async () => {
    const created = await world.api('POST', '/users', { username: 'unverified', email: 'unverified@example.com', phone: '+8613800138000' });
    expect(created.body).toMatchObject({ emailVerified: false, phoneVerified: false });
    const path = `/users/${String(created.body['id'])}`;
    await world.context.db.user.updateMany({ where: { username: 'unverified' }, data: { emailVerified: true } });
    expect((await world.api('PATCH', path, { email: 'another@example.com' })).body).toMatchObject({ emailVerified: false });
  });
});
