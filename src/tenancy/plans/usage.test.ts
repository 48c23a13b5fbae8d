import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../core/errors.ts';
import { type ApiServer, startApiServer } from '../../../test/support/api-server.ts';
import type { InstanceContext } from '../context.ts';
import { createInstance } from '../instances.ts';
import { assignPlan } from './assignment.ts';
import { closeMonths, closeMonthsOf } from './close-months.ts';
import { countSubject, countUse } from './monthly.ts';
import { createPlan, updatePlan } from './plans.ts';
import { limitBucket, takeWebhookCall } from './rates.ts';
import { listStatements, readStatement } from './statements.ts';
import { readQuotas } from './usage.ts';
import { usageMeter } from './usage-meter.ts';

let server: ApiServer;
let replica: ApiServer;
beforeAll(async () => {
  server = await startApiServer({ startJobs: true });
  replica = await server.replica();
});
afterAll(async () => {
  await replica.close();
  await server.close();
});

type Named = Record<string, { limit?: number; included?: number; price?: string }>;
const complete = (quotas: Named) => Object.fromEntries(Object.entries(quotas).map(([quota, terms]) => [quota, { limit: null, included: null, price: null, ...terms }]));

let made = 0;
async function newInstance(quotas: Named, currency = 'USD'): Promise<{ context: InstanceContext; planId: string }> {
  made += 1;
  const id = `metered-${made}`;
  await createInstance(server.core, { id, name: 'Metered' }, { principal: { kind: 'system' } });
  const { id: planId } = await createPlan(await server.context(), { name: `Metered ${made}`, currency, quotas: complete(quotas) });
  const context = await server.context(id);
  await assignPlan(context, planId);
  return { context, planId };
}

async function flushAll(): Promise<void> {
  for (const { core } of [server, replica]) await usageMeter(core).flush();
}

const usedOf = async (context: InstanceContext, quota: string) => (await readQuotas(context)).items.find((item) => item.quota === quota)?.used;
async function refusals(work: Promise<unknown>[]): Promise<Problem[]> {
  const settled = await Promise.allSettled(work);
  return settled.flatMap((each) => {
    if (each.status === 'fulfilled') return [];
    if (each.reason instanceof Problem) return [each.reason];
    throw each.reason;
  });
}

describe('usage without a limit', () => {
  it('adds up over servers, with one statement for many calls', async () => {
    const { context } = await newInstance({});
    const beside = await replica.context(context.instance.id);
    for (let count = 0; count < 1_000; count += 1) await countUse(count % 2 === 0 ? context : beside, 'scimCalls', 2);
    await flushAll();
    expect(await usedOf(context, 'scimCalls')).toBe(2_000);
  });

  it('is written within a second, and the rest when the server stops', async () => {
    const { context } = await newInstance({});
    await countUse(context, 'tokens');
    await new Promise((resolve) => { setTimeout(resolve, 1_300); });
    expect(await usedOf(context, 'tokens')).toBe(1);
    const third = await server.replica();
    await countUse(await third.context(context.instance.id), 'tokens', 5);
    await third.close();
    expect(await usedOf(context, 'tokens')).toBe(6);
  });

  it('counts somebody once a month, however often and wherever they are seen', async () => {
    const { context } = await newInstance({});
    const beside = await replica.context(context.instance.id);
    for (const user of ['user_a', 'user_b', 'user_a']) await countSubject(context, 'activeUsers', user);
    await countSubject(beside, 'activeUsers', 'user_b');
    await countSubject(beside, 'activeUsers', 'user_c');
    await Promise.all([usageMeter(server.core).flush(), usageMeter(replica.core).flush()]);
    await countSubject(context, 'activeUsers', 'user_c');
    await flushAll();
    expect(await usedOf(context, 'activeUsers')).toBe(3);
  });

  it('counts the calls of the management API that were let in', async () => {
    const context = await server.context();
    await flushAll();
    const before = await usedOf(context, 'apiCalls') ?? 0;
    for (let count = 0; count < 3; count += 1) expect((await server.api('GET', '/t/default/api/v1/quotas')).status).toBe(200);
    await server.send('GET', '/t/default/api/v1/quotas', { headers: { authorization: 'Bearer x.y.z' } });
    await server.send('GET', '/t/default/api/v1/quotas', { headers: { authorization: `Bearer ${await server.token({ scopes: ['user:read'] })}` } });
    await flushAll();
    expect(await usedOf(context, 'apiCalls')).toBe(before + 3);
  });
});

