/**
 * A whole Postern as operators run it: src/main.ts as a child process on a free loopback port, with a data directory
 * and (unless DATABASE_URL says otherwise) an embedded PostgreSQL of its own. For tests that kill it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import type { SmallDisk } from './small-disk.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');

export interface ServerProcess {
  /** `http://localhost:{port}` where it listens. */
  readonly origin: string;
  /** Of the instance `default`; with PUBLIC_URL, below that. */
  readonly issuer: string;
  readonly dataDirectory: string;
  /** Of the server; 0 while none runs. */
  readonly pid: number;
  readonly machine: { clientId: string; clientSecret: string };
  readonly administrator: { username: string; password: string };
  /** Everything that it printed, over all its runs. */
  output(): string;
  /** The embedded PostgreSQL's main process, as it notes itself; undefined when none is noted. */
  postgresPid(): Promise<number | undefined>;
  /** Signals the server process. */
  signal(signal: NodeJS.Signals): void;
  /** The end of the present run: the exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>;
  /** Starts it again with the same settings and data, and waits until it is ready. */
  start(): Promise<void>;
  /** Waits until /readyz answers 200. Returns the milliseconds that took. */
  untilReady(patienceMs?: number): Promise<number>;
  /** Stops it (SIGTERM, then SIGKILL), ends an orphaned PostgreSQL, and removes the data. */
  close(): Promise<void>;
}

export interface ServerProcessOptions {
  settings?: Record<string, string>;
  /** A disk of its own for the data. */
  disk?: SmallDisk;
}

/** Starts a server and waits until it is ready: the first start also makes the database cluster and the keys. */
export async function startServerProcess(options: ServerProcessOptions = {}): Promise<ServerProcess> {
  const { disk } = options;
  const folder = disk ? disk.folder : await mkdtemp(path.join(tmpdir(), 'postern-process-'));
  const dataDirectory = path.join(folder, 'data');
  const port = await freePort();
  const settings: Record<string, string> = {
    HOST: '127.0.0.1', PORT: String(port), DATA_DIR: dataDirectory, LOG_LEVEL: 'info', SAMPLE_APPLICATION_PORT: '0', SHUTDOWN_GRACE_SECONDS: '10',
    BOOTSTRAP_ADMIN_USERNAME: 'admin', BOOTSTRAP_ADMIN_PASSWORD: 'correct horse battery staple',
    BOOTSTRAP_CLIENT_ID: 'automation', BOOTSTRAP_CLIENT_SECRET: 'automation-secret-for-tests-only',
    ...options.settings,
  };
  const origin = `http://localhost:${port}`;
  const printed: string[] = [];
  let child: ChildProcess | undefined;
  let ended: Promise<number | NodeJS.Signals> = Promise.resolve(0);
  const killWithTests = (): void => { child?.kill('SIGKILL'); };
  process.once('exit', killWithTests);

  function launch(): void {
    // Not in the clone: an .env file there is the developer's.
    const [program, programArguments] = disk ? disk.onDisk(process.execPath, [main]) : [process.execPath, [main]];
    const started = spawn(program, programArguments, {
      cwd: tmpdir(), stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...settings },
    });
    for (const stream of [started.stdout, started.stderr]) stream.on('data', (text: Buffer) => printed.push(text.toString()));
    child = started;
    ended = once(started, 'exit').then(([code, signal]: unknown[]) => {
      if (child === started) child = undefined;
      return (code ?? signal) as number | NodeJS.Signals;
    });
  }

  async function untilReady(patienceMs = 90_000): Promise<number> {
    const begun = performance.now();
    for (;;) {
      const status = await fetch(`${origin}/readyz`, { signal: AbortSignal.timeout(10_000) }).then((answer) => answer.status, () => 0);
      if (status === 200) return performance.now() - begun;
      if (child === undefined) throw new Error(`the server ended:\n${tail(printed)}`);
      if (performance.now() - begun > patienceMs) throw new Error(`not ready within ${patienceMs} ms:\n${tail(printed)}`);
      await sleep(50);
    }
  }

  /** As seen from here: a disk of its own has it elsewhere. */
  const visibleDirectory = (): string => (disk && child?.pid !== undefined ? path.join(disk.pathSeenFrom(child.pid), 'data') : dataDirectory);

  async function postgresPid(): Promise<number | undefined> {
    const pid = Number((await readFile(path.join(visibleDirectory(), 'postgres', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
    return pid > 0 ? pid : undefined;
  }

  async function close(): Promise<void> {
    if (child) {
      const timer = setTimeout(killWithTests, 30_000);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(timer);
    }
    process.off('exit', killWithTests);
    const orphan = await postgresPid();
    if (orphan !== undefined && isPostgres(await readFile(`/proc/${orphan}/comm`, 'utf8').catch(() => ''))) process.kill(orphan, 'SIGQUIT');
    while (orphan !== undefined && isPostgres(await readFile(`/proc/${orphan}/comm`, 'utf8').catch(() => ''))) await sleep(50);
    if (!disk) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  launch();
  try {
    await untilReady();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    origin, issuer: `${settings['PUBLIC_URL'] ?? origin}/t/default`,
    get dataDirectory() { return visibleDirectory(); },
    machine: { clientId: settings['BOOTSTRAP_CLIENT_ID'] ?? '', clientSecret: settings['BOOTSTRAP_CLIENT_SECRET'] ?? '' },
    administrator: { username: settings['BOOTSTRAP_ADMIN_USERNAME'] ?? '', password: settings['BOOTSTRAP_ADMIN_PASSWORD'] ?? '' },
    get pid() { return child?.pid ?? 0; },
    output: () => printed.join(''),
    postgresPid, untilReady, close,
    signal: (signal) => { child?.kill(signal); },
    ended: () => ended,
    async start() {
      launch();
      await untilReady();
    },
  };
}

const isPostgres = (name: string) => name.trim() === 'postgres';
const tail = (printed: readonly string[]) => printed.join('').slice(-3_000);
