import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMetrics } from './metrics.ts';

function metrics() {
  const created = createMetrics();
  onTestFinished(() => created.close());
  return created;
}

describe('metrics', () => {
  it('are apart for two servers in one process', async () => {
    const [one, two] = [metrics(), metrics()];
    one.rateLimitRefusals.inc({ limited: 'application' });
    expect(await one.registry.metrics()).toContain('postern_rate_limit_refusals_total{limited="application"} 1');
    expect(await two.registry.metrics()).not.toContain('limited="application"');
  });

  it('label requests by route template, method and class of status, and nothing a stranger can invent', async () => {
    const { registry, observeHttp } = metrics();
    observeHttp('/t/:instance/oauth2/token', 'POST', 200, 0.004);
    observeHttp('/t/:instance/oauth2/token', 'POST', 429, 0.001);
    for (let n = 0; n < 50; n += 1) observeHttp(undefined, `M-${n}`, 404, 0.001);
    const counts = (await registry.metrics()).split('\n').filter((line) => line.startsWith('postern_http_request_duration_seconds_count'));
    expect(counts.sort()).toEqual([
      'postern_http_request_duration_seconds_count{route="/t/:instance/oauth2/token",method="POST",status_class="2xx"} 1',
      'postern_http_request_duration_seconds_count{route="/t/:instance/oauth2/token",method="POST",status_class="4xx"} 1',
      'postern_http_request_duration_seconds_count{route="unmatched",method="other",status_class="4xx"} 50',
    ]);
  });

  it('ask the password queue and the database pool when they are read', async () => {
    const { registry, watchPasswordQueue, watchDatabasePool } = metrics();
    let waiting = 3;
    watchPasswordQueue(() => ({ inFlight: 1, waiting }));
    watchDatabasePool(() => ({ total: 10, idle: 4, waiting: 0 }));
    expect(await registry.metrics()).toContain('postern_password_queue{state="waiting"} 3');
    waiting = 20;
    const text = await registry.metrics();
    expect(text).toContain('postern_password_queue{state="waiting"} 20');
    expect(text).toContain('postern_database_pool{state="idle"} 4');
  });

  it('count batches by the name of their coalescer', async () => {
    const { registry, batchSizesOf } = metrics();
    const observe = batchSizesOf('token_write');
    observe(3);
    observe(40);
    expect(await registry.metrics()).toContain('postern_coalescer_batch_size_sum{coalescer="token_write"} 43');
  });

  it('tell of the process with finite figures, reading after reading', async () => {
    const { registry } = metrics();
    for (let reading = 0; reading < 3; reading += 1) {
      const text = await registry.metrics();
      expect(text).toMatch(/process_resident_memory_bytes \d{7,}/);
      expect(text).toMatch(/process_cpu_seconds_total\{mode="user"\} \d/);
      expect(text).not.toMatch(/ NaN$/m);
      for (const [, lag] of text.matchAll(/^nodejs_eventloop_lag_\w+ (\S+)/gm)) expect(Number(lag)).toBeLessThan(60);
    }
  });

  it('tell how long the event loop was held up', async () => {
    const { registry } = metrics();
    await sleep(50);
    for (const end = Date.now() + 300; Date.now() < end;);
    await sleep(50);
    const [, longest] = /^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(await registry.metrics()) ?? [];
    expect(Number(longest)).toBeGreaterThan(0.2);
  });

  it('stop watching the process when closed', async () => {
    const [open, closed] = [metrics(), createMetrics()];
    closed.close();
    while (!(await open.registry.metrics()).includes('nodejs_gc_duration_seconds_count')) {
      Array.from({ length: 100_000 }, (_, n) => ({ n }));
      await sleep(1);
    }
    expect(await closed.registry.metrics()).not.toContain('nodejs_gc_duration_seconds_count');
  });
});
