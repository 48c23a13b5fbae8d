/** Administrators with a part of the rights, or in a part of the tree, at every way to more of either. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtInResourceServers, createApplication, findApplicationByClientId, putResourceGrant } from '../../src/applications/index.ts';
import { setPassword } from '../../src/authentication/index.ts';
import { loadUser } from '../../src/directory/index.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { createAdministrator, createMember, createUnit, signAccessToken, type Unit } from '../support/administrators.ts';
import { grantOwnApis } from '../support/api-server.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeCode, createClient, password, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';

// Hundreds of requests in one test: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: TestServer;
let context: InstanceContext;
let automation: string;
let sales: Unit;
let north: Unit;
let finance: Unit;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  context = withPrincipal(started.context, { kind: 'system' });
  await server.api('PATCH', '/settings', wideLimits);
  automation = (await findApplicationByClientId(context, server.machine.clientId))?.id ?? '';
  await grantOwnApis(context, automation);
  sales = await createUnit(context, 'Sales');
  north = await createUnit(context, 'North', sales);
  finance = await createUnit(context, 'Finance');
});
afterAll(() => server.close());

let made = 0;
const unique = (word: string) => `${word}.${(made += 1)}`;
const administrator = (role: string, ...units: Unit[]) => createAdministrator(context, unique('administrator'), role, ...units);
const user = (...units: Unit[]) => createMember(context, unique('user'), ...units);

/** Calls as a user whose token has every scope: what stops them is their role. */
async function as(actor: string, method: string, path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
  const token = await signAccessToken(context, server.machine.clientId, { subject: actor });
  return server.api(method, path, body, { authorization: `Bearer ${token}` });
}

/** Everything with which one can become a user or shut one out. */
const takeOvers = (userId: string): [string, string, unknown?][] => [
  ['PUT', `/users/${userId}/password`, { password: 'seven violins in a marmalade engine' }],
  ['POST', `/users/${userId}/setup-link`],
  ['PATCH', `/users/${userId}`, { username: unique('taken') }],
  ['PATCH', `/users/${userId}`, { email: `${unique('taken')}@example.com` }],
  ['PATCH', `/users/${userId}`, { phone: '+8613800138000' }],
  ['PATCH', `/users/${userId}`, { externalId: unique('E') }],
  ['PATCH', `/users/${userId}`, { expiresAt: '2099-01-01T00:00:00Z' }],
  ['POST', `/users/${userId}/disable`], ['POST', `/users/${userId}/enable`], ['POST', `/users/${userId}/lock`], ['POST', `/users/${userId}/unlock`],
  ['DELETE', `/users/${userId}/sessions`],
  ['PUT', `/users/${userId}/organizational-units`, { organizationalUnitIds: [finance.id], primaryId: finance.id }],
  ['POST', `/organizational-units/${finance.id}/members`, { userIds: [userId] }],
  ['POST', '/users/bulk', { mode: 'all_or_nothing', rows: [{ operation: 'disable', userId }] }],
  ['POST', '/users/bulk', { mode: 'all_or_nothing', rows: [{ operation: 'update', userId, change: { email: `${unique('taken')}@example.com` } }] }],
  ['DELETE', `/users/${userId}`],
];

