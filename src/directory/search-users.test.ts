import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareInstance, startTestCore, type TestCore } from '../../test/support/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { countUsers, listUsers, type ListUsers } from './list-users.ts';
import { createUser } from './users.ts';

let started: TestCore;
let context: InstanceContext;
let large: InstanceContext;
beforeAll(async () => {
  started = await startTestCore();
  context = await bareInstance(started.core, 'small');
  large = await bareInstance(started.core, 'large');
  for (const user of people) await createUser(context, user);
  await createUser(await bareInstance(started.core, 'other'), { username: 'zhang.other', email: 'zhang.wei@example.com' });
  // 8,000 users, more than a sample: half of them called common, every 400th rare, and one alone.
  await large.db.$executeRaw`
    INSERT INTO "User" ("instanceId", "id", "username", "usernameKey", "displayName", "email", "emailKey", "status")
    SELECT ${large.instance.id}, 'user_' || lpad("place"::text, 25, '0') || substr('0123456789abcdefghjkmnpqrstvwxyz', 1 + "place" % 32, 1), 'user' || "place", 'user' || "place",
           CASE WHEN "place" % 2 = 0 THEN 'Common ' ELSE 'Other ' END || CASE WHEN "place" % 400 = 7 THEN 'Rarity' WHEN "place" = 5000 THEN 'Unicorn' ELSE 'Person' END,
           'user' || "place" || '@example.com', 'user' || "place" || '@example.com', CASE WHEN "place" % 5 = 0 THEN 'disabled' ELSE 'enabled' END
      FROM generate_series(1, 8000) AS "numbers"("place")`;
  await started.core.database.$executeRaw`ANALYZE "User"`;
});
afterAll(() => started.close());

const people = [
  { username: 'zhang.wei', displayName: '张伟', email: 'zhang.wei@example.com', phone: '+8613800138000' },
  { username: 'wang.wei', displayName: '王伟', email: 'w.wang@example.org' },
  { username: 'jose', displayName: 'José García', phone: '+34600111222' },
  { username: 'olga', displayName: 'Ольга Иванова' },
  { username: 'percent%'.replace('%', '_x'), displayName: '100% \\ real_name' },
  { username: 'percent-x', displayName: '100 real name' },
];

const names = async (filters: Partial<ListUsers>, where = context) => (await listUsers(where, { limit: 50, ...filters })).items.map(({ username }) => username).sort();

/** All pages, with how many there were. */
async function everything(where: InstanceContext, filters: Partial<ListUsers>, limit = 50): Promise<{ ids: string[]; pages: number }> {
  const ids: string[] = [];
  for (let cursor: string | undefined, pages = 1; ; pages += 1) {
    const page = await listUsers(where, { ...filters, limit, cursor });
    ids.push(...page.items.map(({ id }) => id));
    if (page.next === null) return { ids, pages };
    cursor = page.next;
  }
}

