import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstance, type InstanceContext } from '../../tenancy/index.ts';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { effectiveRoles } from './effective-roles.ts';
import { makeApplication, makeGroup, makeUnit, type MadeUser, makeUsers } from './testing/fixtures.ts';

let server: TestServer;
let context: InstanceContext;
let applicationId: string;
beforeAll(async () => {
  server = await startTestServer();
  context = await server.context();
  await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000 } });
  applicationId = await makeApplication(context);
  for (const key of ['editor', 'reader', 'owner']) await server.api('POST', `/applications/${applicationId}/roles`, { key });
});
afterAll(() => server.close());

interface Answer { applied: boolean; changes: number; failed: number; results: { row: number; status: string; subjectId?: string; assigned?: string[]; revoked?: string[]; changed?: string[]; error?: { code: string } }[] }
const call = async (verb: string, body: unknown, application = applicationId) => {
  const answer = await server.api('POST', `/ciam/applications/${application}/roles/${verb}`, body);
  return { status: answer.status, body: answer.body as Answer & { code: string; errors?: { field: string }[] } };
};
const keysOf = async (user: MadeUser) => (await effectiveRoles(context, applicationId, user.id)).map(({ key }) => key);
const people = (count: number) => makeUsers(context, count) as Promise<[MadeUser, MadeUser, MadeUser, MadeUser, ...MadeUser[]]>;
const eventCount = () => context.db.event.count({ where: { type: { startsWith: 'application_role.' } } });

