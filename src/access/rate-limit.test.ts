import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { updateApplication } from '../applications/index.ts';
import { createContext, createInstance } from '../tenancy/index.ts';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';
import { oauthRateLimited, takeForApplication, takeForPublicApplication } from './rate-limit.ts';

let server: ApiServer;
beforeAll(async () => {
  server = await startApiServer();
  await createInstance(server.core, { id: 'quiet', name: 'Quiet' });
});
afterAll(() => server.close());

const statusesOf = (answers: { status: number }[]) => answers.reduce<Record<number, number>>((counts, { status }) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {});

describe('the bucket of an application', () => {
  it('is exact under parallel requests, and says when to come back', async () => {
    await updateApplication(await server.context(), server.applicationId, { rateLimitPerSecond: 1, rateLimitBurst: 10 });
    const authorization = `Bearer ${await server.token()}`;
    const started = performance.now();
    const answers = await Promise.all(Array.from({ length: 40 }, () => server.send('GET', '/t/default/api/v1/settings', { headers: { authorization } })));
    const gained = Math.floor((performance.now() - started) / 1000);
    const counts = statusesOf(answers);
    expect(Object.keys(counts).sort()).toEqual(['200', '429']);
    expect(counts[200]).toBeGreaterThanOrEqual(10);
    expect(counts[200]).toBeLessThanOrEqual(10 + gained);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers).toMatchObject({ 'content-type': 'application/problem+json', 'ratelimit-limit': '10', 'ratelimit-remaining': '0' });
    expect(Number(refused?.headers['retry-after'])).toBeGreaterThan(0);
    expect(refused?.json['code']).toBe('Operation.Failure.Too.Many.Attempts');
    await updateApplication(await server.context(), server.applicationId, { rateLimitPerSecond: null, rateLimitBurst: null });
  });

  it('belongs to one application of one instance', async () => {
    const [context, quiet] = [await server.context(), await server.context('quiet')];
    const application = (id: string) => ({ id, rateLimitPerSecond: 1, rateLimitBurst: 1 });
    expect((await takeForApplication(context, application('app_x'))).allowed).toBe(true);
    const refused = await takeForApplication(context, application('app_x'));
    expect(refused.allowed).toBe(false);
    expect((await takeForApplication(context, application('app_y'))).allowed).toBe(true);
    expect((await takeForApplication(quiet, application('app_x'))).allowed).toBe(true);
    const from = (address: string) => createContext(server.core, context.instance, { address });
    expect((await takeForPublicApplication(from('203.0.113.1'), application('spa'))).allowed).toBe(true);
    expect((await takeForPublicApplication(from('203.0.113.1'), application('spa'))).allowed).toBe(false);
    expect((await takeForPublicApplication(from('203.0.113.2'), application('spa'))).allowed).toBe(true);
    expect(oauthRateLimited(refused)).toMatchObject({ status: 429, headers: { 'Retry-After': '1' }, body: { error: 'temporarily_unavailable' } });
  });
});

describe('the bucket of an address', () => {
  it('limits whoever has no valid token, without touching those who have one', async () => {
    await server.api('PATCH', '/t/default/api/v1/settings', { rateLimit: { addressPerSecond: 1, addressBurst: 10 } });
    const flood = await Promise.all(Array.from({ length: 30 }, () => server.send('GET', '/t/default/api/v1/settings', { headers: { authorization: 'Bearer x.y.z' } })));
    const counts = statusesOf(flood);
    expect(Object.keys(counts).sort()).toEqual(['401', '429']);
    expect(counts[401]).toBeLessThan(16);
    expect((await server.send('GET', `/t/default/assets/images/${'0'.repeat(64)}.png`)).status).toBe(429);
    expect((await server.api('GET', '/t/default/api/v1/settings')).status).toBe(200);
    expect((await server.send('GET', `/t/quiet/assets/images/${'0'.repeat(64)}.png`)).status).toBe(404);
  });
});
