import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { createInstance } from '../../tenancy/index.ts';
import { onGroupUse } from '../in-use.ts';
import { loadMemberships } from '../memberships.ts';
import { createUser } from '../users.ts';
import { createGroup } from './groups.ts';

interface Group { id: string; name: string; kind: string }
interface Members { items: { user: { id: string }; through: string | null }[]; next: string | null }

let server: TestServer;
let replica: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  replica = await server.replica();
});
afterAll(async () => {
  await replica.close();
  await server.close();
});

let names = 0;
const makeGroup = async () => (await createGroup(await server.context(), { name: `Group ${names += 1}` })).id;
const makeUser = async () => (await createUser(await server.context(), { username: `person${names += 1}` })).id;
const members = (group: string, userIds: string[]) => server.api('POST', `/groups/${group}/members`, { userIds });
const nest = (group: string, groupId: string) => server.api('POST', `/groups/${group}/groups`, { groupId });
const listed = async (group: string, query = ''): Promise<Members> => (await server.api('GET', `/groups/${group}/members?limit=200${query}`)).body;
const ids = ({ items }: Members) => items.map(({ user }) => user.id);

describe('groups', () => {
  it('are made, found, changed and deleted; names are unique by what they look like', async () => {
    const made = await server.api('POST', '/groups', { name: 'Approvers', externalId: 'G-1' });
    const group: Group = made.body;
    expect(made.status).toBe(201);
    expect(group).toMatchObject({ name: 'Approvers', kind: 'static', rule: null, externalId: 'G-1' });
    expect(await server.api('POST', '/groups', { name: 'APPROVERS' })).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Group.Already.Exist' } });
    expect((await server.api('GET', '/groups?name=appro')).body).toMatchObject({ items: [{ id: group.id }] });
    const tag = made.headers.get('etag') ?? '';
    expect((await server.api('PATCH', `/groups/${group.id}`, { name: 'Deciders', description: 'They decide' }, { 'if-match': tag })).body).toMatchObject({ name: 'Deciders' });
    expect((await server.api('PATCH', `/groups/${group.id}`, { name: 'Late' }, { 'if-match': tag })).status).toBe(412);
    expect((await server.api('DELETE', `/groups/${group.id}`, undefined, { 'if-match': tag })).status).toBe(412);
    expect((await server.api('DELETE', `/groups/${group.id}`)).status).toBe(204);
    expect((await server.api('GET', `/groups/${group.id}`)).status).toBe(404);
    const context = await server.context();
    expect((await context.db.event.findMany({ where: { subjectId: group.id }, orderBy: { sequence: 'asc' } })).map(({ type }) => type)).toEqual(['group.created', 'group.updated', 'group.deleted']);
  });

  it.each([
    ['an unknown member', { name: 'x', version: 3 }], ['no name', {}], ['a rule of a static group', { name: 'x', rule: 'true' }], ['a dynamic group without a rule', { name: 'x', kind: 'dynamic' }],
    ['a control character', { name: 'a\u0000b' }], ['too long a name', { name: 'x'.repeat(121) }],
  ])('%s is refused', async (_what, body) => {
    expect((await server.api('POST', '/groups', body)).status).toBe(400);
  });
});

