/** Accounts that pass for others: through every way in which an account gets a name. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findUserByIdentifier } from '../../src/directory/index.ts';
import { startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { createWorld, type World } from '../support/world.ts';

let server: TestServer;
let world: World;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  world = await createWorld(server, started.context);
}, 60_000);
afterAll(() => server.close());

const api = (method: string, path: string, body?: unknown) => world.api(method, path, body);

/** Who is there, and spellings that look or fold alike. */
const accounts: { who: Record<string, string>; twins: { username?: string[]; email?: string[]; phone?: string[] } }[] = [
  { who: { username: 'admin.kim', email: 'kim@example.com', phone: '+8613800138000' }, twins: {
    username: ['ADMIN.KIM', 'Admin.Kim', 'ａｄｍｉｎ.kim', 'аdмin.kim'.replace('м', 'm'), 'admın.kim', 'admin.kim.', 'admin.kim..', 'ADMİN.KIM', 'admin.kiｍ', 'kim@example.com', 'KIM@EXAMPLE.COM', 'ｋim@example.com', '+8613800138000'],
    email: ['KIM@example.com', 'kim@EXAMPLE.COM', 'Kim@Example.Com'],
    phone: ['+8613800138000'],
  } },
  { who: { username: 'straße', email: 'ss@example.com' }, twins: { username: ['STRASSE', 'strasse', 'ſtraße', 'straſſe', 'STRAẞE'] } },
  { who: { username: 'ивано', email: 'ivan@example.com' }, twins: { username: ['ИВАНО', 'Ивано'] } },
  { who: { username: 'cоса'.replace(/[ос]/g, (letter) => ({ о: 'o', с: 'c' }[letter] ?? letter)).replace('а', 'a'), email: 'coca@example.com' }, twins: { username: ['соса', 'COCA', 'ϲοϲα'] } },
  { who: { username: 'peter@example.org' }, twins: { email: ['peter@example.org', 'PETER@example.org'], username: ['Peter@Example.ORG'] } },
];

interface Attempt { status: number }
/** Every way in; each is given a field and the spelling. A new way in belongs here. */
const ways: Record<string, (field: string, value: string, other: string) => Promise<Attempt>> = {
  'creating a user': (field, value, other) => api('POST', '/users', { username: other, [field]: value }),
  'changing a user': async (field, value, other) => {
    const { body } = await api('POST', '/users', { username: other });
    return api('PATCH', `/users/${String(body['id'])}`, { [field]: value });
  },
  'a bulk call that creates': async (field, value, other) => rowOf(await api('POST', '/users/bulk', { rows: [{ operation: 'create', user: { username: other, [field]: value } }] })),
  'a bulk call that changes': async (field, value, other) => {
    const { body } = await api('POST', '/users', { username: other });
    return rowOf(await api('POST', '/users/bulk', { rows: [{ operation: 'update', userId: body['id'], change: { [field]: value } }] }));
  },
  'a bulk call of all or nothing': async (field, value, other) => rowOf(await api('POST', '/users/bulk', { mode: 'all_or_nothing', rows: [{ operation: 'create', user: { username: other, [field]: value } }] })),
  'an invitation': (field, value, other) => api('POST', '/invitations', { email: `${other}@example.net`, username: other, [field]: value }),
};

function rowOf({ body }: { body: Record<string, unknown> }): Attempt {
  const [row] = body['results'] as Attempt[];
  if (!row) throw new Error('no result');
  return row;
}

describe('attack: input.identifier-collision', () => {
  it.each(Object.entries(ways))('%s makes no twin', async (way, attempt) => {
    const unique = way.replace(/[^a-z]/g, '').slice(-12);
    for (const { who, twins } of accounts) {
      const made = await api('POST', '/users', who);
      expect([who, made.status === 201 || made.status === 409]).toEqual([who, true]);
      const before = await server.core.database.user.count({ where: { instanceId: world.context.instance.id } });
      let others = 0;
      for (const [field, spellings] of Object.entries(twins)) {
        for (const spelling of spellings) {
          others += 1;
          const { status } = await attempt(field, spelling, `${unique}.${who['username']?.length ?? 0}.${others}`);
          // 400 where the spelling is none that is taken at all, such as mixed alphabets.
          expect([way, field, spelling, status === 409 || status === 400]).toEqual([way, field, spelling, true]);
        }
      }
      const after = await server.core.database.user.findMany({ where: { instanceId: world.context.instance.id }, select: { username: true, email: true } });
      expect(after.length - before).toBe(way.includes('changes') || way === 'changing a user' ? others : 0);
    }
  }, 120_000);

  it('each spelling of a name finds exactly the one who has it', async () => {
    for (const { who, twins } of accounts) {
      await api('POST', '/users', who);
      for (const spelling of twins.username?.filter((each) => !each.includes('@') && !each.startsWith('+')) ?? []) {
        expect([spelling, (await findUserByIdentifier(world.context, spelling))?.username]).toEqual([spelling, who['username']]);
      }
    }
  });

  it('two who ask for twins at once get one account', async () => {
    const answers = await Promise.all(['racer.name', 'RACER.NAME', 'rаcer.name'.replace('а', 'a'), 'racer.name.', 'Racer.Name'].flatMap((username) => [
      api('POST', '/users', { username }), api('POST', '/invitations', { email: `${Math.random().toString(36).slice(2)}@example.net`, username }),
    ]));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.every(({ status }) => [201, 409].includes(status))).toBe(true);
  });

  it('a deleted account keeps its names until it is erased', async () => {
    const { body } = await api('POST', '/users', { username: 'gone.for.now', email: 'gone@example.com' });
    await api('DELETE', `/users/${String(body['id'])}`);
    for (const attempt of Object.values(ways).filter((way) => way !== ways['changing a user'] && way !== ways['a bulk call that changes'])) {
      expect((await attempt('username', 'GONE.FOR.NOW', 'unused')).status).toBe(409);
      expect((await attempt('email', 'gone@example.com', `unused${Math.random().toString(36).slice(2)}`)).status).toBe(409);
    }
    expect((await api('DELETE', `/recycled-users/${String(body['id'])}`)).status).toBe(204);
    expect((await api('POST', '/users', { username: 'gone.for.now' })).status).toBe(201);
  });
});
