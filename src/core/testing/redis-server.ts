import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';

export interface RedisServer {
  readonly url: string;
  /** Signals the server process: SIGSTOP and SIGCONT make it hang and go on. */
  signal(signal: NodeJS.Signals): void;
  /** Kills the server (SIGKILL) and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts the killed server again on the same port, empty. */
  restart(): Promise<void>;
}

/** Starts a real redis-server without persistence on a free loopback port. Throws when none is installed. */
export async function startRedisServer(): Promise<RedisServer> {
  const port = await freePort();
  let child = await launch(port);
  const killWithTests = (): void => { child.kill('SIGKILL'); };
  process.once('exit', killWithTests);
  return {
    url: `redis://127.0.0.1:${port}`,
    signal: (signal) => { child.kill(signal); },
    async kill() {
      process.off('exit', killWithTests);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    async restart() {
      child = await launch(port);
      process.once('exit', killWithTests);
    },
  };
}

async function launch(port: number): Promise<ChildProcess> {
  const child = spawn('redis-server', [
    '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no',
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(new Error(
      'These tests need a real Redis: install it with "apt-get install redis-server" (or put redis-server on the PATH)',
      { cause: error },
    )));
    child.once('exit', (code) => reject(new Error(`redis-server ended with ${code}:\n${output}`)));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text: Buffer) => {
        output += text.toString();
        if (output.includes('Ready to accept connections')) resolve();
      });
    }
  });
  return child;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('No free port');
  return address.port;
}
