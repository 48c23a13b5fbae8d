import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/**
 * The usual process metrics under their usual names (those of prom-client's own collection, which cannot be ended:
 * a process that starts and stops several servers would keep every observer). Returns the function that ends them.
 */
export function measureProcess(registry: Registry): () => void {
  const registers = [registry];
  gauge(registry, 'process_start_time_seconds', 'Start of the process, seconds since 1970.', () => performance.timeOrigin / 1000);
  gauge(registry, 'process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  gauge(registry, 'nodejs_heap_size_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed);
  gauge(registry, 'nodejs_heap_size_total_bytes', 'JavaScript heap.', () => process.memoryUsage().heapTotal);
  gauge(registry, 'nodejs_external_memory_bytes', 'Memory of objects outside the heap.', () => process.memoryUsage().external);
  gauge(registry, 'nodejs_active_resources_total', 'Sockets, timers and the like that are active.', () => process.getActiveResourcesInfo().length);
  new Gauge({ name: 'nodejs_version_info', help: 'Version of Node.js.', registers, labelNames: ['version'] }).set({ version: process.version }, 1);

  const cpu = new Counter({
    name: 'process_cpu_seconds_total', help: 'Processor time, by mode (user, system).', registers, labelNames: ['mode'],
    collect() {
      const { user, system } = process.cpuUsage();
      cpu.reset();
      cpu.inc({ mode: 'user' }, user / 1e6);
      cpu.inc({ mode: 'system' }, system / 1e6);
    },
  });

  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  gauge(registry, 'nodejs_eventloop_lag_p50_seconds', 'Median delay of the event loop since the last reading.', () => seconds(delay.percentile(50)));
  gauge(registry, 'nodejs_eventloop_lag_p99_seconds', '99th percentile of the delay since the last reading.', () => seconds(delay.percentile(99)));
  gauge(registry, 'nodejs_eventloop_lag_max_seconds', 'Longest delay since the last reading.', () => {
    const longest = seconds(delay.max);
    delay.reset();                                   // the last of the three to be read
    return longest;
  });

  const collections = new Histogram({
    name: 'nodejs_gc_duration_seconds', help: 'Garbage collections by kind.', registers,
    labelNames: ['kind'], buckets: [0.001, 0.01, 0.1, 1],
  });
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) collections.observe({ kind: kindOf(entry) }, entry.duration / 1000);
  });
  observer.observe({ entryTypes: ['gc'] });

  return () => {
    observer.disconnect();
    delay.disable();
  };
}

function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  const created = new Gauge({ name, help, registers: [registry], collect() { created.set(read()); } });
}

const delayResolutionMs = 20;

/** Node reports the time between two of its timers in nanoseconds: the delay is what exceeds the timer. No sample is NaN or 2^63. */
function seconds(nanoseconds: number): number {
  return Number.isFinite(nanoseconds) && nanoseconds < 1e15 ? Math.max(0, nanoseconds / 1e9 - delayResolutionMs / 1000) : 0;
}

const kinds = new Map<unknown, string>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'], [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'], [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak_callbacks'],
]);

function kindOf(entry: object): string {
  const detail: unknown = 'detail' in entry ? entry.detail : undefined;
  return (typeof detail === 'object' && detail !== null && 'kind' in detail && kinds.get(detail.kind)) || 'other';
}
