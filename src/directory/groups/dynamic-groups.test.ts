import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { withPrincipal } from '../../tenancy/index.ts';
import { loadMemberships } from '../memberships.ts';
import { createOrganizationalUnit } from '../organizational-units/organizational-units.ts';
import { addUnitMembers } from '../organizational-units/unit-members.ts';
import { createUser, updateUser } from '../users.ts';
import { applyRule } from './apply-rule.ts';
import { createGroup, updateGroup } from './groups.ts';
import { previewRule } from './preview-rule.ts';

interface Run { state: string; evaluated: number; total: number; matched: number; errors: number; error: string | null }

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
const system = () => server.context('default', { principal: { kind: 'system' } });
const makeDynamic = async (rule: string) => {
  const { id } = await createGroup(await system(), { name: `Dynamic ${names += 1}`, kind: 'dynamic', rule });
  await settled(id);
  return id;
};
const run = async (group: string): Promise<Run> => (await server.api('GET', `/groups/${group}/rule-run`)).body;
const settled = (group: string, state = 'completed') => expect.poll(async () => (await run(group)).state, { timeout: 15_000, interval: 50 }).toBe(state);
const makeUser = async (profile: object = {}) => (await createUser(await system(), { username: `person${names += 1}`, ...profile })).id;
async function membersOf(group: string): Promise<string[]> {
  const { items }: { items: { user: { id: string } }[] } = (await server.api('GET', `/groups/${group}/members?limit=200`)).body;
  return items.map(({ user }) => user.id);
}
const groupsOf = async (user: string, where = server) => (await loadMemberships(await where.context(), user)).groups.map(({ id }) => id);

describe('a dynamic group', () => {
  it('has whom the rule matches, and follows each change of a user at once', async () => {
    const early = await makeUser({ locale: 'fr-FR' });
    const group = await makeDynamic('user.locale == "fr-FR" && user.status == "enabled"');
    expect(await membersOf(group)).toEqual([early]);
    expect(await run(group)).toMatchObject({ state: 'completed', matched: 1, errors: 0, error: null });
    const late = await makeUser({ locale: 'fr-FR' });
    expect(await membersOf(group)).toEqual([early, late]);
    expect(await groupsOf(late)).toContain(group);
    await server.api('PATCH', `/users/${early}`, { locale: 'de-DE' });
    expect(await membersOf(group)).toEqual([late]);
    await server.api('POST', `/users/${late}/disable`);
    expect(await membersOf(group)).toEqual([]);
    await server.api('POST', `/users/${late}/enable`);
    expect(await membersOf(group)).toEqual([late]);
    const context = await system();
    const events = await context.db.event.findMany({ where: { subjectId: group, type: { startsWith: 'group.member' } }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type.replace('group.member_', ''))).toEqual(['added', 'added', 'removed', 'removed', 'added']);
  });

  it('a second server knows of it within a second', async () => {
    const user = await makeUser();
    const group = await makeDynamic('user.givenName == "Ada"');
    expect(await groupsOf(user, replica)).toEqual([]);
    await server.api('PATCH', `/users/${user}`, { givenName: 'Ada' });
    await expect.poll(() => groupsOf(user, replica), { timeout: 1_000, interval: 20 }).toEqual([group]);
  });

  it('follows units: who comes, who goes, and how they are named', async () => {
    const context = await system();
    const unit = await createOrganizationalUnit(context, { name: 'Research' });
    const [user, other] = [await makeUser(), await makeUser()];
    const byId = await makeDynamic(`"${unit.id}" in user.organizationalUnitIds`);
    const byName = await makeDynamic('user.organizationalUnits.exists(name, name.startsWith("Resea"))');
    await addUnitMembers(context, unit.id, [user, other]);
    expect([await membersOf(byId), await membersOf(byName)]).toEqual([[user, other], [user, other]]);
    await server.api('PUT', `/users/${other}/organizational-units`, { organizationalUnitIds: [] });
    expect([await membersOf(byId), await membersOf(byName)]).toEqual([[user], [user]]);
    await server.api('PATCH', `/organizational-units/${unit.id}`, { name: 'Laboratory' });
    await expect.poll(() => membersOf(byName), { timeout: 15_000, interval: 50 }).toEqual([]);
    expect(await membersOf(byId)).toEqual([user]);
  });

  it('is not edited by hand, but nested like any other', async () => {
    const user = await makeUser({ familyName: 'Nested' });
    const group = await makeDynamic('user.familyName == "Nested"');
    for (const [method, path] of [['POST', 'members'], ['PUT', 'members'], ['POST', 'members/remove']] as const) {
      expect(await server.api(method, `/groups/${group}/${path}`, { userIds: [user] })).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Group.Dynamic' } });
    }
    const outer = await createGroup(await system(), { name: 'Outer of a dynamic one' });
    expect((await server.api('POST', `/groups/${outer.id}/groups`, { groupId: group })).status).toBe(204);
    expect(new Set(await groupsOf(user))).toEqual(new Set([group, outer.id]));
  });

  it('the rule of a static group does not exist', async () => {
    const { id } = await createGroup(await system(), { name: 'Static one' });
    expect((await server.api('PATCH', `/groups/${id}`, { rule: 'true' })).status).toBe(409);
    for (const method of ['GET', 'POST']) expect((await server.api(method, `/groups/${id}/rule-run`)).status).toBe(409);
  });
});