describe('members of a static group', () => {
  it('are added, removed and replaced in batches, with an event for each', async () => {
    const [group, a, b, c] = [await makeGroup(), await makeUser(), await makeUser(), await makeUser()];
    expect((await members(group, [b, a])).body).toEqual({ added: 2, removed: 0, unchanged: 0 });
    expect((await members(group, [a, c])).body).toEqual({ added: 1, removed: 0, unchanged: 1 });
    expect((await server.api('POST', `/groups/${group}/members/remove`, { userIds: [b] })).body).toEqual({ added: 0, removed: 1, unchanged: 0 });
    expect(ids(await listed(group))).toEqual([a, c]);
    expect((await server.api('PUT', `/groups/${group}/members`, { userIds: [b, c] })).body).toEqual({ added: 1, removed: 1, unchanged: 1 });
    expect(ids(await listed(group))).toEqual([b, c]);
    expect((await server.api('PUT', `/groups/${group}/members`, { userIds: [] })).body).toEqual({ added: 0, removed: 2, unchanged: 0 });
    const context = await server.context();
    const events = await context.db.event.findMany({ where: { subjectId: group }, orderBy: { sequence: 'asc' } });
    expect(events.slice(1).map(({ type }) => type.replace('group.member_', ''))).toEqual(['added', 'added', 'added', 'removed', 'removed', 'added', 'removed', 'removed']);
    expect(events.at(1)?.after).toHaveProperty('userId');
  });

  it('of a batch with somebody unknown, nobody is added', async () => {
    const [group, user] = [await makeGroup(), await makeUser()];
    expect(await members(group, [user, `user_${'z'.repeat(26)}`])).toMatchObject({ status: 404, body: { errors: [{ field: 'userIds.1' }] } });
    expect(ids(await listed(group))).toEqual([]);
    const tooMany = Array.from({ length: 1_001 }, (_, index) => `user_${String(index).padStart(26, '0')}`);
    for (const method of ['POST', 'PUT']) expect((await server.api(method, `/groups/${group}/members`, { userIds: tooMany })).status).toBe(400);
  });

  it('go with the user, and with the group', async () => {
    const [group, user] = [await makeGroup(), await makeUser()];
    await members(group, [user]);
    const other = await makeUser();
    await members(group, [other]);
    await server.api('DELETE', `/users/${other}`);
    expect(ids(await listed(group))).toEqual([user]);
    expect((await server.api('DELETE', `/groups/${group}`)).status).toBe(204);
    expect((await loadMemberships(await server.context(), user)).groups).toEqual([]);
  });

  it('a second server knows within a second', async () => {
    const [outer, group, user] = [await makeGroup(), await makeGroup(), await makeUser()];
    const there = await replica.context();
    const seen = async () => (await loadMemberships(there, user)).groups.map(({ id, through }) => [id, through]);
    const within = { timeout: 1_000, interval: 20 };
    expect(await seen()).toEqual([]);
    await members(group, [user]);
    await expect.poll(seen, within).toEqual([[group, undefined]]);
    await nest(outer, group);
    await expect.poll(seen, within).toEqual([[outer, group], [group, undefined]]);
    await server.api('DELETE', `/groups/${outer}/groups/${group}`);
    await expect.poll(seen, within).toEqual([[group, undefined]]);
    await server.api('POST', `/groups/${group}/members/remove`, { userIds: [user] });
    await expect.poll(seen, within).toEqual([]);
  });
});