describe('a monthly limit', () => {
  it.each([7, 1_000])('of %i is exact over two servers at once', async (limit) => {
    const { context } = await newInstance({ scimCalls: { limit } });
    const beside = await replica.context(context.instance.id);
    const refused = await refusals(Array.from({ length: limit + 60 }, (_value, index) => countUse(index % 3 === 0 ? beside : context, 'scimCalls')));
    // What one server holds in reserve may be refused by the other for a second; never is more let through.
    expect(refused.length).toBeGreaterThanOrEqual(60);
    await new Promise((resolve) => { setTimeout(resolve, 2_500); });
    let later = 0;
    while (await countUse(context, 'scimCalls').then(() => true, () => false)) later += 1;
    expect(refused.length - later).toBe(60);
    expect(await usedOf(context, 'scimCalls')).toBe(limit);
  }, 20_000);

  it('is refused with what is used and when it begins anew', async () => {
    const { context } = await newInstance({ scimCalls: { limit: 2 } });
    const at = { ...context, now: () => new Date('2026-11-30T23:00:00Z') };
    await countUse(at, 'scimCalls', 2);
    const [refusal] = await refusals([countUse(at, 'scimCalls')]);
    expect(refusal).toMatchObject({
      status: 429, code: 'Quota.Exceeded', headers: { 'retry-after': '3600' },
      members: { quota: 'scimCalls', limit: 2, used: 2, resetsAt: '2026-12-01T00:00:00.000Z' },
    });
    await countUse({ ...context, now: () => new Date('2026-12-01T00:00:00Z') }, 'scimCalls');
  });

  it('of subjects lets those through that were counted', async () => {
    const { context } = await newInstance({ federationTrustSources: { limit: 3 } });
    const beside = await replica.context(context.instance.id);
    const sources = Array.from({ length: 12 }, (_value, index) => countSubject(index % 2 === 0 ? context : beside, 'federationTrustSources', `idp_${index % 6}`));
    const refused = await refusals(sources);
    expect(refused).toHaveLength(6);
    expect(refused[0]).toMatchObject({ status: 429, members: { limit: 3, used: 3 } });
    const seen = await context.db.monthlyUsageSubject.findMany({});
    expect(seen).toHaveLength(3);
    for (const { subjectId } of seen) await countSubject(beside, 'federationTrustSources', subjectId);
  });

  it('stops the API of its instance and no other', async () => {
    const first = await server.context();
    const { id } = await createPlan(first, { name: 'Few calls', currency: 'USD', quotas: complete({ apiCalls: { limit: 0 } }) });
    await assignPlan(first, id);
    const answer = await server.api('GET', '/t/default/api/v1/quotas');
    expect(answer.status).toBe(429);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(answer.json).toMatchObject({ code: 'Quota.Exceeded', quota: 'apiCalls', limit: 0 });
    const { context: other } = await newInstance({ apiCalls: { limit: 1 } });
    await countUse(other, 'apiCalls');
    await assignPlan(first, 'unlimited');
    expect((await server.api('GET', '/t/default/api/v1/quotas')).status).toBe(200);
  });
});

