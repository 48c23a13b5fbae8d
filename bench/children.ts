/** Child processes of a run: started, asked by name, and ended by their own id whatever happens. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';

export interface Child {
  readonly pid: number;
  /** @throws Error with the child's own stack, or when the child ends or is silent for five minutes */
  ask<Answer>(name: string, argument?: unknown): Promise<Answer>;
  /** Ends it: first by asking, after ten seconds by force. */
  stop(): Promise<void>;
}

interface Reply { readonly id: number; readonly answer?: unknown; readonly error?: string }

const patienceMs = 300_000;

/** Forks a file of this folder and waits until it is ready. */
export async function startChild(file: string, argument: object = {}): Promise<Child> {
  const child = fork(path.join(import.meta.dirname, file), [JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [], env: environment(),
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => { output.push(chunk.toString()); output.splice(0, output.length - 50); });
  const ended = new Promise<void>((resolve) => { child.once('exit', () => resolve()); });
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  let questions = 0;

  child.on('message', ({ id, answer, error }: Reply) => {
    const waiter = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) waiter?.resolve(answer);
    else waiter?.reject(new Error(error));
  });
  void ended.then(() => {
    const failure = new Error(`${file} ended (${child.exitCode ?? child.signalCode ?? ''}):\n${output.join('').slice(-4_000)}`);
    for (const { reject } of waiting.values()) reject(failure);
  });

  function reply(id: number, what: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${file} did not answer to ${what}:\n${output.join('').slice(-4_000)}`)), patienceMs);
      waiting.set(id, {
        resolve(answer) { clearTimeout(timer); resolve(answer); },
        reject(error) { clearTimeout(timer); reject(error); },
      });
    });
  }

  const stop = async () => { await endChild(child, ended); };
  try {
    await reply(0, 'its start');
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    pid: child.pid ?? 0,
    async ask<Answer>(name: string, question?: unknown) {
      const id = questions += 1;
      child.send({ id, name, argument: question });
      return await reply(id, name) as Answer;
    },
    stop,
  };
}

async function endChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.connected) child.send({ id: -1, name: 'stop' });
  const force = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(force);
}

/** Nothing of the caller's own settings reaches the servers. */
function environment(): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR !== undefined && { TMPDIR }), NODE_ENV: 'production' };
}
