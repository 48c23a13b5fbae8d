import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../../test/support/api-server.ts';
import { createInstance } from '../instances.ts';
import { takeQuota } from './counters.ts';

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer({ startJobs: true });
  await createInstance(server.core, { id: 'acme', name: 'Acme' }, { principal: { kind: 'system' } });
});
afterAll(() => server.close());

const plans = '/platform/v1/plans';
const ofAcme = '/platform/v1/instances/acme/plan';
const tokenFor = (scopes = ['instance:read', 'instance:manage']) => server.token({ scopes, claims: { aud: `${server.core.config.consoleUrl}/platform/v1` } });
async function call(method: string, target: string, body?: unknown, headers: Record<string, string> = {}, token?: string) {
  return server.api(method, target, body, { authorization: `Bearer ${token ?? await tokenFor()}`, ...headers });
}
let named = 0;
const newPlan = async (body: object = {}) => (await call('POST', plans, { name: `Plan ${named += 1}`, currency: 'USD', ...body })).json as unknown as { id: string };

describe('plans of the platform', () => {
  it('are the two built-in ones, with the figures of the free tier, and those that the operator makes', async () => {
    const made = await call('POST', plans, { name: 'Business', currency: 'EUR', quotas: { users: { limit: 5000, included: 1000, price: '0.02' }, requestsPerSecond: { limit: 200 } } });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({ name: 'Business', builtIn: false, currency: 'EUR', quotas: { users: { limit: 5000, included: 1000, price: '0.02' }, requestsPerSecond: { limit: 200, included: null, price: null } } });
    const { json } = await call('GET', plans);
    const items = json['items'] as unknown as { id: string; quotas: Record<string, unknown> }[];
    expect(items.map(({ id }) => id).slice(0, 2)).toEqual(['free', 'unlimited']);
    expect(items[0]?.quotas).toMatchObject({
      machineApplications: { limit: 2 }, scimCalls: { limit: null, included: 10_000, price: '0.001' }, requestsPerSecond: { limit: 100 }, webhookCallsPerMinute: { limit: 100 }, federationTrustSources: { limit: 55 },
    });
    expect(items[1]?.quotas).toEqual({});
    expect(await server.core.database.event.findFirst({ where: { instanceId: 'default', type: 'plan.created' } })).toMatchObject({ actor: { kind: 'application' } });
  });

  it('are listed page by page', async () => {
    for (let count = 0; count < 3; count += 1) await newPlan();
    const first = await call('GET', `${plans}?limit=2`);
    const second = await call('GET', `${plans}?limit=2&cursor=${String(first.json['next'])}`);
    const ids = [first, second].flatMap(({ json }) => (json['items'] as unknown as { id: string }[]).map(({ id }) => id));
    expect(new Set(ids).size).toBe(6);
  });

  it.each([
    ['a price as a number', { users: { included: 0, price: 0.02 } }], ['a price with an exponent', { users: { included: 0, price: '1e3' } }], ['a negative price', { users: { included: 0, price: '-1' } }],
    ['a price without a free part', { users: { price: '1' } }], ['a negative limit', { users: { limit: -1 } }], ['half a user', { users: { limit: 1.5 } }], ['a limit beyond counting', { users: { limit: 1e16 } }],
    ['an unknown quota', { rockets: { limit: 1 } }], ['an unknown term', { users: { limit: 1, burst: 2 } }], ['a limit on sign-ins', { signIns: { limit: 5 } }], ['a limit on active users', { activeUsers: { limit: 5 } }],
    ['a price of a rate', { requestsPerSecond: { limit: 5, price: '1' } }], ['a rate of nothing', { requestsPerSecond: { limit: 0 } }], ['a list', []],
  ])('refuse %s', async (_what, quotas) => {
    const answer = await call('POST', plans, { name: 'Refused', currency: 'USD', quotas });
    expect(answer.status).toBe(400);
    expect(answer.json['errors']).toBeDefined();
  });

  it.each([[{ name: 'x', currency: 'XQX' }], [{ name: 'x', currency: 'usd' }], [{ name: '', currency: 'USD' }], [{ name: 'x' }], [{ currency: 'USD' }], [{ name: 'x', currency: 'USD', id: 'free' }]])('refuse %j', async (body) => {
    expect((await call('POST', plans, body)).status).toBe(400);
  });

  it('change with an ETag, and keep one name each', async () => {
    const { id } = await newPlan({ description: 'Old' });
    const before = await call('GET', `${plans}/${id}`);
    const changed = await call('PATCH', `${plans}/${id}`, { description: null, quotas: { users: { limit: 1 } } }, { 'if-match': String(before.headers.etag) });
    expect(changed.json).toMatchObject({ description: null, quotas: { users: { limit: 1 } } });
    expect((await call('PATCH', `${plans}/${id}`, { name: 'Late' }, { 'if-match': String(before.headers.etag) })).status).toBe(412);
    expect((await call('PATCH', `${plans}/${id}`, { name: 'BUSINESS' })).status).toBe(409);
    expect((await call('POST', plans, { name: 'Free', currency: 'USD' })).status).toBe(409);
  });

  it('stay while an instance has them, and the built-in ones always', async () => {
    const { id } = await newPlan();
    expect((await call('PUT', ofAcme, { planId: id })).status).toBe(200);
    expect((await call('DELETE', `${plans}/${id}`)).json).toMatchObject({ status: 409, code: 'Operation.Failure.Plan.In.Use' });
    await call('PUT', ofAcme, { planId: 'unlimited' });
    expect((await call('DELETE', `${plans}/${id}`)).status).toBe(204);
    expect((await call('GET', `${plans}/${id}`)).status).toBe(404);
    for (const builtIn of ['free', 'unlimited']) {
      expect((await call('DELETE', `${plans}/${builtIn}`)).status).toBe(409);
      expect((await call('PATCH', `${plans}/${builtIn}`, { name: 'Mine' })).status).toBe(409);
    }
  });

  it('cannot be given and deleted at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id } = await newPlan();
      await call('PUT', ofAcme, { planId: 'free' });
      const [given, deleted] = await Promise.all([call('PUT', ofAcme, { planId: id }), call('DELETE', `${plans}/${id}`)]);
      expect([[200, 409], [404, 204]]).toContainEqual([given.status, deleted.status]);
      expect((await call('GET', ofAcme)).json).toMatchObject({ plan: { id: given.status === 200 ? id : 'free' } });
    }
    await call('PUT', ofAcme, { planId: 'unlimited' });
  });
});

