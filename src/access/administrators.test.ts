import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApplication } from '../applications/index.ts';
import { createInstance, type InstanceContext, withPrincipal } from '../tenancy/index.ts';
import { createAdministrator, createMember, createUnit, signAccessToken, type Unit } from '../../test/support/administrators.ts';
import { type ApiServer, grantOwnApis, startApiServer } from '../../test/support/api-server.ts';

let server: ApiServer;
let context: InstanceContext;
let sales: Unit;
let north: Unit;
let finance: Unit;
beforeAll(async () => {
  server = await startApiServer();
  context = withPrincipal(await server.context(), { kind: 'system' });
  sales = await createUnit(context, 'Sales');
  north = await createUnit(context, 'North', sales);
  finance = await createUnit(context, 'Finance');
});
afterAll(() => server.close());

interface Answer { status: number; body: Record<string, unknown>; headers: Record<string, unknown> }

/** Calls as a user, or with the token of the application that has everything. */
async function as(actor: string | undefined, method: string, path: string, body?: unknown, headers: Record<string, string> = {}, scopes?: readonly string[]): Promise<Answer> {
  const token = actor === undefined ? await server.token() : await signAccessToken(context, server.clientId, { subject: actor, ...(scopes && { scopes }) });
  const answer = await server.api(method, `/t/default/api/v1${path}`, body, { authorization: `Bearer ${token}`, ...headers });
  return { status: answer.status, body: answer.json as Record<string, unknown>, headers: answer.headers };
}
let made = 0;
const unique = (word: string) => `${word}-${(made += 1)}`;
const user = (...units: Unit[]) => createMember(context, unique('user'), ...units);
const administrator = (role: string, ...units: Unit[]) => createAdministrator(context, unique('administrator'), role, ...units);
const customRole = async (permissions: string[]) => String((await as(undefined, 'POST', '/administrator-roles', { name: unique('Role'), permissions })).body['id']);
const rolesOf = async (userId: string) => ((await as(undefined, 'GET', `/administrators?userId=${userId}`)).body['items'] as { role: string; organizationalUnitIds: string[] | null }[]).map(({ role, organizationalUnitIds }) => [role, organizationalUnitIds]);
const lastEvent = () => context.db.event.findFirstOrThrow({ orderBy: { sequence: 'desc' } });

