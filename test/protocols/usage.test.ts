/** What a month's statement counts of sign-ins and tokens, as they happen. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { usageMeter } from '../../src/tenancy/plans/usage-meter.ts';
import { authorizeCode, createClient, createPerson, exchange, post, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
beforeAll(async () => { ({ server, context } = await startProtocolServer()); });
afterAll(() => server.close());

async function used(): Promise<Record<string, number>> {
  await usageMeter(server.core).flush();
  const rows = await context.db.monthlyUsage.findMany({});
  return Object.fromEntries(rows.map(({ quota, used: count }) => [quota, Number(count)]));
}

describe('usage', () => {
  it('counts each sign-in, each person once, and each answer with a token', async () => {
    const client = await createClient(context);
    const [person, other] = [await createPerson(context), await createPerson(context)];
    const before = await used();
    const difference = async () => {
      const now = await used();
      return Object.fromEntries(['signIns', 'activeUsers', 'tokens'].map((quota) => [quota, (now[quota] ?? 0) - (before[quota] ?? 0)]));
    };
    const signedIn = await authorizeCode(context, { client, person });
    await authorizeCode(context, { client, person });
    await authorizeCode(context, { client, person: other });
    expect(await difference()).toEqual({ signIns: 3, activeUsers: 2, tokens: 0 });
    expect((await exchange(context.instance.issuer, signedIn)).status).toBe(200);
    expect((await exchange(context.instance.issuer, signedIn)).status).toBe(400);       // a code works once
    expect((await post(context.instance.issuer, 'token', { grant_type: 'client_credentials' }, client)).status).toBe(400);
    expect(await difference()).toEqual({ signIns: 3, activeUsers: 2, tokens: 1 });
  });
});
