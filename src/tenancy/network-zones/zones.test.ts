import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../../test/support/api-server.ts';
import { createContext } from '../context.ts';
import { createInstance } from '../instances.ts';
import { loadZones } from './zone-cache.ts';
import { createZoneMap } from './zone-map.ts';
import { registerZoneUser } from './zone-uses.ts';

let server: ApiServer;
const base = '/t/default/api/v1/network-zones';
let count = 0;

beforeAll(async () => {
  server = await startApiServer();
  await createInstance(server.core, { id: 'other', name: 'Other' });
});
afterAll(() => server.close());

async function create(ranges: { ipv4Cidrs?: string[]; ipv6Cidrs?: string[] }, name = `zone ${count += 1}`): Promise<string> {
  const answer = await server.api('POST', base, { name, ...ranges });
  expect(answer.status).toBe(201);
  return answer.json['id'] as unknown as string;
}
/** Without those of everything. */
const zonesOf = async (address: string) => {
  const answer = await server.api('GET', `${base}/containing?address=${encodeURIComponent(address)}`);
  expect(answer.status).toBe(200);
  return (answer.json['zones'] as unknown as { id: string; coversEverything: boolean }[]).filter(({ coversEverything }) => !coversEverything).map(({ id }) => id);
};

describe('/api/v1/network-zones', () => {
  it('keeps ranges in their canonical form, once', async () => {
    const answer = await server.api('POST', base, { name: 'Head office', ipv4Cidrs: ['203.0.113.0/24', '198.51.100.7', '203.0.113.0/24'], ipv6Cidrs: ['2001:DB8:10:0::/48'] });
    expect(answer).toMatchObject({ status: 201, headers: { etag: '"1"' }, json: { ipv4Cidrs: ['203.0.113.0/24', '198.51.100.7/32'], ipv6Cidrs: ['2001:db8:10::/48'], coversEverything: false } });
    expect(answer.headers.location).toBe(`${server.origin}${base}/${String(answer.json['id'])}`);
    expect((await server.api('GET', `${base}/${String(answer.json['id'])}`)).json).toEqual(answer.json);
  });

  it.each([
    [{ ipv4Cidrs: ['10.1.2.3/8'] }, 'ipv4Cidrs.0'], [{ ipv4Cidrs: ['10.0.0.0/8', 'x'] }, 'ipv4Cidrs.1'], [{ ipv6Cidrs: ['10.0.0.0/8'] }, 'ipv6Cidrs.0'],
    [{}, 'ipv4Cidrs'], [{ ipv4Cidrs: [], ipv6Cidrs: [] }, 'ipv4Cidrs'], [{ ipv4Cidrs: Array.from({ length: 251 }, (_, index) => `10.0.0.${index % 250}`) }, 'ipv4Cidrs'],
  ])('refuses %j and names the place', async (ranges, field) => {
    const answer = await server.api('POST', base, { name: 'bad', ...ranges });
    expect(answer).toMatchObject({ status: 400, json: { errors: [{ field }] } });
  });

  it('changes what is named, under its ETag', async () => {
    const id = await create({ ipv4Cidrs: ['10.20.0.0/16'] });
    expect(await server.api('PATCH', `${base}/${id}`, { ipv4Cidrs: ['10.21.0.0/16'] }, { 'if-match': '"1"' })).toMatchObject({ status: 200, headers: { etag: '"2"' }, json: { ipv4Cidrs: ['10.21.0.0/16'] } });
    expect((await server.api('PATCH', `${base}/${id}`, { name: 'late' }, { 'if-match': '"1"' })).status).toBe(412);
    expect((await server.api('PATCH', `${base}/${id}`, { ipv4Cidrs: [] })).status).toBe(400);
    expect((await server.api('DELETE', `${base}/${id}`, undefined, { 'if-match': '"1"' })).status).toBe(412);
    expect((await server.api('DELETE', `${base}/${id}`, undefined, { 'if-match': '"2"' })).status).toBe(204);
    expect((await server.api('GET', `${base}/${id}`)).status).toBe(404);
  });

  it('has each name once', async () => {
    await create({ ipv4Cidrs: ['10.30.0.0/16'] }, 'Branch');
    expect(await server.api('POST', base, { name: 'Branch', ipv4Cidrs: ['10.31.0.0/16'] })).toMatchObject({ status: 409, json: { code: 'Operation.Failure.Network.Zone.Already.Exist' } });
  });

  it('marks what covers everything, also in sum', async () => {
    expect((await server.api('POST', base, { name: 'all', ipv4Cidrs: ['0.0.0.0/1', '128.0.0.0/1'] })).json).toMatchObject({ coversEverything: true });
    expect((await server.api('POST', base, { name: 'all of six', ipv4Cidrs: ['10.0.0.0/8'], ipv6Cidrs: ['::/0'] })).json).toMatchObject({ coversEverything: true });
  });

  it('is paged by cursor', async () => {
    const first = await server.api('GET', `${base}?limit=2`);
    expect((first.json['items'] as unknown as unknown[]).length).toBe(2);
    const second = await server.api('GET', `${base}?limit=2&cursor=${String(first.json['next'])}`);
    expect(second.status).toBe(200);
    expect((await server.api('GET', `/t/other/api/v1/network-zones?cursor=${String(first.json['next'])}`)).status).toBe(401);
  });

  it('writes an event with the state before and after', async () => {
    const id = await create({ ipv4Cidrs: ['10.40.0.0/16'] });
    await server.api('PATCH', `${base}/${id}`, { ipv4Cidrs: ['10.41.0.0/16'] });
    await server.api('DELETE', `${base}/${id}`);
    const events = await (await server.context()).db.event.findMany({ where: { subjectType: 'network_zone', subjectId: id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['network_zone.created', 'network_zone.updated', 'network_zone.deleted']);
    expect(events[1]).toMatchObject({ before: { ipv4Cidrs: ['10.40.0.0/16'] }, after: { ipv4Cidrs: ['10.41.0.0/16'] } });
  });

  it('needs its scope', async () => {
    const authorization = `Bearer ${await server.token({ scopes: ['network-zone:read'] })}`;
    expect((await server.send('GET', base, { headers: { authorization } })).status).toBe(200);
    expect((await server.send('POST', base, { headers: { authorization, 'content-type': 'application/json' }, body: '{"name":"x","ipv4Cidrs":["10.0.0.0/8"]}' })).status).toBe(403);
  });
});

describe('which zones an address is in', () => {
  it('is found by its number, whatever its spelling', async () => {
    const [wide, narrow, six] = [await create({ ipv4Cidrs: ['100.70.0.0/16'] }), await create({ ipv4Cidrs: ['100.70.5.0/24', '100.70.6.6'] }), await create({ ipv6Cidrs: ['2001:db8:77::/48'] })];
    expect((await zonesOf('100.70.5.9')).sort()).toEqual([narrow, wide].sort());
    expect((await zonesOf('::ffff:100.70.5.9')).sort()).toEqual([narrow, wide].sort());
    expect((await zonesOf('::ffff:6446:0606')).sort()).toEqual([narrow, wide].sort());
    expect(await zonesOf('100.70.6.7')).toEqual([wide]);
    expect(await zonesOf('100.71.0.0')).not.toContain(wide);
    expect(await zonesOf('2001:0DB8:0077:0:0:0:0:1')).toContain(six);
    expect(await zonesOf('2001:db8:78::1')).not.toContain(six);
  });

  it('is of this request where none is named; a header of a stranger does not count', async () => {
    const home = await create({ ipv4Cidrs: ['127.0.0.0/8'] });
    const answer = await server.api('GET', `${base}/containing`, undefined, { 'x-forwarded-for': '203.0.113.99', forwarded: 'for=203.0.113.99' });
    expect(answer.json).toMatchObject({ address: '127.0.0.1', zones: expect.arrayContaining([expect.objectContaining({ id: home })]) as unknown });
  });

  it.each(['x', '10.0.0', '1', 'fe80::1%eth0', '10.0.0.0/8'])('refuses %s', async (address) => {
    expect((await server.api('GET', `${base}/containing?address=${encodeURIComponent(address)}`)).status).toBe(400);
  });

  it('does not cost more with many zones', () => {
    const zones = (many: number) => Array.from({ length: many }, (_, index) => ({ id: `zone_${index}`, name: String(index), ipv4Cidrs: [`${10 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/24`, '172.16.0.0/12'].slice(0, index === 0 ? 2 : 1), ipv6Cidrs: [] }));
    const timeOf = (many: number) => {
      const map = createZoneMap(zones(many));
      const started = performance.now();
      for (let turn = 0; turn < 20_000; turn += 1) map.zonesOf(`10.${turn & 255}.${(turn >> 8) & 255}.${turn % 250}`);
      return performance.now() - started;
    };
    timeOf(10);
    const [few, many] = [timeOf(10), timeOf(20_000)];
    expect(many).toBeLessThan(few * 4 + 50);
  });
});

describe('a zone in use', () => {
  it('stays, and says what uses it', async () => {
    const id = await create({ ipv4Cidrs: ['10.50.0.0/16'] });
    registerZoneUser(server.core, { findUses: async (_tx, zoneId) => (zoneId === id ? [{ type: 'access_policy', id: 'policy_x', name: 'Contractors' }] : []) });
    expect(await server.api('DELETE', `${base}/${id}`)).toMatchObject({ status: 409, json: { code: 'Operation.Failure.Network.Zone.In.Use', uses: [{ type: 'access_policy', name: 'Contractors' }] } });
    expect((await server.api('GET', `${base}/${id}/uses`)).json).toEqual({ uses: [{ type: 'access_policy', id: 'policy_x', name: 'Contractors' }] });
    expect((await server.api('GET', `${base}/${id}`)).status).toBe(200);
  });
});

describe('zones of the management API', () => {
  const set = (managementZoneIds: string[], query = '') => server.api('PATCH', `/t/default/api/v1/settings${query}`, { networkAccess: { managementZoneIds } });

  it('cannot leave out whoever sets them, unless that is confirmed', async () => {
    const [elsewhere, here] = [await create({ ipv4Cidrs: ['198.51.100.0/24'] }), await create({ ipv4Cidrs: ['127.0.0.1'] })];
    expect(await set([elsewhere])).toMatchObject({ status: 409, json: { code: 'Operation.Failure.Network.Zone.Excludes.Caller' } });
    expect((await set(['zone_00000000000000000000000000'])).status).toBe(400);
    expect((await set([elsewhere, here])).status).toBe(200);
    expect(await server.api('DELETE', `${base}/${elsewhere}`)).toMatchObject({ status: 409, json: { uses: [{ type: 'settings' }] } });
    expect(await server.api('PATCH', `${base}/${here}`, { ipv4Cidrs: ['127.0.0.2'] })).toMatchObject({ status: 409 });
    expect((await server.api('GET', `${base}/${here}`)).json).toMatchObject({ ipv4Cidrs: ['127.0.0.1/32'] });
    expect((await set([elsewhere], '?allowLockOut=true')).status).toBe(200);
    expect(await server.api('GET', base)).toMatchObject({ status: 403, json: { reason: 'network_zone' } });
    const context = await server.context();
    await context.db.instance.update({ where: { id: 'default' }, data: { settings: {} } });
    await context.transaction((tx) => server.core.signals.publish(tx.db, 'tenancy.instance', JSON.stringify(['default'])));
    await expect.poll(async () => (await server.api('GET', base)).status).toBe(200);
  });
});

describe('zones of another instance', () => {
  it('are as if they were not there', async () => {
    const other = await server.context('other');
    const { id } = await other.db.networkZone.create({ data: { id: 'zone_00000000000000000000000001', name: 'theirs', ipv4Cidrs: ['127.0.0.1/32'] } });
    for (const [method, path, body] of [['GET', '', undefined], ['GET', '/uses', undefined], ['PATCH', '', { name: 'x' }], ['DELETE', '', undefined]] as const) {
      expect((await server.api(method, `${base}/${id}${path}`, body)).status).toBe(404);
    }
    expect(await zonesOf('127.0.0.1')).not.toContain(id);
    expect((await server.api('PATCH', '/t/default/api/v1/settings', { networkAccess: { managementZoneIds: [id] } })).status).toBe(400);
  });
});

describe('a second server', () => {
  it('knows a change within a second', async () => {
    const replica = await server.replica();
    const [context, there] = [await server.context(), await replica.context()];
    const id = await create({ ipv4Cidrs: ['10.60.0.0/16'] });
    const isIn = async (address: string) => (await loadZones(createContext(replica.core, there.instance))).zonesOf(address)?.has(id);
    await expect.poll(() => isIn('10.60.1.1'), { timeout: 1_000, interval: 20 }).toBe(true);
    await server.api('PATCH', `${base}/${id}`, { ipv4Cidrs: ['10.61.0.0/16'] });
    await expect.poll(() => isIn('10.60.1.1'), { timeout: 1_000, interval: 20 }).toBe(false);
    expect((await loadZones(context)).zonesOf('10.61.1.1')?.has(id)).toBe(true);
    await replica.close();
  });
});