describe('roles of the instance\'s own', () => {
  it('are made, listed after the built-in ones, changed and deleted', async () => {
    const made = await as(undefined, 'POST', '/administrator-roles', { name: 'Reception', permissions: ['directory.users.manage', 'directory.users.read', 'directory.users.read'] });
    expect(made).toMatchObject({ status: 201, headers: { etag: '"1"' }, body: { name: 'Reception', description: null, permissions: ['directory.users.manage', 'directory.users.read'], builtIn: false } });
    const path = `/administrator-roles/${String(made.body['id'])}`;
    expect(await as(undefined, 'GET', path)).toMatchObject({ status: 200, headers: { etag: '"1"' }, body: made.body });
    expect(await as(undefined, 'PATCH', path, { description: 'At the door', permissions: ['directory.users.read'] }, { 'if-match': '"1"' })).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { description: 'At the door', permissions: ['directory.users.read'] } });
    expect(await lastEvent()).toMatchObject({ type: 'administrator_role.updated', before: { description: null }, after: { description: 'At the door' } });
    expect((await as(undefined, 'PATCH', path, { name: 'Other' }, { 'if-match': '"1"' })).status).toBe(412);
    const items = (await as(undefined, 'GET', '/administrator-roles')).body['items'] as { id: string; builtIn: boolean }[];
    expect(items.map(({ builtIn }) => builtIn)).toEqual([true, true, true, true, true, ...items.slice(5).map(() => false)]);
    expect((await as(undefined, 'DELETE', path)).status).toBe(204);
    expect((await as(undefined, 'GET', path)).status).toBe(404);
  });

  it('come in pages, without a gap between the built-in ones and the others', async () => {
    for (let count = 0; count < 4; count += 1) await customRole(['directory.users.read']);
    const whole = ((await as(undefined, 'GET', '/administrator-roles?limit=200')).body['items'] as { id: string }[]).map(({ id }) => id);
    const paged: string[] = [];
    for (let cursor: unknown = ''; cursor !== null;) {
      const { body } = await as(undefined, 'GET', `/administrator-roles?limit=2${cursor === '' ? '' : `&cursor=${String(cursor)}`}`);
      paged.push(...(body['items'] as { id: string }[]).map(({ id }) => id));
      cursor = body['next'];
    }
    expect(paged).toEqual(whole);
  });

  it.each<[string, unknown, number]>([
    ['a permission that there is none of', { name: 'A', permissions: ['directory.users.read', 'directory.users.reed'] }, 400],
    ['everything', { name: 'A', permissions: ['*'] }, 400],
    ['nothing', { name: 'A', permissions: [] }, 400],
    ['the name of a built-in role', { name: 'Owner', permissions: ['directory.users.read'] }, 409],
    ['a name that looks like a built-in one', { name: 'Αuditοr', permissions: ['directory.users.read'] }, 409],
    ['an id', { id: 'owner', name: 'A', permissions: ['directory.users.read'] }, 400],
  ])('are refused with %s', async (_what, body, status) => {
    expect((await as(undefined, 'POST', '/administrator-roles', body)).status).toBe(status);
  });

  it('have names that are unique, whatever the case', async () => {
    await as(undefined, 'POST', '/administrator-roles', { name: 'Twin', permissions: ['directory.users.read'] });
    expect(await as(undefined, 'POST', '/administrator-roles', { name: 'TWIN', permissions: ['directory.users.read'] })).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Administrator.Role.Already.Exist' } });
  });

  it('stay while somebody has them: 409 says who', async () => {
    const role = await customRole(['directory.users.read']);
    const holders = [await administrator(role), await administrator(role, sales)].sort();
    expect(await as(undefined, 'DELETE', `/administrator-roles/${role}`)).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Administrator.Role.In.Use', usedBy: { count: 2, userIds: holders } } });
    for (const holder of holders) await as(undefined, 'DELETE', `/administrators/${holder}/roles/${role}`);
    expect((await as(undefined, 'DELETE', `/administrator-roles/${role}`)).status).toBe(204);
  });

  it('are not deleted while they are being given', async () => {
    for (let round = 0; round < 5; round += 1) {
      const role = await customRole(['directory.users.read']);
      const holder = await user();
      const [given, deleted] = await Promise.all([as(undefined, 'PUT', `/administrators/${holder}/roles/${role}`, {}), as(undefined, 'DELETE', `/administrator-roles/${role}`)]);
      expect([[204, 409], [404, 204]]).toContainEqual([given.status, deleted.status]);
    }
  });

  it('that are built in are read, and neither changed nor deleted', async () => {
    expect(await as(undefined, 'GET', '/administrator-roles/auditor')).toMatchObject({ status: 200, body: { builtIn: true } });
    expect((await as(undefined, 'PATCH', '/administrator-roles/auditor', { name: 'X' })).status).toBe(409);
    expect((await as(undefined, 'DELETE', '/administrator-roles/owner')).status).toBe(409);
  });

  it('count with what they hold now: a permission that is taken out stops within a second, also at a replica', async () => {
    const replica = await server.replica();
    const role = await customRole(['directory.users.read', 'applications.read']);
    const holder = await administrator(role);
    const headers = { authorization: `Bearer ${await signAccessToken(context, server.clientId, { subject: holder })}` };
    const statuses = () => Promise.all([server, replica].map(async (one) => (await one.send('GET', '/t/default/api/v1/users', { headers })).status));
    expect(await statuses()).toEqual([200, 200]);
    await as(undefined, 'PATCH', `/administrator-roles/${role}`, { permissions: ['applications.read'] });
    expect((await statuses())[0]).toBe(403);
    await expect.poll(statuses, { timeout: 1_000, interval: 20 }).toEqual([403, 403]);
    await replica.close();
  });
});

