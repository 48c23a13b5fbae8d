import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { bareInstance } from '../../test/support/core.ts';
import { withPrincipal } from '../tenancy/index.ts';
import { listUsers } from './list-users.ts';
import { directory } from './routes.ts';
import { isUserUsable, onUserChanged } from './user-status.ts';
import { createUser, disableUser, findUserByIdentifier, lockUser, unlockUser, updateUser } from './users.ts';

let server: FeatureServer;
beforeAll(async () => { server = await startFeatures(directory); });
afterAll(async () => { await server.close(); });

interface UserBody { id: string; username: string; displayName: string; email: string | null; emailVerified: boolean; phone: string | null; status: string; createdAt: string; code: string; errors: { field: string; code: string }[] }
const api = async (...request: Parameters<FeatureServer['api']>) => {
  const answer = await server.api(...request);
  return { ...answer, body: answer.body as UserBody };
};
const create = async (user: object) => (await api('POST', '/users', user)).body;
let count = 0;
const freshName = () => `person${count += 1}`;

describe('POST /users', () => {
  it('creates a user, says where it is, and gives an ETag', async () => {
    const { status, headers, body } = await api('POST', '/users', { username: 'zhang.wei', givenName: 'Wei', familyName: 'Zhang', email: 'Zhang.Wei@example.com', phone: '+8613800138000' });
    expect(status).toBe(201);
    expect(headers['location']).toBe(`http://localhost:3000/t/default/api/v1/users/${body.id}`);
    expect(headers['etag']).toBe('"1"');
    expect(body).toMatchObject({ username: 'zhang.wei', displayName: 'Wei Zhang', email: 'Zhang.Wei@example.com', emailVerified: false, status: 'enabled' });
    const { body: again } = await api('GET', `/users/${body.id}`);
    expect(again).toEqual(body);
  });

  it('shows neither keys nor the instance', async () => {
    const body = await create({ username: freshName() });
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['usernameKey']));
    expect(Object.keys(body)).not.toEqual(expect.arrayContaining(['instanceId']));
  });

  it('writes one event with who did it and the state it left', async () => {
    server.actAs({ kind: 'application', id: 'app_x', scopes: [] });
    const user = await create({ username: freshName() });
    server.actAs({ kind: 'system' });
    const events = await server.context.db.event.findMany({ where: { subjectId: user.id } });
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ type: 'user.created', actor: { kind: 'application', id: 'app_x' }, after: { username: user.username } });
  });

  it.each([
    ['nothing', {}, 'username'],
    ['an empty name', { username: '' }, 'username'],
    ['spaces in it', { username: 'a b' }, 'username'],
    ['mixed alphabets', { username: 'pаypal' }, 'username'],
    ['only invisible characters', { username: '..' }, 'username'],
    ['a name of 65 characters', { username: 'a'.repeat(65) }, 'username'],
    ['a line break in a text', { username: 'nul', displayName: 'a\nb' }, 'displayName'],
    ['an escape character', { username: 'nul', displayName: 'a\u001B[31mb' }, 'displayName'],
    ['a mark that turns the direction', { username: 'nul', displayName: 'a\u202Eb' }, 'displayName'],
    ['an address that is none', { username: 'nul', email: 'nobody' }, 'email'],
    ['a number that is none', { username: 'nul', phone: '12' }, 'phone'],
    ['a language that is none', { username: 'nul', locale: 'not a tag' }, 'locale'],
    ['a time zone that is none', { username: 'nul', timeZone: 'Mars/Olympus' }, 'timeZone'],
    ['an object for a text', { username: { not: '' } }, 'username'],
    ['a list for a text', { username: ['a'] }, 'username'],
  ])('refuses %s', async (_what, body, field) => {
    const answer = await api('POST', '/users', body);
    expect(answer.status).toBe(400);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.body.errors.map((error) => error.field)).toContain(field);
  });

  it.each(['a\u0000b', 'a\uD800b'])('refuses NUL and lone surrogates before they are read', async (displayName) => {
    expect((await api('POST', '/users', { username: 'nul', displayName })).status).toBe(400);
  });

  it.each(['id', 'instanceId', 'status', 'emailVerified', 'phoneVerified', 'usernameKey', 'createdAt', 'version', 'roles', 'constructor', 'toString'])('refuses the member %s', async (member) => {
    const answer = await api('POST', '/users', { username: freshName(), [member]: 'x' });
    expect(answer.status).toBe(400);
  });

  it.each([
    ['capitals', 'ANNA.SCHMIDT'], ['full-width', 'ａnna.schmidt'], ['a Cyrillic twin', 'соса'], ['a trailing dot', 'anna.schmidt.'], ['dotless i', 'anna.schmıdt'],
  ])('answers 409 to a twin of a username: %s', async (_what, twin) => {
    await api('POST', '/users', { username: 'anna.schmidt' });
    await api('POST', '/users', { username: 'coca' });
    const answer = await api('POST', '/users', { username: twin });
    expect(answer.status).toBe(409);
    expect(answer.body).toMatchObject({ code: 'Operation.Failure.User.Already.Exist', errors: [{ field: 'username', code: 'taken' }] });
  });

  it('answers 409 to a twin of an e-mail address and to a taken number', async () => {
    await create({ username: freshName(), email: 'twin@example.com', phone: '+491700000001' });
    expect((await api('POST', '/users', { username: freshName(), email: 'TWIN@Example.com' })).status).toBe(409);
    expect((await api('POST', '/users', { username: freshName(), phone: '+491700000001' })).status).toBe(409);
  });

  it.each([
    ['username is an e-mail address', { username: 'Cross@Example.com' }], ['username is a number', { username: '+491700000002' }],
  ])('answers 409 where somebody else\'s %s', async (_what, user) => {
    await api('POST', '/users', { username: 'cross', email: 'cross@example.com', phone: '+491700000002' });
    expect((await api('POST', '/users', user)).status).toBe(409);
  });

  it('makes one of fifty parallel twins', async () => {
    const name = freshName();
    const answers = await Promise.all(Array.from({ length: 50 }, (_, place) => api('POST', '/users', place % 2 ? { username: `${name}@example.com` } : { username: freshName(), email: `${name}@example.com` })));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });

  it('lets one name exist in two instances', async () => {
    const other = await bareInstance(server.core, 'other');
    const name = freshName();
    await createUser(server.context, { username: name });
    await expect(createUser(other, { username: name })).resolves.toMatchObject({ username: name });
  });
});

