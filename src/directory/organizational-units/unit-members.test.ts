import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { withPrincipal } from '../../tenancy/index.ts';
import { loadMemberships } from '../memberships.ts';
import { createUser } from '../users.ts';
import { listOrganizationalUnits } from './list-organizational-units.ts';
import { listUnitMembers } from './list-unit-members.ts';
import { listUnitsOfUser } from './list-units-of-user.ts';
import { createOrganizationalUnit } from './organizational-units.ts';
import { addUnitMembers, putUnitsOfUser, removeUnitMembers } from './unit-members.ts';

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
const makeUnit = async (parentId = 'ou_root') => (await createOrganizationalUnit(await server.context(), { name: `Unit ${names += 1}`, parentId })).id;
const makeUser = async () => (await createUser(await server.context(), { username: `person${names += 1}` })).id;
const add = (unit: string, userIds: string[], further: object = {}) => server.api('POST', `/organizational-units/${unit}/members`, { userIds, ...further });
const remove = (unit: string, userIds: string[]) => server.api('POST', `/organizational-units/${unit}/members/remove`, { userIds });
const put = (userId: string, body: object) => server.api('PUT', `/users/${userId}/organizational-units`, body);
async function unitsOf(userId: string): Promise<Record<string, boolean>> {
  const { items }: { items: { id: string; isPrimary: boolean }[] } = (await server.api('GET', `/users/${userId}/organizational-units`)).body;
  return Object.fromEntries(items.map(({ id, isPrimary }) => [id, isPrimary]));
}
async function membersOf(unit: string, query = ''): Promise<string[]> {
  const { items }: { items: { user: { id: string } }[] } = (await server.api('GET', `/organizational-units/${unit}/members?limit=200${query}`)).body;
  return items.map(({ user }) => user.id);
}

describe('units of a user', () => {
  it('the first is primary; when it goes, the longest-standing other one is', async () => {
    const [a, b, c, user] = [await makeUnit(), await makeUnit(), await makeUnit(), await makeUser()];
    expect((await add(a, [user])).body).toEqual({ added: 1, removed: 0, unchanged: 0 });
    await add(b, [user]);
    await add(c, [user]);
    expect(await unitsOf(user)).toEqual({ [a]: true, [b]: false, [c]: false });
    expect((await add(a, [user])).body).toEqual({ added: 0, removed: 0, unchanged: 1 });
    expect((await remove(a, [user])).body).toEqual({ added: 0, removed: 1, unchanged: 0 });
    expect(await unitsOf(user)).toEqual({ [b]: true, [c]: false });
    expect((await server.api('PUT', `/users/${user}/primary-organizational-unit`, { organizationalUnitId: c })).status).toBe(200);
    expect(await unitsOf(user)).toEqual({ [b]: false, [c]: true });
    expect((await server.api('PUT', `/users/${user}/primary-organizational-unit`, { organizationalUnitId: a })).status).toBe(404);
  });

  it('each change is an event', async () => {
    const [a, b, user] = [await makeUnit(), await makeUnit(), await makeUser()];
    await add(a, [user]);
    await add(b, [user], { primary: true, leaveOthers: true });
    expect(await unitsOf(user)).toEqual({ [b]: true });
    const context = await server.context();
    const found = await context.db.event.findMany({ where: { subjectId: { in: [a, b, user] }, type: { contains: 'unit' } }, orderBy: { sequence: 'asc' } });
    expect(found.filter(({ type }) => type !== 'organizational_unit.created').map(({ type, subjectId }) => [type, subjectId])).toEqual([
      ['organizational_unit.member_added', a], ['user.primary_organizational_unit_changed', user],
      ['organizational_unit.member_added', b], ['organizational_unit.member_removed', a], ['user.primary_organizational_unit_changed', user],
    ]);
  });

  it('are replaced as a whole', async () => {
    const [a, b, c, user] = [await makeUnit(), await makeUnit(), await makeUnit(), await makeUser()];
    await put(user, { organizationalUnitIds: [a, b] });
    expect(await unitsOf(user)).toEqual({ [a]: true, [b]: false });
    await put(user, { organizationalUnitIds: [b, c], primaryId: c });
    expect(await unitsOf(user)).toEqual({ [b]: false, [c]: true });
    expect((await put(user, { organizationalUnitIds: [b], primaryId: a })).status).toBe(400);
    expect((await put(user, { organizationalUnitIds: [a, a] })).status).toBe(400);
    await put(user, { organizationalUnitIds: [] });
    expect(await unitsOf(user)).toEqual({});
    expect(await membersOf('ou_root')).toContain(user);
  });

  it('however many change at once, one is primary', async () => {
    const units = await Promise.all(Array.from({ length: 10 }, () => makeUnit()));
    const users = await Promise.all(Array.from({ length: 10 }, () => makeUser()));
    const answers = await Promise.all(units.map((unit, index) => add(unit, index % 2 ? users : users.toReversed(), { primary: index % 3 === 0 })));
    expect(answers.map(({ status }) => status)).toEqual(units.map(() => 200));
    for (const user of users) expect(Object.values(await unitsOf(user)).filter(Boolean)).toHaveLength(1);
  });

  it('go with the user', async () => {
    const [unit, user] = [await makeUnit(), await makeUser()];
    await add(unit, [user]);
    expect((await server.api('DELETE', `/users/${user}`)).status).toBe(204);
    expect(await membersOf(unit)).toEqual([]);
    expect((await server.api('GET', `/users/${user}/organizational-units`)).status).toBe(404);
  });
});

