import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../../test/support/feature-server.ts';
import { createInstance } from '../../tenancy/index.ts';
import { directory } from '../routes.ts';
import { Problem } from '../../core/errors.ts';
import { onUserClosing } from '../closing.ts';
import { isUserUsable } from '../user-status.ts';
import { createUser } from '../users.ts';
import type { BulkAnswer } from './schemas.ts';

let server: FeatureServer;
beforeAll(async () => { server = await startFeatures(directory); });
afterAll(async () => { await server.close(); });

const bulk = async (rows: unknown[], mode = 'per_row') => {
  const { status, body } = await server.api('POST', '/users/bulk', { mode, rows });
  return { status, body: body as BulkAnswer & { code: string } };
};
const creation = (user: object) => ({ operation: 'create', user });
let count = 0;
const fresh = () => `bulk${count += 1}`;
const usersNamed = (prefix: string) => server.context.db.user.count({ where: { username: { startsWith: prefix }, recycledAt: null } });

describe('POST /users/bulk', () => {
  it('does each row on its own and answers each as the single call would', async () => {
    const [kept, changed, deleted] = [await createUser(server.context, { username: fresh() }), await createUser(server.context, { username: fresh() }), await createUser(server.context, { username: fresh() })];
    const name = fresh();
    const { status, body } = await bulk([
      creation({ username: name, email: `${name}@example.com` }), creation({ username: name.toUpperCase() }), creation({ username: kept.username }), creation({ username: 'a b' }), creation({ username: fresh(), status: 'enabled' }),
      { operation: 'update', userId: changed.id, change: { displayName: 'Changed' }, ifMatch: '"1"' }, { operation: 'update', userId: changed.id, change: { displayName: 'Too late' }, ifMatch: '"1"' },
      { operation: 'disable', userId: changed.id }, { operation: 'delete', userId: deleted.id }, { operation: 'delete', userId: deleted.id }, { operation: 'promote', userId: kept.id }, 7, null, creation({ username: fresh() }),
    ]);
    expect(status).toBe(200);
    expect(body.results.map((result) => result.status)).toEqual([201, 409, 409, 400, 400, 200, 412, 200, 204, 404, 400, 400, 400, 201]);
    expect(body).toMatchObject({ applied: true, succeeded: 5, failed: 9 });
    expect(body.results.map(({ index }) => index)).toEqual(body.results.map((_result, index) => index));
    expect(body.results[1]?.problem).toMatchObject({ code: 'Operation.Failure.User.Already.Exist', errors: [{ field: 'username', code: 'taken' }] });
    expect(body.results[3]?.problem?.errors?.[0]).toMatchObject({ field: 'user.username' });
    const created = await server.context.db.user.findFirstOrThrow({ where: { username: name } });
    expect(created).toMatchObject({ id: body.results[0]?.id, sourceType: 'import' });
    expect(await server.context.db.event.count({ where: { subjectId: created.id, type: 'user.created' } })).toBe(1);
    expect(await server.context.db.user.findFirst({ where: { id: changed.id } })).toMatchObject({ displayName: 'Changed', status: 'disabled' });
  });

  it('does all or nothing, and says who stood in the way', async () => {
    const prefix = `${fresh()}-all`;
    const taken = await createUser(server.context, { username: fresh() });
    const refused = await bulk([creation({ username: `${prefix}1` }), creation({ username: taken.username }), creation({ username: `${prefix}2` })], 'all_or_nothing');
    expect(refused.body.results.map((result) => result.status)).toEqual([424, 409, 424]);
    expect(refused.body).toMatchObject({ applied: false, succeeded: 0, failed: 3 });
    const mixed = await bulk([creation({ username: `${prefix}1` }), { operation: 'disable', userId: taken.id }, { operation: 'delete', userId: `user_${'0'.repeat(26)}` }], 'all_or_nothing');
    expect(mixed.body.results.map((result) => result.status)).toEqual([424, 424, 404]);
    const unreadable = await bulk([creation({ username: `${prefix}1` }), creation({ username: '' })], 'all_or_nothing');
    expect(unreadable.body.results.map((result) => result.status)).toEqual([424, 400]);
    expect(await usersNamed(prefix)).toBe(0);
    expect(await server.context.db.user.findFirst({ where: { id: taken.id } })).toMatchObject({ status: 'enabled', version: 1 });
    const done = await bulk([creation({ username: `${prefix}1` }), { operation: 'disable', userId: taken.id }, creation({ username: `${prefix}2` })], 'all_or_nothing');
    expect(done.body).toMatchObject({ applied: true, succeeded: 3 });
    expect(await usersNamed(prefix)).toBe(2);
  });

  it('takes a thousand rows and no more', async () => {
    const prefix = `${fresh()}-many`;
    const rows = Array.from({ length: 1_000 }, (_value, index) => creation({ username: `${prefix}${index}`, email: `${prefix}${index}@example.com`, phone: `+4915${String(index).padStart(8, '0')}` }));
    expect((await bulk([...rows, creation({ username: 'one.too.many' })])).status).toBe(400);
    expect((await bulk([])).status).toBe(400);
    const { body } = await bulk(rows);
    expect(body).toMatchObject({ succeeded: 1_000, failed: 0 });
    expect(await usersNamed(prefix)).toBe(1_000);
  });

  it('two calls with the same names at once make each user once', async () => {
    const prefix = `${fresh()}-twice`;
    const rows = Array.from({ length: 300 }, (_value, index) => creation({ username: `${prefix}${index}` }));
    const answers = await Promise.all([bulk(rows), bulk(rows.toReversed()), bulk(rows)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.reduce((sum, { body }) => sum + body.succeeded, 0)).toBe(300);
    expect(answers.flatMap(({ body }) => body.results.map((result) => result.status)).every((status) => status === 201 || status === 409)).toBe(true);
    expect(await usersNamed(prefix)).toBe(300);
  });

  it('holds custom fields: unique within the batch, too', async () => {
    const field = (await server.api('POST', '/custom-fields', { key: 'badge', label: 'Badge', type: 'text', unique: true })).body as { id: string };
    const [one, two, three, four] = [fresh(), fresh(), fresh(), fresh()];
    const { body } = await bulk([creation({ username: one, customFields: { badge: 'A' } }), creation({ username: two, customFields: { badge: 'a' } }), creation({ username: three, customFields: { badge: 7 } }), creation({ username: four, customFields: { badge: 'B' } })]);
    expect(body.results.map((result) => result.status)).toEqual([201, 409, 400, 201]);
    expect(body.results[1]?.problem).toMatchObject({ errors: [{ field: 'customFields.badge', code: 'taken' }] });
    expect((await server.api('DELETE', `/custom-fields/${field.id}`)).status).toBe(409);
  });

  it('touches nobody of another instance', async () => {
    const other = await createInstance(server.core, { id: 'bulk-elsewhere', name: 'Elsewhere' });
    const theirs = await createUser(other, { username: 'theirs' });
    for (const mode of ['per_row', 'all_or_nothing']) {
      const { body } = await bulk([{ operation: 'update', userId: theirs.id, change: { displayName: 'Ours' } }, { operation: 'delete', userId: theirs.id }, { operation: 'disable', userId: theirs.id }], mode);
      expect(body.succeeded).toBe(0);
      expect(body.results.filter((result) => result.status === 404).length).toBeGreaterThan(0);
    }
    expect(await other.db.user.findFirst({ where: { id: theirs.id } })).toMatchObject({ displayName: 'theirs', status: 'enabled' });
  });

  it('changes hundreds at once as the single calls do: names, unique values, versions, events, the end of sessions', async () => {
    await server.api('POST', '/custom-fields', { key: 'desk', label: 'Desk', type: 'text', unique: true });
    const prefix = `${fresh()}-change`;
    const made = await bulk(Array.from({ length: 450 }, (_value, index) => creation({ username: `${prefix}${index}` })));
    const ids = made.body.results.map(({ id = '' }) => id);
    const update = (index: number, change: object, more: object = {}) => ({ operation: 'update', userId: ids[index], change, ...more });
    const rows = [
      ...ids.slice(0, 420).map((_id, index) => update(index, { displayName: `Person ${index}`, phone: `+4917${String(index).padStart(8, '0')}`, customFields: { desk: `D-${index}` } }, { ifMatch: '"1"' })),
      update(420, { username: `${prefix}421` }), update(421, { customFields: { desk: 'd-7' } }), update(422, { customFields: { desk: 'same' } }), update(423, { customFields: { desk: 'SAME' } }),
      update(424, { email: 'twice@example.com' }), update(425, { email: 'TWICE@example.com' }), update(426, { displayName: 'x' }, { ifMatch: '"9"' }), update(427, { customFields: { nosuch: 1 } }),
      { operation: 'disable', userId: ids[428] }, { operation: 'unlock', userId: ids[429] }, { operation: 'lock', userId: ids[430] }, { operation: 'unlock', userId: ids[430] }, update(431, { expiresAt: '2020-01-01T00:00:00Z' }),
    ];
    const { body } = await bulk(rows);
    expect(body.results.slice(0, 420).every((result) => result.status === 200 && result.etag === '"2"')).toBe(true);
    expect(body.results.slice(420).map((result) => result.status)).toEqual([409, 409, 200, 409, 200, 409, 412, 400, 200, 200, 200, 200, 200]);
    const rowsOf = async (index: number) => server.context.db.user.findFirst({ where: { id: ids[index] ?? '' } });
    expect(await rowsOf(7)).toMatchObject({ displayName: 'Person 7', phone: '+491700000007', phoneRegion: 'DE', customFields: { desk: 'D-7' }, version: 2, usernameKey: `${prefix}7` });
    expect(await rowsOf(428)).toMatchObject({ status: 'disabled', version: 2 });
    expect(await rowsOf(429)).toMatchObject({ status: 'enabled', version: 1 });
    expect(await rowsOf(430)).toMatchObject({ status: 'enabled', version: 3 });
    expect(await isUserUsable(server.context, ids[428] ?? '')).toBe(false);
    expect(await isUserUsable(server.context, ids[431] ?? '')).toBe(false);
    const events = await server.context.db.event.findMany({ where: { subjectId: { in: ids }, type: { in: ['user.updated', 'user.disabled', 'user.locked', 'user.unlocked'] } }, select: { type: true } });
    expect(Object.groupBy(events, ({ type }) => type)).toMatchObject({ 'user.disabled': { length: 1 }, 'user.locked': { length: 1 }, 'user.unlocked': { length: 1 }, 'user.updated': { length: 423 } });
    expect(await server.context.db.customFieldValue.count({ where: { userId: { in: ids } } })).toBe(421);
  });

  it('asks the guard of each user, and lets the others pass', async () => {
    const [one, two] = [await createUser(server.context, { username: fresh() }), await createUser(server.context, { username: fresh() })];
    onUserClosing(server.core, async (_tx, before) => { if (before.id === one.id) throw new Problem({ status: 409, code: 'Test.Stays', detail: 'This one stays.' }); });
    const rows = [{ operation: 'disable', userId: one.id }, { operation: 'disable', userId: two.id }];
    expect((await bulk(rows, 'all_or_nothing')).body.results.map((result) => result.status)).toEqual([409, 424]);
    expect((await bulk(rows)).body.results.map((result) => result.status)).toEqual([409, 200]);
  });
});
