import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstIdOf } from '../../core/ids.ts';
import { createInstance, type InstanceContext } from '../../tenancy/index.ts';
import { startTestServer, type TestServer } from '../../../test/support/server.ts';
import { loadLists } from './list-cache.ts';

let server: TestServer;
let publisher: Server;
let published = { status: 200, body: '' };
let publisherUrl: string;

beforeAll(async () => {
  publisher = createServer((_request, response) => { response.writeHead(published.status).end(published.body); });
  await new Promise<void>((resolve) => { publisher.listen(0, '127.0.0.1', resolve); });
  const { port } = publisher.address() as AddressInfo;
  publisherUrl = `http://localhost:${port}/list.txt`;
  server = await startTestServer({ settings: { OUTBOUND_ALLOW: `localhost:${port}` } });
});
afterAll(async () => {
  await server.close();
  publisher.close();
});

type Body = Record<string, unknown>;
const api = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
  const answer = await server.api(method, path, body, headers);
  return { ...answer, body: answer.body as unknown as Body };
};

describe('/api/v1/address-lists', () => {
  it('keeps uploaded ranges, changes them under their ETag, and every server knows within a second', async () => {
    const created = await api('POST', '/address-lists', { name: 'Proxies', ranges: '198.51.100.0/24 # one\n2001:db8:bad::/48\n198.51.100.0/24' });
    expect(created).toMatchObject({ status: 201, body: { name: 'Proxies', url: null, rangeCount: 2, enabled: true } });
    const id = String(created.body['id']);
    const replica = await server.replica();
    const there = await replica.context();
    const nameOf = async (context: InstanceContext, address: string) => (await loadLists(context)).nameOf(address);
    expect(await nameOf(there, '198.51.100.9')).toBe('Proxies');
    expect(await api('PATCH', `/address-lists/${id}`, { ranges: '203.0.113.7' }, { 'if-match': '"1"' })).toMatchObject({ status: 200, body: { rangeCount: 1 } });
    await expect.poll(() => nameOf(there, '198.51.100.9'), { timeout: 1_000, interval: 20 }).toBeUndefined();
    expect(await nameOf(there, '::ffff:203.0.113.7')).toBe('Proxies');
    expect(await api('PATCH', `/address-lists/${id}`, { enabled: false }, { 'if-match': '"1"' })).toMatchObject({ status: 412 });
    expect(await api('PATCH', `/address-lists/${id}`, { enabled: false }, { 'if-match': '"2"' })).toMatchObject({ status: 200 });
    expect(await nameOf(await server.context(), '203.0.113.7')).toBeUndefined();
    expect(await api('POST', '/address-lists', { name: 'Proxies', ranges: '' })).toMatchObject({ status: 409 });
    expect((await api('DELETE', `/address-lists/${id}`)).status).toBe(204);
    expect((await api('GET', `/address-lists/${id}`)).status).toBe(404);
    const events = await (await server.context()).db.event.findMany({ where: { subjectId: id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['address_list.created', 'address_list.updated', 'address_list.updated', 'address_list.deleted']);
    await replica.close();
  });

  it.each([
    [{ name: 'x', ranges: 'example.com' }, 'ranges'], [{ name: 'x', ranges: '0.0.0.0/0' }, 'ranges'], [{ name: 'x', url: 'ftp://example.com/' }, 'url'],
    [{ name: 'x', url: 'https://user:secret@example.com/' }, 'url'], [{ name: 'x', weight: 5 }, 'body'], [{ ranges: '' }, 'name'],
  ])('refuses %j', async (body, field) => {
    const answer = await api('POST', '/address-lists', body);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } });
  });

  it('fetches those with an address; what is broken changes nothing', async () => {
    published = { status: 200, body: '# updated\n100.64.9.0/24\n' };
    const created = await api('POST', '/address-lists', { name: 'Published', url: publisherUrl });
    expect(created.body).toMatchObject({ rangeCount: 1, fetchError: null });
    const id = String(created.body['id']);
    for (const broken of [{ status: 500, body: '' }, { status: 200, body: '<html>maintenance</html>' }]) {
      published = broken;
      expect((await api('POST', `/address-lists/${id}/fetch`)).body).toMatchObject({ rangeCount: 1, fetchError: expect.any(String) as string });
      expect((await loadLists(await server.context())).nameOf('100.64.9.1')).toBe('Published');
    }
    published = { status: 200, body: '100.64.10.0/24\n100.64.11.0/24' };
    expect((await api('POST', `/address-lists/${id}/fetch`)).body).toMatchObject({ rangeCount: 2, fetchError: null });
    expect(await api('PATCH', `/address-lists/${id}`, { ranges: '' })).toMatchObject({ status: 409 });
  });

  it('calls no address inside', async () => {
    const { body } = await api('POST', '/address-lists', { name: 'Inside', url: 'http://127.0.0.1:1/list' });
    expect(body).toMatchObject({ rangeCount: 0, fetchError: expect.stringMatching(/not allowed|may not|blocked|address/i) as string });
  });

  it('are those of the instance', async () => {
    const other = await createInstance(server.core, { id: 'risk-other', name: 'Other' });
    await other.db.addressList.create({ data: { id: 'alist_00000000000000000000000001', name: 'theirs', ranges: '100.64.20.0/24', rangeCount: 1 } });
    for (const [method, path, body] of [['GET', '', undefined], ['PATCH', '', { name: 'x' }], ['DELETE', '', undefined], ['POST', '/fetch', undefined]] as const) {
      expect((await api(method, `/address-lists/alist_00000000000000000000000001${path}`, body)).status).toBe(404);
    }
    expect((await loadLists(await server.context())).nameOf('100.64.20.1')).toBeUndefined();
  });
});

