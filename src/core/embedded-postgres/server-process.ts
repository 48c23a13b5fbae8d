import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnOptions, type Account } from './account.ts';
import { folderArgument } from './cluster.ts';
import { readNote } from './leftovers.ts';
import { serverArguments } from './settings.ts';
import { EmbeddedPostgresUnavailable } from './unavailable.ts';

export interface ServerProcessOptions {
  readonly cluster: string;
  readonly native: string;
  readonly account: Account | undefined;
  /** Gets PostgreSQL's own log. */
  readonly logFile: string;
  readonly log: (message: string) => void;
}

/** One run of PostgreSQL as a child of this process. */
export class ServerProcess {
  readonly #child: ChildProcess;
  readonly #options: ServerProcessOptions;
  /** Settles when the process is gone: how it ended, such as `exit code 1`. */
  readonly ended: Promise<string>;
  readonly #logStart: number;
  #hasEnded = false;
  readonly #stopWithNode = () => { this.#child.kill('SIGINT'); };

  constructor(options: ServerProcessOptions) {
    this.#options = options;
    const logDescriptor = openSync(options.logFile, 'a', 0o600);
    this.#logStart = fstatSync(logDescriptor).size;
    this.#child = spawn(join(options.native, 'bin', 'postgres'), ['-D', folderArgument(options.cluster), ...serverArguments], {
      ...spawnOptions(options.account),
      cwd: options.cluster,
      stdio: ['ignore', logDescriptor, logDescriptor],
      // A process group of its own: Ctrl-C reaches the server only, which answers its last requests before it calls stop().
      detached: true,
    });
    closeSync(logDescriptor);
    this.ended = new Promise<string>((resolve) => {
      this.#child.once('error', (error) => { resolve(error.message); });
      this.#child.once('exit', (code, signal) => { resolve(signal ? `signal ${signal}` : `exit code ${code}`); });
    }).finally(() => {
      this.#hasEnded = true;
      process.removeListener('exit', this.#stopWithNode);
    });
    // A server that exits without stop() takes PostgreSQL with it; only after kill -9 one is left (leftovers.ts).
    process.once('exit', this.#stopWithNode);
    this.#child.unref();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Waits until connections are accepted: as long as recovery takes, while the process lives. */
  async untilReady(): Promise<void> {
    const { cluster, logFile, log } = this.#options;
    for (let waited = 1; !this.#hasEnded; waited += 1) {
      const note = await readNote(cluster);
      if (note?.pid === this.pid && note.state === 'ready') return;
      if (waited % 500 === 0) log('The embedded PostgreSQL is still recovering what was written before it ended unexpectedly.');
      await sleep(20);
    }
    const written = (await readFile(logFile)).subarray(this.#logStart).toString();
    // What clients were told meanwhile ("the database system is starting up") is FATAL as well, and not the reason.
    const told = written.trim().split('\n').filter((line) => !/FATAL: +the database system/.test(line));
    const reason = told.findLast((line) => /FATAL|PANIC|error/i.test(line)) ?? told.at(-1);
    throw new EmbeddedPostgresUnavailable(
      `it did not start: ${reason?.replace(/^.*?(FATAL|PANIC): +/, '') || await this.ended}`,
      `See ${logFile}, or set DATABASE_URL to use a PostgreSQL of your own.`);
  }

  /** Fast shutdown: open transactions are rolled back, everything committed is on disk. Immediate after 30 seconds. */
  async stop(): Promise<void> {
    this.#child.ref();
    for (const [signal, patience] of [['SIGINT', 30_000], ['SIGQUIT', 5_000], ['SIGKILL', 5_000]] as const) {
      if (this.#hasEnded) return;
      this.#child.kill(signal);
      const timeout = new AbortController();
      await Promise.race([this.ended, sleep(patience, undefined, { signal: timeout.signal }).catch(() => undefined)]);
      timeout.abort();
    }
  }
}
