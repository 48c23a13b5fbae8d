import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdministrator, createMember, createUnit, signAccessToken, type Unit } from '../../../test/support/administrators.ts';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { makeApplication, makeGroup } from './testing/fixtures.ts';

let server: TestServer;
let context: InstanceContext;
let applicationId: string;
let roleId: string;
let north: Unit;
let south: Unit;
let [inside, outside, below] = ['', '', ''];
let group: string;
beforeAll(async () => {
  server = await startTestServer();
  context = await server.context();
  await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000 } });
  applicationId = await makeApplication(context);
  roleId = ((await server.api('POST', `/applications/${applicationId}/roles`, { key: 'editor' })).body as { id: string }).id;
  north = await createUnit(context, 'North');
  south = await createUnit(context, 'South');
  const harbour = await createUnit(context, 'Harbour', north);
  [inside, outside, below] = [await createMember(context, 'inside', north), await createMember(context, 'outside', south), await createMember(context, 'below', harbour)];
  group = await makeGroup(context, 'Mixed', [inside, outside]);
});
afterAll(() => server.close());

async function asLimited(role: string, ...units: Unit[]) {
  const administrator = await createAdministrator(context, `admin.${Math.random().toString(36).slice(2)}`, role, ...units);
  const authorization = `Bearer ${await signAccessToken(context, server.machine.clientId, { subject: administrator })}`;
  return (method: string, path: string, body?: unknown) => server.api(method, path, body, { authorization });
}

const at = (subjectId: string) => `/applications/${applicationId}/roles/${roleId}/assignments/${subjectId}`;
const assigned = async () => (await context.db.applicationRoleAssignment.findMany({ where: { roleId }, select: { subjectId: true } })).map(({ subjectId }) => subjectId).sort();

describe('attack: admin.delegate-escalation: an administrator of a part of the tree', () => {
  it('gives and takes roles within it, and nowhere else', async () => {
    const api = await asLimited('application-manager', north);
    for (const id of [inside, below, north.id]) expect([id, (await api('PUT', at(id), {})).status]).toEqual([id, 204]);
    for (const id of [outside, south.id, 'ou_root']) expect([id, (await api('PUT', at(id), {})).status]).toEqual([id, 404]);
    expect((await api('PUT', at(group), {})).status).toBe(403);
    expect(await assigned()).toEqual([inside, below, north.id].sort());
    await server.api('PUT', at(outside), {});
    await server.api('PUT', at(group), {});
    expect([(await api('DELETE', at(outside))).status, (await api('DELETE', at(group))).status]).toEqual([404, 403]);
    expect((await api('DELETE', at(below))).status).toBe(204);
  });

  it('meets the same in calls for a thousand, row by row', async () => {
    const api = await asLimited('application-manager', north);
    const rows = [{ userId: inside, roles: ['editor'] }, { userId: outside, roles: ['editor'] }, { username: 'outside', roles: ['editor'] }, { groupId: group, roles: ['editor'] }, { organizationalUnitId: south.id, roles: ['editor'] }];
    for (const verb of ['assign', 'replace', 'revoke', 'diff']) {
      const { status, body } = await api('POST', `/ciam/applications/${applicationId}/roles/${verb}`, { rows });
      expect([verb, status, (body as { results: { status: string; error?: { code: string } }[] }).results.map(({ status: each, error }) => error?.code ?? each)]).toEqual([verb, 200, [
        expect.stringMatching(/changed/), 'Operation.Failure.User.Not.Exist', 'Operation.Failure.User.Not.Exist', 'Operation.Denied', 'Operation.Failure.Organizational.Unit.Not.Exist']]);
    }
    const { body } = await api('POST', `/ciam/applications/${applicationId}/roles/effective`, { users: [{ userId: inside }, { username: 'outside' }] });
    expect(body).toMatchObject({ results: [{ userId: inside }, { error: { code: 'Operation.Failure.User.Not.Exist' } }] });
  });

  it('sees of lists what is within, and of nobody else what they have', async () => {
    const api = await asLimited('auditor', north);
    await server.api('PUT', at(inside), {});
    const list = await api('GET', `/applications/${applicationId}/roles/${roleId}/assignments`);
    expect((list.body as { items: { subjectId: string }[] }).items.map(({ subjectId }) => subjectId)).toEqual([north.id, inside].sort());
    expect((await api('GET', `/users/${inside}/application-roles`)).status).toBe(200);
    expect((await api('GET', `/users/${outside}/application-roles`)).status).toBe(404);
    expect((await api('GET', `/organizational-units/${south.id}/application-roles`)).status).toBe(404);
    expect((await api('GET', `/groups/${group}/application-roles`)).status).toBe(403);
    expect((await api('PUT', at(inside), {})).status).toBe(403);
  });

  it('defines no roles and uploads nothing: both reach beyond the part', async () => {
    const api = await asLimited('application-manager', north);
    expect((await api('POST', `/applications/${applicationId}/roles`, { key: 'mine' })).status).toBe(403);
    expect((await api('DELETE', `/applications/${applicationId}/roles/${roleId}?force=true`)).status).toBe(403);
    expect((await api('GET', `/ciam/applications/${applicationId}/role-batches`)).status).toBe(403);
  });
});

describe('attack: admin.role-matrix: a token without the scope', () => {
  it.each([['role:read', ['GET']], ['user:manage', []]] as const)('of %s does no more than that', async (scope, allowed) => {
    const authorization = `Bearer ${await signAccessToken(context, server.machine.clientId, { scopes: [scope] })}`;
    for (const [method, path, body] of [
      ['GET', `/applications/${applicationId}/roles`], ['PUT', at(inside), {}], ['DELETE', at(inside)], ['POST', `/applications/${applicationId}/roles`, { key: 'x' }],
      ['POST', `/ciam/applications/${applicationId}/roles/assign`, { rows: [{ userId: inside, roles: ['editor'] }] }], ['POST', `/ciam/applications/${applicationId}/roles/diff`, { rows: [{ userId: inside, roles: [] }] }],
    ] as const) {
      const { status } = await server.api(method, path, body, { authorization });
      expect([method, path, status]).toEqual([method, path, (allowed as readonly string[]).includes(method) ? 200 : 403]);
    }
  });
});

describe('a group or unit that has roles', () => {
  it('is not deleted before they are taken back', async () => {
    const used = await makeGroup(context, 'Used');
    const unit = await createUnit(context, 'Used');
    for (const [id, path] of [[used, `/groups/${used}`], [unit.id, `/organizational-units/${unit.id}`]] as const) {
      await server.api('PUT', at(id), {});
      const refused = await server.api('DELETE', path);
      expect([refused.status, refused.body]).toMatchObject([409, { uses: [{ kind: 'application role assignments', count: 1 }] }]);
      await server.api('DELETE', at(id));
      expect((await server.api('DELETE', path)).status).toBe(204);
    }
  });
});
