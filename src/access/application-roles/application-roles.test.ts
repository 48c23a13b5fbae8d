import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstance } from '../../tenancy/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { makeApplication, makeGroup, makeUnit, makeUsers } from './testing/fixtures.ts';

let server: TestServer;
let context: InstanceContext;
let applicationId: string;
let roles: string;
beforeAll(async () => {
  server = await startTestServer();
  context = await server.context();
  await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000 } });
  applicationId = await makeApplication(context);
  roles = `/applications/${applicationId}/roles`;
});
afterAll(() => server.close());

async function makeRole(key: string, application = applicationId): Promise<string> {
  return ((await server.api('POST', `/applications/${application}/roles`, { key })).body as { id: string }).id;
}

const newUser = async () => (await makeUsers(context, 1))[0]?.id ?? '';
const eventsOf = async (subjectId: string) => ((await server.api('GET', `/events?subjectId=${subjectId}&limit=200`)).body as { items: { type: string; before: Record<string, unknown>; after: Record<string, unknown> }[] }).items;

describe('roles of an application', () => {
  it('are made, read, changed and deleted', async () => {
    const made = await server.api('POST', roles, { key: 'editor', name: 'Editor', description: 'Writes' });
    const role = made.body as { id: string };
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`${server.issuer}/api/v1${roles}/${role.id}`);
    expect(role).toMatchObject({ applicationId, key: 'editor', name: 'Editor', description: 'Writes' });
    expect((await server.api('GET', `${roles}/${role.id}`)).body).toEqual(role);
    const changed = await server.api('PATCH', `${roles}/${role.id}`, { name: 'Senior editor', description: null }, { 'if-match': made.headers.get('etag') ?? '' });
    expect([changed.status, changed.body]).toMatchObject([200, { key: 'editor', name: 'Senior editor', description: null }]);
    expect((await server.api('PATCH', `${roles}/${role.id}`, { name: 'Late' }, { 'if-match': made.headers.get('etag') ?? '' })).status).toBe(412);
    expect((await server.api('DELETE', `${roles}/${role.id}`, undefined, { 'if-match': '"1"' })).status).toBe(412);
    expect((await server.api('DELETE', `${roles}/${role.id}`)).status).toBe(204);
    expect((await server.api('GET', `${roles}/${role.id}`)).status).toBe(404);
    expect((await eventsOf(role.id)).map(({ type }) => type)).toEqual(['application_role.deleted', 'application_role.updated', 'application_role.created']);
  });

  it.each([
    ['a key with capitals', { key: 'Editor' }], ['a key that reads as an id', { key: 'role_01k9v6z3x4p5q6r7s8t9v0w1x2' }], ['no key', { name: 'Editor' }],
    ['an unknown field', { key: 'x', permissions: ['all'] }], ['a name with a line break', { key: 'x', name: 'a\nb' }], ['NUL', { key: 'x', description: 'a\0b' }], ['a key of 101 characters', { key: 'x'.repeat(101) }],
  ])('refuses %s', async (_what, body) => {
    expect(await server.api('POST', roles, body)).toMatchObject({ status: 400 });
  });

  it('refuses a second role of the same key in one application, also under 20 parallel tries', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.api('POST', roles, { key: 'twin' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array.from({ length: 19 }, () => 409)]);
    const elsewhere = await makeApplication(context, 'Elsewhere');
    expect((await server.api('POST', `/applications/${elsewhere}/roles`, { key: 'twin' })).status).toBe(201);
  });

  it('are listed by key, page by page', async () => {
    const application = await makeApplication(context, 'Many roles');
    for (let made = 0; made < 5; made += 1) await makeRole(`r${made}`, application);
    const first = (await server.api('GET', `/applications/${application}/roles?limit=3`)).body as { items: { key: string }[]; next: string };
    const second = (await server.api('GET', `/applications/${application}/roles?limit=3&cursor=${first.next}`)).body as { items: { key: string }[]; next: null };
    expect([...first.items, ...second.items].map(({ key }) => key)).toEqual(['r0', 'r1', 'r2', 'r3', 'r4']);
    expect(second.next).toBeNull();
    expect((await server.api('GET', `${roles}?cursor=${first.next}`)).status).toBe(400);
  });

  it('say who has them before they go', async () => {
    const role = await makeRole('in-use');
    await server.api('PUT', `${roles}/${role}/assignments/${await newUser()}`, {});
    await server.api('PUT', `${roles}/${role}/assignments/${await makeGroup(context, 'G')}`, {});
    const refused = await server.api('DELETE', `${roles}/${role}`);
    expect([refused.status, refused.body]).toMatchObject([409, { code: 'Operation.Failure.Application.Role.In.Use', usedBy: { users: 1, groups: 1, organizationalUnits: 0 } }]);
    expect((await server.api('DELETE', `${roles}/${role}?force=true`)).status).toBe(204);
    expect(await context.db.applicationRoleAssignment.count({ where: { roleId: role } })).toBe(0);
    expect((await eventsOf(role))[0]).toMatchObject({ type: 'application_role.deleted', before: { key: 'in-use', usedBy: { users: 1, groups: 1, organizationalUnits: 0 } } });
  });

  it('of another application or instance are not there', async () => {
    const elsewhere = await makeApplication(context, 'Other');
    const foreign = await makeRole('foreign', elsewhere);
    const user = await newUser();
    const other = await createInstance(server.core, { id: 'other', name: 'Other' }).then(() => server.context('other'));
    const otherApplication = await makeApplication(other);
    const otherRole = 'role_01k9v6z3x4p5q6r7s8t9v0w1x2';
    await other.db.applicationRole.create({ data: { id: otherRole, applicationId: otherApplication, key: 'x', name: 'x' } });
    const [otherUser] = await makeUsers(other, 1);
    const role = await makeRole('own');
    for (const [method, path, body] of [
      ['GET', `${roles}/${foreign}`], ['PATCH', `${roles}/${foreign}`, { name: 'x' }], ['DELETE', `${roles}/${foreign}`], ['GET', `${roles}/${foreign}/assignments`],
      ['PUT', `${roles}/${foreign}/assignments/${user}`, {}], ['DELETE', `${roles}/${foreign}/assignments/${user}`],
      ['GET', `/applications/${otherApplication}/roles`], ['POST', `/applications/${otherApplication}/roles`, { key: 'y' }], ['GET', `/applications/${otherApplication}/roles/${otherRole}`], ['GET', `${roles}/${otherRole}`],
      ['PUT', `${roles}/${role}/assignments/${otherUser?.id ?? ''}`, {}], ['GET', `/users/${otherUser?.id ?? ''}/application-roles`], ['GET', `/users/${user}/application-roles?applicationId=${otherApplication}`],
      ['GET', '/groups/group_01k9v6z3x4p5q6r7s8t9v0w1x2/application-roles'], ['GET', '/organizational-units/ou_01k9v6z3x4p5q6r7s8t9v0w1x2/application-roles'],
    ] as const) expect([method, path, (await server.api(method, path, body)).status]).toEqual([method, path, 404]);
    expect(await context.db.applicationRoleAssignment.count({ where: { roleId: { in: [foreign, role] } } })).toBe(0);
  });
});

