import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../tenancy/index.ts';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { effectiveRoles, effectiveRolesOfMany } from './effective-roles.ts';
import { removeEndedAssignments } from './ended-assignments.ts';
import { makeApplication, makeGroup, makeUnit, makeUsers, putInUnit } from './testing/fixtures.ts';

let server: TestServer;
let context: InstanceContext;
let applicationId: string;
beforeAll(async () => {
  server = await startTestServer();
  context = await server.context();
  await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000 } });
  applicationId = await makeApplication(context);
});
afterAll(() => server.close());

async function makeRole(key: string, application = applicationId): Promise<string> {
  const { status, body } = await server.api('POST', `/applications/${application}/roles`, { key, name: `The ${key}` });
  expect(status).toBe(201);
  return (body as { id: string }).id;
}

async function give(roleId: string, subjectId: string, terms: object = {}): Promise<void> {
  expect((await server.api('PUT', `/applications/${applicationId}/roles/${roleId}/assignments/${subjectId}`, terms)).status).toBe(204);
}

const take = async (roleId: string, subjectId: string) => (await server.api('DELETE', `/applications/${applicationId}/roles/${roleId}/assignments/${subjectId}`)).status;
const keysOf = async (userId: string) => (await effectiveRoles(context, applicationId, userId)).map(({ key }) => key);
const reasonsOf = async (userId: string) => Object.fromEntries((await effectiveRoles(context, applicationId, userId)).map(({ key, through }) => [key, through.map(({ text }) => text)]));
const newUser = async () => (await makeUsers(context, 1))[0]?.id ?? '';