describe('PATCH /users/:id', () => {
  it('changes what is named, clears by null, and raises the ETag', async () => {
    const user = await create({ username: freshName(), givenName: 'A', familyName: 'B', externalId: 'x-1' });
    const { status, headers, body } = await api('PATCH', `/users/${user.id}`, { givenName: null, displayName: 'New Name' });
    expect(status).toBe(200);
    expect(headers['etag']).toBe('"2"');
    expect(body).toMatchObject({ displayName: 'New Name', givenName: null, familyName: 'B', externalId: 'x-1' });
  });

  it('answers 412 to an old ETag and changes nothing', async () => {
    const user = await create({ username: freshName() });
    await api('PATCH', `/users/${user.id}`, { displayName: 'Second' }, { 'if-match': '"1"' });
    const late = await api('PATCH', `/users/${user.id}`, { displayName: 'Third' }, { 'if-match': '"1"' });
    expect(late.status).toBe(412);
    expect((await api('GET', `/users/${user.id}`)).body.displayName).toBe('Second');
  });

  it('lets one of ten parallel changes with one ETag win', async () => {
    const user = await create({ username: freshName() });
    const answers = await Promise.all(Array.from({ length: 10 }, (_, place) => api('PATCH', `/users/${user.id}`, { displayName: `Name ${place}` }, { 'if-match': '"1"' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 9 }, () => 412)]);
  });

  it('takes the verified mark from an address that changes, and keeps it with the same one', async () => {
    const user = await createUser(server.context, { username: freshName(), email: 'kept@example.com' }, { emailVerified: true });
    expect((await updateUser(server.context, user.id, { email: 'kept@example.com' })).emailVerified).toBe(true);
    expect((await updateUser(server.context, user.id, { email: 'changed@example.com' })).emailVerified).toBe(false);
  });

  it('may keep its own name and refuses that of another', async () => {
    const [one, two] = [await create({ username: freshName() }), await create({ username: freshName() })];
    expect((await api('PATCH', `/users/${one.id}`, { username: one.username.toUpperCase() })).status).toBe(200);
    expect((await api('PATCH', `/users/${one.id}`, { username: two.username })).status).toBe(409);
  });

  it('refuses null for what must be there', async () => {
    const user = await create({ username: freshName() });
    expect((await api('PATCH', `/users/${user.id}`, { username: null })).status).toBe(400);
    expect((await api('PATCH', `/users/${user.id}`, { displayName: null })).status).toBe(400);
  });

  it.each([['id', 'user_x'], ['status', 'enabled'], ['emailVerified', true]])('refuses the member %s', async (member, value) => {
    const user = await create({ username: freshName() });
    expect((await api('PATCH', `/users/${user.id}`, { [member]: value })).status).toBe(400);
  });

  it('answers 404 for a user of another instance, and 400 for what is no id', async () => {
    const other = await bareInstance(server.core, 'patch-other');
    const foreign = await createUser(other, { username: 'foreign' });
    const answer = await api('PATCH', `/users/${foreign.id}`, { displayName: 'Taken over' });
    expect(answer).toMatchObject({ status: 404, body: { code: 'Operation.Failure.User.Not.Exist' } });
    expect((await api('GET', '/users/user_1')).status).toBe(400);
  });
});

