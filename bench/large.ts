/**
 * What an instance of a million users costs beside one of ten thousand, in the same database and the same run:
 * `node bench/large.ts`. Options: --users=1000000 --small=10000 --calls=400, --data=<folder> (kept, and used again when it is
 * seeded). Docs: docs/performance.md, "A large instance".
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createBrowser } from '../test/support/browser.ts';
import { freePort } from '../test/support/free-port.ts';
import { findRunningEmbeddedPostgres } from '../src/core/embedded-postgres.ts';
import { createKeyring, loadOrCreateMasterKeys } from '../src/core/keyring.ts';
import { startChild } from './children.ts';
import { settingsOf } from './servers/data.ts';
import { userPassword } from './fixtures.ts';
import { createCaller } from './large/caller.ts';
import { measureCalls, type Side } from './large/calls.ts';
import { measureMoves } from './large/moves.ts';
import { authorizePath } from './targets.ts';
import type { Usage } from './servers/parent.ts';
import { fixed, megabytes, table, verdict } from './table.ts';

const { values } = parseArgs({ options: { users: { type: 'string', default: '1000000' }, small: { type: 'string', default: '10000' }, calls: { type: 'string', default: '400' }, data: { type: 'string' } } });
const dataDirectory = values.data ?? await mkdtemp(path.join(tmpdir(), 'postern-large-'));
const port = await freePort();
const sizes = { small: Number(values.small), large: Number(values.users) };

console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, load ${loadavg()[0]?.toFixed(1) ?? ''}, Node ${process.version}\n`);
if (values.data === undefined) for (const instance of ['small', 'large'] as const) await seed(instance);

const child = await startChild('servers/postern.ts', { port, dataDirectory });
let highest = 0;
const sampling = setInterval(() => {
  child.ask<Usage>('usage').then(({ residentBytes }) => { highest = Math.max(highest, residentBytes); }, () => undefined);
}, 250);
try {
  await run();
} finally {
  clearInterval(sampling);
  await child.stop();
  if (values.data === undefined) await rm(dataDirectory, { recursive: true, force: true });
}

async function run(): Promise<void> {
  const postgres = await findRunningEmbeddedPostgres({ dataDirectory });
  if (!postgres) throw new Error('the embedded PostgreSQL does not run');
  const client = new pg.Client({ connectionString: postgres.url });
  client.on('error', () => undefined);               // PostgreSQL ends before us when something failed
  await client.connect();
  const keyring = createKeyring(loadOrCreateMasterKeys(dataDirectory));
  const side = async (instanceId: 'small' | 'large'): Promise<Side> => ({ instanceId, users: sizes[instanceId], client, keyring, call: await createCaller(port, instanceId) });
  const [small, large] = [await side('small'), await side('large')];

  const kinds = await measureCalls(small, large, Number(values.calls));
  console.log(table(
    ['call', `p50 / p99 ms at ${sizes.small.toLocaleString('en')}`, `at ${sizes.large.toLocaleString('en')}`, 'p50 ratio', 'p99 ratio', 'p99 < 10 ms', 'ratio < 1.5'],
    kinds.map(({ name, small: little, large: much }) => [
      name, `${fixed(little.p50, 1)} / ${fixed(little.p99, 1)}`, `${fixed(much.p50, 1)} / ${fixed(much.p99, 1)}`,
      fixed(much.p50 / little.p50, 2), fixed(much.p99 / little.p99, 2), verdict(much.p99 < 10), verdict(much.p99 / little.p99 < 1.5),
    ])));

  const moves = await measureMoves(large, (name) => signIn('large', name));
  console.log(`\nMoving a unit with ${moves.users.toLocaleString('en')} users below it: ${moves.moveMs.map((ms) => fixed(ms, 0)).join(', ')} ms; target < 5,000: ${verdict(Math.max(...moves.moveMs) < 5_000)}`);
  console.log(`Sign-ins: ${fixed(moves.quietMs, 0)} ms at rest, slowest during moves ${fixed(moves.slowestDuringMs, 0)} ms (${moves.during} of them)`);
  console.log(`Memory of the server, at most: ${megabytes(highest)}; target < 500 MB: ${verdict(highest < 500e6)}`);
  await client.end();
}

/** Signs somebody in on the pages, in a browser of their own. Returns the milliseconds that it took. */
async function signIn(instanceId: string, username: string): Promise<number> {
  const origin = `http://127.0.0.1:${port}`;
  const browser = createBrowser(origin);
  const started = performance.now();
  let page = await browser.open(origin + authorizePath({ base: `/t/${instanceId}` }));
  page = await browser.submit(page, { identifier: username });
  if (page.text.includes('name="password"')) page = await browser.submit(page, { password: userPassword });
  if (!page.url.includes('?code=')) throw new Error(`${username} was not signed in: ${page.status} ${page.url} ${page.text.replace(/<[^>]*>/g, ' ').slice(0, 500)}`);
  return performance.now() - started;
}

async function seed(instance: 'small' | 'large'): Promise<void> {
  const started = performance.now();
  const seeding = spawn(process.execPath, [path.join(import.meta.dirname, 'seed-large.ts'), `--instance=${instance}`, `--users=${sizes[instance]}`], {
    stdio: 'inherit', env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', LOG_LEVEL: 'warn', ...settingsOf({ port, dataDirectory }) },
  });
  const [code] = await once(seeding, 'exit') as [number | null];
  if (code !== 0) throw new Error(`seeding ended with ${code}`);
  const seconds = (performance.now() - started) / 1_000;
  console.log(`Seeding ${sizes[instance].toLocaleString('en')} users: ${fixed(seconds, 0)} s; target < 300: ${verdict(seconds < 300)}\n`);
}