describe('an edited rule', () => {
  it('is applied to everybody, with progress', async () => {
    const context = await system();
    await context.db.$executeRaw`
      INSERT INTO "User" ("instanceId", "id", "username", "usernameKey", "displayName", "timeZone")
      SELECT ${context.instance.id}, 'user_' || lpad(n::text, 26, '0'), 'zone' || n, 'zone' || n, 'Zone ' || n, CASE WHEN n % 2 = 0 THEN 'Asia/Tokyo' ELSE 'Asia/Seoul' END FROM generate_series(1, 1200) AS n`;
    const group = await makeDynamic('has(user.timeZone) && user.timeZone == "Asia/Tokyo"');
    expect(await run(group)).toMatchObject({ state: 'completed', matched: 600, total: await context.db.user.count({ where: { recycledAt: null } }) });
    await server.api('PATCH', `/groups/${group}`, { rule: 'has(user.timeZone) && user.timeZone == "Asia/Seoul" && user.username.endsWith("1")' });
    await settled(group);
    expect(await run(group)).toMatchObject({ matched: 120 });
    const rows = await context.db.groupMember.findMany({ where: { groupId: group } });
    expect(rows).toHaveLength(120);
    expect(rows.every(({ userId }) => userId.endsWith('1'))).toBe(true);
  });

  it('goes on where it was when a try ends half-way, and a newer edit takes over', async () => {
    const context = await system();
    const group = await makeDynamic('false');
    // As a killed server leaves it: under way, some pages done.
    const all = (await context.db.user.findMany({ where: { recycledAt: null }, orderBy: { id: 'asc' }, select: { id: true } })).map(({ id }) => id);
    await context.db.group.update({ where: { instanceId_id: { instanceId: context.instance.id, id: group } }, data: { rule: 'true' } });
    await context.db.groupRuleRun.updateMany({ where: { groupId: group }, data: { state: 'running', afterId: all[499] ?? '', evaluated: 500, matched: 500, errors: 0, finishedAt: null } });
    await applyRule(context, group);
    expect(await run(group)).toMatchObject({ state: 'completed', evaluated: all.length, matched: all.length });
    expect(await context.db.groupMember.count({ where: { groupId: group } })).toBe(all.length - 500);
    expect((await server.api('POST', `/groups/${group}/rule-run`)).status).toBe(202);
    await settled(group);
    expect(await context.db.groupMember.count({ where: { groupId: group } })).toBe(all.length);

    await Promise.all(['true', 'user.username == "nobody-of-all"', 'true', 'false'].map((rule) => updateGroup(context, group, { rule })));
    const { rule } = await context.db.group.findUniqueOrThrow({ where: { instanceId_id: { instanceId: context.instance.id, id: group } } });
    await settled(group);
    await expect.poll(() => context.db.groupMember.count({ where: { groupId: group } }), { timeout: 15_000 }).toBe(rule === 'true' ? all.length : 0);
  });

  it('users who change meanwhile end up as the new rule says', async () => {
    const context = await system();
    const users = [];
    for (let index = 0; index < 12; index += 1) users.push(await makeUser({ familyName: 'Racer' }));
    const group = await makeDynamic('user.familyName == "Racer"');
    await Promise.all([
      updateGroup(context, group, { rule: 'has(user.givenName) && user.givenName == "Fast"' }),
      ...users.map((user, index) => updateUser(context, user, { givenName: index % 2 ? 'Fast' : 'Slow' })),
    ]);
    await settled(group);
    expect(await membersOf(group)).toEqual(users.filter((_user, index) => index % 2));
  });

  it.each([
    ['a type that is no bool', 'user.username', 1],
    ['an unknown field', 'true &&\n user.shoeSize == "44"', 2],
    ['no expression', 'user.username ==', 1],
    ['groups, which would hang on themselves', '"x" in user.groups', 1],
  ])('%s is refused where it stands', async (_what, rule, line) => {
    const answer = await server.api('POST', '/groups', { name: `Wrong ${names += 1}`, kind: 'dynamic', rule });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'rule' }], position: { line } } });
  });
});

