import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareInstance, startTestCore, type TestCore } from '../../test/support/core.ts';
import type { Core } from '../core/core.ts';
import { createContext, instanceContext, type InstanceContext } from '../tenancy/index.ts';
import { announceMemberships, forgetMemberships, loadMemberships, onMembershipsChanged } from './memberships.ts';
import { createUser } from './users.ts';

let server: TestCore;
let second: Core;
let context: InstanceContext;
beforeAll(async () => {
  server = await startTestCore();
  second = await server.another();
  context = await bareInstance(server.core, 'default');
});
afterAll(() => server.close());

const group = (id: string) => context.db.group.create({ data: { id, name: id, nameKey: id } });
const nest = (groupId: string, childGroupId: string) => context.db.groupNesting.create({ data: { groupId, childGroupId } });

describe('loadMemberships', () => {
  it('a user without a unit belongs to the root; one who does not exist belongs nowhere', async () => {
    const { id } = await createUser(context, { username: 'nowhere' });
    expect(await loadMemberships(context, id)).toEqual({ organizationalUnits: [{ id: 'ou_root', name: 'default', path: ['ou_root'], isPrimary: true }], groups: [] });
    expect(await loadMemberships(context, 'user_absent')).toEqual({ organizationalUnits: [], groups: [] });
  });

  it('names units with their ancestors, and groups with those they are nested in', async () => {
    const { id } = await createUser(context, { username: 'somewhere' });
    await context.db.organizationalUnit.create({ data: { id: 'ou_a', parentId: 'ou_root', name: 'A', nameKey: 'a', path: '/ou_root/ou_a/' } });
    await context.db.organizationalUnit.create({ data: { id: 'ou_b', parentId: 'ou_a', name: 'B', nameKey: 'b', path: '/ou_root/ou_a/ou_b/' } });
    await context.db.organizationalUnitMember.create({ data: { userId: id, organizationalUnitId: 'ou_b', isPrimary: true } });
    for (const each of ['g1', 'g2', 'g3', 'g4']) await group(each);
    await nest('g2', 'g1');
    await nest('g3', 'g2');
    await nest('g1', 'g4');
    await context.db.groupMember.createMany({ data: ['g1', 'g2'].map((groupId) => ({ groupId, userId: id })) });
    expect(await loadMemberships(context, id)).toEqual({
      organizationalUnits: [{ id: 'ou_b', name: 'B', path: ['ou_root', 'ou_a', 'ou_b'], isPrimary: true }],
      groups: [{ id: 'g1', name: 'g1' }, { id: 'g2', name: 'g2' }, { id: 'g3', name: 'g3', through: 'g1' }],
    });
  });

  it('is kept until a change is announced, which another server hears', async () => {
    const { id } = await createUser(context, { username: 'changing' });
    const elsewhere = createContext(second, context.instance);
    const heard: unknown[] = [];
    onMembershipsChanged(second, (instanceId, userId) => { heard.push([instanceId, userId]); });
    for (const each of [context, elsewhere]) expect((await loadMemberships(each, id)).groups).toEqual([]);
    await context.db.groupMember.create({ data: { groupId: 'g3', userId: id } });
    for (const each of [context, elsewhere]) expect((await loadMemberships(each, id)).groups).toEqual([]);

    const others = Array.from({ length: 500 }, (_, index) => `user_${String(index).padStart(26, '0')}`);
    await context.transaction((tx) => announceMemberships(tx, [...others, id]));
    forgetMemberships(context, [id]);
    expect((await loadMemberships(context, id)).groups).toHaveLength(1);
    await expect.poll(() => heard.length, { timeout: 1_000, interval: 10 }).toBe(501);
    expect((await loadMemberships(elsewhere, id)).groups).toHaveLength(1);

    heard.length = 0;
    await context.transaction((tx) => announceMemberships(tx, 'everybody'));
    await expect.poll(() => heard, { timeout: 1_000, interval: 10 }).toEqual([['default', undefined]]);
  });

  it('shows nothing of another instance', async () => {
    const { id } = await createUser(context, { username: 'mine' });
    await bareInstance(server.core, 'other');
    const other = await instanceContext(server.core, 'other');
    if (!other) throw new Error('no other instance');
    expect(await loadMemberships(other, id)).toEqual({ organizationalUnits: [], groups: [] });
  });
});