describe('an assignment', () => {
  it('is everywhere without units, and can be changed to parts of the tree and back', async () => {
    const holder = await user();
    const path = `/administrators/${holder}/roles/auditor`;
    expect(await as(undefined, 'PUT', path)).toMatchObject({ status: 204, headers: { etag: '"1"' } });
    expect(await lastEvent()).toMatchObject({ type: 'administrator.assigned', after: { role: 'auditor', organizationalUnitIds: null } });
    expect(await as(undefined, 'PUT', path, { organizationalUnitIds: [sales.id, finance.id] }, { 'if-match': '"1"' })).toMatchObject({ status: 204, headers: { etag: '"2"' } });
    expect(await lastEvent()).toMatchObject({ type: 'administrator.limited', before: { organizationalUnitIds: null }, after: { organizationalUnitIds: [sales.id, finance.id].sort() } });
    expect(await as(undefined, 'GET', path)).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { role: 'auditor', organizationalUnitIds: [sales.id, finance.id].sort() } });
    const before = await context.db.event.count();
    expect((await as(undefined, 'PUT', path, { organizationalUnitIds: [finance.id, sales.id, sales.id] })).headers['etag']).toBe('"2"');
    expect(await context.db.event.count()).toBe(before);
    expect((await as(undefined, 'PUT', path, {}, { 'if-match': '"1"' })).status).toBe(412);
    expect((await as(undefined, 'DELETE', path, undefined, { 'if-match': '"1"' })).status).toBe(412);
    expect((await as(undefined, 'DELETE', path, undefined, { 'if-match': '"2"' })).status).toBe(204);
    expect(await rolesOf(holder)).toEqual([]);
    expect((await as(undefined, 'DELETE', path)).status).toBe(404);
  });

  it.each<[string, string, () => unknown, number]>([
    ['an owner of a part', 'owner', () => ({ organizationalUnitIds: [sales.id] }), 400],
    ['the root for a part', 'auditor', () => ({ organizationalUnitIds: ['ou_root'] }), 400],
    ['a unit that there is none of', 'auditor', () => ({ organizationalUnitIds: [sales.id, 'ou_00000000000000000000000000'] }), 400],
    ['no unit at all', 'auditor', () => ({ organizationalUnitIds: [] }), 400],
    ['null for a unit', 'auditor', () => ({ organizationalUnitIds: null }), 400],
    ['a role that there is none of', 'arole_00000000000000000000000000', () => ({}), 404],
    ['a name that is no role', 'admin', () => ({}), 400],
  ])('is refused for %s', async (_what, role, body, status) => {
    const holder = await user();
    expect((await as(undefined, 'PUT', `/administrators/${holder}/roles/${role}`, body())).status).toBe(status);
    expect(await rolesOf(holder)).toEqual([]);
  });

  it('keeps its unit: the database deletes none that limits somebody', async () => {
    const unit = await createUnit(context, unique('Kept'));
    await administrator('help-desk', unit);
    await expect(context.db.organizationalUnit.deleteMany({ where: { id: unit.id } })).rejects.toThrow();
  });
});

