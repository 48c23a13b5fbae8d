/**
 * Measures role assignments through the API in batches of 1,000, and effective roles of a user:
 * `node bench/roles.ts --users=200000 --assigned=400000 --batches=200`. `--upload=1000000` besides sends so many lines as one
 * upload, waits for its end, and deletes the role that all of them then have. CPU is that of the server and of PostgreSQL, so
 * that figures of a busy machine can be compared.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { type Child, startChild } from './children.ts';
import { machine } from './fixtures.ts';
import type { Measured, Plan } from './load/plan.ts';
import { roleKey, userId } from './role-fixtures.ts';
import { fixed, megabytes, table, whole } from './table.ts';

const { values } = parseArgs({ options: { users: { type: 'string', default: '200000' }, assigned: { type: 'string', default: '400000' }, batches: { type: 'string', default: '200' }, connections: { type: 'string', default: '4' }, upload: { type: 'string', default: '0' } } });
const [users, assigned, batches, connections] = [Number(values.users), Number(values.assigned), Number(values.batches), Number(values.connections)];
const roles = 50;
const rowsInBatch = 1_000;

const children: Child[] = [];
const dataDirectory = await mkdtemp(path.join(tmpdir(), 'postern-bench-roles-'));
const port = await freePort();
const host = `127.0.0.1:${port}`;

async function start(file: string, argument: object = {}): Promise<Child> {
  const child = await startChild(file, argument);
  children.push(child);
  return child;
}

let exitCode = 1;
try {
  await run();
  exitCode = 0;
} finally {
  await Promise.all(children.map((child) => child.stop()));
  await rm(dataDirectory, { recursive: true, force: true });
  process.exitCode = exitCode;
}

async function run(): Promise<void> {
  console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'processor'}, Node ${process.version}, load ${loadavg().map((load) => load.toFixed(1)).join(' ')}; ${users} users, ${assigned} assignments before\n`);
  const load = await start('load/generate.ts');
  const seed = await start('servers/seed-roles.ts', { port, dataDirectory, users, roles, assigned });
  await seed.ask('makePeople');
  await seed.ask('makeAssignments');
  const applicationId = await seed.ask<string>('applicationId');
  await seed.stop();
  const server = await start('servers/postern.ts', { port, dataDirectory });
  const token = await managementToken();

  function request(method: string, target: string, body?: unknown): string {
    const text = body === undefined ? '' : JSON.stringify(body);
    const type = body === undefined ? '' : 'Content-Type: application/json\r\n';
    return `${method} /t/default/api/v1${target} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n${type}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
  }

  const rows: string[][] = [];
  async function measure(name: string, requests: readonly string[], each: number): Promise<void> {
    process.stderr.write(`measuring: ${name}\n`);
    const before = await usage(server);
    const plan: Plan = { kind: 'once', port, connections, seconds: 90, status: 200, requests };
    const measured = await load.ask<Measured>('measure', plan);
    const after = await usage(server);
    const done = measured.requests * each;
    rows.push([
      name, whole(done / measured.seconds), `${fixed(measured.p50, 1)} / ${fixed(measured.p99, 1)}`,
      fixed((after.server - before.server) / measured.requests, 2), fixed((after.postgres - before.postgres) / measured.requests, 2), megabytes(after.residentBytes),
    ]);
  }

  const batch = (verb: string, number: number, rolesOf: readonly string[]) => request('POST', `/ciam/applications/${applicationId}/roles/${verb}`, { rows: spread(number).map((user) => ({ userId: userId(user), roles: rolesOf })) });
  const someBatches = (verb: string, offset: number, rolesOf: (number: number) => readonly string[]) => Array.from({ length: batches }, (_value, at) => batch(verb, at + offset, rolesOf(at)));
  // New pairs: users all over the table, roles that nobody of them has yet.
  const free = Math.ceil(assigned / users) + 1;
  const roleOf = (number: number) => [roleKey(free + (number % (roles - free)))];
  await measure('assign 1,000, warm-up', someBatches('assign', batches, roleOf).slice(0, 20), rowsInBatch);
  await measure('assign 1,000 new', someBatches('assign', 0, roleOf), rowsInBatch);
  await measure('assign 1,000 that are there', someBatches('assign', 0, roleOf), rowsInBatch);
  await measure('replace 1,000', someBatches('replace', 0, (number) => roleOf(number + 1)).slice(0, Math.ceil(batches / 4)), rowsInBatch);
  await measure('revoke 1,000', someBatches('revoke', 0, (number) => roleOf(number + 1)).slice(0, Math.ceil(batches / 4)), rowsInBatch);
  const asked = Array.from({ length: 5_000 }, (_value, at) => (at * 7_919) % users);
  await measure('effective roles, cold', asked.map((user) => request('GET', `/users/${userId(user)}/application-roles?applicationId=${applicationId}`)), 1);
  await measure('effective roles, warm', asked.map((_user, at) => request('GET', `/users/${userId(asked[at % 100] ?? 0)}/application-roles?applicationId=${applicationId}`)), 1);
  await measure('effective roles of 1,000', Array.from({ length: 20 }, (_value, at) => request('POST', `/ciam/applications/${applicationId}/roles/effective`, { users: spread(at).map((user) => ({ userId: userId(user) })) })), 1_000);
  if (Number(values.upload) > 0) await measureUpload(server, applicationId, token, Number(values.upload));
  console.log(table(['what', 'a second', 'p50 / p99 ms', 'CPU ms of the server', 'of PostgreSQL', 'memory'], rows));
}

/** One upload of so many lines, of which each gives one user one role, and what it takes to delete the role then. */
async function measureUpload(server: Child, applicationId: string, token: string, lines: number): Promise<void> {
  process.stderr.write(`measuring: an upload of ${whole(lines)} lines\n`);
  const application = `http://${host}/t/default/api/v1/applications/${applicationId}`;
  const headers = { authorization: `Bearer ${token}` };
  const json = async <Body>(address: string, init: RequestInit = {}): Promise<Body> => (await fetch(address, { ...init, headers: { ...headers, ...init.headers } })).json() as Promise<Body>;
  const made = await json<{ id: string }>(`${application}/roles`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ key: 'uploaded' }) });
  const text = Array.from({ length: lines }, (_value, at) => `{"userId":"${userId(at % users)}","roles":["uploaded"]}\n`).join('');
  const uploads = `http://${host}/t/default/api/v1/ciam/applications/${applicationId}/role-batches`;
  const from = performance.now();
  const batch = await json<{ id: string }>(`${uploads}?operation=assign`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' }, body: text });
  const received = performance.now();
  let highest = 0;
  for (;;) {
    const { status, failed, changes } = await json<{ status: string; failed: number; changes: number }>(`${uploads}/${batch.id}`);
    highest = Math.max(highest, (await usage(server)).residentBytes);
    if (status === 'completed') {
      const all = performance.now();
      console.log(`Upload of ${whole(lines)} lines (${megabytes(text.length)}): received in ${fixed((received - from) / 1_000, 1)} s, worked in ${fixed((all - received) / 1_000, 1)} s; ${whole(changes)} changes, ${failed} failed; memory at most ${megabytes(highest)}`);
      break;
    }
    if (status === 'failed' || status === 'cancelled') throw new Error(`the upload ${status}`);
    await pause(250);
  }
  const before = performance.now();
  const answer = await fetch(`${application}/roles/${made.id}?force=true`, { method: 'DELETE', headers });
  console.log(`Deleting the role that ${whole(Math.min(lines, users))} users have: ${answer.status} in ${fixed((performance.now() - before) / 1_000, 1)} s`);
}

