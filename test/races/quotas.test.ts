/** Limits of what there can be, when many create at once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApplication, deleteApplication } from '../../src/applications/index.ts';
import { Problem } from '../../src/core/errors.ts';
import { createUser, deleteUser } from '../../src/directory/index.ts';
import { type ApiServer, startApiServer } from '../support/api-server.ts';
import { createInstance, type InstanceContext, releaseQuota, takeQuota } from '../../src/tenancy/index.ts';
import { assignPlan } from '../../src/tenancy/plans/assignment.ts';
import { createPlan, updatePlan } from '../../src/tenancy/plans/plans.ts';
import { reconcileInstance } from '../../src/tenancy/plans/reconcile.ts';
import { readQuotas } from '../../src/tenancy/plans/usage.ts';

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

let made = 0;
/** A new instance with a plan of its own. */
async function limited(quotas: Record<string, { limit?: number; included?: number; price?: string }>): Promise<{ context: InstanceContext; planId: string }> {
  made += 1;
  await createInstance(server.core, { id: `limited-${made}`, name: 'Limited' }, { principal: { kind: 'system' } });
  const full = Object.fromEntries(Object.entries(quotas).map(([quota, terms]) => [quota, { limit: null, included: null, price: null, ...terms }]));
  const plan = await createPlan(await server.context(), { name: `Plan ${made}`, currency: 'USD', quotas: full });
  const context = await server.context(`limited-${made}`);
  await assignPlan(context, plan.id);
  return { context, planId: plan.id };
}

let named = 0;
const newUser = (context: InstanceContext) => createUser(context, { username: `user-${named += 1}` });
const usersOf = (context: InstanceContext) => context.db.user.count();
const usedOf = async (context: InstanceContext, quota: string) => (await readQuotas(context)).items.find((item) => item.quota === quota);

async function outcomes(work: Promise<unknown>[]): Promise<{ done: number; refused: Problem[] }> {
  const settled = await Promise.allSettled(work);
  const reasons = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  for (const reason of reasons) if (!(reason instanceof Problem)) throw reason;
  return { done: settled.length - reasons.length, refused: reasons as Problem[] };
}

describe('a limit of what there can be', () => {
  it('lets exactly as many through as it says, whoever asks at once, also on a second server', async () => {
    const { context } = await limited({ users: { limit: 10 } });
    const beside = await replica.context(context.instance.id);
    const { done, refused } = await outcomes(Array.from({ length: 50 }, (_value, index) => newUser(index % 2 === 0 ? context : beside)));
    expect(done).toBe(10);
    expect(await usersOf(context)).toBe(10);
    expect(refused).toHaveLength(40);
    expect(refused[0]).toMatchObject({ status: 403, code: 'Quota.Exceeded', members: { quota: 'users', limit: 10, used: 10, resetsAt: null } });
    expect(refused[0]?.detail).toMatch(/room for 10 in "users" and 10 are there/);
    expect(await usedOf(context, 'users')).toMatchObject({ limit: 10, used: 10, remaining: 0, exact: true });
  }, 30_000);

  it('touches no other instance', async () => {
    const { context } = await limited({ users: { limit: 1 } });
    const { context: other } = await limited({ users: { limit: 3 } });
    const free = await createInstance(server.core, { id: `free-${made}`, name: 'Free' }, { principal: { kind: 'system' } });
    await newUser(context);
    await expect(newUser(context)).rejects.toMatchObject({ code: 'Quota.Exceeded' });
    for (let count = 0; count < 3; count += 1) await newUser(other);
    await newUser(free);
    expect(await usedOf(other, 'users')).toMatchObject({ used: 3 });
    expect(await free.db.quotaCounter.count()).toBe(0);          // without a limit nothing is written
  });

  it('counts a deleted user until the erasure', async () => {
    const { context } = await limited({ users: { limit: 1 } });
    const user = await newUser(context);
    await deleteUser(context, user.id);
    await expect(newUser(context)).rejects.toMatchObject({ code: 'Quota.Exceeded' });
    const erasing = { ...context, instance: { ...context.instance, settings: { ...context.instance.settings, users: { recycleDays: 0 } } } };
    const { context: second } = await limited({ users: { limit: 1 } });
    const other = await newUser(second);
    await deleteUser({ ...second, instance: { ...second.instance, settings: erasing.instance.settings } }, other.id);
    expect(await usedOf(second, 'users')).toMatchObject({ used: 0 });
    await newUser(second);
  });

  it('gives nothing away for a creation that is undone', async () => {
    const { context } = await limited({ users: { limit: 2 } });
    await createUser(context, { username: 'taken-name' });
    await expect(createUser(context, { username: 'taken-name' })).rejects.toMatchObject({ status: 409 });
    await expect(context.transaction(async (tx) => {
      await newUser(tx);
      throw new Error('undone');
    })).rejects.toThrow('undone');
    await newUser(context);
    await expect(newUser(context)).rejects.toMatchObject({ code: 'Quota.Exceeded' });
  });

  it('counts applications of people and machines apart, and frees what is deleted', async () => {
    const { context } = await limited({ applications: { limit: 1 }, machineApplications: { limit: 2 } });
    const machine = () => createApplication(context, { name: 'M', kind: 'machine', oidc: { tokenEndpointAuthMethod: 'client_secret_basic' } });
    const { done } = await outcomes(Array.from({ length: 6 }, machine));
    expect(done).toBe(2);
    const { application } = await createApplication(context, { name: 'W', kind: 'browser', oidc: { redirectUris: ['https://app.example.com/cb'] } });
    await expect(createApplication(context, { name: 'N', kind: 'browser', oidc: { redirectUris: ['https://app.example.com/cb'] } })).rejects.toMatchObject({ code: 'Quota.Exceeded', members: { quota: 'applications', used: 1 } });
    await deleteApplication(context, application.id);
    await createApplication(context, { name: 'N', kind: 'browser', oidc: { redirectUris: ['https://app.example.com/cb'] } });
    await expect(machine()).rejects.toMatchObject({ members: { quota: 'machineApplications', limit: 2, used: 2 } });
  });
});

