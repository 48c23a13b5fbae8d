import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApplication } from '../applications/index.ts';
import { createInstance } from '../tenancy/index.ts';
import { type ApiServer, grantOwnApis, startApiServer } from '../../test/support/api-server.ts';
import { keptSeconds } from './idempotency.ts';

let server: ApiServer;
let other: string;
beforeAll(async () => {
  server = await startApiServer();
  const context = await server.context();
  const { application } = await createApplication(context, { name: 'Other', kind: 'machine' });
  await grantOwnApis(context, application.id);
  other = application.clientId;
});
afterAll(() => server.close());

const users = '/t/default/api/v1/users';
const post = (body: unknown, key: string, headers: Record<string, string> = {}) => server.api('POST', users, body, { 'idempotency-key': key, ...headers });
const count = (username: string) => server.core.database.user.count({ where: { instanceId: 'default', username } });

describe('Idempotency-Key', () => {
  it('gives a repeated request the first answer and does nothing', async () => {
    const key = randomUUID();
    const first = await post({ username: 'first' }, key);
    const again = await post({ username: 'first' }, key);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.body).toBe(first.body);
    expect(again.headers).toMatchObject({ 'idempotent-replayed': 'true', location: first.headers.location, etag: first.headers.etag, 'content-type': first.headers['content-type'] });
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    expect(await count('first')).toBe(1);
  });

  it('works once under 20 parallel first uses over two servers', async () => {
    const replica = await server.replica();
    const headers = { authorization: `Bearer ${await server.token()}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    const answers = await Promise.all(Array.from({ length: 20 }, (_value, index) =>
      (index % 2 ? server : replica).send('POST', users, { headers, body: '{"username":"parallel"}' })));
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
    expect(answers.filter(({ status, headers: answered }) => status === 201 && !answered['idempotent-replayed'])).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409).every(({ json }) => json['code'] === 'Operation.Failure.Request.In.Progress')).toBe(true);
    expect(await count('parallel')).toBe(1);
    await replica.close();
  });

  it('keeps refusals too, and the answer sealed', async () => {
    const key = randomUUID();
    expect((await post({ username: 'first' }, key)).status).toBe(409);
    expect((await post({ username: 'first' }, key)).headers['idempotent-replayed']).toBe('true');
    const secretKey = randomUUID();
    const made = await server.api('POST', '/t/default/api/v1/applications', { name: 'Web', kind: 'web', oidc: { redirectUris: ['https://app.example/cb'] } }, { 'idempotency-key': secretKey });
    expect(made.status).toBe(201);
    const row = await server.core.database.idempotencyKey.findFirstOrThrow({ where: { key: secretKey } });
    expect(row.sealedAnswer).toMatch(/^v1\./);
  });

  it('attack: admin.idempotency: refuses the key for another body, route or query (422)', async () => {
    const key = randomUUID();
    await post({ username: 'mine' }, key);
    const another = [await post({ username: 'yours' }, key), await post({ username: 'mine', displayName: 'x' }, key), await server.api('POST', `${users}?x=1`, { username: 'mine' }, { 'idempotency-key': key }),
      await server.api('POST', '/t/default/api/v1/keys/rotate', { algorithm: 'ES256' }, { 'idempotency-key': key })];
    expect(another.map(({ status }) => status)).toEqual([422, 422, 422, 422]);
    expect(await count('yours')).toBe(0);
  });

  it('attack: admin.idempotency: knows nothing of another principal\'s or instance\'s key', async () => {
    const key = randomUUID();
    const first = await post({ username: 'shared' }, key);
    const stranger = await post({ username: 'shared' }, key, { authorization: `Bearer ${await server.token({ claims: { sub: other, client_id: other } })}` });
    expect([stranger.status, stranger.body.includes(String(first.json['id']))]).toEqual([409, false]);
    const context = await createInstance(server.core, { id: 'elsewhere', name: 'Elsewhere' });
    const { application } = await createApplication(context, { name: 'Same name', kind: 'machine', clientId: server.clientId });
    await grantOwnApis(context, application.id);
    const there = await server.send('POST', '/t/elsewhere/api/v1/users', {
      headers: { authorization: `Bearer ${await server.token({ instance: 'elsewhere' })}`, 'content-type': 'application/json', 'idempotency-key': key }, body: '{"username":"shared"}',
    });
    expect([there.status, there.headers['idempotent-replayed']]).toEqual([201, undefined]);
    expect(there.json['id']).not.toBe(first.json['id']);
  });

  it('needs the same rights as the first request', async () => {
    const key = randomUUID();
    await post({ username: 'rights' }, key);
    expect((await post({ username: 'rights' }, key, { authorization: `Bearer ${await server.token({ scopes: ['user:read'] })}` })).status).toBe(403);
  });

  it('forgets after its time, and at once what failed on our side', async () => {
    const key = randomUUID();
    await post({ username: 'timed' }, key);
    server.setClock(new Date(Date.now() + (keptSeconds + 1) * 1000));
    expect((await post({ username: 'timed' }, key)).headers['idempotent-replayed']).toBeUndefined();
    server.setClock(undefined);
  });

  it.each(['', 'a b', 'a\tb', 'x'.repeat(256), 'schlüssel'])('refuses %.20j as a key', async (key) => {
    expect((await post({ username: 'never' }, Buffer.from(key, 'utf8').toString('latin1'))).status).toBe(400);
    expect(await count('never')).toBe(0);
  });
});