describe('the plan of an instance', () => {
  it('is unlimited until the operator gives another one', async () => {
    await createInstance(server.core, { id: 'fresh', name: 'Fresh' }, { principal: { kind: 'system' } });
    const path = '/platform/v1/instances/fresh/plan';
    const before = await call('GET', path);
    expect(before.json).toMatchObject({ plan: { id: 'unlimited' }, since: null });
    const after = await call('PUT', path, { planId: 'free' }, { 'if-match': String(before.headers.etag) });
    expect(after.json).toMatchObject({ plan: { id: 'free' } });
    expect((await call('PUT', path, { planId: 'unlimited' }, { 'if-match': String(before.headers.etag) })).status).toBe(412);
    expect(await server.core.database.event.findFirst({ where: { instanceId: 'fresh', type: 'instance.plan_assigned' } })).toMatchObject({ before: { planId: 'unlimited' }, after: { planId: 'free' }, actor: { kind: 'operator' } });
    expect((await call('PUT', path, { planId: 'plan_01k9v6z3x4p5q6r7s8t9v0w1x2' })).status).toBe(404);
    expect((await call('PUT', path, { planId: 'gold' })).status).toBe(400);
    expect((await call('PUT', '/platform/v1/instances/nobody/plan', { planId: 'free' })).status).toBe(404);
  });
});

describe('a new instance', () => {
  it('has its plan from the beginning, or is not made', async () => {
    const { id: planId } = await newPlan({ quotas: { users: { limit: 0 } } });
    expect((await call('POST', '/platform/v1/instances', { id: 'planned', name: 'Planned', planId })).status).toBe(201);
    expect((await call('GET', '/platform/v1/instances/planned/plan')).json).toMatchObject({ plan: { id: planId } });
    const context = await server.context('planned');
    await expect(context.transaction((tx) => takeQuota(tx, 'users'))).rejects.toMatchObject({ code: 'Quota.Exceeded' });
    expect((await call('POST', '/platform/v1/instances', { id: 'unplanned', name: 'x', planId: 'plan_01k9v6z3x4p5q6r7s8t9v0w1x2' })).status).toBe(404);
    expect((await call('GET', '/platform/v1/instances/unplanned')).status).toBe(404);
  });
});

