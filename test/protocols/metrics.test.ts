import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findLiveSession } from '../../src/authentication/index.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => { server = await startTestServer(); });
afterAll(() => server.close());

const metrics = async () => (await fetch(`${server.listener}/metrics`)).text();

describe('the metrics of a server at work', () => {
  it('count what the OpenID provider answered, by route and status, as its log does', async () => {
    await server.managementToken();
    await fetch(`${server.issuer}/oauth2/token`, { method: 'POST' });
    const text = await metrics();
    expect(text).toContain('postern_http_request_duration_seconds_count{route="/t/:instance/oauth2/token",method="POST",status_class="2xx"} 1');
    expect(text).toContain('postern_http_request_duration_seconds_count{route="/t/:instance/oauth2/token",method="POST",status_class="4xx"} 1');
    expect(server.logLines().filter((line) => line.includes('"answered"') && line.includes('/oauth2/token'))).toHaveLength(2);
  });

  it('show connections, batches, refusals and calls to others', async () => {
    await findLiveSession(await server.context(), 'made-up');
    for (let request = 0; request < 2; request += 1) await server.core.rateLimiter.take('flow-start:default:203.0.113.7', { ratePerSecond: 0.001, burst: 1 });
    await expect(server.core.outbound.fetch('http://169.254.169.254/', { purpose: 'breached-passwords' })).rejects.toThrow();
    await expect(server.core.outbound.asFetch('oidc-document')('http://10.0.0.1/')).rejects.toThrow();
    const text = await metrics();
    expect(text).toMatch(/postern_database_pool\{state="total"\} [1-8]\n/);
    expect(text).toMatch(/postern_coalescer_batch_size_count\{coalescer="session-by-token"\} [1-9]/);
    expect(text).toContain('postern_rate_limit_refusals_total{limited="flow-start"} 1');
    expect(text).toContain('postern_outbound_calls_total{purpose="breached-passwords",outcome="blocked"} 1');
    expect(text).toContain('postern_outbound_calls_total{purpose="oidc-document",outcome="blocked"} 1');
  });

  it.each(['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'])('are not given to a proxy on this machine (%s)', async (header) => {
    expect((await fetch(`${server.listener}/metrics`, { headers: { [header]: '203.0.113.7' } })).status).toBe(403);
  });
});
