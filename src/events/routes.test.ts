import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { bareInstance } from '../../test/support/core.ts';
import { append } from './append.ts';
import { events } from './routes.ts';

interface Body { id: string; type: string; occurredAt: string; actor: { kind: string; id?: string }; subject: { type: string; id: string }; before: object | null; after: object | null; items: Body[]; next: string | null }
let server: FeatureServer;
const api = async (path: string) => {
  const answer = await server.api('GET', path);
  return { ...answer, body: answer.body as Body };
};
const found = async (query: string) => (await api(`/events?${query}`)).body.items;

beforeAll(async () => {
  server = await startFeatures(events);
  for (let place = 0; place < 7; place += 1) {
    const at = new Date(Date.UTC(2026, 0, 1 + place));
    await append({ ...server.context, now: () => at, principal: { kind: 'application', id: `app_${place % 2}`, scopes: [] }, address: '192.0.2.1' },
      { type: place % 3 === 0 ? 'user.created' : 'user.updated', subject: { type: 'user', id: `user_${place}` }, before: { place }, after: { place: place + 1 } });
  }
  const other = await bareInstance(server.core, 'other');
  await append(other, { type: 'user.created', subject: { type: 'user', id: 'user_foreign' } });
});
afterAll(async () => { await server.close(); });

describe('GET /events', () => {
  it('shows the newest first, with actor, subject and states, of this instance only', async () => {
    const items = await found('');
    expect(items.map(({ subject }) => subject.id)).toEqual([6, 5, 4, 3, 2, 1, 0].map((place) => `user_${place}`));
    expect(items[0]).toMatchObject({ type: 'user.created', actor: { kind: 'application', id: 'app_0' }, before: { place: 6 }, after: { place: 7 }, address: '192.0.2.1', occurredAt: '2026-01-07T00:00:00.000Z' });
    expect(items[0]).not.toHaveProperty('instanceId');
  });

  it('pages without skipping or repeating', async () => {
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await api(`/events?limit=3${cursor}`);
      seen.push(...body.items.map(({ subject }) => subject.id));
      if (body.next === null) break;
      cursor = `&cursor=${encodeURIComponent(body.next)}`;
    }
    expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map((place) => `user_${place}`));
  });

  it.each([
    ['type=user.created', [6, 3, 0]], ['actorId=app_1', [5, 3, 1]], ['subjectId=user_4', [4]], ['from=2026-01-06T00:00:00Z', [6, 5]], ['to=2026-01-03T00:00:00Z', [1, 0]],
    ['actorId=app_0&type=user.created', [6, 0]], ['subjectId=user_foreign', []], ["actorId=' OR 1=1 --", []], ['subjectId=%25', []],
  ])('filters by %s', async (query, places) => {
    expect((await found(query)).map(({ subject }) => subject.id)).toEqual(places.map((place) => `user_${place}`));
  });

  it.each(['type=drop table', 'from=yesterday', 'unknown=1', 'type=user.created&type=user.updated', 'cursor=x', 'limit=0', 'subjectId[not]=a'])('refuses ?%s', async (query) => {
    expect((await api(`/events?${query}`)).status).toBe(400);
  });

  it('refuses the cursor of other filters', async () => {
    const { body } = await api('/events?limit=1&type=user.created');
    expect((await api(`/events?limit=1&cursor=${encodeURIComponent(body.next ?? '')}`)).status).toBe(400);
  });
});

describe('GET /events/:id', () => {
  it('shows one, and only of this instance', async () => {
    const [event] = await found('subjectId=user_4');
    expect((await api(`/events/${event?.id ?? ''}`)).body).toEqual(event);
    const foreign = await server.core.database.event.findFirst({ where: { instanceId: 'other' } });
    expect((await api(`/events/${foreign?.id ?? ''}`)).status).toBe(404);
    expect((await api('/events/evnt_1')).status).toBe(400);
  });
});
