import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { createContext, createInstance, type InstanceContext } from '../tenancy/index.ts';
import { listUsers } from './list-users.ts';
import { deleteUser, eraseDueUsers, listRecycledUsers, restoreUser } from './recycle.ts';
import { directory } from './routes.ts';
import { isUserUsable } from './user-status.ts';
import { createUser, disableUser, findUserById, findUserByIdentifier, lockUser, updateUser } from './users.ts';

let server: FeatureServer;
let skew = 0;
/** The instance at another time. */
let context: InstanceContext;
beforeAll(async () => {
  server = await startFeatures(directory);
  context = createContext({ ...server.core, now: () => new Date(Date.now() + skew) }, server.context.instance, { principal: { kind: 'system' } });
});
afterAll(async () => { await server.close(); });

const api = async (...request: Parameters<FeatureServer['api']>) => {
  const answer = await server.api(...request);
  return { ...answer, body: answer.body as { id: string; items: { id: string }[]; status: string; recycledAt: string; erasesAt: string } };
};
let count = 0;
const person = (more: object = {}) => createUser(context, { username: `recycled${count += 1}`, email: `recycled${count}@example.com`, ...more }, { emailVerified: true });
const day = 86_400_000;

describe('a deleted user', () => {
  it('is gone everywhere at once, and listed with when the end comes', async () => {
    const user = await person();
    expect(await isUserUsable(context, user.id)).toBe(true);
    await deleteUser(context, user.id);
    expect(await isUserUsable(context, user.id)).toBe(false);
    expect(await findUserById(context, user.id)).toBeUndefined();
    expect(await findUserByIdentifier(context, user.username)).toBeUndefined();
    expect(await findUserByIdentifier(context, user.email ?? '')).toBeUndefined();
    for (const filters of [{ username: user.username }, { search: user.username }, { startsWith: user.username }]) expect((await listUsers(context, { ...filters, limit: 10 })).items).toEqual([]);
    await expect(updateUser(context, user.id, { displayName: 'x' })).rejects.toMatchObject({ status: 404 });
    await expect(disableUser(context, user.id)).rejects.toMatchObject({ status: 404 });
    await expect(deleteUser(context, user.id)).rejects.toMatchObject({ status: 404 });
    const { body } = await api('GET', `/recycled-users/${user.id}`);
    expect(body).toMatchObject({ id: user.id, status: 'enabled' });
    expect(Date.parse(body.erasesAt) - Date.parse(body.recycledAt)).toBe(30 * day);
    expect((await api('GET', '/recycled-users')).body.items.map(({ id }) => id)).toContain(user.id);
  });

  it('keeps the names, and comes back as it was', async () => {
    const user = await person({ phone: '+8613800138001', customFields: {} });
    await lockUser(context, user.id);
    await deleteUser(context, user.id);
    for (const twin of [{ username: user.username.toUpperCase() }, { username: 'other', email: user.email }, { username: 'other', phone: user.phone }, { username: user.email ?? '' }]) {
      await expect(createUser(context, twin)).rejects.toMatchObject({ status: 409 });
    }
    const restored = await api('POST', `/recycled-users/${user.id}/restore`);
    expect(restored.body).toMatchObject({ id: user.id, status: 'locked', phone: user.phone, emailVerified: true });
    expect((await api('GET', `/recycled-users/${user.id}`)).status).toBe(404);
    expect((await api('POST', `/recycled-users/${user.id}/restore`)).status).toBe(404);
  });

  it('works again once restored, on this server without waiting', async () => {
    const user = await person();
    await deleteUser(context, user.id);
    expect(await isUserUsable(context, user.id)).toBe(false);
    await restoreUser(context, user.id);
    expect(await isUserUsable(context, user.id)).toBe(true);
  });

  it('is erased now when told to, and only when deleted before', async () => {
    const user = await person();
    expect((await api('DELETE', `/recycled-users/${user.id}`)).status).toBe(404);
    await deleteUser(context, user.id);
    expect((await api('DELETE', `/recycled-users/${user.id}`, undefined, { 'if-match': '"1"' })).status).toBe(412);
    expect((await api('DELETE', `/recycled-users/${user.id}`)).status).toBe(204);
    expect(await context.db.user.count({ where: { id: user.id } })).toBe(0);
    expect((await createUser(context, { username: user.username })).id).not.toBe(user.id);
  });

  it('is erased when the time has come, with everything but the log', async () => {
    const [due, later] = [await person(), await person()];
    await deleteUser(context, due.id);
    skew += 10 * day;
    await deleteUser(context, later.id);
    skew += 21 * day;
    const other = await createInstance(server.core, { id: 'recycle-elsewhere', name: 'Elsewhere' });
    const theirs = await createUser(other, { username: 'theirs' });
    await deleteUser(other, theirs.id);
    expect(await eraseDueUsers(context)).toBeGreaterThan(0);
    expect(await context.db.user.count({ where: { id: due.id } })).toBe(0);
    expect(await context.db.user.count({ where: { id: later.id } })).toBe(1);
    expect(await other.db.user.count({ where: { id: theirs.id } })).toBe(1);
    const events = await context.db.event.findMany({ where: { subjectId: due.id }, orderBy: { sequence: 'asc' }, select: { type: true, before: true, after: true } });
    expect(events.map(({ type }) => type)).toEqual(['user.created', 'user.deleted', 'user.erased']);
    // What is deleted is not written down once more.
    expect(events.slice(1).every(({ before, after }) => before === null && after === null)).toBe(true);
    skew = 0;
  });

  it('is erased at once where the instance keeps none', async () => {
    const user = await person();
    const strict = { ...context, instance: { ...context.instance, settings: { ...context.instance.settings, users: { recycleDays: 0 } } } };
    await deleteUser(strict, user.id);
    expect(await context.db.user.count({ where: { id: user.id } })).toBe(0);
  });

  it('belongs to its instance', async () => {
    const other = await createInstance(server.core, { id: 'recycle-other', name: 'Other' });
    const theirs = await createUser(other, { username: 'theirs' });
    await deleteUser(other, theirs.id);
    expect((await api('GET', `/recycled-users/${theirs.id}`)).status).toBe(404);
    expect((await api('POST', `/recycled-users/${theirs.id}/restore`)).status).toBe(404);
    expect((await api('DELETE', `/recycled-users/${theirs.id}`)).status).toBe(404);
    expect((await listRecycledUsers(context, { limit: 200 })).items.map(({ user }) => user.id)).not.toContain(theirs.id);
  });

  it('is listed page by page, the next to go first', async () => {
    const pages = await createInstance(server.core, { id: 'recycle-pages', name: 'Pages' });
    const gone: string[] = [];
    for (let place = 0; place < 5; place += 1) {
      const { id } = await createUser(pages, { username: `page${place}` });
      await deleteUser(pages, id);
      gone.push(id);
    }
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await listRecycledUsers(pages, { limit: 2, cursor });
      seen.push(...page.items.map(({ user }) => user.id));
      if (page.next === null) break;
      cursor = page.next;
    }
    expect(seen).toEqual(gone);
  });
});
