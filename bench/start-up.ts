/** A start as the operator makes it, on data that is there already: until /readyz says yes, and memory when nothing happens. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { settingsOf } from './servers/data.ts';

const main = path.join(import.meta.dirname, '../src/main.ts');
const patienceMs = 30_000;

export interface StartUp {
  /** From the start of the process to the first 200 of /readyz, for each start. */
  readonly seconds: readonly number[];
  /** Of the server process, without PostgreSQL, after the idle time. */
  readonly idleBytes: number;
}

export async function measureStartUp(options: { dataDirectory: string; port: number; starts: number; idleSeconds: number }): Promise<StartUp> {
  const seconds: number[] = [];
  let idleBytes = NaN;
  for (let start = 1; start <= options.starts; start += 1) {
    const startedAt = performance.now();
    const server = startServer(options);
    try {
      await untilReady(server, options.port);
      seconds.push((performance.now() - startedAt) / 1000);
      if (start < options.starts) continue;
      await sleep(options.idleSeconds * 1000);
      idleBytes = residentBytes(server.process.pid ?? 0);
    } finally {
      await stopServer(server);
    }
  }
  return { seconds, idleBytes };
}

interface Started { readonly process: ChildProcess; readonly output: string[]; readonly ended: Promise<unknown> }

function startServer({ dataDirectory, port }: { dataDirectory: string; port: number }): Started {
  const { PATH = '', HOME = '' } = process.env;
  const started = spawn(process.execPath, [main], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: dataDirectory, // where no .env file lies
    // As `npm start` keeps what it compiled; the first start here is one that finds nothing kept.
    env: { PATH, HOME, NODE_COMPILE_CACHE: path.join(dataDirectory, 'compiled'), ...settingsOf({ dataDirectory, port }) },
  });
  const output: string[] = [];
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (chunk: Buffer) => { output.push(chunk.toString()); });
  return { process: started, output, ended: new Promise((resolve) => { started.once('exit', resolve); }) };
}

async function untilReady({ output, process: started }: Started, port: number): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline && started.exitCode === null) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.status === 200) return;
    await sleep(20);
  }
  throw new Error(`the server did not get ready:\n${output.join('').slice(-3_000)}`);
}

async function stopServer({ process: started, ended }: Started): Promise<void> {
  started.kill('SIGTERM');
  const force = setTimeout(() => started.kill('SIGKILL'), 20_000);
  await ended;
  clearTimeout(force);
}

/** Resident memory of a process. */
function residentBytes(pid: number): number {
  const status = `/proc/${pid}/status`;
  if (existsSync(status)) return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(status, 'utf8'))?.[1]) * 1024;
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) * 1024;
}
