/**
 * `Jobs` on pg-boss, in the schema `pgboss` of the same database. A new job wakes its worker by NOTIFY; polling finds
 * those that waited for their time. A server that dies loses its jobs to another within about two
 * minutes (heartbeats). Handlers must bear to run twice.
 */
import { randomUUID } from 'node:crypto';
import { PgBoss, type Db, type JobWithMetadata, type Queue } from 'pg-boss';
import type { Logger } from 'pino';
import type { Metrics } from './metrics.ts';
import type { DatabaseSockets } from './database-sockets.ts';
import type { JobData, JobOptions, Jobs, JobTransaction, WorkOptions } from './jobs.ts';

export interface JobQueueOptions {
  connectionString: string;
  log: Logger;
  /** Of all its connections; pg's own where left out. */
  sockets?: Pick<DatabaseSockets, 'open'>;
  metrics?: Pick<Metrics, 'jobs' | 'jobDuration'>;
}

/** The name of pg-boss's schema, for backups and for those who look at their database. */
export const jobSchema = 'pgboss';

const heartbeatSeconds = 60;
/** How late a job may start that waited for its time, or whose notification was lost. */
const pollingSeconds = 2;
/** A pause between two tries is never longer than this. */
const longestPauseSeconds = 3_600;

interface Worker { handler: (data: JobData) => Promise<void>; options: WorkOptions }
interface Schedule { cron: string; handler: () => Promise<void> }

/** Prepares the queue; `start` connects, creates pg-boss's schema where it is absent, and begins to work. */
export function createJobs({ connectionString, log, metrics, sockets }: JobQueueOptions): Jobs {
  const workers = new Map<string, Worker>();
  const schedules = new Map<string, Schedule>();
  let boss: PgBoss | undefined;
  let lastError = 0;

  function checkName(name: string): void {
    if (boss) throw new Error(`the job ${name} is named after the start`);
    if (workers.has(name) || schedules.has(name)) throw new Error(`the job ${name} is named twice`);
  }

  /** Takes jobs one by one. Why a try failed goes to the log here; pg-boss keeps the pauses. */
  async function take(boss: PgBoss, name: string, handler: (job: JobWithMetadata<JobData>) => Promise<void>): Promise<void> {
    const options = { includeMetadata: true, notifyPollingIntervalSeconds: pollingSeconds } as const;
    const worker = await boss.work<JobData, unknown, typeof options>(name, options, async ([job]) => {
      if (!job) return;
      boss.notifyWorker(worker); // looks for the next job at once: of many notifications it kept one
      const took = metrics?.jobDuration.startTimer({ job: name });
      try {
        await handler(job);
        metrics?.jobs.inc({ job: name, outcome: 'completed' });
      } catch (error) {
        metrics?.jobs.inc({ job: name, outcome: job.retryCount < job.retryLimit ? 'failed' : 'given_up' });
        log.warn({ err: error, job: name, instanceId: job.data?.instanceId, attempt: job.retryCount + 1, attempts: job.retryLimit + 1 }, 'A job failed');
        throw error;
      } finally {
        took?.();
      }
    });
  }

  async function startWorkers(started: PgBoss): Promise<void> {
    await synchronizeQueues(started, [
      ...[...workers].flatMap(([name, { options }]) => queuesOf(name, options)),
      ...[...schedules.keys()].map((name): Queue => ({ ...standing, name, policy: 'stately', retryLimit: 2, retryDelay: 30 })),
    ]);
    for (const [name, { handler, options }] of workers) {
      for (let place = 0; place < (options.concurrency ?? 1); place += 1) await take(started, name, (job) => handler(job.data));
      const { onGivenUp } = options;
      if (onGivenUp) await take(started, givenUp(name), (job) => onGivenUp(job.data, reasonOf(job.sourceOutput)));
    }
    const standingSchedules = new Map((await started.getSchedules()).map((schedule) => [schedule.name, schedule]));
    for (const [name, { cron, handler }] of schedules) {
      if (standingSchedules.get(name)?.cron !== cron) await started.schedule(name, cron, null, { tz: 'UTC' });
      await take(started, name, handler);
    }
  }

  function queueFor(name: string): PgBoss {
    if (!boss) throw new Error(`the job ${name} cannot be enqueued: the jobs are not started`);
    if (!workers.has(name)) throw new Error(`the job ${name} has no worker`);
    return boss;
  }

  return {
    work(name, handler, options = {}) {
      checkName(name);
      workers.set(name, { handler, options });
    },
    schedule(name, cron, handler) {
      checkName(name);
      schedules.set(name, { cron, handler });
    },
    async enqueue(db: JobTransaction, name: string, data: JobData, options: JobOptions = {}) {
      await queueFor(name).send(name, data, {
        db: throughTransaction(db),
        // Queues hold one waiting job for each key; without a key of the caller's each job has its own.
        singletonKey: options.singletonKey ?? randomUUID(),
        ...(options.startAfterSeconds !== undefined && { startAfter: options.startAfterSeconds }),
      });
    },
    async enqueueAll(db, name, data) {
      if (data.length === 0) return;
      await queueFor(name).insert(name, data.map((each) => ({ data: each, singletonKey: randomUUID() })), { db: throughTransaction(db) });
    },
    async start() {
      if (boss) return;
      const starting = new PgBoss({
        ...(sockets && { stream: () => sockets.open() }), // pg-boss hands on to pg what it does not know
        connectionString, schema: jobSchema, application_name: 'postern jobs', max: 3, useListenNotify: true,
        registerInstance: false, persistWarnings: false, monitorVacuum: false, openTelemetry: { enabled: false },
      });
      // Without a listener an error event would end the process. The queue goes on by itself when the database is back.
      starting.on('error', (error) => {
        if (Date.now() - lastError < 10_000) return; // while the database is away, each worker has one every two seconds
        lastError = Date.now();
        log.warn({ err: error }, 'The job queue had an error');
      });
      starting.on('warning', (warning) => { log.warn({ warning }, 'The job queue warns'); });
      try {
        await starting.start();
        await startWorkers(starting);
        boss = starting;
      } catch (error) {
        await starting.stop({ graceful: false }).catch(() => undefined);
        throw error;
      }
    },
    async stop(graceSeconds) {
      // Until it has stopped, jobs that still run may enqueue others.
      await boss?.stop({ graceful: graceSeconds > 0, timeout: graceSeconds * 1_000 });
      boss = undefined;
    },
  };
}