describe('the role API for automation', () => {
  it('gives and takes roles of users known by id, username, e-mail and external id, and says what each row did', async () => {
    const [a, b, c, d] = await people(4);
    const rows = [{ userId: a.id, roles: ['editor', 'reader'] }, { username: b.username.toUpperCase(), roles: ['editor'] }, { email: c.email, roles: ['reader'], expiresAt: '2099-01-01T00:00:00+08:00' }, { externalId: d.externalId, roles: ['owner'] }];
    const given = await call('assign', { rows });
    expect(given).toMatchObject({ status: 200, body: { applied: true, changes: 5, failed: 0, results: [
      { row: 0, status: 'changed', subjectId: a.id, assigned: ['editor', 'reader'] }, { row: 1, subjectId: b.id, assigned: ['editor'] }, { row: 2, subjectId: c.id, assigned: ['reader'] }, { row: 3, subjectId: d.id, assigned: ['owner'] }] } });
    const before = await eventCount();
    expect((await call('assign', { rows })).body).toMatchObject({ changes: 0, results: [{ status: 'unchanged', subjectId: a.id }, { status: 'unchanged' }, { status: 'unchanged' }, { status: 'unchanged' }] });
    expect(await eventCount()).toBe(before);
    expect((await call('assign', { rows: [{ userId: c.id, roles: ['reader'] }] })).body).toMatchObject({ changes: 1, results: [{ status: 'changed', changed: ['reader'] }] });
    expect((await call('revoke', { rows: [{ userId: a.id, roles: ['reader', 'owner'] }, { userId: d.id, roles: ['editor'] }] })).body).toMatchObject({ changes: 1, results: [{ status: 'changed', revoked: ['reader'] }, { status: 'unchanged' }] });
    expect([await keysOf(a), await keysOf(b), await keysOf(c), await keysOf(d)]).toEqual([['editor'], ['editor'], ['reader'], ['owner']]);
  });

  it('gives roles to groups and units, too', async () => {
    const [a] = await people(1);
    const group = await makeGroup(context, 'Desk', [a.id]);
    const unit = await makeUnit(context, 'Floor');
    expect((await call('assign', { rows: [{ groupId: group, roles: ['reader'] }, { organizationalUnitId: unit.id, roles: ['reader'], withDescendants: true }, { groupId: group, roles: ['owner'], withDescendants: true }] })).body)
      .toMatchObject({ changes: 2, failed: 1, results: [{ status: 'changed' }, { status: 'changed' }, { status: 'failed' }] });
    expect(await keysOf(a)).toEqual(['reader']);
  });

  it('sets all roles of a subject, and leaves other applications and groups alone', async () => {
    const [a, b] = await people(2);
    const group = await makeGroup(context, 'Apart', [a.id]);
    await call('assign', { rows: [{ userId: a.id, roles: ['editor', 'reader'] }, { groupId: group, roles: ['reader'] }] });
    expect((await call('replace', { rows: [{ userId: a.id, roles: ['owner', 'editor'] }, { userId: b.id, roles: ['reader'] }] })).body)
      .toMatchObject({ changes: 3, results: [{ assigned: ['owner'], revoked: ['reader'] }, { assigned: ['reader'] }] });
    expect(await keysOf(a)).toEqual(['editor', 'owner', 'reader']);
    expect((await call('replace', { rows: [{ userId: a.id, roles: [] }] })).body).toMatchObject({ changes: 2 });
    expect(await keysOf(a)).toEqual(['reader']);
  });

  it('says what would change, and changes nothing before it is to', async () => {
    const [a] = await people(1);
    await call('assign', { rows: [{ userId: a.id, roles: ['editor'] }] });
    const before = await eventCount();
    const rows = [{ userId: a.id, roles: ['reader'] }, { username: 'nobody.at.all', roles: ['reader'] }];
    expect((await call('diff', { rows })).body).toMatchObject({ applied: false, changes: 2, failed: 1, results: [{ status: 'changed', assigned: ['reader'], revoked: ['editor'] }, { status: 'failed', error: { code: 'Operation.Failure.User.Not.Exist' } }] });
    expect([await keysOf(a), await eventCount()]).toEqual([['editor'], before]);
    expect((await call('diff', { rows, apply: true })).body).toMatchObject({ applied: true, changes: 2, failed: 1 });
    expect(await keysOf(a)).toEqual(['reader']);
    expect((await call('diff', { rows: rows.slice(0, 1) })).body).toMatchObject({ changes: 0, results: [{ status: 'unchanged' }] });
  });

  it('reads effective roles of many', async () => {
    const [a, b] = await people(2);
    await call('assign', { rows: [{ userId: a.id, roles: ['editor'] }] });
    expect((await call('effective', { users: [{ userId: a.id }, { externalId: b.externalId }, { username: 'nobody.at.all' }] })).body).toMatchObject({ results: [
      { row: 0, userId: a.id, roles: [{ key: 'editor', through: [{ text: 'directly' }] }] }, { row: 1, userId: b.id, roles: [] }, { row: 2, error: { code: 'Operation.Failure.User.Not.Exist' } }] });
  });

  it('a row that cannot be applied leaves the others alone, unless all or none is asked for', async () => {
    const [a, b] = await people(2);
    const rows = [{ userId: a.id, roles: ['editor'] }, { userId: b.id, roles: ['editor', 'no-such-role'] }];
    const refused = await call('assign', { rows, allOrNothing: true });
    expect(refused).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Rows.Refused', results: [{ row: 1, status: 'failed', error: { code: 'Operation.Failure.Application.Role.Not.Exist' } }] } });
    expect(await keysOf(a)).toEqual([]);
    expect((await call('assign', { rows })).body).toMatchObject({ changes: 1, failed: 1 });
    expect([await keysOf(a), await keysOf(b)]).toEqual([['editor'], []]);
  });

  it('rows count in their order: of two that name the same the later wins', async () => {
    const [a] = await people(1);
    expect((await call('assign', { rows: [{ userId: a.id, roles: ['editor'], expiresAt: '2099-01-01T00:00:00Z' }, { username: a.username, roles: ['editor', 'editor'] }] })).body)
      .toMatchObject({ changes: 1, results: [{ status: 'unchanged' }, { status: 'changed', assigned: ['editor'] }] });
    expect(await context.db.applicationRoleAssignment.findMany({ where: { userId: a.id } })).toMatchObject([{ expiresAt: null }]);
    await call('replace', { rows: [{ userId: a.id, roles: ['owner'] }, { email: a.email, roles: ['reader'] }] });
    expect(await keysOf(a)).toEqual(['reader']);
  });

  it('a name that several people, or anybody, may have claimed names nobody', async () => {
    const [a, b] = await people(2);
    await context.db.user.updateMany({ where: { id: a.id }, data: { emailVerified: false, externalId: b.externalId } });
    expect((await call('assign', { rows: [{ email: a.email, roles: ['owner'] }, { externalId: b.externalId, roles: ['owner'] }] })).body)
      .toMatchObject({ changes: 0, failed: 2, results: [{ error: { code: 'Operation.Failure.User.Email.Not.Verified' } }, { error: { code: 'Operation.Failure.User.Ambiguous' } }] });
    expect([await keysOf(a), await keysOf(b)]).toEqual([[], []]);
  });

  it.each([
    ['1,001 rows', { rows: Array.from({ length: 1_001 }, () => ({ username: 'a', roles: ['editor'] })) }], ['no rows', { rows: [] }], ['a row without a subject', { rows: [{ roles: ['editor'] }] }],
    ['a row with two subjects', { rows: [{ username: 'a', email: 'a@example.com', roles: ['editor'] }] }], ['21 roles', { rows: [{ username: 'a', roles: Array.from({ length: 21 }, (_v, at) => `r${at}`) }] }],
    ['no roles', { rows: [{ username: 'a', roles: [] }] }], ['an unknown field', { rows: [{ username: 'a', roles: ['editor'], permission: 'all' }] }], ['a control character', { rows: [{ username: 'a\u0007', roles: ['editor'] }] }],
    ['an id of another kind', { rows: [{ userId: 'group_01k9v6z3x4p5q6r7s8t9v0w1x2', roles: ['editor'] }] }], ['a date that is none', { rows: [{ username: 'a', roles: ['editor'], expiresAt: '2099-13-01T00:00:00Z' }] }],
  ])('refuses %s as a whole (400)', async (_what, body) => {
    expect((await call('assign', body)).status).toBe(400);
  });

  it('ids of another instance or application name nothing', async () => {
    const other = await createInstance(server.core, { id: 'other', name: 'Other' }).then(() => server.context('other'));
    const [stranger] = await makeUsers(other, 1, 'stranger');
    const otherApplication = await makeApplication(other);
    const elsewhere = await makeApplication(context, 'Elsewhere');
    const foreign = ((await server.api('POST', `/applications/${elsewhere}/roles`, { key: 'foreign' })).body as { id: string }).id;
    const [a] = await people(1);
    const subjects = [{ userId: stranger?.id }, { username: stranger?.username }, { email: stranger?.email }, { externalId: stranger?.externalId }];
    expect((await call('assign', { rows: subjects.map((subject) => ({ ...subject, roles: ['owner'] })) })).body).toMatchObject({ changes: 0, failed: 4, results: subjects.map(() => ({ error: { code: 'Operation.Failure.User.Not.Exist' } })) });
    expect((await call('assign', { rows: [{ userId: a.id, roles: [foreign] }, { userId: a.id, roles: ['foreign'] }] })).body).toMatchObject({ changes: 0, failed: 2 });
    for (const verb of ['assign', 'revoke', 'replace', 'diff']) expect((await call(verb, { rows: [{ userId: a.id, roles: ['owner'] }] }, otherApplication)).status).toBe(404);
    expect((await call('effective', { users: [{ userId: stranger?.id }] })).body.results).toMatchObject([{ error: { code: 'Operation.Failure.User.Not.Exist' } }]);
  });

  it('20 parallel replacements of one subject leave what one of them wanted', async () => {
    const [a, b] = await people(2);
    const sets = [['editor'], ['reader'], ['owner', 'editor'], ['reader', 'owner'], []];
    const answers = await Promise.all(Array.from({ length: 20 }, (_value, at) => call('replace', { rows: [{ userId: a.id, roles: sets[at % sets.length] }, { userId: b.id, roles: sets[(at + 1) % sets.length] }] })));
    expect(answers.every(({ status, body }) => status === 200 && body.failed === 0)).toBe(true);
    expect(sets.map((set) => [...set].sort().join())).toContain((await keysOf(a)).join());
    expect(sets.map((set) => [...set].sort().join())).toContain((await keysOf(b)).join());
  });

  it('parallel calls in opposite orders neither wait for each other nor lose a row', async () => {
    const users = await makeUsers(context, 100);
    const rows = users.map(({ id }) => ({ userId: id, roles: ['editor', 'reader'] }));
    const answers = await Promise.all([rows, rows.toReversed(), rows, rows.toReversed()].map((each) => call('assign', { rows: each })));
    expect(answers.map(({ status, body }) => [status, body.failed])).toEqual([[200, 0], [200, 0], [200, 0], [200, 0]]);
    expect(answers.reduce((sum, { body }) => sum + body.changes, 0)).toBe(200);
    expect(await context.db.applicationRoleAssignment.count({ where: { userId: { in: users.map(({ id }) => id) } } })).toBe(200);
  });

  it('one event names all subjects of a change, and the log finds it by each', async () => {
    const users = await makeUsers(context, 1_000);
    const before = await eventCount();
    const { body } = await call('assign', { rows: users.map(({ id }) => ({ userId: id, roles: ['editor'] })) });
    expect(body.changes).toBe(1_000);
    expect(await eventCount()).toBe(before + 1);
    for (const user of [users[0], users[499], users[999]]) {
      const found = (await server.api('GET', `/events?subjectId=${user?.id ?? ''}`)).body as { items: { type: string; after: { subjects: string[] } }[] };
      expect(found.items.map(({ type }) => type)).toEqual(['application_role.assigned']);
      expect(found.items[0]?.after.subjects).toHaveLength(1_000);
    }
  });

  it('answers a repeated Idempotency-Key with the first answer', async () => {
    const [a] = await people(1);
    const headers = { 'idempotency-key': 'roles-1' };
    const send = () => server.api('POST', `/ciam/applications/${applicationId}/roles/assign`, { rows: [{ userId: a.id, roles: ['owner'] }] }, headers);
    const first = await send();
    const second = await send();
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.body).toEqual(first.body);
  });

  it('serves an application 100 requests a second, then says 429 and when to come back', async () => {
    await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 100, applicationBurst: 10 } });
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 400 }, () => server.api('POST', `/ciam/applications/${applicationId}/roles/effective`, { users: [{ username: 'nobody' }] })));
    const most = 10 + Math.ceil((performance.now() - started) / 10);
    const refused = answers.filter(({ status }) => status === 429);
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(answers.length - refused.length).toBeLessThanOrEqual(most);
    expect(refused[0]?.body).toMatchObject({ code: 'Operation.Failure.Too.Many.Attempts' });
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});