/** Users far apart, so that each row touches another page. */
function spread(number: number): number[] {
  return Array.from({ length: rowsInBatch }, (_value, at) => (at * Math.floor(users / rowsInBatch) + number * 17) % users);
}

async function managementToken(): Promise<string> {
  const answer = await fetch(`http://${host}/t/default/oauth2/token`, {
    method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: `Basic ${Buffer.from(`${machine.id}:${machine.secret}`).toString('base64')}` }, body: 'grant_type=client_credentials',
  });
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** Milliseconds of CPU so far. */
async function usage(server: Child): Promise<{ server: number; postgres: number; residentBytes: number }> {
  const { cpuMicroseconds, residentBytes } = await server.ask<{ cpuMicroseconds: number; residentBytes: number }>('usage');
  return { server: cpuMicroseconds / 1_000, postgres: await postgresMilliseconds(), residentBytes };
}

/** Of the main process with those that have ended, and of those that run (proc(5); ticks of 10 ms). */
async function postgresMilliseconds(): Promise<number> {
  const [main = ''] = (await readFile(path.join(dataDirectory, 'postgres', 'postmaster.pid'), 'utf8')).split('\n');
  let ticks = 0;
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')).split(') ')[1]?.split(' ') ?? [];
    if (pid === main) ticks += fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    else if (fields[1] === main) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * 10;
}