describe('batches', () => {
  it('of 1,000 users pass, of 1,001 or with one twice do not; with one unknown nothing changes', async () => {
    const [a, b] = [await makeUnit(), await makeUnit()];
    const context = await server.context();
    await context.db.$executeRaw`
      INSERT INTO "User" ("instanceId", "id", "username", "usernameKey", "displayName")
      SELECT ${context.instance.id}, 'user_' || lpad(n::text, 26, '0'), 'batch' || n, 'batch' || n, 'Batch ' || n FROM generate_series(1, 1000) AS n`;
    const users = Array.from({ length: 1_000 }, (_, index) => `user_${String(index + 1).padStart(26, '0')}`);
    expect((await add(a, users)).body).toEqual({ added: 1_000, removed: 0, unchanged: 0 });
    expect((await add(b, users, { leaveOthers: true })).body).toEqual({ added: 1_000, removed: 1_000, unchanged: 0 });
    expect(await context.db.event.count({ where: { subjectId: b, type: 'organizational_unit.member_added' } })).toBe(1_000);
    const absent = `user_${'z'.repeat(26)}`;
    expect((await add(a, [...users, absent])).status).toBe(400);
    expect((await add(a, [users[0] ?? '', users[0] ?? ''])).status).toBe(400);
    expect((await add(a, [])).status).toBe(400);
    const refused = await add(a, [users[0] ?? '', absent]);
    expect(refused).toMatchObject({ status: 404, body: { code: 'Operation.Failure.User.Not.Exist', errors: [{ field: 'userIds.1' }] } });
    expect(await membersOf(a)).toEqual([]);
  });
});

describe('lists of members', () => {
  it('direct or with descendants, each user once, page by page', async () => {
    const top = await makeUnit();
    const [left, right] = [await makeUnit(top), await makeUnit(top)];
    const below = await makeUnit(left);
    const users = [];
    for (let count = 0; count < 7; count += 1) users.push(await makeUser());
    await add(top, users.slice(0, 2));
    await add(left, users.slice(1, 4));
    await add(below, users.slice(3, 6));
    await add(right, users.slice(0, 7));
    expect(await membersOf(top)).toEqual(users.slice(0, 2));
    expect(await membersOf(top, '&descendants=true')).toEqual(users);
    expect(await membersOf(left, '&descendants=true')).toEqual(users.slice(1, 6));
    const paged: string[] = [];
    for (let cursor = ''; ;) {
      const page: { items: { user: { id: string } }[]; next: string | null } = (await server.api('GET', `/organizational-units/${top}/members?descendants=true&limit=2${cursor}`)).body;
      paged.push(...page.items.map(({ user }) => user.id));
      if (page.next === null) break;
      cursor = `&cursor=${encodeURIComponent(page.next)}`;
    }
    expect(paged).toEqual(users);
  });

  it('the root has those who are in no unit, and with descendants everybody', async () => {
    const [unit, inside, outside, both] = [await makeUnit(), await makeUser(), await makeUser(), await makeUser()];
    await add(unit, [inside, both]);
    await add('ou_root', [both]);
    const collect = async (query: string) => {
      const found: string[] = [];
      for (let cursor = ''; ;) {
        const page: { items: { user: { id: string } }[]; next: string | null } = (await server.api('GET', `/organizational-units/ou_root/members?limit=150${query}${cursor}`)).body;
        found.push(...page.items.map(({ user }) => user.id));
        if (page.next === null) return found;
        cursor = `&cursor=${encodeURIComponent(page.next)}`;
      }
    };
    const direct = await collect('');
    expect([inside, outside, both].map((user) => direct.includes(user))).toEqual([false, true, true]);
    expect(new Set(direct).size).toBe(direct.length);
    const all = await collect('&descendants=true');
    expect([inside, outside, both].every((user) => all.includes(user))).toBe(true);
  });

  it('show no more than who it is', async () => {
    const [unit, user] = [await makeUnit(), await makeUser()];
    await add(unit, [user]);
    const { items }: { items: { user: object }[] } = (await server.api('GET', `/organizational-units/${unit}/members`)).body;
    expect(Object.keys(items[0]?.user ?? {}).sort()).toEqual(['displayName', 'email', 'id', 'status', 'username']);
  });
});

