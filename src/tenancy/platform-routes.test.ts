import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scopedModels } from '../core/database.ts';
import { newId } from '../core/ids.ts';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';
import { eraseInstance, eraseOrder } from './delete-instance.ts';
import { createInstance, loadInstance } from './instances.ts';
import { prepareNewInstances } from './new-instances.ts';

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer({
    startJobs: true,
    platform: { createFirstAdministrator: async (context, { username }) => {
      if (username === 'fails') throw new Error('cannot make the administrator');
      const id = newId('user');
      await context.db.user.create({ data: { id, username, usernameKey: username, displayName: username } });
      return { url: `${context.instance.issuer}/setup/of/${id}`, expiresAt: new Date(0) };
    } },
  });
});
afterAll(() => server.close());

const path = '/platform/v1/instances';
const platformAudience = () => `${server.core.config.consoleUrl}/platform/v1`;
const tokenFor = (claims: Record<string, unknown> = {}, scopes = ['instance:read', 'instance:manage']) => server.token({ scopes, claims: { aud: platformAudience(), ...claims } });
async function call(method: string, target: string, body?: unknown, token?: string) {
  return server.api(method, target, body, { authorization: `Bearer ${token ?? await tokenFor()}` });
}

describe('the platform API', () => {
  it('creates an instance with everything it needs, in one transaction', async () => {
    prepareNewInstances(server.core, async (tx) => { if (tx.instance.id === 'fails') throw new Error('cannot prepare'); });
    const answer = await call('POST', path, { id: 'acme', name: 'Acme', administrator: { username: 'ada' } });
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({ id: 'acme', status: 'active', issuer: `${server.origin}/t/acme`, sharesOrigin: true, setupLink: { url: expect.stringContaining(`${server.origin}/t/acme/setup/of/user_`) as string } });
    expect(await server.core.database.event.findFirst({ where: { instanceId: 'acme', type: 'instance.created' } })).toMatchObject({ actor: { kind: 'operator', id: server.applicationId } });

    expect((await call('POST', path, { id: 'fails', name: 'Fails' })).status).toBe(500);
    expect(await server.core.database.signingKey.count({ where: { instanceId: 'fails' } })).toBe(0);
    expect(await loadInstance(server.core, 'fails')).toBeUndefined();

    expect((await call('POST', path, { id: 'nobody-in', name: 'x', administrator: { username: 'fails' } })).status).toBe(500);
    expect(await server.core.database.instance.findUnique({ where: { id: 'nobody-in' } })).toBeNull();
  });

  it.each([
    [{ id: 'acme', name: 'Again' }, 409], [{ id: 'default', name: 'Again' }, 409], [{ id: 'Acme2', name: 'x' }, 400], [{ id: 'a_b', name: 'x' }, 400], [{ id: '-a', name: 'x' }, 400],
    [{ id: 'xn--acme', name: 'x' }, 400], [{ id: 'console', name: 'x' }, 400], [{ id: '../a', name: 'x' }, 400], [{ id: 'a'.repeat(64), name: 'x' }, 400], [{ id: 'ok', name: '' }, 400],
    [{ id: 'ok', name: 'a\u0000b' }, 400], [{ id: 'ok', name: 'x', instanceId: 'y' }, 400], [{ id: 'ok' }, 400], [{ id: ['ok'], name: 'x' }, 400],
    [{ id: 'other', name: 'Other', separateOwner: true }, 409],
  ])('refuses %j', async (body, status) => {
    expect((await call('POST', path, body)).status).toBe(status);
  });

  it('lists instances page by page and renames them', async () => {
    for (const id of ['b1', 'b2', 'b3']) await createInstance(server.core, { id, name: id });
    const first = await call('GET', `${path}?limit=3`);
    const second = await call('GET', `${path}?limit=3&cursor=${String(first.json['next'])}`);
    const ids = [first, second].flatMap(({ json }) => (json['items'] as unknown as { id: string }[]).map(({ id }) => id));
    expect(ids).toEqual(['acme', 'b1', 'b2', 'b3', 'default']);
    expect(second.json['next']).toBeNull();
    expect((await call('PATCH', `${path}/b1`, { name: 'Renamed' })).json['name']).toBe('Renamed');
  });

  it('suspends and resumes, but never the first instance', async () => {
    expect((await call('POST', `${path}/b2/suspend`)).json['status']).toBe('suspended');
    expect((await call('POST', `${path}/b2/suspend`)).status).toBe(409);
    expect((await server.send('GET', '/t/b2/api/v1/settings')).status).toBe(403);
    expect((await call('POST', `${path}/b2/resume`)).json['status']).toBe('active');
    expect((await call('POST', `${path}/b2/resume`)).status).toBe(409);
    expect((await call('POST', `${path}/default/suspend`)).status).toBe(409);
    expect((await call('DELETE', `${path}/default`)).status).toBe(409);
    expect((await call('GET', `${path}/nobody`)).status).toBe(404);
  });

  it.each<[string, () => Promise<string>, number]>([
    ['a token of the management API', () => server.token(), 401],
    ['a token of another instance', () => server.token({ instance: 'b1', scopes: ['instance:manage'], claims: { aud: platformAudience() } }), 401],
    ['a token without the scope', () => tokenFor({}, ['instance:read']), 403],
  ])('refuses %s', async (_name, token, status) => {
    expect((await call('POST', `${path}/b3/suspend`, undefined, await token())).status).toBe(status);
    expect((await loadInstance(server.core, 'b3'))?.status).toBe('active');
  });
});