describe('search', () => {
  it.each([
    ['a part of a username', { search: 'ang.w' }, ['wang.wei', 'zhang.wei']],
    ['one Chinese character', { search: '伟' }, ['wang.wei', 'zhang.wei']],
    ['two', { search: '张伟' }, ['zhang.wei']],
    ['another script, in other case', { search: 'ИВАН' }, ['olga']],
    ['accents that were left out', { search: 'jose garcia' }, ['jose']],
    ['accents that were put in', { search: 'García' }, ['jose']],
    ['a part of an address', { search: '@example.org' }, ['wang.wei']],
    ['the end of a number', { search: '8000' }, ['zhang.wei']],
    ['two letters', { search: 'zh' }, ['zhang.wei']],
    ['a percent sign', { search: '0%' }, ['percent_x']],
    ['an underscore', { search: 'real_' }, ['percent_x']],
    ['a backslash', { search: '\\' }, ['percent_x']],
    ['nothing that is there', { search: 'nobody' }, []],
    ['the start of a username', { startsWith: 'zhang' }, ['zhang.wei']],
    ['the start of an address', { startsWith: 'w.w' }, ['wang.wei']],
    ['the start of a number', { startsWith: '+34' }, ['jose']],
    ['the start of a display name', { startsWith: '王' }, ['wang.wei']],
    ['the middle, asked as a start', { startsWith: 'wei' }, []],
    ['what looks like the inner form', { search: '|5f20|' }, ['zhang.wei']],
    ['a filter besides', { search: 'wei', username: 'zhang' }, ['zhang.wei']],
  ])('finds %s', async (_what, filters, found) => {
    expect(await names(filters)).toEqual(found);
  });

  it.each([
    ['what half have', { search: 'common' }, 4_000], ['what few have', { search: 'rarity' }, 20], ['what one has', { search: 'unicorn' }, 1], ['what nobody has', { search: 'nowhere' }, 0],
    ['two letters that half have', { search: 'co' }, 8_000], ['two letters that few have', { search: 'ty' }, 20], ['two letters that nobody has', { search: 'qx' }, 0],
    ['the start of every name', { startsWith: 'user' }, 8_000], ['a start that few have', { startsWith: 'user79' }, 111], ['trigrams of all in a wrong order', { search: 'com.example' }, 0],
    ['what half have, with a filter', { search: 'common', status: 'disabled' as const }, 800],
  ])('pages through all of a large instance once: %s', async (_what, filters, expected) => {
    const { ids } = await everything(large, filters);
    expect([ids.length, new Set(ids).size]).toEqual([expected, expected]);
  });

  it('fills pages with what many have, and needs few pages for what few have', async () => {
    expect((await everything(large, { search: 'common' })).pages).toBe(80);
    expect((await everything(large, { search: 'rarity' })).pages).toBe(1);
    expect((await everything(large, { search: 'rarity' }, 7)).pages).toBe(3);
    expect((await everything(large, { search: 'nowhere' })).pages).toBe(1);
  });

  it('goes on with its own cursor only', async () => {
    const { next } = await listUsers(large, { search: 'common', limit: 5 });
    await expect(listUsers(large, { search: 'other', limit: 5, cursor: next ?? '' })).rejects.toMatchObject({ status: 400 });
    await expect(listUsers(context, { search: 'common', limit: 5, cursor: next ?? '' })).rejects.toMatchObject({ status: 400 });
  });
});

describe('lists', () => {
  it.each([['id', 'asc'], ['id', 'desc'], ['username', 'asc'], ['username', 'desc'], ['displayName', 'asc'], ['displayName', 'desc']] as const)('are sorted by %s, %s, over all pages', async (sort, order) => {
    const { ids } = await everything(large, { sort, order, status: 'disabled' }, 200);
    const column = { id: 'id', username: 'usernameKey', displayName: 'displayName' }[sort];
    const expected = await large.db.user.findMany({ where: { status: 'disabled' }, orderBy: [{ [column]: order }, { id: order }], select: { id: true } });
    expect(ids).toEqual(expected.map(({ id }) => id));
  });

  it('count up to ten thousand', async () => {
    expect(await countUsers(large, {})).toEqual({ count: 8_000, isAtLeast: false });
    expect(await countUsers(large, { status: 'disabled' })).toEqual({ count: 1_600, isAtLeast: false });
  });

  it('filter by source, number, external id and time', async () => {
    const before = new Date().toISOString();
    await new Promise((resolve) => { setTimeout(resolve, 5); });
    const made = await createUser(context, { username: 'sourced', externalId: 'hr-1', phone: '+4915112345678' }, { source: { type: 'scim', id: 'hr' } });
    expect(made).toMatchObject({ phoneRegion: 'DE', sourceType: 'scim', sourceId: 'hr' });
    for (const filters of [{ sourceType: 'scim' as const }, { sourceId: 'hr' }, { externalId: 'hr-1' }, { phone: '+4915112345678' }, { createdAfter: before }]) expect(await names(filters)).toEqual(['sourced']);
    expect(await names({ createdBefore: before })).toHaveLength(people.length);
    expect(await names({ phone: '+49151' })).toEqual([]);
  });
});
