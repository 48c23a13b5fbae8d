import { once } from 'node:events';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../tenancy/index.ts';
import { createInstance } from '../../tenancy/index.ts';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { keptDays, purgeBatches, resumeRoleBatches, workBatch } from './batch-work.ts';
import { effectiveRoles } from './effective-roles.ts';
import { makeApplication, makeUsers } from './testing/fixtures.ts';

let server: TestServer;
let context: InstanceContext;
let applicationId: string;
let token: string;
beforeAll(async () => {
  server = await startTestServer();
  context = await server.context();
  token = await server.managementToken();
  await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000 } });
  applicationId = await makeApplication(context);
  for (const key of ['editor', 'reader']) await server.api('POST', `/applications/${applicationId}/roles`, { key });
});
afterAll(() => server.close());

interface Batch { id: string; status: string; received: number; done: number; failed: number; changes: number; error: string | null; code?: string }
const path = (application = applicationId) => `/ciam/applications/${application}/role-batches`;

async function upload(body: BodyInit | Uint8Array<ArrayBuffer>, { operation = 'assign', headers = {}, application = applicationId }: { operation?: string; headers?: Record<string, string>; application?: string } = {}) {
  const answer = await fetch(`${server.issuer}/api/v1${path(application)}?operation=${operation}`, {
    method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson', ...headers }, body, duplex: 'half',
  } as RequestInit);
  return { status: answer.status, headers: answer.headers, body: await answer.json() as Batch };
}

const linesOf = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
const read = async (id: string) => (await server.api('GET', `${path()}/${id}`)).body as Batch;
async function finished(id: string): Promise<Batch> {
  await expect.poll(async () => (await read(id)).status, { timeout: 30_000, interval: 50 }).toMatch(/completed|cancelled|failed/);
  return read(id);
}
const errorsOf = async (id: string) => ((await server.api('GET', `${path()}/${id}/errors?limit=200`)).body as { items: { line: number; code: string; detail: string }[] }).items;
const keysOf = async (userId: string) => (await effectiveRoles(context, applicationId, userId)).map(({ key }) => key);

