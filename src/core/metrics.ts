/**
 * What a server counts, for Prometheus (`/metrics`). One registry for each Core. Labels take few values: a route
 * template, a job name, an outcome; never an instance, a user, a client, an address or a path as it was sent.
 */
import type { DatabasePoolState } from './database.ts';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { measureProcess } from './process-metrics.ts';

export interface PasswordQueueState { inFlight: number; waiting: number }
export type Metrics = ReturnType<typeof createMetrics>;

/** Creates the registry and its metrics. `close()` ends the measuring of the process. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];

  const httpDuration = new Histogram({
    name: 'postern_http_request_duration_seconds', help: 'Time from request to answer.', registers,
    labelNames: ['route', 'method', 'status_class'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  });
  const rateLimitRefusals = new Counter({
    name: 'postern_rate_limit_refusals_total', help: 'Requests answered 429, by what was limited (application, address, flow-start, device, ...).', registers,
    labelNames: ['limited'],
  });
  const redisFallback = new Gauge({
    name: 'postern_redis_fallback', help: '1 while rate limits are local because Redis is away.', registers,
  });
  const redisFallbacks = new Counter({
    name: 'postern_redis_fallbacks_total', help: 'Times that rate limits became local because Redis failed.', registers,
  });
  const passwordQueueRefusals = new Counter({
    name: 'postern_password_queue_refusals_total', help: 'Password checks answered 503 because the queue was full.', registers,
  });
  const coalescerBatchSize = new Histogram({
    name: 'postern_coalescer_batch_size', help: 'Rows or keys in one statement.', registers,
    labelNames: ['coalescer'], buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 500],
  });
  const eventSealLag = new Gauge({
    name: 'postern_event_seal_lag_seconds', help: 'Age of the oldest event that is not sealed into its chain; 0 when none.', registers,
  });
  const jobs = new Counter({
    name: 'postern_jobs_total', help: 'Job runs by name and outcome (completed, failed, given_up).', registers, labelNames: ['job', 'outcome'],
  });
  const jobDuration = new Histogram({
    name: 'postern_job_duration_seconds', help: 'Time of one job run.', registers,
    labelNames: ['job'], buckets: [0.01, 0.05, 0.25, 1, 5, 30, 120],
  });
  const outboundCalls = new Counter({
    name: 'postern_outbound_calls_total', help: 'Calls to other servers by purpose and outcome (ok, error for a status of 400 and above, blocked by the address check, timeout, failed).', registers,
    labelNames: ['purpose', 'outcome'],
  });
  const outboundDuration = new Histogram({
    name: 'postern_outbound_call_duration_seconds', help: 'Time of one call to another server.', registers,
    labelNames: ['purpose'], buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });

  /** As many as there are routes, methods and classes: looked up instead of hashed label by label. */
  const httpSeries = new Map<string, { observe(seconds: number): void }>();

  return {
    registry,
    httpDuration, rateLimitRefusals, redisFallback, redisFallbacks, passwordQueueRefusals,
    coalescerBatchSize, eventSealLag, jobs, jobDuration, outboundCalls, outboundDuration,
    /** Counts one answered request. `route` is the template (`/t/:instance/…`), undefined when no route matched. */
    observeHttp(route: string | undefined, method: string, status: number, seconds: number): void {
      const key = `${methods.has(method) ? method : 'other'} ${Math.floor(status / 100)} ${route ?? 'unmatched'}`;
      let series = httpSeries.get(key);
      if (!series) {
        series = httpDuration.labels({ route: route ?? 'unmatched', method: methods.has(method) ? method : 'other', status_class: `${Math.floor(status / 100)}xx` });
        httpSeries.set(key, series);
      }
      series.observe(seconds);
    },
    /** Counts one call to another server. `purpose` is one of a few words of ours. */
    observeOutbound(purpose: string, outcome: string, seconds: number): void {
      outboundCalls.inc({ purpose, outcome });
      outboundDuration.observe({ purpose }, seconds);
    },
    /** For the `onBatch` of a coalescing reader or writer. */
    batchSizesOf(coalescer: string): (size: number) => void {
      const histogram = coalescerBatchSize.labels({ coalescer });
      return (size) => histogram.observe(size);
    },
    /** The queue is asked when the metrics are read. Call once. */
    watchPasswordQueue(read: () => PasswordQueueState): void {
      watch(registry, 'postern_password_queue', 'Password hashes by state (inFlight, waiting).', read);
    },
    /** The pool is asked when the metrics are read. Call once. */
    watchDatabasePool(read: () => DatabasePoolState): void {
      watch(registry, 'postern_database_pool', 'Database connections (total, idle) and callers that wait for one.', read);
    },
    close: measureProcess(registry),
  };
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** A gauge with one series for each property of what `read` returns. */
function watch(registry: Registry, name: string, help: string, read: () => PasswordQueueState | DatabasePoolState): void {
  const gauge = new Gauge({
    name, help, registers: [registry], labelNames: ['state'],
    collect() { for (const [state, value] of Object.entries(read())) gauge.set({ state }, value); },
  });
}
