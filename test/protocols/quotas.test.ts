/** Quotas as the protocols tell them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { assignPlan } from '../../src/tenancy/plans/assignment.ts';
import { createPlan } from '../../src/tenancy/plans/plans.ts';
import { createClient, post, redirectUri, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
beforeAll(async () => { ({ server, context } = await startProtocolServer()); });
afterAll(() => server.close());

const none = { limit: null, included: null, price: null };
const givePlan = async (name: string, quotas: Record<string, object>) => assignPlan(context, (await createPlan(context, { name, currency: 'USD', quotas: quotas as Record<string, never> })).id);

describe('a plan', () => {
  it('without room for an application refuses its registration, which does not cost the token', async () => {
    await server.api('PATCH', '/settings', { dynamicRegistration: { enabled: true } });
    const there = await context.db.application.count({ where: { kind: { not: 'machine' }, builtIn: false } });
    await givePlan('No applications', { applications: { ...none, limit: there } });
    const { token } = (await server.api('POST', '/initial-access-tokens')).body as { token: string };
    const register = async () => {
      const answer = await fetch(`${server.issuer}/oauth2/register`, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ redirect_uris: [redirectUri] }) });
      return { status: answer.status, body: await answer.json() as Record<string, unknown> };
    };
    const refused = await register();
    expect(refused).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(refused.body['error_description']).toContain('"applications"');
    await assignPlan(context, 'unlimited');
    expect((await register()).status).toBe(201);
  });

  it('slows the token endpoint of each application down to its rate', async () => {
    const [client, other] = [await createClient(context, { kind: 'machine' }), await createClient(context, { kind: 'machine' })];
    await givePlan('Slow', { requestsPerSecond: { ...none, limit: 2 } });
    const ask = () => post(context.instance.issuer, 'token', { grant_type: 'client_credentials' }, client);
    const statuses = [];
    for (let count = 0; count < 12; count += 1) statuses.push(ask());
    const answers = await Promise.all(statuses);
    expect(answers.some(({ status }) => status === 429)).toBe(true);
    expect(answers.find(({ status }) => status === 429)?.body).toMatchObject({ error: 'temporarily_unavailable' });
    expect((await post(context.instance.issuer, 'token', { grant_type: 'client_credentials' }, other)).status).not.toBe(429);
    await assignPlan(context, 'unlimited');
  });
});
