/** Work that happens later or repeatedly, kept in Postgres: a job enqueued in a transaction exists exactly if the transaction commits. */

/** Every job belongs to an instance. Data is small and holds ids, never secrets. */
export interface JobData {
  readonly instanceId: string;
  readonly [name: string]: string | number | boolean | null | readonly string[];
}

export interface JobOptions {
  /** Seconds from now until the first try. */
  startAfterSeconds?: number;
  /** At most one job with this key waits at a time. */
  singletonKey?: string;
}

export interface WorkOptions {
  /** Tries after the first one, with growing pauses. */
  retryLimit?: number;
  retryDelaySeconds?: number;
  /** How many run at a time in this process. */
  concurrency?: number;
  /** Called when the last try failed. */
  onGivenUp?: (data: JobData, error: unknown) => Promise<void>;
}

/** The part of a Prisma client that a job is enqueued through. */
export interface JobTransaction {
  $queryRawUnsafe<Result = unknown>(sql: string, ...values: unknown[]): Promise<Result>;
}

export interface Jobs {
  /** Names the worker of a kind of job; before `start`. */
  work(name: string, handler: (data: JobData) => Promise<void>, options?: WorkOptions): void;
  /** Runs `handler` on one server of all, at each time that the cron expression (minutes first, UTC) names. */
  schedule(name: string, cron: string, handler: () => Promise<void>): void;
  /** Enqueues through `db`; inside a transaction the job exists exactly if that commits. */
  enqueue(db: JobTransaction, name: string, data: JobData, options?: JobOptions): Promise<void>;
  /** Many jobs of one kind in one statement. */
  enqueueAll(db: JobTransaction, name: string, data: readonly JobData[]): Promise<void>;
  start(): Promise<void>;
  /** Lets running jobs finish for up to `graceSeconds`. */
  stop(graceSeconds: number): Promise<void>;
}