const givenUp = (name: string) => `${name}.given-up`;

const standing = { notify: true, heartbeatSeconds, deleteAfterSeconds: 86_400 } as const;

/** The queue of a kind of job and, where giving up has a consequence, the queue of those given up: first, as the other names it. */
function queuesOf(name: string, options: WorkOptions): Queue[] {
  const queue: Queue = {
    ...standing, name, policy: 'short',
    retryLimit: options.retryLimit ?? 5, retryDelay: options.retryDelaySeconds ?? 5, retryBackoff: true, retryDelayMax: longestPauseSeconds,
  };
  if (!options.onGivenUp) return [queue];
  return [
    { ...standing, name: givenUp(name), policy: 'standard', retryLimit: 20, retryDelay: 5, retryBackoff: true, retryDelayMax: longestPauseSeconds },
    { ...queue, deadLetter: givenUp(name) },
  ];
}

/** Creates or changes only the queues that are not as wanted: a start with existing data writes nothing. */
async function synchronizeQueues(boss: PgBoss, wanted: Queue[]): Promise<void> {
  const found = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]));
  for (const queue of wanted) {
    const present = found.get(queue.name);
    const { name, policy, ...options } = queue;
    if (!present) await boss.createQueue(name, queue);
    else if (present.policy !== policy) throw new Error(`the queue ${name} has the policy ${present.policy}; a job with another policy needs another name`);
    else if (Object.entries(options).some(([option, value]) => present[option as keyof Queue] !== value)) await boss.updateQueue(name, options);
  }
}

/** pg-boss's statements run where the caller's do. */
function throughTransaction(db: JobTransaction): Db {
  return {
    async executeSql(text, values = []) {
      return { rows: await db.$queryRawUnsafe<Record<string, unknown>[]>(text, ...values) };
    },
  };
}

/** What pg-boss kept of the last error. */
function reasonOf(output: unknown): Error {
  const message = typeof output === 'object' && output !== null && 'message' in output ? String(output.message) : 'The job did not finish.';
  return new Error(message);
}