describe('assignments', () => {
  it('are given with an end and a reach, listed with names, and taken back', async () => {
    const role = await makeRole('reader');
    const [user] = await makeUsers(context, 1);
    const group = await makeGroup(context, 'Readers');
    const unit = await makeUnit(context, 'Library');
    const at = (id: string) => `${roles}/${role}/assignments/${id}`;
    expect((await server.api('PUT', at(user?.id ?? ''), { expiresAt: '2099-01-01T00:00:00Z' })).status).toBe(204);
    expect((await server.api('PUT', at(group), {})).status).toBe(204);
    expect((await server.api('PUT', at(unit.id), { withDescendants: true })).status).toBe(204);
    const list = async (query: string) => (await server.api('GET', `${roles}/${role}/assignments${query}`)).body as { items: object[]; next: string | null };
    expect((await list('')).items).toMatchObject([
      { subjectType: 'group', subjectId: group, subjectName: 'Readers', withDescendants: false, expiresAt: null },
      { subjectType: 'organizational_unit', subjectId: unit.id, subjectName: 'Library', withDescendants: true },
      { subjectType: 'user', subjectId: user?.id, subjectName: user?.username, expiresAt: '2099-01-01T00:00:00.000Z' }]);
    const first = await list('?limit=1');
    expect(await list(`?limit=2&cursor=${String(first.next)}`)).toMatchObject({ items: [{ subjectId: unit.id }, { subjectId: user?.id }], next: null });
    expect((await list('?subjectType=user')).items).toMatchObject([{ subjectId: user?.id }]);
    expect((await server.api('GET', `/groups/${group}/application-roles`)).body).toMatchObject({ items: [{ id: role, applicationId, key: 'reader', expiresAt: null }], next: null });
    expect((await server.api('GET', `/organizational-units/${unit.id}/application-roles`)).body).toMatchObject({ items: [{ id: role, withDescendants: true }], next: null });
    expect((await server.api('DELETE', at(group))).status).toBe(204);
    expect((await server.api('DELETE', at(group))).body).toMatchObject({ code: 'Operation.Failure.Role.Assignment.Not.Exist' });
    expect((await server.api('PUT', at(group), { withDescendants: true })).status).toBe(400);
    expect((await server.api('PUT', at(user?.id ?? ''), { expiresAt: 'tomorrow' })).status).toBe(400);
    expect((await server.api('PUT', at('nobody'), {})).status).toBe(400);
  });

  it('write one event for each change, and none for what is so already', async () => {
    const role = await makeRole('audited');
    const user = await newUser();
    const put = (terms: object) => server.api('PUT', `${roles}/${role}/assignments/${user}`, terms);
    await put({});
    await put({});
    await put({ expiresAt: '2099-01-01T00:00:00Z' });
    await server.api('DELETE', `${roles}/${role}/assignments/${user}`);
    const facts = { applicationId, role: 'audited', subjects: [user] };
    const found = (await eventsOf(user)).map(({ type, before, after }) => ({ type, before, after }));
    expect(found).toEqual([
      { type: 'application_role.revoked', before: { ...facts, expiresAt: '2099-01-01T00:00:00.000Z' }, after: null },
      { type: 'application_role.assignment_changed', before: { expiresAt: null }, after: { ...facts, expiresAt: '2099-01-01T00:00:00.000Z' } },
      { type: 'application_role.assigned', before: null, after: { ...facts, expiresAt: null } },
    ]);
  });

  it('survive 20 parallel givings and takings of one: the rows and the events agree', async () => {
    const role = await makeRole(`contested-${Date.now()}`);
    const user = await newUser();
    const path = `${roles}/${role}/assignments/${user}`;
    const answers = await Promise.all(Array.from({ length: 40 }, (_value, at) => (at % 2 === 0 ? server.api('PUT', path, {}) : server.api('DELETE', path))));
    expect([...new Set(answers.map(({ status }) => status))].filter((status) => status !== 204 && status !== 404)).toEqual([]);
    const there = await context.db.applicationRoleAssignment.count({ where: { roleId: role } });
    const events = (await eventsOf(user)).map(({ type }) => type).reverse();
    expect(events).toEqual(events.map((_type, at) => (at % 2 === 0 ? 'application_role.assigned' : 'application_role.revoked')));
    expect(events.length % 2).toBe(there);
  });
});