async function expectRefused(actor: string, target: string): Promise<void> {
  const before = await loadUser(context, target);
  for (const [method, path, body] of takeOvers(target)) {
    const answer = await as(actor, method, path, body);
    // Calls for many answer row by row.
    const refused = answer.status === 403 || (answer.status === 200 && /"(status|code)":"?(403|Operation\.Denied|failed)/.test(JSON.stringify(answer.body)) && !JSON.stringify(answer.body).includes('"changed":1'));
    expect([method, path.replace(target, '{userId}'), refused, refused || answer]).toEqual([method, path.replace(target, '{userId}'), true, true]);
  }
  expect(await loadUser(context, target)).toEqual(before);
  expect(await context.db.organizationalUnitMember.count({ where: { userId: target, organizationalUnitId: finance.id } })).toBe(0);
}

describe('attack: admin.delegate-escalation: who manages users', () => {
  it('takes over no administrator, by whatever way', async () => {
    const actor = await administrator('user-manager');
    await expectRefused(actor, await administrator('owner'));
    await expectRefused(actor, await administrator('auditor'));
    await expectRefused(actor, await administrator('help-desk', sales));
    expect((await as(actor, 'PATCH', `/users/${await administrator('owner')}`, { displayName: 'Boss' })).status).toBe(200);
  });

  it('ends no session of an administrator by its id', async () => {
    const actor = await administrator('user-manager');
    const { person } = await authorizeCode(context);
    const session = await context.db.session.findFirstOrThrow({ where: { userId: person.user.id } });
    await context.db.administratorAssignment.create({ data: { userId: person.user.id, role: 'auditor' } });
    expect((await as(actor, 'DELETE', `/sessions/${session.id}`)).status).toBe(403);
    expect((await context.db.session.findFirstOrThrow({ where: { id: session.id } })).endedAt).toBeNull();
  });

  it('does all of that to ordinary users', async () => {
    const actor = await administrator('user-manager');
    for (const [method, path, body] of takeOvers(await user(sales))) expect([method, path, (await as(actor, method, path, body)).status < 300]).toEqual([method, path, true]);
  });

  it('and who names a group like a role has no role by that, nor puts themselves into it', async () => {
    const actor = await administrator('user-manager');
    const friend = await user();
    for (const name of ['owner', 'Administrators', 'Admin']) {
      const group = await as(actor, 'POST', '/groups', { name });
      expect(group.status).toBe(201);
      expect((await as(actor, 'POST', `/groups/${String(group.body['id'])}/members`, { userIds: [actor] })).status).toBe(403);
      expect((await as(actor, 'POST', `/groups/${String(group.body['id'])}/members`, { userIds: [friend] })).status).toBeLessThan(300);
    }
    for (const who of [actor, friend]) for (const path of ['/settings', '/administrators']) expect([path, (await as(who, 'GET', path)).status]).toEqual([path, 403]);
  });
});

describe('attack: admin.delegate-escalation: the last owner', () => {
  it('goes by no call for many, nor do two owners who go at once', async () => {
    const { items } = (await server.api('GET', '/administrators?role=owner')).body as { items: { userId: string }[] };
    const owners = items.map(({ userId }) => userId);
    const rows = (operation: string) => owners.map((userId) => ({ operation, userId, ...(operation === 'update' && { change: { expiresAt: '2099-01-01T00:00:00Z' } }) }));
    for (const mode of ['per_row', 'all_or_nothing']) {
      for (const operation of ['disable', 'update', 'delete']) {
        await server.api('POST', '/users/bulk', { mode, rows: rows(operation) });
        const left = await context.db.user.count({ where: { id: { in: owners }, status: 'enabled', expiresAt: null } });
        expect([mode, operation, left > 0]).toEqual([mode, operation, true]);
        for (const owner of owners) {
          await server.api('POST', `/recycled-users/${owner}/restore`);
          await server.api('POST', `/users/${owner}/enable`);
          await server.api('PATCH', `/users/${owner}`, { expiresAt: null });
        }
      }
    }
    await Promise.all(owners.map((owner) => server.api('DELETE', `/users/${owner}`)));
    expect(await context.db.user.count({ where: { id: { in: owners }, status: 'enabled', expiresAt: null } })).toBe(1);
    for (const owner of owners) await server.api('POST', `/recycled-users/${owner}/restore`);
  });
});

describe('attack: admin.delegate-escalation: the help desk', () => {
  it('unlocks ordinary users, makes them links and ends their sessions, and nothing else', async () => {
    const desk = await administrator('help-desk');
    const target = await user();
    await server.api('POST', `/users/${target}/lock`);
    expect((await as(desk, 'GET', `/users/${target}`)).status).toBe(200);
    expect(await as(desk, 'POST', `/users/${target}/unlock`)).toMatchObject({ status: 200, body: { status: 'enabled' } });
    expect((await as(desk, 'DELETE', `/users/${target}/sessions`)).status).toBe(200);
    const link = await as(desk, 'POST', `/users/${target}/setup-link`);
    expect(link).toMatchObject({ status: 201, body: { url: expect.stringContaining('/setup/') as string } });
    const others = takeOvers(target).filter(([, path]) => !/(unlock|sessions|setup-link)$/.test(path));
    expect(others.length).toBeGreaterThan(10);
    for (const [method, path, body] of others) expect([method, path, (await as(desk, method, path, body)).status]).toEqual([method, path, 403]);
  });

  it('has no link that outlives the promotion of its user', async () => {
    const desk = await administrator('help-desk');
    const target = await user();
    const { url } = (await as(desk, 'POST', `/users/${target}/setup-link`)).body as { url: string };
    const opens = async () => (await createBrowser(server.origin).request(url)).status;
    expect(await opens()).toBe(303);
    expect((await server.api('PUT', `/administrators/${target}/roles/owner`)).status).toBe(204);
    expect(await opens()).toBeGreaterThanOrEqual(400);
    expect((await as(desk, 'POST', `/users/${target}/setup-link`)).status).toBe(403);
  });

  it('does nothing of it to administrators, colleagues included, nor to itself', async () => {
    const desk = await administrator('help-desk');
    for (const target of [await administrator('owner'), await administrator('auditor', sales), await administrator('help-desk'), desk]) await expectRefused(desk, target);
  });

  it('of a part of the tree does it there alone', async () => {
    const desk = await administrator('help-desk', sales);
    const [inside, outside, both] = [await user(north), await user(finance), await user(north, finance)];
    const never = 'user_01k9v6z3x4p5q6r7s8t9v0w1x2';
    for (const path of ['unlock', 'setup-link']) {
      expect([path, (await as(desk, 'POST', `/users/${inside}/${path}`)).status < 300]).toEqual([path, true]);
      const [theirs, absent] = [await as(desk, 'POST', `/users/${outside}/${path}`), await as(desk, 'POST', `/users/${never}/${path}`)];
      expect([theirs.status, theirs.body['detail']]).toEqual([404, absent.body['detail']]);
      expect([path, (await as(desk, 'POST', `/users/${both}/${path}`)).status]).toEqual([path, 403]);
    }
    expect((await as(desk, 'DELETE', `/users/${outside}/sessions`)).status).toBe(404);
  });

  it('of a part sees the sessions of that part alone, and ends no others', async () => {
    const desk = await administrator('help-desk', sales);
    const [inside, outside] = [await user(sales), await user(finance)];
    const client = await createClient(context);
    const sessionOf = async (userId: string) => {
      const person = await loadUser(context, userId);
      await setPassword(context, person, { password });
      await authorizeCode(context, { client, person: { user: person, username: person.username } });
      return (await context.db.session.findFirstOrThrow({ where: { userId } })).id;
    };
    const [theirs, hidden] = [await sessionOf(inside), await sessionOf(outside)];
    const ids = async (query: string) => ((await as(desk, 'GET', `/sessions${query}`)).body['items'] as { id: string }[]).map(({ id }) => id);
    expect(await ids('')).toEqual([theirs]);
    expect(await ids('?live=true')).toEqual([theirs]);
    expect(await ids(`?userId=${outside}`)).toEqual([]);
    expect((await as(desk, 'GET', `/sessions/${hidden}`)).status).toBe(404);
    expect((await as(desk, 'DELETE', `/sessions/${hidden}`)).status).toBe(404);
    expect((await as(desk, 'DELETE', `/sessions/${theirs}`)).status).toBe(204);
  });
});

describe('attack: admin.delegate-escalation: who manages a part of the tree', () => {
  let actor: string;
  beforeAll(async () => { actor = await administrator('user-manager', sales); });

  it('brings nobody in from outside, and sends nobody out', async () => {
    const [inside, outside, nowhere] = [await user(sales), await user(finance), await user()];
    for (const target of [outside, nowhere]) {
      expect((await as(actor, 'PUT', `/users/${target}/organizational-units`, { organizationalUnitIds: [sales.id], primaryId: sales.id })).status).toBe(404);
      await as(actor, 'POST', `/organizational-units/${sales.id}/members`, { userIds: [target] });
      await as(actor, 'POST', '/users/bulk', { mode: 'per_row', rows: [{ operation: 'update', userId: target, change: { displayName: 'Taken' } }, { operation: 'delete', userId: target }] });
      expect(await context.db.organizationalUnitMember.count({ where: { userId: target, organizationalUnitId: sales.id } })).toBe(0);
      expect((await loadUser(context, target)).displayName).not.toBe('Taken');
    }
    for (const organizationalUnitIds of [[finance.id], [sales.id, finance.id], ['ou_root'], []]) {
      const answer = await as(actor, 'PUT', `/users/${inside}/organizational-units`, { organizationalUnitIds, ...(organizationalUnitIds.length > 0 && { primaryId: organizationalUnitIds[0] }) });
      expect([organizationalUnitIds.length, answer.status >= 400]).toEqual([organizationalUnitIds.length, true]);
    }
    await as(actor, 'POST', `/organizational-units/${sales.id}/members/remove`, { userIds: [inside] });
    const places = await context.db.organizationalUnitMember.findMany({ where: { userId: inside } });
    expect(places.map(({ organizationalUnitId }) => organizationalUnitId)).toEqual([sales.id]);
    expect((await as(actor, 'PUT', `/users/${inside}/organizational-units`, { organizationalUnitIds: [north.id], primaryId: north.id })).status).toBeLessThan(300);
  });

  it('makes users there and nowhere else', async () => {
    expect((await as(actor, 'POST', '/users', { username: unique('made') })).status).toBeGreaterThanOrEqual(400);
    expect((await as(actor, 'POST', '/users', { username: unique('made'), organizationalUnitIds: [finance.id] })).status).toBeGreaterThanOrEqual(400);
    const created = await as(actor, 'POST', '/users', { username: unique('made'), organizationalUnitIds: [north.id] });
    expect(created.status).toBe(201);
    expect((await as(actor, 'GET', `/users/${String(created.body['id'])}`)).status).toBe(200);
    for (const organizationalUnitIds of [undefined, [finance.id], [north.id, finance.id], ['ou_root']]) {
      const [one, two] = [unique('made'), unique('made')];
      const invited = await as(actor, 'POST', '/invitations', { username: one, email: `${one}@example.com`, ...(organizationalUnitIds && { organizationalUnitIds }) });
      expect([organizationalUnitIds, invited.status >= 400]).toEqual([organizationalUnitIds, true]);
      await as(actor, 'POST', '/users/bulk', { mode: 'per_row', rows: [{ operation: 'create', user: { username: two, ...(organizationalUnitIds && { organizationalUnitIds }) } }] });
      expect([organizationalUnitIds, await context.db.user.count({ where: { username: { in: [one, two] } } })]).toEqual([organizationalUnitIds, 0]);
    }
  });

  it('moves no unit in or out, and not the own one', async () => {
    const taken = await createUnit(context, unique('Taken'), finance);
    expect((await as(actor, 'POST', `/organizational-units/${taken.id}/move`, { parentId: sales.id })).status).toBe(404);
    for (const [unit, parentId] of [[north.id, finance.id], [north.id, 'ou_root'], [sales.id, finance.id], [sales.id, 'ou_root']]) {
      expect([parentId, (await as(actor, 'POST', `/organizational-units/${unit}/move`, { parentId })).status >= 400]).toEqual([parentId, true]);
    }
    expect((await as(actor, 'POST', '/organizational-units', { name: unique('New'), parentId: finance.id })).status).toBeGreaterThanOrEqual(400);
    expect((await as(actor, 'POST', '/organizational-units', { name: unique('New'), parentId: 'ou_root' })).status).toBeGreaterThanOrEqual(400);
    expect((await as(actor, 'POST', '/organizational-units', { name: unique('New'), parentId: north.id })).status).toBe(201);
    const paths = await context.db.organizationalUnit.findMany({ where: { id: { in: [sales.id, north.id, taken.id] } } });
    expect(paths.map(({ path }) => path).sort()).toEqual([sales.path, north.path, taken.path].sort());
  });

  it('deletes no unit that is somebody\'s limit: 409 says so', async () => {
    const unit = await createUnit(context, unique('Limit'));
    await administrator('help-desk', unit);
    expect(await server.api('DELETE', `/organizational-units/${unit.id}`)).toMatchObject({ status: 409, body: { uses: [expect.objectContaining({ kind: 'administrators limited to it', count: 1 })] } });
  });

  it('manages no groups: their members may be anybody', async () => {
    expect((await as(actor, 'GET', '/groups')).status).toBe(403);
    expect((await as(actor, 'POST', '/groups', { name: unique('Group') })).status).toBe(403);
  });
});

describe('attack: admin.delegate-escalation: who manages applications', () => {
  it('gives none a scope of our own APIs that goes beyond the role, though the token has it', async () => {
    const actor = await administrator('application-manager');
    const { application } = await createApplication(context, { name: unique('Ladder'), kind: 'machine' });
    const grants = (scopes: string[], api = builtInResourceServers(context)[0]?.id ?? '') => as(actor, 'PUT', `/applications/${application.id}/resource-grants/${api}`, { scopes });
    for (const scope of ['administrator:manage', 'administrator:read', 'user:manage', 'settings:manage', 'event:read', 'key:manage']) expect([scope, (await grants([scope])).status]).toEqual([scope, 403]);
    expect((await grants(['application:read', 'application:manage'])).status).toBe(200);
    expect((await grants(['instance:manage'], builtInResourceServers(context)[1]?.id)).status).toBe(403);
  });

  it('gets into no application that has more, and shuts none out', async () => {
    const actor = await administrator('application-manager');
    const ways: [string, string, unknown?][] = [
      ['POST', `/applications/${automation}/secrets`, {}], ['PATCH', `/applications/${automation}`, { oidc: { tokenEndpointAuthMethod: 'client_secret_post' } }],
      ['POST', `/applications/${automation}/disable`], ['DELETE', `/applications/${automation}`],
      ['DELETE', `/applications/${automation}/resource-grants/${builtInResourceServers(context)[0]?.id ?? ''}`],
    ];
    for (const [method, path, body] of ways) expect([method, path, (await as(actor, method, path, body)).status]).toEqual([method, path, 403]);
    expect((await server.api('GET', '/users?limit=1')).status).toBe(200);
    const { application } = await createApplication(context, { name: unique('Ordinary'), kind: 'machine' });
    await putResourceGrant(context, application.id, builtInResourceServers(context)[0]?.id ?? '', ['application:read']);
    expect((await as(actor, 'POST', `/applications/${application.id}/secrets`, {})).status).toBe(201);
    expect((await as(actor, 'DELETE', `/applications/${application.id}`)).status).toBe(204);
  });
});