describe('who may', () => {
  it('only tokens of the platform give plans; those of an instance only read its own quotas', async () => {
    const managing: [string, string, unknown?][] = [['GET', plans], ['POST', plans, { name: 'x', currency: 'USD' }], ['GET', `${plans}/free`], ['PATCH', `${plans}/free`, {}], ['DELETE', `${plans}/free`], ['GET', ofAcme], ['PUT', ofAcme, { planId: 'free' }]];
    for (const [method, target, body] of managing) {
      expect((await server.send(method, target)).status, target).toBe(401);
      expect((await server.api(method, target, body)).status, target).toBe(401);       // a token for the management API
      const needed = method === 'GET' ? 'instance:read' : 'instance:manage';
      const other = method === 'GET' ? 'instance:manage' : 'instance:read';
      expect((await call(method, target, body, {}, await tokenFor([other]))).status, `${method} ${target} without ${needed}`).toBe(403);
    }
    for (const target of ['/t/default/api/v1/quotas', '/t/default/api/v1/statements']) {
      expect((await server.send('GET', target)).status).toBe(401);
      expect((await server.api('GET', target, undefined, { authorization: `Bearer ${await server.token({ scopes: ['user:read'] })}` })).status).toBe(403);
      expect((await server.api('GET', target, undefined, { authorization: `Bearer ${await server.token({ scopes: ['quota:read'] })}` })).status).toBe(200);
      expect((await server.api('GET', target.replace('default', 'acme'))).status).toBe(401);
    }
  });
});

describe('quotas and statements of an instance', () => {
  it('tell limit, use and when it begins anew', async () => {
    const { json } = await server.api('GET', '/t/default/api/v1/quotas');
    expect(json).toMatchObject({ plan: { id: 'unlimited', name: 'Unlimited', currency: 'USD' }, next: null });
    const items = json['items'] as unknown as { quota: string; used: number | null; limit: number | null; resetsAt: string | null }[];
    expect(items.find(({ quota }) => quota === 'machineApplications')).toMatchObject({ used: 1, limit: null, resetsAt: null });
    expect(items.find(({ quota }) => quota === 'apiCalls')?.resetsAt).toMatch(/^\d{4}-\d{2}-01T00:00:00.000Z$/);
    expect(items.find(({ quota }) => quota === 'requestsPerSecond')).toMatchObject({ used: null });
  });

  it('are read by the operator for every instance', async () => {
    const month = new Date().toISOString().slice(0, 7);
    const path = '/platform/v1/instances/acme';
    expect((await call('GET', `${path}/quotas`)).json).toMatchObject({ plan: { id: 'unlimited' } });
    expect((await call('GET', `${path}/statements`)).json['items']).toEqual([expect.objectContaining({ month, status: 'provisional' })]);
    expect((await call('GET', `${path}/statements/${month}`)).json).toMatchObject({ month, total: '0.00' });
    for (const below of ['/quotas', '/statements', `/statements/${month}`]) {
      expect((await call('GET', `/platform/v1/instances/nobody${below}`)).status).toBe(404);
      expect((await server.api('GET', path + below)).status).toBe(401);
      expect((await call('GET', path + below, undefined, {}, await tokenFor(['instance:manage']))).status).toBe(403);
    }
  });

  it('a statement of this month is provisional; of a month before the instance there is none', async () => {
    const month = new Date().toISOString().slice(0, 7);
    const list = await server.api('GET', '/t/default/api/v1/statements');
    expect(list.json['items']).toEqual([expect.objectContaining({ month, status: 'provisional', total: '0.00', closedAt: null })]);
    const one = await server.api('GET', `/t/default/api/v1/statements/${month}`);
    expect(one.json).toMatchObject({ month, currency: 'USD', lines: expect.arrayContaining([expect.objectContaining({ quota: 'users', amount: '0.00' })]) as unknown });
    expect((await server.api('GET', '/t/default/api/v1/statements/2001-01')).status).toBe(404);
    for (const wrong of ['2026-13', '26-01', '2026-1', 'latest']) expect((await server.api('GET', `/t/default/api/v1/statements/${wrong}`)).status).toBe(400);
  });
});