describe('nested groups', () => {
  it('lend their members to the outer ones', async () => {
    const [outer, middle, inner] = [await makeGroup(), await makeGroup(), await makeGroup()];
    const users = [await makeUser(), await makeUser(), await makeUser(), await makeUser()];
    await members(outer, users.slice(0, 2));
    await members(middle, users.slice(1, 3));
    await members(inner, users.slice(2, 4));
    expect((await nest(outer, middle)).status).toBe(204);
    expect((await nest(middle, inner)).status).toBe(204);
    expect((await nest(middle, inner)).status).toBe(204);
    expect(ids(await listed(outer))).toEqual(users.slice(0, 2));
    const effective = await listed(outer, '&effective=true');
    expect(effective.items.map(({ user, through }) => [user.id, through])).toEqual([[users[0], null], [users[1], null], [users[2], middle], [users[3], inner]]);
    const page: Members = (await server.api('GET', `/groups/${outer}/members?effective=true&limit=3`)).body;
    const rest: Members = (await server.api('GET', `/groups/${outer}/members?effective=true&limit=3&cursor=${encodeURIComponent(page.next ?? '')}`)).body;
    expect([ids(page), ids(rest), rest.next]).toEqual([users.slice(0, 3), users.slice(3), null]);
    expect((await server.api('GET', `/users/${users[3]}/groups`)).body).toMatchObject({ items: [{ id: outer, through: inner }, { id: middle, through: inner }, { id: inner, through: null }] });
    expect((await server.api('GET', `/groups/${outer}/groups`)).body).toMatchObject({ items: [{ id: middle }] });
    expect(await server.api('DELETE', `/groups/${inner}`)).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Group.In.Use', uses: [{ kind: 'groups that it is nested in', count: 1 }] } });
  });

  it('make no circle: not with itself, not through others', async () => {
    const [a, b, c] = [await makeGroup(), await makeGroup(), await makeGroup()];
    await nest(a, b);
    await nest(b, c);
    for (const [outer, inner] of [[a, a], [b, a], [c, a], [c, b]] as const) expect(await nest(outer, inner)).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Group.Cycle' } });
  });

  it('twenty at once make no circle', async () => {
    const groups = await Promise.all(Array.from({ length: 8 }, makeGroup));
    const pairs = Array.from({ length: 20 }, (_, index) => [groups[index % 8] ?? '', groups[(index * 3 + 1) % 8] ?? ''] as const);
    // On two servers, so that the database decides.
    const answers = await Promise.all(pairs.map(([outer, inner], index) => (index % 2 ? server : replica).api('POST', `/groups/${outer}/groups`, { groupId: inner })));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([204, 409]));
    const edges = await (await server.context()).db.groupNesting.findMany({ where: { groupId: { in: groups } } });
    const below = (id: string, seen: readonly string[] = []): boolean => seen.includes(id) || edges.filter(({ groupId }) => groupId === id).some(({ childGroupId }) => below(childGroupId, [...seen, id]));
    expect(groups.filter((id) => below(id))).toEqual([]);
  });

  it('are nested at most ten deep', async () => {
    const groups = [];
    for (let level = 0; level < 11; level += 1) groups.push(await makeGroup());
    for (let level = 0; level < 9; level += 1) expect((await nest(groups[level] ?? '', groups[level + 1] ?? '')).status).toBe(204);
    expect(await nest(groups[9] ?? '', groups[10] ?? '')).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Group.Too.Deep' } });
  });
});

describe('deletion', () => {
  it('says what others registered as a use', async () => {
    const group = await makeGroup();
    onGroupUse(server.core, async (_tx, id) => (id === group ? [{ kind: 'access policies', count: 2 }] : []));
    expect(await server.api('DELETE', `/groups/${group}`)).toMatchObject({ status: 409, body: { uses: [{ kind: 'access policies', count: 2 }] } });
  });
});

describe('another instance', () => {
  it('its ids are as good as none, everywhere', async () => {
    const other = await createInstance(server.core, { id: 'stranger', name: 'Stranger' }, { principal: { kind: 'system' } });
    const strange = (await createGroup(other, { name: 'Strange' })).id;
    const stranger = (await createUser(other, { username: 'stranger' })).id;
    const [group, user] = [await makeGroup(), await makeUser()];
    for (const [method, path, body] of [
      ['GET', `/groups/${strange}`], ['PATCH', `/groups/${strange}`, { name: 'x' }], ['DELETE', `/groups/${strange}`], ['GET', `/groups/${strange}/rule-run`], ['POST', `/groups/${strange}/rule-run`],
      ['GET', `/groups/${strange}/members`], ['POST', `/groups/${strange}/members`, { userIds: [user] }], ['PUT', `/groups/${strange}/members`, { userIds: [] }], ['POST', `/groups/${strange}/members/remove`, { userIds: [user] }],
      ['POST', `/groups/${group}/members`, { userIds: [stranger] }], ['PUT', `/groups/${group}/members`, { userIds: [stranger] }], ['GET', `/users/${stranger}/groups`],
      ['GET', `/groups/${strange}/groups`], ['POST', `/groups/${strange}/groups`, { groupId: group }], ['POST', `/groups/${group}/groups`, { groupId: strange }], ['DELETE', `/groups/${group}/groups/${strange}`],
      ['POST', '/groups/preview', { rule: 'true', userId: stranger }],
    ] as const) expect([method, path, (await server.api(method, path, body)).status]).toEqual([method, path, 404]);
    expect(await other.db.groupMember.count()).toBe(0);
  });
});
