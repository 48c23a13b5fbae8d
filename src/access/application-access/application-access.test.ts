import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstance, type InstanceContext, withPrincipal } from '../../tenancy/index.ts';
import { createAdministrator, createMember, createUnit, signAccessToken, type Unit } from '../../../test/support/administrators.ts';
import { type ApiServer, startApiServer } from '../../../test/support/api-server.ts';
import { makeApplication, makeGroup, makeUnit, makeUsers, putInUnit } from '../application-roles/testing/fixtures.ts';
import { removeEndedAccess } from './ended-access.ts';
import { accessReasons, mayOpenApplication } from './may-open.ts';

let server: ApiServer;
let context: InstanceContext;
beforeAll(async () => {
  server = await startApiServer({ settings: {} });
  context = withPrincipal(await server.context(), { kind: 'system' });
  await as(undefined, 'PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000 } });
});
afterAll(() => server.close());

interface Answer { status: number; body: Record<string, unknown>; headers: Record<string, unknown> }

/** Calls as a user, or with the token of the application that has everything. */
async function as(actor: string | undefined, method: string, path: string, body?: unknown, headers: Record<string, string> = {}, scopes?: readonly string[]): Promise<Answer> {
  const token = actor === undefined && scopes === undefined ? await server.token() : await signAccessToken(context, server.clientId, { ...(actor !== undefined && { subject: actor }), ...(scopes && { scopes }) });
  const answer = await server.api(method, `/t/default/api/v1${path}`, body, { authorization: `Bearer ${token}`, ...headers });
  return { status: answer.status, body: answer.json as Record<string, unknown>, headers: answer.headers };
}
const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => as(undefined, method, path, body, headers);
const newUsers = async (count: number) => (await makeUsers(context, count)).map(({ id }) => id);
const newUser = async () => (await newUsers(1))[0] ?? '';
const eventsOf = (id: string) => context.db.event.findMany({ where: { subjectId: id }, orderBy: { sequence: 'asc' } });
async function newApplication() {
  const id = await makeApplication(context);
  return { id, path: `/applications/${id}/access` };
}
const subjectsOf = async (path: string, query = '') => ((await api('GET', `${path}/assignments?limit=200${query}`)).body['items'] as { subjectId: string }[]).map(({ subjectId }) => subjectId);

describe('the mode', () => {
  it('is read and set with an ETag, and written to the log once', async () => {
    const { id, path } = await newApplication();
    const before = await api('GET', path);
    expect(before).toMatchObject({ status: 200, body: { mode: 'everyone' }, headers: { etag: '"0"' } });
    expect(await api('PUT', path, { mode: 'assigned' }, { 'if-match': '"0"' })).toMatchObject({ status: 200, body: { mode: 'assigned' }, headers: { etag: '"1"' } });
    expect((await api('PUT', path, { mode: 'everyone' }, { 'if-match': '"0"' })).status).toBe(412);
    expect(await api('PUT', path, { mode: 'assigned' })).toMatchObject({ status: 200, headers: { etag: '"1"' } });
    expect((await eventsOf(id)).filter(({ type }) => type.startsWith('application_access')).map(({ type, before, after }) => ({ type, before, after })))
      .toEqual([{ type: 'application_access.mode_changed', before: { mode: 'everyone' }, after: { mode: 'assigned' } }]);
  });

  it('is one under parallel changes', async () => {
    const { path } = await newApplication();
    const answers = await Promise.all(Array.from({ length: 10 }, () => api('PUT', path, { mode: 'assigned' }, { 'if-match': '"0"' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 412)]);
  });

  it('of a part of the product stays: its administrators are never shut out', async () => {
    const { id, path } = await newApplication();
    await context.db.application.updateMany({ where: { id }, data: { builtIn: true } });
    expect(await api('PUT', path, { mode: 'assigned' })).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Application.Access.Built.In' } });
    expect((await api('PUT', path, { mode: 'everyone' })).status).toBe(200);
  });

  it.each([[{ mode: 'nobody' }], [{}], [{ mode: 'assigned', extra: 1 }]])('is not %j', async (body) => {
    expect((await api('PUT', (await newApplication()).path, body)).status).toBe(400);
  });
});

describe('assignments', () => {
  it('are added, changed and removed in one call each, told by row and in the log', async () => {
    const { id, path } = await newApplication();
    const [user = '', other = ''] = await newUsers(2);
    const group = await makeGroup(context, 'Assigned');
    const unit = (await makeUnit(context, 'Assigned')).id;
    const ends = '2099-01-01T00:00:00.000Z';
    expect((await api('POST', `${path}/assignments`, { rows: [{ userId: user }, { groupId: group, expiresAt: ends }, { organizationalUnitId: unit, withDescendants: true }, { userId: 'user_01k9v6z3x4p5q6r7s8t9v0w1x2' }, { userId: user, withDescendants: true }] })).body).toMatchObject({
      changes: 3, failed: 2,
      results: [{ row: 0, status: 'added', subjectId: user }, { row: 1, status: 'added' }, { row: 2, status: 'added' }, { row: 3, status: 'failed', error: { code: 'Operation.Failure.User.Not.Exist' } }, { row: 4, status: 'failed', error: { code: 'Params.Illegal' } }],
    });
    expect((await api('POST', `${path}/assignments`, { rows: [{ userId: user }, { groupId: group }, { userId: other }, { userId: other, expiresAt: ends }] })).body)
      .toMatchObject({ changes: 2, failed: 0, results: [{ status: 'unchanged' }, { status: 'changed' }, { status: 'unchanged' }, { status: 'added' }] });
    expect((await api('GET', `${path}/assignments`)).body['items']).toEqual(expect.arrayContaining([
      expect.objectContaining({ subjectType: 'organizational_unit', subjectId: unit, subjectName: 'Assigned', withDescendants: true, expiresAt: null }),
      expect.objectContaining({ subjectType: 'group', subjectId: group, subjectName: 'Assigned', expiresAt: null }),
      expect.objectContaining({ subjectType: 'user', subjectId: other, expiresAt: ends })]));
    expect((await api('POST', `${path}/assignments/remove`, { rows: [{ userId: user }, { groupId: group }, { userId: await newUser() }] })).body)
      .toMatchObject({ changes: 2, failed: 0, results: [{ status: 'removed' }, { status: 'removed' }, { status: 'unchanged' }] });
    const log = (await eventsOf(id)).filter(({ type }) => type.startsWith('application_access'));
    expect(log.map(({ type }) => type)).toEqual(['added', 'added', 'added', 'changed', 'added', 'removed'].map((kind) => `application_access.${kind}`));
    expect(log[3]).toMatchObject({ before: { expiresAt: ends }, after: { subjects: [group], expiresAt: null } });
  });

  it('change nothing when one row does not fit and all or nothing was asked', async () => {
    const { path } = await newApplication();
    const rows = [{ userId: await newUser() }, { username: 'nobody-at-all' }];
    expect(await api('POST', `${path}/assignments`, { rows, allOrNothing: true })).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Rows.Refused', results: [{ row: 1, status: 'failed' }] } });
    expect(await subjectsOf(path)).toEqual([]);
  });

  it('come a thousand a call, and no more', async () => {
    const { path } = await newApplication();
    const users = await newUsers(1_001);
    expect((await api('POST', `${path}/assignments`, { rows: users.map((userId) => ({ userId })) })).status).toBe(400);
    expect((await api('POST', `${path}/assignments`, { rows: users.slice(0, 1_000).map((userId) => ({ userId })) })).body).toMatchObject({ changes: 1_000, failed: 0 });
    const paged: string[] = [];
    for (let cursor: unknown = ''; cursor !== null;) {
      const { body } = await api('GET', `${path}/assignments?limit=190&subjectType=user${cursor === '' ? '' : `&cursor=${String(cursor)}`}`);
      paged.push(...(body['items'] as { subjectId: string }[]).map(({ subjectId }) => subjectId));
      cursor = body['next'];
    }
    expect(paged).toEqual(users.slice(0, 1_000).toSorted());
    expect((await api('POST', `${path}/assignments/remove`, { rows: users.slice(0, 1_000).map((userId) => ({ userId })) })).body).toMatchObject({ changes: 1_000 });
    expect(await subjectsOf(path)).toEqual([]);
  });

  it('of one subject are put and deleted', async () => {
    const { path } = await newApplication();
    const user = await newUser();
    for (let twice = 0; twice < 2; twice += 1) expect((await api('PUT', `${path}/assignments/${user}`, {})).status).toBe(204);
    expect(await subjectsOf(path)).toEqual([user]);
    expect((await api('PUT', `${path}/assignments/${user}`, { withDescendants: true })).status).toBe(400);
    expect((await api('DELETE', `${path}/assignments/${user}`)).status).toBe(204);
    expect(await api('DELETE', `${path}/assignments/${user}`)).toMatchObject({ status: 404, body: { code: 'Operation.Failure.Application.Access.Not.Exist' } });
    expect((await api('PUT', `${path}/assignments/user_01k9v6z3x4p5q6r7s8t9v0w1x2`, {})).status).toBe(404);
  });

  it('keep groups and units from deletion, and go with their user and application', async () => {
    const { id, path } = await newApplication();
    const user = await newUser();
    const group = await makeGroup(context, 'Kept');
    const unit = (await makeUnit(context, 'Kept')).id;
    await api('POST', `${path}/assignments`, { rows: [{ userId: user }, { groupId: group }, { organizationalUnitId: unit }] });
    expect(await api('DELETE', `/groups/${group}`)).toMatchObject({ status: 409, body: { uses: [{ kind: 'application assignments', count: 1 }] } });
    expect(await api('DELETE', `/organizational-units/${unit}`)).toMatchObject({ status: 409, body: { uses: [{ kind: 'application assignments', count: 1 }] } });
    expect((await api('DELETE', `/applications/${id}`)).status).toBe(204);
    expect(await context.db.applicationAccess.count({ where: { applicationId: id } })).toBe(0);
  });

  it('that ended are not listed, have no effect, begin anew, and are cleared away a day later', async () => {
    const { id, path } = await newApplication();
    const user = await newUser();
    await api('PUT', path, { mode: 'assigned' });
    const ends = new Date(Date.now() + 60_000);
    await api('PUT', `${path}/assignments/${user}`, { expiresAt: ends.toISOString() });
    expect(await mayOpenApplication(context, id, user)).toBe(true);
    server.setClock(new Date(ends.getTime()));
    expect(await mayOpenApplication(context, id, user)).toBe(false);
    expect(await subjectsOf(path)).toEqual([]);
    await removeEndedAccess(context);
    expect(await context.db.applicationAccess.count({ where: { applicationId: id } })).toBe(1);
    server.setClock(new Date(ends.getTime() + 86_401_000));
    await removeEndedAccess(context);
    server.setClock(undefined);
    expect(await context.db.applicationAccess.count({ where: { applicationId: id } })).toBe(0);
    expect((await eventsOf(id)).at(-1)).toMatchObject({ type: 'application_access.removed', before: { subjects: [user] } });
  });
});

describe('whether a user may open it', () => {
  it('is told with every reason, directly first', async () => {
    const { id, path } = await newApplication();
    const user = await newUser();
    const company = await makeUnit(context, 'Company');
    const team = await makeUnit(context, 'Team', company);
    await putInUnit(context, user, team.id);
    const outer = await makeGroup(context, 'Outer');
    const inner = await makeGroup(context, 'Inner', [user], outer);
    const check = () => api('GET', `${path}/users/${user}`);
    expect((await check()).body).toEqual({ allowed: true, mode: 'everyone', reasons: [] });
    await api('PUT', path, { mode: 'assigned' });
    expect((await check()).body).toEqual({ allowed: false, mode: 'assigned', reasons: [] });
    await api('POST', `${path}/assignments`, { rows: [{ organizationalUnitId: company.id, withDescendants: true }, { organizationalUnitId: 'ou_root' }, { groupId: outer }, { groupId: inner }, { userId: user }, { organizationalUnitId: team.id }] });
    expect((await check()).body).toEqual({ allowed: true, mode: 'assigned', reasons: [
      { type: 'user', text: 'directly', expiresAt: null },
      { type: 'group', id: inner, name: 'Inner', text: 'through group Inner', expiresAt: null },
      { type: 'group', id: outer, name: 'Outer', via: { id: inner, name: 'Inner' }, text: 'through group Outer (via Inner)', expiresAt: null },
      { type: 'organizational_unit', id: company.id, name: 'Company', via: { id: team.id, name: 'Team' }, text: 'through OU Company (via Team)', expiresAt: null },
      { type: 'organizational_unit', id: team.id, name: 'Team', text: 'through OU Team', expiresAt: null },
    ] });
    expect((await accessReasons(context, id, 'user_01k9v6z3x4p5q6r7s8t9v0w1x2')).length).toBe(0);
    expect((await api('GET', `${path}/users/user_01k9v6z3x4p5q6r7s8t9v0w1x2`)).status).toBe(404);
  });

  it('is no, where the application is one of another instance', async () => {
    const other = withPrincipal(await createInstance(server.core, { id: 'elsewhere', name: 'Elsewhere' }, { principal: { kind: 'system' } }), { kind: 'system' });
    const foreign = await makeApplication(other);
    for (const [method, path, body] of [['GET', ''], ['PUT', '', { mode: 'assigned' }], ['GET', '/assignments'], ['POST', '/assignments', { rows: [{ userId: await newUser() }] }], ['GET', `/users/${await newUser()}`]] as const) {
      expect((await api(method, `/applications/${foreign}/access${path}`, body)).status, `${method} ${path}`).toBe(404);
    }
    const [foreignUser] = await makeUsers(other, 1);
    const { path } = await newApplication();
    expect((await api('POST', `${path}/assignments`, { rows: [{ userId: foreignUser?.id }] })).body).toMatchObject({ changes: 0, failed: 1 });
    expect((await api('GET', `${path}/users/${foreignUser?.id ?? ''}`)).status).toBe(404);
    expect(await other.db.applicationAccess.count()).toBe(0);
  });
});

describe('administrators', () => {
  let sales: Unit;
  let finance: Unit;
  beforeAll(async () => {
    sales = await createUnit(context, 'Access sales');
    finance = await createUnit(context, 'Access finance');
  });

  it('need scope and permission', async () => {
    const { path } = await newApplication();
    const auditor = await createAdministrator(context, 'access-auditor', 'auditor');
    const helpDesk = await createAdministrator(context, 'access-help-desk', 'help-desk');
    const manager = await createAdministrator(context, 'access-manager', 'application-manager');
    expect((await as(auditor, 'GET', path)).status).toBe(200);
    expect((await as(auditor, 'PUT', path, { mode: 'assigned' })).status).toBe(403);
    expect((await as(helpDesk, 'GET', path)).status).toBe(403);
    expect((await as(manager, 'PUT', path, { mode: 'assigned' })).status).toBe(200);
    expect((await as(manager, 'PUT', path, { mode: 'everyone' }, {}, ['application:read'])).status).toBe(403);
    expect((await as(undefined, 'POST', `${path}/assignments`, { rows: [{ organizationalUnitId: 'ou_root' }] }, {}, ['application:read'])).status).toBe(403);
  });

  it('who are limited to units assign and see what is in them, and no more', async () => {
    const { path } = await newApplication();
    const role = String((await api('POST', '/administrator-roles', { name: 'Unit access', permissions: ['access.applications.read', 'access.applications.manage', 'directory.users.read'] })).body['id']);
    const limited = await createAdministrator(context, 'access-limited', role, sales);
    const [inside, outside] = [await createMember(context, 'access-inside', sales), await createMember(context, 'access-outside', finance)];
    const group = await makeGroup(context, 'Anywhere', [inside]);
    await api('POST', `${path}/assignments`, { rows: [{ userId: outside }, { groupId: group }, { organizationalUnitId: finance.id }] });
    expect((await as(limited, 'POST', `${path}/assignments`, { rows: [{ userId: inside }, { organizationalUnitId: sales.id }, { userId: outside }, { organizationalUnitId: finance.id }, { groupId: group }] })).body)
      .toMatchObject({ changes: 2, results: [{ status: 'added' }, { status: 'added' }, { error: { code: 'Operation.Failure.User.Not.Exist' } }, { error: { code: 'Operation.Failure.Organizational.Unit.Not.Exist' } }, { error: { code: 'Operation.Denied' } }] });
    const seen = (await as(limited, 'GET', `${path}/assignments`)).body['items'] as { subjectId: string }[];
    expect(seen.map(({ subjectId }) => subjectId).sort()).toEqual([inside, sales.id].sort());
    expect((await as(limited, 'POST', `${path}/assignments/remove`, { rows: [{ userId: outside }, { organizationalUnitId: finance.id }] })).body).toMatchObject({ changes: 0, failed: 2 });
    expect((await as(limited, 'GET', `${path}/users/${inside}`)).status).toBe(200);
    expect((await as(limited, 'GET', `${path}/users/${outside}`)).status).toBe(404);
    expect((await as(limited, 'PUT', path, { mode: 'assigned' })).status).toBe(403);
  });
});

it('ends the tokens for our own APIs, too', async () => {
  const owner = await createAdministrator(context, 'access-owner', 'owner');
  const token = await signAccessToken(context, server.clientId, { subject: owner });
  const status = async () => (await server.api('GET', '/t/default/api/v1/users', undefined, { authorization: `Bearer ${token}` })).status;
  const path = `/applications/${server.applicationId}/access`;
  expect(await status()).toBe(200);
  await api('PUT', path, { mode: 'assigned' });
  expect(await status()).toBe(401);
  await api('PUT', `${path}/assignments/${owner}`, {});
  expect(await status()).toBe(200);
  await api('DELETE', `${path}/assignments/${owner}`);
  expect(await status()).toBe(401);
  await api('PUT', path, { mode: 'everyone' });
  expect(await status()).toBe(200);
});

it('is true of another server\'s change within a second', async () => {
  const replica = await server.replica();
  const there = await replica.context();
  const { id, path } = await newApplication();
  const user = await newUser();
  const untilThere = (expected: boolean) => expect.poll(() => mayOpenApplication(there, id, user), { timeout: 1_000, interval: 20 }).toBe(expected);
  await untilThere(true);
  await api('PUT', path, { mode: 'assigned' });
  await untilThere(false);
  await api('PUT', `${path}/assignments/${user}`, {});
  await untilThere(true);
  await api('DELETE', `${path}/assignments/${user}`);
  await untilThere(false);
  const group = await makeGroup(context, 'There', []);
  await api('PUT', `${path}/assignments/${group}`, {});
  await api('POST', `/groups/${group}/members`, { userIds: [user] });
  await untilThere(true);
  await replica.close();
});