describe('/api/v1/risk', () => {
  beforeAll(async () => {
    await server.api('POST', '/users', { username: 'assessed' });
    const context = await server.context();
    const user = await context.db.user.findFirstOrThrow({ where: { username: 'assessed' } });
    await context.db.riskAssessment.createMany({ data: Array.from({ length: 5 }, (_, index) => ({
      id: `${firstIdOf('risk', server.core.now().getTime() - index * 1_000)}`, flowId: `flow_${'0'.repeat(25)}${index}`, userId: user.id, channel: 'browser', purpose: 'sign_in',
      measurements: { new_device: { state: 'measured', value: index % 2 } }, score: index * 20, reasons: index % 2 ? ['new_device'] : [], action: index > 2 ? 'deny' : 'allow', enforced: false })) });
  });

  it('lists assessments by what they are about, page by page', async () => {
    const list = async (query: string) => ((await api('GET', `/risk/assessments?${query}`)).body['items'] as Body[]);
    expect(await list('')).toHaveLength(5);
    expect(await list('action=deny')).toHaveLength(2);
    expect(await list('minimumScore=20&action=allow')).toHaveLength(2);
    expect((await list('flowId=flow_00000000000000000000000001'))[0]).toMatchObject({ score: 20, reasons: [{ signal: 'new_device', text: expect.stringContaining('browser') as string }], signals: { new_device: 1 } });
    expect(await list('userId=user_00000000000000000000000009')).toEqual([]);
    expect(await list(`until=${encodeURIComponent('2020-01-01T00:00:00Z')}`)).toEqual([]);
    const first = await api('GET', '/risk/assessments?limit=3');
    const second = await api('GET', `/risk/assessments?limit=3&cursor=${encodeURIComponent(String(first.body['next']))}`);
    expect([...first.body['items'] as Body[], ...second.body['items'] as Body[]].map(({ id }) => id)).toHaveLength(5);
    expect(second.body['next']).toBeNull();
    expect(await api('GET', `/risk/assessments?action=deny&cursor=${encodeURIComponent(String(first.body['next']))}`)).toMatchObject({ status: 400 });
  });

  it('tries a draft, and keeps what it found for a week', async () => {
    const answer = await api('POST', '/risk/replay', { days: 1, policy: { weights: { new_device: 95 } } });
    expect(answer).toMatchObject({ status: 200, body: { status: 'done', policy: { weights: { new_device: 95, new_place: 20 } }, result: { assessments: 5, complete: true, before: { allow: 3, deny: 2 } } } });
    expect((await api('GET', `/risk/replay/${String(answer.body['id'])}`)).body).toEqual(answer.body);
    for (const draft of [{ weights: { new_device: 101 } }, { weights: { newDevice: 1 } }, { mode: 'off' }]) expect((await api('POST', '/risk/replay', { days: 1, policy: draft })).status).toBe(400);
    expect((await api('GET', '/risk/replay/replay_00000000000000000000000001')).status).toBe(404);
  });

  it('makes a large one a job', async () => {
    const context = await server.context();
    await context.db.$executeRaw`
      INSERT INTO "RiskAssessment" ("instanceId", id, "flowId", channel, purpose, measurements, score, action, enforced)
      SELECT ${'default'}, ${firstIdOf('risk', server.core.now().getTime()).slice(0, 15)}::text || lpad(n::text, 16, '0'), 'flow_' || n, 'browser', 'sign_in', '{}'::jsonb, 0, 'allow', false
        FROM generate_series(1, 5500) n`;
    const answer = await api('POST', '/risk/replay', { days: 1, policy: {} });
    expect(answer).toMatchObject({ status: 202, body: { status: 'queued', result: null } });
    await expect.poll(async () => (await api('GET', `/risk/replay/${String(answer.body['id'])}`)).body['status'], { timeout: 15_000, interval: 200 }).toBe('done');
    // What was never measured counts like what failed.
    expect((await api('GET', `/risk/replay/${String(answer.body['id'])}`)).body).toMatchObject({ result: { assessments: 5_505, after: { deny: expect.any(Number) as number } } });
  });
});

describe('zones of sign-in', () => {
  it('cannot shut out whoever sets them, unless that is confirmed', async () => {
    const zone = async (range: string) => String((await api('POST', '/network-zones', { name: `zone ${range}`, ipv4Cidrs: [range] })).body['id']);
    const [here, elsewhere] = [await zone('127.0.0.0/8'), await zone('198.51.100.0/24')];
    const set = (networkAccess: object, query = '') => api('PATCH', `/settings${query}`, { networkAccess });
    for (const lists of [{ signInZoneIds: [elsewhere] }, { signInDeniedZoneIds: [here] }, { managementDeniedZoneIds: [here] }]) {
      expect(await set(lists)).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Network.Zone.Excludes.Caller' } });
    }
    expect((await set({ signInZoneIds: ['zone_00000000000000000000000009'] })).status).toBe(400);
    expect((await set({ signInZoneIds: [here], signInDeniedZoneIds: [elsewhere] })).status).toBe(200);
    expect(await api('DELETE', `/network-zones/${elsewhere}`)).toMatchObject({ status: 409, body: { uses: [{ type: 'settings' }] } });
    expect(await api('PATCH', `/network-zones/${here}`, { ipv4Cidrs: ['10.0.0.0/8'] })).toMatchObject({ status: 409 });
    expect((await set({ signInZoneIds: [elsewhere], signInDeniedZoneIds: [] }, '?allowLockOut=true')).status).toBe(200);
    expect((await set({ signInZoneIds: [] })).status).toBe(200);
  });
});