describe('export', () => {
  it('streams every row of the instance and no secret', async () => {
    const context = await server.context('b3');
    const users = Array.from({ length: 1_201 }, (_value, index) => ({ id: `user_${String(index).padStart(26, '0')}`, username: `u${index}`, usernameKey: `u${index}`, displayName: `U ${index}` }));
    await context.db.user.createMany({ data: users });
    await context.db.password.create({ data: { userId: users[0]?.id ?? '', hash: 'MARKER-hash', history: ['MARKER-history'] } });
    const answer = await call('GET', `${path}/b3/export`);
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/x-ndjson']);
    const lines = answer.body.trimEnd().split('\n').map((line) => JSON.parse(line) as { model: string; row: Record<string, unknown> });
    expect(lines[0]).toMatchObject({ model: 'Instance', row: { id: 'b3' } });
    expect(lines.filter(({ model }) => model === 'User')).toHaveLength(1_201);
    expect(lines.filter(({ model }) => model === 'SigningKey')).toHaveLength(6);
    expect(lines.some(({ row }) => row['instanceId'] !== undefined && row['instanceId'] !== 'b3')).toBe(false);
    expect(lines.filter(({ model }) => model === 'Event').length).toBeGreaterThan(0);
    const secrets = lines.flatMap(({ row }) => Object.keys(row)).filter((name) => /sealed|hash$|token|history|secret/i.test(name) && name !== 'logoHash');
    expect([...new Set(secrets)]).toEqual([]);
    expect(answer.body).not.toContain('MARKER');
    expect(answer.body).not.toContain('v1.');
  });

  it('declares each column that looks like a secret as left out', async () => {
    const columns = await server.core.database.$queryRaw<{ table_name: string; column_name: string }[]>`
      SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name ~* '(hash|token|sealed|secret|history)'`;
    const exported = (await call('GET', `${path}/b3/export`)).body;
    for (const { table_name: table, column_name: column } of columns) {
      const row = exported.split('\n').find((line) => line.startsWith(`{"model":"${table}"`));
      if (row) expect(row).not.toContain(`"${column}":`);
    }
  });
});

describe('deletion', () => {
  it('knows every scoped table', () => {
    expect([...eraseOrder].sort()).toEqual([...scopedModels].sort());
  });

  it('is for everybody at once, erases all rows, and never gives the name out again', async () => {
    const replica = await server.replica();
    expect((await call('DELETE', `${path}/b3`)).status).toBe(204);
    expect((await server.send('GET', '/t/b3/api/v1/settings')).status).toBe(404);
    await expect.poll(async () => (await replica.send('GET', '/t/b3/api/v1/settings')).status, { timeout: 1_000 }).toBe(404);
    expect((await call('DELETE', `${path}/b3`)).status).toBe(404);

    await eraseInstance(server.core, 'b3', server.applicationId, 'req_test');
    for (const table of eraseOrder) {
      const [rows] = await server.core.database.$queryRawUnsafe<{ count: bigint }[]>(`SELECT count(*) AS "count" FROM "${table}" WHERE "instanceId" = 'b3'`);
      expect([table, Number(rows?.count)]).toEqual([table, 0]);
    }
    expect(await server.core.database.user.count({ where: { instanceId: 'acme' } })).toBe(1);
    expect(await server.core.database.instance.findUnique({ where: { id: 'b3' } })).toMatchObject({ status: 'deleted', name: '', settings: {} });
    expect(await server.core.database.event.findFirst({ where: { instanceId: 'default', type: 'instance.erased' } })).toMatchObject({ subjectId: 'b3', actor: { kind: 'operator', id: server.applicationId } });
    expect((await call('POST', path, { id: 'b3', name: 'Again' })).status).toBe(409);
    await expect(eraseInstance(server.core, 'acme', null, 'req_test')).rejects.toThrow('is not deleted');
    await replica.close();
  });
});