describe('rates', () => {
  it('an application is as fast as the plan allows, never faster than it asks for itself', async () => {
    const { context, planId } = await newInstance({ requestsPerSecond: { limit: 3 } });
    const bucket = (rate: number) => ({ ratePerSecond: rate, burst: rate });
    expect(await limitBucket(context, bucket(100))).toEqual(bucket(3));
    expect(await limitBucket(context, bucket(2))).toEqual(bucket(2));
    await updatePlan(await server.context(), planId, { quotas: complete({ requestsPerSecond: { limit: 5_000 } }) });
    expect(await limitBucket(context, bucket(100))).toEqual(bucket(100));
    await assignPlan(context, 'unlimited');
    expect(await limitBucket(context, bucket(50_000))).toEqual(bucket(50_000));
  });

  it('webhook calls beyond the minute are dropped and counted, for each flow', async () => {
    const { context } = await newInstance({ webhookCallsPerMinute: { limit: 5 } });
    const calls = [];
    for (let count = 0; count < 8; count += 1) calls.push(await takeWebhookCall(context, 'flow_a'));
    expect(calls).toEqual([true, true, true, true, true, false, false, false]);
    expect(await takeWebhookCall(context, 'flow_b')).toBe(true);
    await flushAll();
    expect([await usedOf(context, 'webhookCalls'), await usedOf(context, 'webhookCallsDropped')]).toEqual([6, 3]);
  });
});

describe('months', () => {
  it('roll over, and what is over is closed once, with the plan as it was, for good', async () => {
    const { context, planId } = await newInstance({ scimCalls: { included: 10, price: '0.125' }, users: { included: 0, price: '2' } });
    await server.core.database.instance.updateMany({ where: { id: context.instance.id }, data: { createdAt: new Date('2026-01-05T00:00:00Z') } });
    try {
      server.setClock(new Date('2026-01-31T23:59:59Z'));
      await countUse(context, 'scimCalls', 13);
      server.setClock(new Date('2026-02-01T00:00:01Z'));
      await countUse(context, 'scimCalls', 4);
      await flushAll();
      expect(await usedOf(context, 'scimCalls')).toBe(4);
      expect((await listStatements(context, { limit: 50 })).items.map(({ month, status, total }) => [month, status, total])).toEqual([['2026-02', 'provisional', '0.00'], ['2026-01', 'provisional', '0.38']]);
      await closeMonthsOf(context);                        // within the slack: another server may still write
      expect(await context.db.monthlyStatement.count()).toBe(0);

      server.setClock(new Date('2026-02-01T00:07:00Z'));
      await Promise.all([closeMonthsOf(context), closeMonthsOf(context)]);
      const january = await readStatement(context, '2026-01');
      expect(january).toMatchObject({ status: 'closed', currency: 'USD', total: '0.38', plan: { id: planId } });
      expect(january.lines.find(({ quota }) => quota === 'scimCalls')).toEqual({ quota: 'scimCalls', used: 13, included: 10, billed: 3, price: '0.125', amount: '0.38' });
      expect(await context.db.event.count({ where: { type: 'statement.closed' } })).toBe(1);

      await updatePlan(await server.context(), planId, { quotas: complete({ scimCalls: { included: 0, price: '1' } }) });
      await closeMonths(server.core);
      expect(await readStatement(context, '2026-01')).toEqual(january);
      expect(await readStatement(context, '2026-02')).toMatchObject({ status: 'provisional', total: '4.00' });
      await expect(context.db.monthlyStatement.updateMany({ where: {}, data: { total: '0.00' } })).rejects.toThrow(/does not change/);

      server.setClock(new Date('2026-04-02T00:00:00Z'));   // off for two months
      await closeMonthsOf(context);
      expect((await listStatements(context, { limit: 50 })).items.map(({ month, status }) => [month, status])).toEqual(
        [['2026-04', 'provisional'], ['2026-03', 'closed'], ['2026-02', 'closed'], ['2026-01', 'closed']]);
      const page = await listStatements(context, { limit: 2 });
      expect(page.items.map(({ month }) => month)).toEqual(['2026-04', '2026-03']);
      expect((await listStatements(context, { limit: 2, cursor: page.next ?? '' })).items.map(({ month }) => month)).toEqual(['2026-02', '2026-01']);
      await expect(readStatement(context, '2025-12')).rejects.toMatchObject({ status: 404 });
    } finally {
      server.setClock(undefined);
    }
  });
});