describe('a second server', () => {
  it('knows of a change, a move and a name within a second', async () => {
    const [a, b, user] = [await makeUnit(), await makeUnit(), await makeUser()];
    const there = await replica.context();
    const seen = async () => (await loadMemberships(there, user)).organizationalUnits.map(({ name, path }) => ({ name, path }));
    const within = { timeout: 1_000, interval: 20 };
    expect((await seen()).map(({ path }) => path)).toEqual([['ou_root']]);
    await add(a, [user]);
    await expect.poll(async () => (await seen()).map(({ path }) => path), within).toEqual([['ou_root', a]]);
    await server.api('POST', `/organizational-units/${a}/move`, { parentId: b });
    await expect.poll(async () => (await seen()).map(({ path }) => path), within).toEqual([['ou_root', b, a]]);
    await server.api('PATCH', `/organizational-units/${a}`, { name: 'Renamed' });
    await expect.poll(async () => (await seen()).map(({ name }) => name), within).toEqual(['Renamed']);
    await remove(a, [user]);
    await expect.poll(async () => (await seen()).map(({ path }) => path), within).toEqual([['ou_root']]);
  });
});

describe('an administrator of one unit', () => {
  it('sees and changes nothing outside of it, and brings nobody in', async () => {
    const [mine, theirs] = [await makeUnit(), await makeUnit()];
    const below = await makeUnit(mine);
    const [own, foreign, both] = [await makeUser(), await makeUser(), await makeUser()];
    await add(mine, [own, both]);
    await add(theirs, [foreign, both]);
    const context = withPrincipal(await server.context(), {
      kind: 'user', id: own, scopes: ['organizational-unit:manage'], permissions: ['directory.organizational-units.manage'], limit: { organizationalUnitPaths: [`/ou_root/${mine}/`] },
    } as never);
    const status = async (work: Promise<unknown>) => work.then(() => 200, (error: { status?: number }) => error.status);
    expect(await status(addUnitMembers(context, below, [own]))).toBe(200);
    expect(await status(addUnitMembers(context, below, [foreign]))).toBe(404);
    expect(await status(addUnitMembers(context, theirs, [own]))).toBe(404);
    expect(await status(addUnitMembers(context, below, [both]))).toBe(403);
    expect((await listUnitsOfUser(context, both, { limit: 10 })).items.map(({ id }) => id)).toEqual([mine]);
    expect((await listOrganizationalUnits(context, { limit: 10 })).items.map(({ id }) => id)).toEqual([mine, below]);
    expect(await status(listUnitMembers(context, theirs, { descendants: true, limit: 10 }))).toBe(404);
    expect(await status(putUnitsOfUser(context, own, [theirs]))).toBe(404);
    expect(await status(putUnitsOfUser(context, own, []))).toBe(403);
    expect(await status(removeUnitMembers(context, below, [own]))).toBe(200);
    expect(await status(createOrganizationalUnit(context, { name: 'x', parentId: theirs }))).toBe(404);
    expect(await status(createOrganizationalUnit(context, { name: 'x' }))).toBe(404);
    expect(await status(createOrganizationalUnit(context, { name: 'x', parentId: mine }))).toBe(200);
  });
});