describe('a preview', () => {
  it('tells who would match, and what comes out for one', async () => {
    const [yes, no] = [await makeUser({ familyName: 'Preview' }), await makeUser()];
    const rule = 'user.familyName == "Preview"';
    let found: string[] = [];
    for (let after: string | undefined, page = 0; page < 50; page += 1) {
      const { body }: { body: { matches: { id: string }[]; next: string | null; evaluated: number } } = await server.api('POST', '/groups/preview', { rule, limit: 1_000, ...(after && { after }) });
      found = [...found, ...body.matches.map(({ id }) => id)];
      if (body.next === null) break;
      after = body.next;
    }
    expect(found).toEqual([yes]);
    expect((await server.api('POST', '/groups/preview', { rule, userId: yes })).body).toMatchObject({ user: { value: true, error: null }, matches: [{ id: yes }] });
    expect((await server.api('POST', '/groups/preview', { rule, userId: no })).body).toMatchObject({ user: { value: false, error: null }, matches: [] });
    expect((await server.api('POST', '/groups/preview', { rule: 'user.familyName.startsWith("P")', userId: no })).body).toMatchObject({ user: { value: null, error: expect.any(String) as string }, errors: 1, firstError: { userId: no } });
    expect((await server.api('POST', '/groups/preview', { rule: 'user.familyName ==' })).body).toMatchObject({ position: { line: 1 } });
  });

  it('and a rule take the right to read users', async () => {
    const context = await system();
    const application = (scopes: string[]) => withPrincipal(context, { kind: 'application', id: 'app_x', scopes });
    await expect(previewRule(application(['group:manage']), { rule: 'true', limit: 1 })).rejects.toMatchObject({ status: 403 });
    await expect(async () => createGroup(application(['group:manage']), { name: 'Spy', kind: 'dynamic', rule: 'true' })).rejects.toMatchObject({ status: 403 });
    await expect(previewRule(application(['group:manage', 'user:read']), { rule: 'true', limit: 1 })).resolves.toMatchObject({ evaluated: 1 });
  });

  it('attack: input.expression-limits: an expression that never ends is cut', async () => {
    const nested = 'user.organizationalUnits.exists(a, user.organizationalUnits.exists(b, user.organizationalUnits.exists(c, a == b && b == c)))';
    const begun = performance.now();
    const answer = await server.api('POST', '/groups/preview', { rule: `${nested} || ${'('.repeat(200)}true${')'.repeat(200)}` });
    expect([200, 400]).toContain(answer.status);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });
});
