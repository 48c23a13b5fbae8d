import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../../test/support/server.ts';

let server: TestServer;
let first: string;
beforeAll(async () => {
  server = await startTestServer();
  first = ((await server.api('GET', '/administrators')).body as { items: { userId: string }[] }).items[0]?.userId ?? '';
});
afterAll(() => server.close());

async function addOwner(username: string): Promise<string> {
  const { id } = (await server.api('POST', '/users', { username })).body as { id: string };
  expect((await server.api('PUT', `/administrators/${id}/roles/owner`)).status).toBe(204);
  return id;
}

/** The answer of the row. */
async function bulk(mode: string, row: object): Promise<{ status: number; body: never }> {
  const { results: [result] } = (await server.api('POST', '/users/bulk', { mode, rows: [row] })).body as { results: { status: number; problem?: never }[] };
  return { status: result?.status ?? 500, body: result?.problem as never };
}

const ways: [string, (id: string) => Promise<{ status: number; body: never }>][] = [
  ['deleted', (id) => server.api('DELETE', `/users/${id}`)],
  ['disabled', (id) => server.api('POST', `/users/${id}/disable`)],
  ['locked', (id) => server.api('POST', `/users/${id}/lock`)],
  ['let expire', (id) => server.api('PATCH', `/users/${id}`, { expiresAt: '2099-01-01T00:00:00Z' })],
  ['deleted by a bulk call', (id) => bulk('per_row', { operation: 'delete', userId: id })],
  ['disabled by a bulk call', (id) => bulk('per_row', { operation: 'disable', userId: id })],
  ['locked by a bulk call of all or nothing', (id) => bulk('all_or_nothing', { operation: 'lock', userId: id })],
  ['let expire by a bulk call', (id) => bulk('per_row', { operation: 'update', userId: id, change: { expiresAt: '2099-01-01T00:00:00Z' } })],
  ['made an ordinary user', (id) => server.api('DELETE', `/administrators/${id}/roles/owner`)],
];

describe('the last owner of an instance', () => {
  it.each(ways)('cannot be %s', async (_way, close) => {
    expect(await close(first)).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Administrator.Last' } });
    expect(await server.api('GET', `/users/${first}`)).toMatchObject({ body: { status: 'enabled', expiresAt: null } });
  });

  it.each(ways)('is also who remains beside one who cannot sign in, and cannot be %s', async (way, close) => {
    const second = await addOwner(`beside-${ways.findIndex(([name]) => name === way)}`);
    expect((await server.api('POST', `/users/${second}/disable`)).status).toBe(200);
    expect((await close(first)).status).toBe(409);
    expect((await server.api('DELETE', `/users/${second}`)).status).toBe(204);
  });

  it('remains when a bulk call names all of them', async () => {
    const second = await addOwner('both-at-once');
    for (const operation of ['delete', 'disable']) {
      const { results } = (await server.api('POST', '/users/bulk', { rows: [{ operation, userId: second }, { operation, userId: first }] })).body as { results: { status: number }[] };
      expect(results.map(({ status }) => status)).toEqual(operation === 'delete' ? [204, 409] : [404, 409]);
    }
  });

  it.each(ways)('is no longer the last one beside a second: then one of both can be %s', async (way, close) => {
    const second = await addOwner(`second-${ways.findIndex(([name]) => name === way)}`);
    expect((await close(second)).status).toBeLessThan(300);
    expect((await close(first)).status).toBe(409);
    await server.api('DELETE', `/users/${second}`);
  });

  it('stays when two owners disable each other at the same time', async () => {
    const second = await addOwner('at-once');
    const answers = await Promise.all([first, second].map((id) => server.api('POST', `/users/${id}/disable`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    for (const id of [first, second]) await server.api('POST', `/users/${id}/enable`);
    expect((await server.api('DELETE', `/users/${second}`)).status).toBe(204);
  });
});
