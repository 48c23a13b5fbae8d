import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { createInstance } from '../../tenancy/index.ts';
import { onOrganizationalUnitUse } from '../in-use.ts';
import { createUser } from '../users.ts';
import { createOrganizationalUnit } from './organizational-units.ts';

interface Unit { id: string; parentId: string | null; name: string; position: number; path: string[] }
interface Page<Item> { items: Item[]; next: string | null }
interface Refused { code: string; detail: string; errors?: { field: string; code: string }[]; uses?: { kind: string; count: number }[] }

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

const url = '/organizational-units';
let names = 0;
async function makeUnit(parentId = 'ou_root', name = `Unit ${names += 1}`, further: object = {}): Promise<Unit> {
  const answer = await server.api('POST', url, { name, parentId, ...further });
  expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  return answer.body;
}
async function makeUser(username = `person${names += 1}`): Promise<string> {
  return (await createUser(await server.context(), { username })).id;
}
const move = (id: string, body: object, headers: Record<string, string> = {}) => server.api('POST', `${url}/${id}/move`, body, headers);
const read = async (id: string): Promise<Unit> => (await server.api('GET', `${url}/${id}`)).body;
async function readAll<Item>(path: string, limit = 2): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page<Item> = (await server.api('GET', `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)).body;
    items.push(...page.items);
    cursor = page.next;
  }
  return items;
}
const childrenOf = async (id: string) => (await readAll<Unit>(`${url}?parentId=${id}`)).map(({ name }) => name);
const events = async (subjectId: string) => (await (await server.context()).db.event.findMany({ where: { subjectId }, orderBy: { sequence: 'asc' } })).map(({ type }) => type);

describe('the tree', () => {
  it('has a root that is neither moved nor deleted', async () => {
    const root = await read('ou_root');
    expect(root).toMatchObject({ parentId: null, name: 'Default', path: ['ou_root'] });
    const { id } = await makeUnit();
    expect((await move('ou_root', { parentId: id })).status).toBe(409);
    expect((await server.api('DELETE', `${url}/ou_root`)).status).toBe(409);
    expect((await server.api('PATCH', `${url}/ou_root`, { name: 'Example' })).status).toBe(200);
  });

  it('every new instance has one', async () => {
    const other = await createInstance(server.core, { id: 'with-root', name: 'With root' }, { principal: { kind: 'system' } });
    expect(await other.db.organizationalUnit.findMany()).toMatchObject([{ id: 'ou_root', parentId: null, name: 'With root', path: '/ou_root/' }]);
  });

  it('makes, renames, describes; a stale version is refused', async () => {
    const made = await server.api('POST', url, { name: 'Sales', description: 'Sells', externalId: 'D-1' });
    const unit: Unit = made.body;
    expect(unit).toMatchObject({ parentId: 'ou_root', name: 'Sales', description: 'Sells', externalId: 'D-1', path: ['ou_root', unit.id] });
    const tag = made.headers.get('etag') ?? '';
    const renamed = await server.api('PATCH', `${url}/${unit.id}`, { name: 'Sales and service', description: null }, { 'if-match': tag });
    expect(renamed.body).toMatchObject({ name: 'Sales and service', description: null, externalId: 'D-1' });
    expect((await server.api('PATCH', `${url}/${unit.id}`, { name: 'Late' }, { 'if-match': tag })).status).toBe(412);
    expect((await server.api('DELETE', `${url}/${unit.id}`, undefined, { 'if-match': tag })).status).toBe(412);
    expect((await server.api('GET', `${url}?externalId=D-1`)).body).toMatchObject({ items: [{ id: unit.id }] });
    expect((await server.api('GET', `${url}?name=SALES%20and`)).body).toMatchObject({ items: [{ id: unit.id }] });
    expect((await server.api('DELETE', `${url}/${unit.id}`)).status).toBe(204);
    expect((await server.api('GET', `${url}/${unit.id}`)).status).toBe(404);
    expect(await events(unit.id)).toEqual(['organizational_unit.created', 'organizational_unit.updated', 'organizational_unit.deleted']);
  });

  it('siblings have names that can be told apart', async () => {
    const parent = await makeUnit();
    await makeUnit(parent.id, 'Marketing');
    const twin = await server.api('POST', url, { name: 'mаrketing ', parentId: parent.id });   // a Cyrillic а, and a space
    expect(twin).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Organizational.Unit.Already.Exist', errors: [{ field: 'name' }] } });
    const elsewhere = await makeUnit(undefined, 'Marketing');
    expect((await move(elsewhere.id, { parentId: parent.id })).status).toBe(409);
    expect((await read(elsewhere.id)).parentId).toBe('ou_root');
  });

  it('keeps the order of siblings', async () => {
    const parent = await makeUnit();
    for (const name of ['a', 'b', 'c']) await makeUnit(parent.id, name);
    const first = await makeUnit(parent.id, 'first', { position: 0 });
    expect(await childrenOf(parent.id)).toEqual(['first', 'a', 'b', 'c']);
    expect((await move(first.id, { position: 2 })).status).toBe(200);
    expect(await childrenOf(parent.id)).toEqual(['a', 'first', 'b', 'c']);
    expect((await move(first.id, {})).status).toBe(200);
    expect(await childrenOf(parent.id)).toEqual(['a', 'first', 'b', 'c']);
  });

  it('lists a subtree, parents before children, page by page', async () => {
    const top = await makeUnit();
    const [left, right] = [await makeUnit(top.id), await makeUnit(top.id)];
    const below = await makeUnit(left.id);
    expect((await readAll<Unit>(`${url}?within=${top.id}`)).map(({ id }) => id)).toEqual([top.id, left.id, below.id, right.id]);
    expect((await server.api('GET', `${url}?within=${top.id}&parentId=${top.id}`)).status).toBe(400);
    const page: Page<Unit> = (await server.api('GET', `${url}?within=${top.id}&limit=1`)).body;
    expect((await server.api('GET', `${url}?within=${left.id}&limit=1&cursor=${encodeURIComponent(page.next ?? '')}`)).status).toBe(400);
  });

  it('is at most 30 levels deep, by moves too', async () => {
    let deep = await makeUnit();
    for (let level = 3; level <= 30; level += 1) deep = await makeUnit(deep.id);
    expect((await server.api('POST', url, { name: 'too deep', parentId: deep.id })).status).toBe(409);
    const other = await makeUnit();
    await makeUnit(other.id);
    const { path } = await read(deep.id);
    expect((await move(other.id, { parentId: path.at(-2) })).status).toBe(409);
    expect((await move(other.id, { parentId: path.at(-3) })).status).toBe(200);
  });
});

describe('moving a subtree', () => {
  it('takes all below along', async () => {
    const [from, to] = [await makeUnit(), await makeUnit()];
    const child = await makeUnit(from.id);
    const below = await makeUnit(child.id);
    expect((await move(child.id, { parentId: to.id })).body).toMatchObject({ parentId: to.id, path: ['ou_root', to.id, child.id] });
    expect((await read(below.id)).path).toEqual(['ou_root', to.id, child.id, below.id]);
    expect(await childrenOf(from.id)).toEqual([]);
    expect(await events(child.id)).toEqual(['organizational_unit.created', 'organizational_unit.moved']);
  });

  it('is refused into itself and below itself', async () => {
    const top = await makeUnit();
    const below = await makeUnit((await makeUnit(top.id)).id);
    for (const parentId of [top.id, below.id]) expect(await move(top.id, { parentId })).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Organizational.Unit.Cycle' } });
    expect((await read(below.id)).path.slice(0, 2)).toEqual(['ou_root', top.id]);
  });

  it('twenty at once make no circle', async () => {
    const units = await Promise.all(Array.from({ length: 20 }, () => makeUnit()));
    // On two servers, so that the database decides.
    const answers = await Promise.all(units.map(({ id }, index) => (index % 2 ? server : replica).api('POST', `${url}/${id}/move`, { parentId: units[(index + 1) % 20]?.id })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(1);
    for (const { id } of units) {
      const { path, parentId } = await read(id);
      expect(path[0]).toBe('ou_root');
      expect(path.at(-1)).toBe(id);
      expect(path.at(-2)).toBe(parentId);
      if (parentId) expect((await read(parentId)).path).toEqual(path.slice(0, -1));
    }
  });

  it('of 2,000 users in 200 units takes well under a second', async () => {
    const context = await server.context();
    const [from, to] = [await makeUnit(), await makeUnit()];
    const units: { id: string }[] = [];
    for (let index = 0; index < 200; index += 1) units.push(await createOrganizationalUnit(context, { parentId: from.id, name: `Team ${index}` }));
    await context.db.$executeRaw`
      INSERT INTO "User" ("instanceId", "id", "username", "usernameKey", "displayName")
      SELECT ${context.instance.id}, 'user_' || lpad(n::text, 26, '0'), 'moved' || n, 'moved' || n, 'Moved ' || n FROM generate_series(1, 2000) AS n`;
    await context.db.$executeRaw`
      INSERT INTO "OrganizationalUnitMember" ("instanceId", "userId", "organizationalUnitId", "isPrimary")
      SELECT ${context.instance.id}, 'user_' || lpad(n::text, 26, '0'), (${units.map(({ id }) => id)}::text[])[1 + n % 200], true FROM generate_series(1, 2000) AS n`;
    const begun = performance.now();
    expect((await move(from.id, { parentId: to.id })).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(1_000);
    const members = await readAll<{ user: { id: string } }>(`${url}/${to.id}/members?descendants=true`, 200);
    expect(members).toHaveLength(2_000);
    expect(new Set(members.map(({ user }) => user.id)).size).toBe(2_000);
  });
});

describe('deletion', () => {
  it('says what uses it: units, members, and what others registered', async () => {
    const unit = await makeUnit();
    await makeUnit(unit.id);
    await server.api('POST', `${url}/${unit.id}/members`, { userIds: [await makeUser(), await makeUser()] });
    onOrganizationalUnitUse(server.core, async (_tx, id) => (id === unit.id ? [{ kind: 'role assignments', count: 3 }] : []));
    const refused: { status: number; body: Refused } = await server.api('DELETE', `${url}/${unit.id}`);
    expect(refused).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Organizational.Unit.In.Use' } });
    expect(refused.body.uses?.map(({ kind, count }) => [kind, count])).toEqual([['organizational units below it', 1], ['members', 2], ['role assignments', 3]]);
    expect(refused.body.detail).toContain('2 members');
  });

  it('and new members at the same time: one of both', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [unit, user] = [await makeUnit(), await makeUser()];
      const [added, deleted] = await Promise.all([server.api('POST', `${url}/${unit.id}/members`, { userIds: [user] }), server.api('DELETE', `${url}/${unit.id}`)]);
      expect([[200, 409], [404, 204]]).toContainEqual([added.status, deleted.status]);
    }
  });
});

describe('another instance', () => {
  it('its ids are as good as none, everywhere', async () => {
    const other = await createInstance(server.core, { id: 'stranger', name: 'Stranger' }, { principal: { kind: 'system' } });
    const strange = await createOrganizationalUnit(other, { name: 'Strange' });
    const stranger = await createUser(other, { username: 'stranger' });
    const [unit, user] = [await makeUnit(), await makeUser()];
    for (const [method, path, body] of [
      ['GET', `${url}/${strange.id}`], ['PATCH', `${url}/${strange.id}`, { name: 'x' }], ['DELETE', `${url}/${strange.id}`],
      ['POST', `${url}/${strange.id}/move`, { parentId: unit.id }], ['POST', `${url}/${unit.id}/move`, { parentId: strange.id }],
      ['POST', url, { name: 'x', parentId: strange.id }], ['GET', `${url}?parentId=${strange.id}`], ['GET', `${url}?within=${strange.id}`],
      ['GET', `${url}/${strange.id}/members`], ['POST', `${url}/${strange.id}/members`, { userIds: [user] }], ['POST', `${url}/${unit.id}/members`, { userIds: [user, stranger.id] }],
      ['POST', `${url}/${unit.id}/members/remove`, { userIds: [stranger.id] }], ['GET', `/users/${stranger.id}/organizational-units`],
      ['PUT', `/users/${stranger.id}/organizational-units`, { organizationalUnitIds: [unit.id] }], ['PUT', `/users/${user}/organizational-units`, { organizationalUnitIds: [strange.id] }],
      ['PUT', `/users/${user}/primary-organizational-unit`, { organizationalUnitId: strange.id }],
    ] as const) expect([method, path, (await server.api(method, path, body)).status]).toEqual([method, path, 404]);
    expect((await server.api('GET', `/users/${user}/organizational-units`)).body).toEqual({ items: [], next: null });
    expect(await other.db.organizationalUnit.count()).toBe(2);
  });
});