describe('status', () => {
  it('changes once, tells it once, and a locked user is unlocked but a disabled one is not', async () => {
    const user = await create({ username: freshName() });
    expect((await api('POST', `/users/${user.id}/disable`)).body.status).toBe('disabled');
    expect((await api('POST', `/users/${user.id}/disable`)).body.status).toBe('disabled');
    expect((await api('POST', `/users/${user.id}/unlock`)).body.status).toBe('disabled');
    expect((await api('POST', `/users/${user.id}/enable`)).body.status).toBe('enabled');
    await lockUser(server.context, user.id);
    expect((await unlockUser(server.context, user.id)).status).toBe('enabled');
    const events = await server.context.db.event.findMany({ where: { subjectId: user.id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['user.created', 'user.disabled', 'user.enabled', 'user.locked', 'user.unlocked']);
    expect(events[1]).toMatchObject({ before: { status: 'enabled' }, after: { status: 'disabled' } });
  });

  it('reads expired once the end is past, and cannot be used', async () => {
    const user = await create({ username: freshName(), expiresAt: '2020-01-01T00:00:00Z' });
    expect(user.status).toBe('expired');
    expect(await isUserUsable(server.context, user.id)).toBe(false);
  });

  it('is known to another server within a second', async () => {
    const other = await server.another();
    const there = withPrincipal({ ...server.context, core: other }, { kind: 'system' });
    const user = await createUser(server.context, { username: freshName() });
    const heard = new Promise((resolve) => onUserChanged(other, (...who) => resolve(who)));
    expect(await isUserUsable(there, user.id)).toBe(true);
    await disableUser(server.context, user.id);
    expect(await isUserUsable(server.context, user.id)).toBe(false);
    await expect.poll(() => isUserUsable(there, user.id), { timeout: 1000, interval: 20 }).toBe(false);
    expect(await heard).toEqual(['default', user.id]);
  });
});

describe('DELETE /users/:id', () => {
  it('deletes, keeps the log, and reserves the name until the user is erased', async () => {
    const user = await create({ username: freshName() });
    expect((await api('DELETE', `/users/${user.id}`, undefined, { 'if-match': '"7"' })).status).toBe(412);
    expect((await api('DELETE', `/users/${user.id}`)).status).toBe(204);
    expect((await api('GET', `/users/${user.id}`)).status).toBe(404);
    expect((await api('DELETE', `/users/${user.id}`)).status).toBe(404);
    expect(await isUserUsable(server.context, user.id)).toBe(false);
    expect((await server.context.db.event.findMany({ where: { subjectId: user.id } })).map(({ type }) => type)).toContain('user.deleted');
    expect((await api('POST', '/users', { username: user.username })).status).toBe(409);
    expect((await api('DELETE', `/recycled-users/${user.id}`)).status).toBe(204);
    expect((await api('POST', '/users', { username: user.username })).status).toBe(201);
  });
});

describe('GET /users', () => {
  it('pages through all in order, and refuses a cursor of another list', async () => {
    const context = await bareInstance(server.core, 'listing');
    const made = [];
    for (let place = 0; place < 7; place += 1) made.push((await createUser(context, { username: `list${place}` })).id);
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await listUsers(context, { limit: 3, cursor });
      seen.push(...page.items.map(({ id }) => id));
      if (page.next === null) break;
      cursor = page.next;
    }
    expect(seen).toEqual([...made].sort());
    const { next } = await listUsers(context, { limit: 3 });
    expect(next).not.toBeNull();
    const stolen = encodeURIComponent(next ?? '');
    expect((await api('GET', `/users?cursor=${stolen}`)).status).toBe(400);
    expect((await api('GET', `/users?cursor=${stolen}x`)).status).toBe(400);
  });

  it('filters by status, start of name and address, external id and time', async () => {
    const user = await create({ username: 'filter_me', email: 'filter%me@example.com', externalId: 'ext-7' });
    await create({ username: 'filterXme', email: 'filterXme@example.com' });
    const found = async (query: string) => ((await api('GET', `/users?${query}`)).body as unknown as { items: UserBody[] }).items.map(({ id }) => id);
    expect(await found('username=FILTER_')).toEqual([user.id]);
    expect(await found('email=filter%25me')).toEqual([user.id]);
    expect(await found('externalId=ext-7')).toEqual([user.id]);
    expect(await found(`externalId=ext-7&createdAfter=${encodeURIComponent(user.createdAt)}`)).toEqual([]);
    expect(await found('externalId=ext-7&status=enabled&createdBefore=2999-01-01T00:00:00Z')).toEqual([user.id]);
    expect(await found('externalId=ext-7&status=disabled')).toEqual([]);
  });

  it.each(['limit=0', 'limit=201', 'limit=x', 'unknown=1', 'status=other', 'username[contains]=a', 'username=a&username=b', 'createdAfter=yesterday'])('refuses ?%s', async (query) => {
    expect((await api('GET', `/users?${query}`)).status).toBe(400);
  });
});

describe('finding a user by what was typed', () => {
  it('finds by name, by verified address and number, never by unverified ones', async () => {
    const user = await createUser(server.context, { username: 'findable', email: 'find@example.com', phone: '+491700000009' }, { emailVerified: true, phoneVerified: true });
    const unproven = await createUser(server.context, { username: 'unproven', email: 'unproven@example.com', phone: '+491700000010' });
    for (const typed of ['findable', ' FINDABLE ', 'ｆindable', 'fi\u200Bndable', 'FIND@example.com', '+49 170 0000009']) {
      expect((await findUserByIdentifier(server.context, typed))?.id, typed).toBe(user.id);
    }
    for (const typed of ['unproven@example.com', '+491700000010', 'nobody', '', '\u0000', 'x'.repeat(100_000), '\uD800', '%', '_']) {
      expect(await findUserByIdentifier(server.context, typed), typed.slice(0, 20)).toBeUndefined();
    }
    expect((await findUserByIdentifier(server.context, 'Unproven'))?.id).toBe(unproven.id);
  });
});