describe('attack: admin.delegate-escalation: nobody gives more than they hold', () => {
  const narrow = () => customRole(['access.administrators.manage', 'access.administrators.read', 'directory.users.read']);

  it('no role is given, made or changed beyond the own one', async () => {
    const weak = await narrow();
    const actor = await administrator(weak);
    const target = await user();
    for (const role of ['owner', 'user-manager', 'application-manager', 'auditor', 'help-desk']) {
      expect([role, (await as(actor, 'PUT', `/administrators/${target}/roles/${role}`, {})).status]).toEqual([role, 403]);
      expect([role, (await as(actor, 'PUT', `/administrators/${actor}/roles/${role}`, {})).status]).toEqual([role, 403]);
    }
    expect((await as(actor, 'POST', '/administrator-roles', { name: unique('Role'), permissions: ['directory.users.manage'] })).status).toBe(403);
    expect((await as(actor, 'PATCH', `/administrator-roles/${weak}`, { permissions: ['access.administrators.manage', 'directory.users.read', 'tenancy.keys.manage'] })).status).toBe(403);
    const strong = await customRole(['tenancy.keys.manage']);
    for (const change of [{ name: unique('Renamed') }, { permissions: ['directory.users.read'] }]) expect((await as(actor, 'PATCH', `/administrator-roles/${strong}`, change)).status).toBe(403);
    expect((await as(actor, 'DELETE', `/administrator-roles/${strong}`)).status).toBe(403);
    expect(await rolesOf(target)).toEqual([]);
    // What they hold they may give.
    expect((await as(actor, 'PUT', `/administrators/${target}/roles/${weak}`, {})).status).toBe(204);
    expect((await as(actor, 'POST', '/administrator-roles', { name: unique('Role'), permissions: ['directory.users.read'] })).status).toBe(201);
  });

  it('no administrator who holds more is changed, shut out, or made an ordinary user', async () => {
    const actor = await administrator(await customRole(['access.administrators.manage', 'access.administrators.read', 'directory.users.read', 'directory.users.manage']));
    const owner = await administrator('owner');
    const auditor = await administrator('auditor', sales);
    for (const target of [owner, auditor]) {
      for (const [method, path, body] of [['POST', `/users/${target}/disable`], ['POST', `/users/${target}/lock`], ['DELETE', `/users/${target}`], ['PATCH', `/users/${target}`, { expiresAt: '2099-01-01T00:00:00Z' }]] as const) {
        expect([method, path, (await as(actor, method, path, body)).status]).toEqual([method, path, 403]);
      }
    }
    expect((await as(actor, 'DELETE', `/administrators/${owner}/roles/owner`)).status).toBe(403);
    expect((await as(actor, 'DELETE', `/administrators/${auditor}/roles/auditor`)).status).toBe(403);
    expect((await as(actor, 'PUT', `/administrators/${auditor}/roles/auditor`, { organizationalUnitIds: [finance.id] })).status).toBe(403);
    expect((await as(owner, 'POST', `/users/${auditor}/disable`)).status).toBe(200);
  });

  it('a user manager acts on no administrator, not even on one who holds less', async () => {
    const actor = await administrator('user-manager');
    const colleague = await administrator('user-manager');
    const desk = await administrator('help-desk', north);
    for (const target of [colleague, desk]) expect((await as(actor, 'POST', `/users/${target}/disable`)).status).toBe(403);
    expect((await as(actor, 'POST', `/users/${await user()}/disable`)).status).toBe(200);
  });

  it('a narrow token of an owner gives no more than its scopes reach', async () => {
    const owner = await administrator('owner');
    const target = await user();
    const scopes = ['administrator:manage', 'administrator:read', 'user:read'];
    expect((await as(owner, 'PUT', `/administrators/${target}/roles/owner`, {}, {}, scopes)).status).toBe(403);
    expect((await as(owner, 'PUT', `/administrators/${target}/roles/user-manager`, {}, {}, scopes)).status).toBe(403);
    expect((await as(owner, 'PUT', `/administrators/${target}/roles/${await customRole(['directory.users.read'])}`, {}, {}, scopes)).status).toBe(204);
    expect((await as(owner, 'PUT', `/administrators/${target}/roles/owner`, {})).status).toBe(204);
  });

  it('an application gives what its scopes reach, and acts on nobody who holds more', async () => {
    const { application } = await createApplication(context, { name: 'Half', kind: 'machine' });
    await grantOwnApis(context, application.id);
    const scopes = ['administrator:manage', 'user:manage', 'user:read'];
    const token = `Bearer ${await signAccessToken(context, application.clientId, { scopes })}`;
    const call = async (method: string, path: string, body?: unknown) => (await server.api(method, `/t/default/api/v1${path}`, body, { authorization: token })).status;
    const target = await user();
    expect(await call('PUT', `/administrators/${target}/roles/owner`, {})).toBe(403);
    expect(await call('PUT', `/administrators/${target}/roles/auditor`, {})).toBe(403);
    expect(await call('PUT', `/administrators/${target}/roles/${await customRole(['directory.users.read'])}`, {})).toBe(204);
    expect(await call('POST', `/users/${await administrator('auditor')}/disable`)).toBe(403);
    expect(await call('POST', `/users/${await administrator('owner')}/lock`)).toBe(403);
    expect(await call('POST', `/users/${target}/disable`)).toBe(200);
  });

  it('whose role is taken while they give it gives nothing: what is held is read in the transaction', async () => {
    const actor = await administrator('owner');
    expect((await as(actor, 'GET', '/administrators')).status).toBe(200);       // remembered as an owner
    await context.db.administratorAssignment.deleteMany({ where: { userId: actor } });
    const target = await user();
    expect((await as(actor, 'PUT', `/administrators/${target}/roles/owner`, {})).status).toBe(403);
    expect(await rolesOf(target)).toEqual([]);
  });
});