describe('uploads of role changes', () => {
  it('are taken in, worked off and answered for line by line', async () => {
    const users = await makeUsers(context, 2_500);
    const { status, body, headers } = await upload(linesOf(users.map(({ externalId }) => ({ externalId, roles: ['editor'] }))));
    expect([status, body]).toMatchObject([202, { received: 2_500, operation: 'assign' }]);
    expect(headers.get('location')).toBe(`${server.issuer}/api/v1${path()}/${body.id}`);
    expect(await finished(body.id)).toMatchObject({ status: 'completed', received: 2_500, done: 2_500, failed: 0, changes: 2_500, error: null });
    expect(await keysOf(users[2_499]?.id ?? '')).toEqual(['editor']);
    expect(await context.db.roleBatchChunk.count({ where: { batchId: body.id } })).toBe(0);
    const again = await upload(linesOf(users.map(({ id }) => ({ userId: id, roles: ['editor'] }))));
    expect(await finished(again.body.id)).toMatchObject({ status: 'completed', changes: 0, failed: 0 });
    const replaced = await upload(linesOf(users.slice(0, 10).map(({ id }) => ({ userId: id, roles: ['reader'] }))), { operation: 'replace' });
    expect(await finished(replaced.body.id)).toMatchObject({ changes: 20 });
    const revoked = await upload(linesOf(users.slice(0, 10).map(({ id }) => ({ userId: id, roles: ['reader'] }))), { operation: 'revoke' });
    expect(await finished(revoked.body.id)).toMatchObject({ changes: 10 });
    expect(await keysOf(users[0]?.id ?? '')).toEqual([]);
    expect((await server.api('GET', `${path()}?limit=2`)).body).toMatchObject({ items: [{ id: revoked.body.id }, { id: replaced.body.id }] });
  });

  it('keep the name of who uploaded them in the log', async () => {
    const [user] = await makeUsers(context, 1);
    const { body } = await upload(linesOf([{ userId: user?.id, roles: ['editor'] }]));
    await finished(body.id);
    const { items } = (await server.api('GET', `/events?subjectId=${user?.id ?? ''}`)).body as { items: { type: string; actor: object; after: object }[] };
    expect(items).toMatchObject([{ type: 'application_role.assigned', actor: { kind: 'application' }, after: { batchId: body.id } }]);
  });

  it('lines that are broken fail by themselves, with their number, and take nothing with them', async () => {
    const [a, b, c] = await makeUsers(context, 3);
    const lines: (string | Buffer)[] = [
      JSON.stringify({ userId: a?.id, roles: ['editor'] }), '{"userId": ', '', 'null', '[]', JSON.stringify({ userId: b?.id, roles: ['nothing'] }), JSON.stringify({ username: 'nobody.at.all', roles: ['editor'] }),
      JSON.stringify({ userId: b?.id, roles: ['editor'], admin: true }), `{"userId":"${b?.id ?? ''}","roles":["reader"],"roles":["editor"]}`, `{"username":"a\0b","roles":["editor"]}`,
      Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), `{"__proto__":{"roles":["editor"]},"userId":"${b?.id ?? ''}"}`, '['.repeat(2_000), JSON.stringify({ userId: a?.id, roles: ['editor'] }), `${JSON.stringify({ userId: c?.id, roles: ['reader'] })}\r`,
    ];
    const { body } = await upload(Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])));
    expect(await finished(body.id)).toMatchObject({ status: 'completed', received: 14, done: 14, failed: 11, changes: 2 });
    const errors = await errorsOf(body.id);
    expect(errors.map(({ line, code }) => [line, code])).toEqual([
      [2, 'Params.Illegal'], [4, 'Params.Illegal'], [5, 'Params.Illegal'], [6, 'Operation.Failure.Application.Role.Not.Exist'], [7, 'Operation.Failure.User.Not.Exist'],
      [8, 'Params.Illegal'], [9, 'Params.Illegal'], [10, 'Params.Illegal'], [11, 'Params.Illegal'], [12, 'Params.Illegal'], [13, 'Params.Illegal']]);
    expect([await keysOf(a?.id ?? ''), await keysOf(b?.id ?? ''), await keysOf(c?.id ?? '')]).toEqual([['editor'], [], ['reader']]);
    const first = (await server.api('GET', `${path()}/${body.id}/errors?limit=4`)).body as { items: object[]; next: string };
    expect(((await server.api('GET', `${path()}/${body.id}/errors?limit=200&cursor=${first.next}`)).body as { items: object[] }).items).toEqual(errors.slice(4));
    const exported = await fetch(`${server.issuer}/api/v1${path()}/${body.id}/errors.ndjson`, { headers: { authorization: `Bearer ${token}` } });
    expect(exported.headers.get('content-type')).toBe('application/x-ndjson');
    expect((await exported.text()).trim().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(errors);
  });

  it('are taken packed, too; what is not gzip, or cut off, is not', async () => {
    const users = await makeUsers(context, 50);
    const packed = gzipSync(linesOf(users.map(({ username }) => ({ username, roles: ['reader'] }))));
    const { status, body } = await upload(packed, { headers: { 'content-encoding': 'gzip' } });
    expect(status).toBe(202);
    expect(await finished(body.id)).toMatchObject({ changes: 50 });
    for (const broken of [packed.subarray(0, packed.length - 9), Buffer.from('{"username":"a","roles":["reader"]}\n')]) {
      const refused = await upload(new Uint8Array(broken), { headers: { 'content-encoding': 'gzip' } });
      expect(refused).toMatchObject({ status: 400, body: { code: 'Params.Illegal' } });
    }
    expect((await upload(packed, { headers: { 'content-encoding': 'br' } })).status).toBe(415);
    expect((await upload(packed, { headers: { 'content-encoding': 'gzip, gzip' } })).status).toBe(415);
  });

  it('a line, or a file, without end is refused while it arrives, and nothing of it is applied', async () => {
    const [user] = await makeUsers(context, 1);
    const good = linesOf([{ userId: user?.id, roles: ['editor'] }]);
    expect(await upload(`${good}${'x'.repeat(8_193)}\n`)).toMatchObject({ status: 413 });
    expect(await upload(`${good}${'x'.repeat(20_000_000)}`)).toMatchObject({ status: 413 });
    const bomb = gzipSync(Buffer.alloc(600_000_000, '\n'));
    const before = process.memoryUsage().rss;
    expect(await upload(bomb, { headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 413 });
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
    expect(await keysOf(user?.id ?? '')).toEqual([]);
    const { items } = (await server.api('GET', `${path()}?limit=3`)).body as { items: Batch[] };
    expect(items.map(({ status }) => status)).toEqual(['failed', 'failed', 'failed']);
    expect(await context.db.roleBatchChunk.count({ where: { batchId: { in: items.map(({ id }) => id) } } })).toBe(0);
  }, 60_000);

  it('an upload whose sender goes away, or that is cancelled while it arrives, is not applied', async () => {
    const [user] = await makeUsers(context, 1);
    const begin = () => {
      const request = httpRequest(`${server.listener}/t/default/api/v1${path()}?operation=assign`, { method: 'POST', headers: { host: new URL(server.origin).host, authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' } });
      request.on('error', () => undefined);
      request.write(linesOf([{ userId: user?.id, roles: ['editor'] }]));
      return request;
    };
    const receiving = () => context.db.roleBatch.findMany({ where: { status: 'receiving' } });
    const goesAway = begin();
    await expect.poll(async () => (await receiving()).length, { timeout: 10_000 }).toBe(1);
    goesAway.destroy();
    await expect.poll(async () => (await receiving()).length, { timeout: 10_000 }).toBe(0);
    const goesOn = begin();
    await expect.poll(async () => (await receiving()).length, { timeout: 10_000 }).toBe(1);
    expect((await server.api('POST', `${path()}/${(await receiving())[0]?.id ?? ''}/cancel`)).body).toMatchObject({ status: 'cancelled' });
    const answered = once(goesOn, 'response') as Promise<[IncomingMessage]>;
    goesOn.end();
    expect((await answered)[0].statusCode).toBe(400);
    expect(await keysOf(user?.id ?? '')).toEqual([]);
  });

  it('can be cancelled: what was worked stays, the rest is not done', async () => {
    const users = await makeUsers(context, 5_000);
    const { body } = await upload(linesOf(users.map(({ id }) => ({ userId: id, roles: ['editor'] }))));
    const cancelled = await server.api('POST', `${path()}/${body.id}/cancel`);
    expect([200, 409]).toContain(cancelled.status);
    const after = await finished(body.id);
    const given = await context.db.applicationRoleAssignment.count({ where: { userId: { in: users.map(({ id }) => id) } } });
    expect(given).toBe(after.changes);
    expect((await server.api('POST', `${path()}/${body.id}/cancel`)).body).toMatchObject({ code: 'Operation.Failure.Role.Batch.Finished' });
    await workBatch(context, body.id);
    expect(await context.db.applicationRoleAssignment.count({ where: { userId: { in: users.map(({ id }) => id) } } })).toBe(given);
  });

  it('are worked once, by however many at a time', async () => {
    const users = await makeUsers(context, 4_000);
    const { body } = await upload(linesOf(users.map(({ id }) => ({ userId: id, roles: ['reader'] }))));
    await Promise.all([workBatch(context, body.id), workBatch(context, body.id), resumeRoleBatches(server.core, { stalledFor: 0 })]);
    expect(await finished(body.id)).toMatchObject({ status: 'completed', done: 4_000, changes: 4_000, failed: 0 });
    const events = await context.db.event.findMany({ where: { type: 'application_role.assigned', after: { path: ['batchId'], equals: body.id } } });
    expect(events.flatMap(({ after }) => (after as { subjects: string[] }).subjects).sort()).toEqual(users.map(({ id }) => id).sort());
  });

  it('end when who uploaded them may not do that any more', async () => {
    const [user] = await makeUsers(context, 1);
    const batch = await context.db.roleBatch.create({ data: { id: 'batch_01k9v6z3x4p5q6r7s8t9v0w1x2', applicationId, operation: 'assign', status: 'waiting', actor: { kind: 'application', id: applicationId }, received: 1, chunks: 1 } });
    await context.db.roleBatchChunk.create({ data: { batchId: batch.id, number: 0, firstLine: 1, lines: JSON.stringify({ userId: user?.id, roles: ['editor'] }) } });
    await workBatch(context, batch.id);
    expect(await read(batch.id)).toMatchObject({ status: 'failed', done: 0, error: 'The application that uploaded it may not manage roles any more.' });
    expect(await keysOf(user?.id ?? '')).toEqual([]);
  });

  it('belong to their application and instance', async () => {
    const { body } = await upload(linesOf([{ username: 'nobody', roles: ['editor'] }]));
    const elsewhere = await makeApplication(context, 'Elsewhere');
    for (const [method, rest] of [['GET', ''], ['GET', '/errors'], ['GET', '/errors.ndjson'], ['POST', '/cancel']] as const) {
      expect((await server.api(method, `${path(elsewhere)}/${body.id}${rest}`)).status).toBe(404);
    }
    const other = await createInstance(server.core, { id: 'other', name: 'Other' }).then(() => server.context('other'));
    expect((await upload('', { application: await makeApplication(other) })).status).toBe(404);
    expect((await upload('', { operation: 'delete' })).status).toBe(400);
    expect((await upload('{}', { headers: { 'content-type': 'application/json' } })).status).toBe(415);
    expect(await finished((await upload('')).body.id)).toMatchObject({ status: 'completed', received: 0 });
  });

  it('answer a repeated Idempotency-Key with the first batch', async () => {
    const headers = { 'idempotency-key': 'upload-1' };
    const first = await upload(linesOf([{ username: 'nobody', roles: ['editor'] }]), { headers });
    const second = await upload(linesOf([{ username: 'nobody', roles: ['editor'] }]), { headers });
    expect([first.status, second.status, second.headers.get('idempotent-replayed')]).toEqual([202, 202, 'true']);
    expect(second.body.id).toBe(first.body.id);
  });

  it('are cleared away after their time', async () => {
    const { body } = await upload(linesOf([{ username: 'nobody', roles: ['editor'] }]));
    await finished(body.id);
    const purge = async (days: number) => purgeBatches({ ...context, now: () => new Date(Date.now() + days * 86_400_000) });
    await purge(keptDays - 1);
    expect((await read(body.id)).status).toBe('completed');
    await purge(keptDays + 1);
    expect((await server.api('GET', `${path()}/${body.id}`)).status).toBe(404);
    expect(await context.db.roleBatchError.count({ where: { batchId: body.id } })).toBe(0);
  });
});