describe('bulk creation across a limit', () => {
  const rows = (count: number) => Array.from({ length: count }, () => ({ operation: 'create', user: { username: `bulk-${named += 1}` } }));
  type Bulk = { applied: boolean; succeeded: number; results: { status: number; problem?: { code: string } }[] };
  async function bulk(mode: string, count: number): Promise<Bulk> {
    const answer = await server.api('POST', '/t/default/api/v1/users/bulk', { mode, rows: rows(count) });
    expect(answer.status).toBe(200);
    return answer.json as unknown as Bulk;
  }

  it('creates the first that fit, or none', async () => {
    const context = await server.context();
    const before = await usersOf(context);
    const plan = await createPlan(context, { name: 'Bulk', currency: 'USD', quotas: { users: { limit: before + 10, included: null, price: null } } });
    await assignPlan(context, plan.id);
    const none = await bulk('all_or_nothing', 11);
    expect(none).toMatchObject({ applied: false, succeeded: 0 });
    expect(none.results[10]).toMatchObject({ status: 403, problem: { code: 'Quota.Exceeded' } });
    expect(await usersOf(context)).toBe(before);
    const some = await bulk('per_row', 14);
    expect(some.results.map(({ status }) => status)).toEqual([...Array<number>(10).fill(201), ...Array<number>(4).fill(403)]);
    expect(await usersOf(context)).toBe(before + 10);
    expect(await bulk('all_or_nothing', 1)).toMatchObject({ applied: false });
    await assignPlan(context, 'unlimited');
    expect(await bulk('all_or_nothing', 11)).toMatchObject({ applied: true, succeeded: 11 });
  });
});

describe('a change of the plan', () => {
  const withinASecond = async (work: () => Promise<void>) => {
    const end = performance.now() + 1_000;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (performance.now() > end) throw error;
        await new Promise((resolve) => { setTimeout(resolve, 50); });
      }
    }
  };

  it('is in force within a second, on every server; what is there stays', async () => {
    const { context, planId } = await limited({ users: { limit: 3 } });
    const beside = await replica.context(context.instance.id);
    for (let count = 0; count < 3; count += 1) await newUser(beside);
    await expect(newUser(beside)).rejects.toMatchObject({ code: 'Quota.Exceeded' });
    await updatePlan(await server.context(), planId, { quotas: { users: { limit: 4, included: null, price: null } } });
    await withinASecond(async () => { await newUser(beside); });
    await assignPlan(context, 'unlimited');
    await withinASecond(async () => { await newUser(beside); });
    for (let count = 0; count < 5; count += 1) await newUser(beside);
    await assignPlan(context, planId);
    await expect(newUser(context)).rejects.toMatchObject({ members: { limit: 4, used: 10 } });
    expect(await usersOf(context)).toBe(10);
    expect(await usedOf(context, 'users')).toMatchObject({ limit: 4, used: 10, remaining: 0 });
  });

  it('counts anew what had no limit in between', async () => {
    const { context, planId } = await limited({ users: { limit: 5 } });
    const change = (quotas: object) => server.context().then((first) => updatePlan(first, planId, { quotas: quotas as Record<string, never> }));
    await newUser(context);
    await change({});
    for (let count = 0; count < 3; count += 1) await newUser(context);
    await change({ users: { limit: 5, included: null, price: null } });
    await newUser(context);
    await expect(newUser(context)).rejects.toMatchObject({ members: { limit: 5, used: 5 } });
  });
});

describe('reconciling', () => {
  it('puts a counter right that does not say what is there, and says so', async () => {
    const { context } = await limited({ users: { limit: 5 } });
    await newUser(context);
    await context.transaction((tx) => takeQuota(tx, 'users', 3));      // taken, and nothing created
    expect(await usedOf(context, 'users')).toMatchObject({ used: 4 });
    await reconcileInstance(context);
    expect(await usedOf(context, 'users')).toMatchObject({ used: 1 });
    expect(await context.db.event.findFirst({ where: { type: 'quota.corrected' } })).toMatchObject({ before: { quota: 'users', used: 4 }, after: { quota: 'users', used: 1 } });
    await context.transaction((tx) => releaseQuota(tx, 'users', 9));
    expect(await usedOf(context, 'users')).toMatchObject({ used: 0 });
  });

  it('misses nobody who creates meanwhile', async () => {
    const { context } = await limited({ users: { limit: 100 } });
    await Promise.all([...Array.from({ length: 20 }, () => newUser(context)), ...Array.from({ length: 5 }, () => reconcileInstance(context))]);
    expect(await usedOf(context, 'users')).toMatchObject({ used: 20 });
  });
});
