/**
 * What an instance of a million users costs beside one of ten thousand, each on a server and a database of its own, in turn:
 * `node bench/large.ts`. Options: --users=1000000 --small=10000 --calls=400, --data=<folder> (kept; seeded where it is
 * empty). Docs: docs/performance.md, "A large instance".
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createBrowser } from '../test/support/browser.ts';
import { freePort } from '../test/support/free-port.ts';
import { findRunningEmbeddedPostgres } from '../src/core/embedded-postgres.ts';
import { createKeyring, loadOrCreateMasterKeys } from '../src/core/keyring.ts';
import { type Child, startChild } from './children.ts';
import { userPassword } from './fixtures.ts';
import { createCaller } from './large/caller.ts';
import { measureCalls, type Side } from './large/calls.ts';
import { measureMoves } from './large/moves.ts';
import { settingsOf } from './servers/data.ts';
import type { Usage } from './servers/parent.ts';
import { fixed, megabytes, table, verdict } from './table.ts';
import { authorizePath } from './targets.ts';

const { values } = parseArgs({ options: { users: { type: 'string', default: '1000000' }, small: { type: 'string', default: '10000' }, calls: { type: 'string', default: '400' }, data: { type: 'string' } } });
const folder = values.data ?? await mkdtemp(path.join(tmpdir(), 'postern-large-'));
const instanceId = 'large';

interface Started { readonly child: Child; readonly side: Side; readonly port: number }
const started: Started[] = [];
let highest = 0;

console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, load ${loadavg()[0]?.toFixed(1) ?? ''}, Node ${process.version}\n`);
try {
  await run(await start(Number(values.small)), await start(Number(values.users)));
} finally {
  for (const { child, side } of started) {
    await side.client.end();
    await child.stop();
  }
  if (values.data === undefined) await rm(folder, { recursive: true, force: true });
}

/** A server on the data folder of so many users, which is seeded where it is not there. */
async function start(users: number): Promise<Started> {
  const dataDirectory = path.join(folder, String(users));
  const port = await freePort();
  if (!existsSync(dataDirectory)) await seed(users, { port, dataDirectory });
  const child = await startChild('servers/postern.ts', { port, dataDirectory });
  const postgres = await findRunningEmbeddedPostgres({ dataDirectory });
  if (!postgres) throw new Error('the embedded PostgreSQL does not run');
  const client = new pg.Client({ connectionString: postgres.url });
  client.on('error', () => undefined);               // PostgreSQL ends before us when something failed
  await client.connect();
  const keyring = createKeyring(loadOrCreateMasterKeys(dataDirectory));
  const one: Started = { child, port, side: { instanceId, users, client, keyring, call: await createCaller(port, instanceId) } };
  started.push(one);
  return one;
}

async function run(small: Started, large: Started): Promise<void> {
  const sampling = setInterval(() => {
    large.child.ask<Usage>('usage').then(({ residentBytes }) => { highest = Math.max(highest, residentBytes); }, () => undefined);
  }, 250);
  const kinds = await measureCalls(small.side, large.side, Number(values.calls));
  console.log(table(
    ['call', `fastest / p50 / p99 ms at ${small.side.users.toLocaleString('en')}`, `at ${large.side.users.toLocaleString('en')}`, 'fastest ratio', 'p50 ratio', 'p99 ratio', 'p99 < 10 ms', 'ratio < 1.5'],
    kinds.map(({ name, small: little, large: much }) => [
      name, ...[little, much].map(({ fastest, p50, p99 }) => `${fixed(fastest, 1)} / ${fixed(p50, 1)} / ${fixed(p99, 1)}`),
      fixed(much.fastest / little.fastest, 2), fixed(much.p50 / little.p50, 2), fixed(much.p99 / little.p99, 2), verdict(much.p99 < 10), verdict(much.p99 / little.p99 < 1.5),
    ])));
  const moves = await measureMoves(large.side, (name) => signIn(large.port, name));
  clearInterval(sampling);
  console.log(`\nMoving a unit with ${moves.users.toLocaleString('en')} users below it: ${moves.moveMs.map((ms) => fixed(ms, 0)).join(', ')} ms; target < 5,000: ${verdict(Math.max(...moves.moveMs) < 5_000)}`);
  console.log(`Sign-ins, ${moves.atATime} at a time: ${fixed(moves.quietMs, 0)} ms while nothing moves, slowest during moves ${fixed(moves.slowestDuringMs, 0)} ms (${moves.during} of them)`);
  console.log(`Memory of the server, at most: ${megabytes(highest)}; target < 500 MB: ${verdict(highest < 500e6)}`);
}

/** Signs somebody in on the pages, in a browser of their own. Returns the milliseconds that it took. */
async function signIn(port: number, username: string): Promise<number> {
  const origin = `http://127.0.0.1:${port}`;
  const browser = createBrowser(origin);
  const from = performance.now();
  let page = await browser.open(origin + authorizePath({ base: `/t/${instanceId}` }));
  page = await browser.submit(page, { identifier: username });
  if (page.text.includes('name="password"')) page = await browser.submit(page, { password: userPassword });
  if (!page.url.includes('?code=')) throw new Error(`${username} was not signed in: ${page.status} ${page.url} ${page.text.replace(/<[^>]*>/g, ' ').slice(0, 500)}`);
  return performance.now() - from;
}

async function seed(users: number, place: { port: number; dataDirectory: string }): Promise<void> {
  const from = performance.now();
  const seeding = spawn(process.execPath, [path.join(import.meta.dirname, 'seed-large.ts'), `--instance=${instanceId}`, `--users=${users}`], {
    stdio: 'inherit', env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', LOG_LEVEL: 'warn', ...settingsOf(place) },
  });
  const [code] = await once(seeding, 'exit') as [number | null];
  if (code !== 0) throw new Error(`seeding ended with ${code}`);
  const seconds = (performance.now() - from) / 1_000;
  console.log(`Seeding ${users.toLocaleString('en')} users: ${fixed(seconds, 0)} s; target < 300: ${verdict(seconds < 300)}\n`);
}