describe('attack: admin.delegate-escalation: an administrator of a part of the tree', () => {
  let actor: string;
  let inside: string;
  let below: string;
  let outside: string;
  let both: string;
  let nowhere: string;
  beforeAll(async () => {
    actor = await administrator(await customRole(['access.administrators.manage', 'access.administrators.read', 'directory.users.read', 'directory.users.manage']), sales);
    inside = await user(sales);
    below = await user(north);
    outside = await user(finance);
    both = await user(sales, finance);
    nowhere = await user();
  });

  it('gives roles to users within, in units within, and what it holds there', async () => {
    const role = await customRole(['directory.users.read']);
    const give = async (target: string, units: readonly string[] | undefined) => (await as(actor, 'PUT', `/administrators/${target}/roles/${role}`, units ? { organizationalUnitIds: units } : {})).status;
    expect(await give(inside, [sales.id])).toBe(204);
    expect(await give(below, [north.id])).toBe(204);
    expect(await give(below, undefined)).toBe(403);
    expect(await give(below, [finance.id])).toBe(400);
    expect(await give(below, [north.id, finance.id])).toBe(400);
    expect((await as(actor, 'PUT', `/administrators/${below}/roles/auditor`, { organizationalUnitIds: [north.id] })).status).toBe(403);
    expect(await give(outside, [sales.id])).toBe(404);
    expect(await give(nowhere, [sales.id])).toBe(404);
    expect(await give(both, [sales.id])).toBe(403);
    expect(await rolesOf(below)).toEqual([[role, [north.id]]]);
  });

  it('sees the administrators within, and no others', async () => {
    const role = await customRole(['directory.users.read']);
    const hidden = await user(finance);
    for (const target of [inside, hidden]) await as(undefined, 'PUT', `/administrators/${target}/roles/${role}`, {});
    const items = (await as(actor, 'GET', '/administrators?limit=200')).body['items'] as { userId: string }[];
    expect(items.map(({ userId }) => userId)).toContain(inside);
    expect(items.map(({ userId }) => userId)).not.toContain(hidden);
    const [theirs, made] = await Promise.all([as(actor, 'GET', `/administrators/${hidden}/roles/${role}`), as(actor, 'GET', `/administrators/user_00000000000000000000000000/roles/${role}`)]);
    expect([theirs.status, theirs.body['detail']]).toEqual([404, made.body['detail']]);
  });

  it('makes no roles: they would count everywhere', async () => {
    expect((await as(actor, 'GET', '/administrator-roles')).status).toBe(200);
    expect((await as(actor, 'POST', '/administrator-roles', { name: unique('Role'), permissions: ['directory.users.read'] })).status).toBe(403);
  });

  it('reaches no route that does not keep to parts', async () => {
    const limited = await administrator('auditor', sales);
    for (const path of ['/applications', '/settings', '/resource-servers']) expect([path, (await as(limited, 'GET', path)).status]).toEqual([path, 403]);
  });

  it('has the parts of all its roles, and everywhere what one of them gives everywhere', async () => {
    const holder = await administrator('help-desk', sales);
    const ids = async () => ((await as(holder, 'GET', '/users?limit=200')).body['items'] as { id: string }[]).map(({ id }) => id);
    expect(await ids()).not.toContain(outside);
    await as(undefined, 'PUT', `/administrators/${holder}/roles/${await customRole(['directory.users.read'])}`, { organizationalUnitIds: [finance.id] });
    expect(await ids()).toEqual(expect.arrayContaining([inside, below, outside]));
    expect(await ids()).not.toContain(nowhere);
    await as(undefined, 'PUT', `/administrators/${holder}/roles/auditor`, {});
    expect(await ids()).toContain(nowhere);
  });

  it('loses what is moved away, and gains what is moved in, within a second', async () => {
    const unit = await createUnit(context, unique('Team'), sales);
    const member = await user(unit);
    const see = async () => (await as(actor, 'GET', `/users/${member}`)).status;
    expect(await see()).toBe(200);
    await context.db.organizationalUnit.updateMany({ where: { id: unit.id }, data: { parentId: finance.id, path: `${finance.path}${unit.id}/` } });
    await expect.poll(see, { timeout: 1_000 }).toBe(404);
  });
});

describe('another instance', () => {
  it('has its own roles: neither given, read, changed nor counted here', async () => {
    const elsewhere = await createInstance(server.core, { id: 'elsewhere', name: 'Elsewhere' }, { principal: { kind: 'system' } });
    const role = await elsewhere.db.administratorRole.create({ data: { instanceId: 'elsewhere', id: 'arole_01k9v6z3x4p5q6r7s8t9v0w1x2', name: 'Foreign', nameKey: 'foreign', permissions: ['directory.users.read'] } });
    const holder = await user();
    expect((await as(undefined, 'GET', `/administrator-roles/${role.id}`)).status).toBe(404);
    expect((await as(undefined, 'PUT', `/administrators/${holder}/roles/${role.id}`, {})).status).toBe(404);
    expect((await as(undefined, 'DELETE', `/administrator-roles/${role.id}`)).status).toBe(404);
    await expect(context.db.administratorAssignment.create({ data: { userId: holder, role: role.id, customRoleId: role.id } })).rejects.toThrow();
  });
});
