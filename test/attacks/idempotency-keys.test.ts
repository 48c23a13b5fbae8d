/** A key for repeating a POST is its maker's own: no other principal, instance, route or body gets what it left. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { createInstance } from '../../src/tenancy/index.ts';
import { createAdministrator, signAccessToken } from '../support/administrators.ts';
import { createClient, startProtocolServer } from '../support/oidc.ts';
import { grantOwnApis } from '../support/api-server.ts';
import type { RawAnswer } from '../support/raw-request.ts';
import { bodyOf, isUpload, managementRoutes, nameOf, requestRoute } from '../support/routes.ts';
import type { TestServer } from '../support/server.ts';
import { createWorld, type World } from '../support/world.ts';

// Hundreds of requests in one test: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: TestServer;
let replica: TestServer;
let own: World;
let other: World;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  replica = await server.replica();
  own = await createWorld(server, started.context);
  other = await createWorld(server, await createInstance(server.core, { id: 'other', name: 'Other' }, { principal: { kind: 'system' } }));
});
afterAll(async () => {
  await replica.close();
  await server.close();
});

const posts = () => managementRoutes(server).filter((route) => route.method === 'POST');
const isReplayed = ({ headers }: RawAnswer) => headers.has('idempotent-replayed');
const ask = (route: DeclaredRoute, token: string, key: string, { world = own, body = bodyOf(route, world.parameters), at = server }: { world?: World; body?: unknown; at?: TestServer } = {}) =>
  requestRoute(at, route, { parameters: world.parameters, token, body, headers: [['Idempotency-Key', key]] });

describe('attack: admin.idempotency: every POST', () => {
  it('gives its stored answer to the same principal, instance, route and body alone', async () => {
    const owner = await createAdministrator(own.context, 'owner.of.keys', 'owner');
    const second = await createClient(own.context, { name: 'Second console', kind: 'machine' });
    await grantOwnApis(own.context, second.application.id);
    const [person, elsewhere] = [await signAccessToken(own.context, own.machine.clientId, { subject: owner }), await signAccessToken(own.context, second.clientId, { subject: owner })];
    const application = await signAccessToken(own.context, second.clientId);
    let replayed = 0;
    let previous: string | undefined;
    for (const route of posts()) {
      const key = randomUUID();
      const first = await ask(route, own.token, key);
      expect([nameOf(route), first.status < 500, isReplayed(first)]).toEqual([nameOf(route), true, false]);
      for (const [who, token] of [['another application', application], ['a person', person], ['the person through another application', elsewhere]] as const) {
        expect([nameOf(route), who, isReplayed(await ask(route, token, key))]).toEqual([nameOf(route), who, false]);
      }
      expect([nameOf(route), isReplayed(await ask(route, other.token, key, { world: other }))]).toEqual([nameOf(route), false]);
      // A refusal before the key is looked at is no answer of the key's.
      const again = await ask(route, own.token, key);
      if (isReplayed(again)) {
        expect([nameOf(route), again.status, again.body]).toEqual([nameOf(route), first.status, first.body]);
        replayed += 1;
        if (previous !== undefined) expect([nameOf(route), (await ask(route, own.token, previous)).status]).toEqual([nameOf(route), 422]);
        previous = key;
      } else expect([nameOf(route), first.status]).toEqual([nameOf(route), 400]);
    }
    expect(replayed).toBeGreaterThan(30);
  });

  it('refuses the key for another body, also where the other body is an upload', async () => {
    const key = randomUUID();
    const users = posts().find(({ url }) => url.endsWith('/api/v1/users')) as DeclaredRoute;
    expect((await ask(users, own.token, key, { body: { username: 'key.one' } })).status).toBe(201);
    expect((await ask(users, own.token, key, { body: { username: 'key.two' } })).status).toBe(422);
    expect((await ask(users, own.token, key, { body: { username: 'key.one', displayName: 'x' }, at: replica })).status).toBe(422);
    for (const upload of posts().filter(isUpload)) {
      const uploadKey = randomUUID();
      await ask(upload, own.token, uploadKey, { body: '{"username":"key.one","roles":[]}\n' });
      expect([nameOf(upload), (await ask(upload, own.token, uploadKey, { body: '{"username":"key.one","roles":[]}\n{"username":"key.two","roles":[]}\n' })).status]).toEqual([nameOf(upload), 422]);
    }
  });

  it('is at work once, however many send it at first, to two servers', async () => {
    for (const [end, bodies] of [['/users', (name: string) => ({ username: name })], ['/administrator-roles', (name: string) => ({ name, permissions: ['directory.users.read'] })], ['/organizational-units', (name: string) => ({ name, parentId: 'ou_root' })]] as const) {
      const route = posts().find(({ url }) => url.endsWith(`/api/v1${end}`)) as DeclaredRoute;
      const key = randomUUID();
      const answers = await Promise.all(Array.from({ length: 24 }, (_value, place) => ask(route, own.token, key, { body: bodies('in.parallel'), at: place % 2 === 0 ? server : replica })));
      expect(answers.filter((answer) => answer.status === 201 && !isReplayed(answer))).toHaveLength(1);
      for (const answer of answers) expect([201, 409]).toContain(answer.status);
      expect(new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body)).size).toBe(1);
    }
  });
});
