/**
 * PostgreSQL as a child process, for a start without DATABASE_URL. Everything it needs is in the data folder:
 * `postgres/` (the cluster), `postgres.log`, `server.lock`. Why it is built this way: docs/decisions/0003-embedded-database.md.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseAccount } from './embedded-postgres/account.ts';
import { prepareCluster } from './embedded-postgres/cluster.ts';
import { connectionUrl, createRoleAndDatabase, isAnswering, socketFolder, type SocketFolder } from './embedded-postgres/connection.ts';
import { lockFolder } from './embedded-postgres/folder-lock.ts';
import { endLeftovers, readNote } from './embedded-postgres/leftovers.ts';
import { trimLogFile } from './embedded-postgres/log-file.ts';
import { locateRuntime, prepareRuntime } from './embedded-postgres/runtime.ts';
import { ServerProcess, type ServerProcessOptions } from './embedded-postgres/server-process.ts';
import { EmbeddedPostgresUnavailable } from './embedded-postgres/unavailable.ts';

export { EmbeddedPostgresUnavailable };

export interface EmbeddedPostgres {
  /** The database `postern` as its owner, over a private unix socket; for `pg`, Prisma, `psql` and `pg_dump` alike. */
  readonly url: string;
  /** The main process; another one after PostgreSQL was killed and started again. */
  readonly pid: number;
  /** Ends PostgreSQL cleanly and gives the data folder free. May be called again. */
  stop(): Promise<void>;
}

const clusterOf = (dataDirectory: string) => join(dataDirectory, 'postgres');

/** The folder with PostgreSQL's programs: `initdb`, `pg_ctl` and `postgres`. The npm package has no `pg_dump` or `psql`. */
export function binariesDirectory(): string {
  return join(locateRuntime().native, 'bin');
}

/**
 * Starts PostgreSQL on `<dataDirectory>/postgres`, made on the first start. Should it end unexpectedly it is started
 * again under the same URL. Throws EmbeddedPostgresUnavailable with a line for the operator.
 */
export async function startEmbeddedPostgres(options: { dataDirectory: string; log: (message: string) => void }): Promise<EmbeddedPostgres> {
  const { log } = options;
  const runtime = locateRuntime();
  const dataDirectory = resolve(options.dataDirectory);
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new EmbeddedPostgresUnavailable(`the data folder ${dataDirectory} cannot be made (${String(error)})`, 'Set DATA_DIR to another folder.');
  });
  const releaseLock = await lockFolder(dataDirectory);
  try {
    const cluster = clusterOf(dataDirectory);
    const account = chooseAccount(dataDirectory, cluster);
    // A copy for another account must lie where that account can reach it; ours can lie with our data.
    const native = await prepareRuntime(runtime, { account, copyTo: account ? '/var/lib/postern' : dataDirectory, log });
    await prepareCluster({ cluster, native, version: runtime.version, account, log });
    const folder = await socketFolder(cluster);
    const server = new SupervisedServer({ cluster, native, account, log, logFile: join(dataDirectory, 'postgres.log') }, folder, releaseLock);
    await server.start();
    return server;
  } catch (error) {
    releaseLock();
    throw error;
  }
}

/**
 * The embedded PostgreSQL of a server that runs on this data folder, for operator commands beside it; undefined when
 * none does. `stop` only ends this use of it.
 */
export async function findRunningEmbeddedPostgres(options: { dataDirectory: string }): Promise<EmbeddedPostgres | undefined> {
  const cluster = clusterOf(resolve(options.dataDirectory));
  const folder = await socketFolder(cluster);
  const note = await readNote(cluster);
  if (note && await isAnswering(folder)) {
    return { url: connectionUrl(folder, 'postern', 'postern'), pid: note.pid, stop: () => Promise.resolve(folder.release()) };
  }
  folder.release();
  return undefined;
}

class SupervisedServer implements EmbeddedPostgres {
  readonly #options: ServerProcessOptions;
  readonly #folder: SocketFolder;
  readonly #releaseLock: () => void;
  readonly #logTrimmer: NodeJS.Timeout;
  readonly #stopSignal = new AbortController();
  #process: ServerProcess | undefined;
  #supervision: Promise<void> | undefined;
  #stopped: Promise<void> | undefined;

  constructor(options: ServerProcessOptions, folder: SocketFolder, releaseLock: () => void) {
    this.#options = options;
    this.#folder = folder;
    this.#releaseLock = releaseLock;
    this.#logTrimmer = setInterval(() => void trimLogFile(options.logFile).catch(() => undefined), 3_600_000).unref();
  }

  get url(): string {
    return connectionUrl(this.#folder, 'postern', 'postern');
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  async start(): Promise<void> {
    try {
      const running = await this.#launch();
      await createRoleAndDatabase(this.#folder);
      this.#supervision = this.#supervise(running);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  stop(): Promise<void> {
    return this.#stopped ??= this.#end();
  }

  async #end(): Promise<void> {
    this.#stopSignal.abort();
    clearInterval(this.#logTrimmer);
    await this.#process?.stop();
    await this.#supervision;
    this.#folder.release();
    this.#releaseLock();
  }

  /** Retries for ten seconds while PostgreSQL says that a predecessor is not gone yet. */
  async #launch(): Promise<ServerProcess> {
    const { cluster, log, logFile } = this.#options;
    const deadline = Date.now() + 10_000;
    for (;;) {
      await endLeftovers(cluster, log);
      await trimLogFile(logFile);
      this.#stopSignal.signal.throwIfAborted();
      const started = this.#process = new ServerProcess(this.#options);
      try {
        await started.untilReady();
        return started;
      } catch (error) {
        const predecessorLives = error instanceof Error && /lock file|pre-existing shared memory/.test(error.message);
        if (!predecessorLives || Date.now() > deadline) throw error;
        await sleep(250);
      }
    }
  }

  async #supervise(running: ServerProcess): Promise<void> {
    for (;;) {
      const how = await running.ended;
      if (this.#stopSignal.signal.aborted) return;
      this.#options.log(`The embedded PostgreSQL ended unexpectedly (${how}). Starting it again.`);
      const next = await this.#relaunch();
      if (!next) return;
      this.#options.log(`The embedded PostgreSQL runs again (process ${next.pid}).`);
      running = next;
    }
  }

  /** Tries until it works (a full disk may be cleared) or until stop(), which yields undefined. */
  async #relaunch(): Promise<ServerProcess | undefined> {
    const { signal } = this.#stopSignal;
    for (let delay = 500; ; delay = Math.min(delay * 2, 30_000)) {
      try {
        return await this.#launch();
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#options.log(error instanceof Error ? error.message : String(error));
      }
      await sleep(delay, undefined, { signal }).catch(() => undefined);
    }
  }
}