describe('effective roles', () => {
  it('come from the user, its groups and those around them, its units and those above, each with its reason', async () => {
    const user = await newUser();
    const sales = await makeUnit(context, 'Sales');
    const north = await makeUnit(context, 'North', sales);
    await putInUnit(context, user, north.id);
    const admins = await makeGroup(context, 'Admins');
    const ops = await makeGroup(context, 'Ops', [user], admins);
    const [direct, ofSales, onlySales, ofNorth, ofOps, ofAdmins, both] = [
      await makeRole('direct'), await makeRole('of-sales'), await makeRole('only-sales'), await makeRole('of-north'), await makeRole('of-ops'), await makeRole('of-admins'), await makeRole('both')];
    await give(direct, user);
    await give(ofSales, sales.id, { withDescendants: true });
    await give(onlySales, sales.id);
    await give(ofNorth, north.id);
    await give(ofOps, ops);
    await give(ofAdmins, admins);
    await give(both, user);
    await give(both, ops);
    await give(both, north.id);
    expect(await reasonsOf(user)).toEqual({
      direct: ['directly'], 'of-sales': ['through OU Sales (via North)'], 'of-north': ['through OU North'],
      'of-ops': ['through group Ops'], 'of-admins': ['through group Admins (via Ops)'], both: ['directly', 'through group Ops', 'through OU North'],
    });
    const { body } = await server.api('GET', `/users/${user}/application-roles?applicationId=${applicationId}&limit=2`);
    expect(body).toMatchObject({ items: [{ key: 'both', applicationId, through: [{ type: 'user', text: 'directly', expiresAt: null }, { type: 'group', id: ops, name: 'Ops' }, { type: 'organizational_unit', id: north.id, name: 'North' }] }, { key: 'direct' }] });
    const page2 = await server.api('GET', `/users/${user}/application-roles?applicationId=${applicationId}&limit=200&cursor=${String((body as { next: string }).next)}`);
    expect((page2.body as { items: { key: string }[] }).items.map(({ key }) => key)).toEqual(['of-admins', 'of-north', 'of-ops', 'of-sales']);
  });

  it('of a user without a unit come from the root; of nobody there are none', async () => {
    const user = await newUser();
    const everybody = await makeRole('everybody');
    await give(everybody, 'ou_root', { withDescendants: true });
    expect(await reasonsOf(user)).toMatchObject({ everybody: [expect.stringMatching(/^through OU /)] });
    expect(await effectiveRoles(context, applicationId, 'user_00000000000000000000000000')).toEqual([]);
    expect(await effectiveRoles(context, 'app_00000000000000000000000000', user)).toEqual([]);
    expect(await take(everybody, 'ou_root')).toBe(204);
    expect(await keysOf(user)).toEqual([]);
  });

  it('are answered for many users as for each', async () => {
    const users = (await makeUsers(context, 250)).map(({ id }) => id);
    const role = await makeRole('some');
    await Promise.all(users.filter((_id, at) => at % 2 === 0).map((id) => give(role, id)));
    const many = await effectiveRolesOfMany(context, applicationId, users);
    expect(many.map((roles) => roles.map(({ key }) => key))).toEqual(users.map((_id, at) => (at % 2 === 0 ? ['some'] : [])));
  });

  it('end at their time, to the moment, without anybody saying so', async () => {
    const user = await newUser();
    const role = await makeRole('temporary');
    const end = new Date(Date.now() + 3_600_000);
    await give(role, user, { expiresAt: end.toISOString() });
    expect(await keysOf(user)).toEqual(['temporary']);
    server.setClock(new Date(end.getTime() - 1));
    expect(await keysOf(user)).toEqual(['temporary']);
    server.setClock(end);
    expect(await keysOf(user)).toEqual([]);
    server.setClock(undefined);
    await give(role, user, { expiresAt: new Date(Date.now() - 1).toISOString() });
    expect(await keysOf(user)).toEqual([]);
    await give(role, user);
    expect(await keysOf(user)).toEqual(['temporary']);
  });

  it('change on a second server within a second, whatever changes', async () => {
    const replica = await server.replica();
    const other = await replica.context();
    const user = await newUser();
    const role = await makeRole('everywhere');
    const there = async () => (await effectiveRoles(other, applicationId, user)).map(({ key, name }) => `${key} ${name}`);
    const untilThere = (expected: string[]) => expect.poll(there, { timeout: 1_000, interval: 20 }).toEqual(expected);
    expect(await there()).toEqual([]);
    await give(role, user);
    await untilThere(['everywhere The everywhere']);
    await server.api('PATCH', `/applications/${applicationId}/roles/${role}`, { name: 'Renamed' });
    await untilThere(['everywhere Renamed']);
    await take(role, user);
    await untilThere([]);
    const group = await makeGroup(context, 'Late', [user]);
    await give(role, group);
    await untilThere(['everywhere Renamed']);
    expect((await server.api('DELETE', `/applications/${applicationId}/roles/${role}?force=true`)).status).toBe(204);
    await untilThere([]);
    await replica.close();
  });

  it('rest with a user who is deleted but not yet erased, and come back with the restored one', async () => {
    const user = await newUser();
    const role = await makeRole('resting');
    await give(role, user);
    expect(await keysOf(user)).toEqual(['resting']);
    expect((await server.api('DELETE', `/users/${user}`)).status).toBe(204);
    await expect.poll(() => keysOf(user), { timeout: 1_000 }).toEqual([]);
    expect((await server.api('GET', `/users/${user}/application-roles`)).status).toBe(404);
    expect((await server.api('GET', `/applications/${applicationId}/roles/${role}/assignments`)).body).toMatchObject({ items: [] });
    expect((await server.api('POST', `/ciam/applications/${applicationId}/roles/revoke`, { rows: [{ userId: user, roles: ['resting'] }] })).body).toMatchObject({ failed: 1 });
    expect((await server.api('POST', `/recycled-users/${user}/restore`)).status).toBe(200);
    await expect.poll(() => keysOf(user), { timeout: 1_000 }).toEqual(['resting']);
  });

  it('end with the user, the role and the application', async () => {
    const user = await newUser();
    const application = await makeApplication(context, 'Short-lived');
    const role = await makeRole('gone', application);
    const count = () => context.db.applicationRoleAssignment.count({ where: { roleId: role } });
    expect((await server.api('PUT', `/applications/${application}/roles/${role}/assignments/${user}`, {})).status).toBe(204);
    expect((await effectiveRoles(context, application, user)).map(({ key }) => key)).toEqual(['gone']);
    await context.db.user.deleteMany({ where: { id: user } });
    expect(await count()).toBe(0);
    const another = await newUser();
    await server.api('PUT', `/applications/${application}/roles/${role}/assignments/${another}`, {});
    expect((await server.api('DELETE', `/applications/${application}`)).status).toBe(204);
    expect(await count()).toBe(0);
    await expect.poll(async () => (await effectiveRoles(context, application, another)).length, { timeout: 1_000 }).toBe(0);
  });
});

describe('assignments that have ended', () => {
  it('are cleared away a day later, with their event', async () => {
    const users = (await makeUsers(context, 2)).map(({ id }) => id);
    const role = await makeRole('ended');
    await give(role, users[0] ?? '', { expiresAt: new Date(Date.now() - 90_000_000).toISOString() });
    await give(role, users[1] ?? '', { expiresAt: new Date(Date.now() - 1_000).toISOString() });
    await removeEndedAssignments(context);
    expect((await context.db.applicationRoleAssignment.findMany({ where: { roleId: role } })).map(({ subjectId }) => subjectId)).toEqual([users[1]]);
    const { items } = (await server.api('GET', `/events?subjectId=${users[0] ?? ''}`)).body as { items: { type: string }[] };
    expect(items.map(({ type }) => type)).toEqual(['application_role.revoked', 'application_role.assigned']);
  });
});
