import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseLimits, remoteServer, type Remote, type RemoteClient } from '../support/remote.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import { fillDisk, freeDisk, makeSmallDisk, type SmallDisk, whyNoSmallDisk } from '../support/small-disk.ts';
import { checkEventChain } from './acknowledged-writes.ts';

const obstacle = whyNoSmallDisk();
if (obstacle !== undefined) process.stderr.write(`The tests of a full disk are left out: ${obstacle}.\n`);

let disk: SmallDisk;
let server: ServerProcess;
let remote: Remote;
let machine: RemoteClient;
/** Acknowledged so far. */
const users: string[] = [];
const tokens: string[] = [];
beforeAll(async () => {
  if (obstacle !== undefined) return;
  disk = await makeSmallDisk(200);
  server = await startServerProcess({ disk });
  remote = remoteServer(server);
  await raiseLimits(remote);
  machine = await remote.createMachine();
}, 120_000);
afterAll(async () => {
  await server?.close();
  await disk?.remove();
});

const folder = () => disk.pathSeenFrom(server.pid);
let serial = 0;

async function createUser() {
  const answer = await remote.api('POST', '/users', { username: `disk.${serial += 1}`, displayName: 'x'.repeat(100) });
  if (answer.status === 201) users.push(String(answer.body['id']));
  return answer;
}

async function mintToken() {
  const answer = await remote.oauth('token', { grant_type: 'client_credentials' }, machine);
  if (answer.status === 200) tokens.push(String(answer.body['access_token']));
  return answer;
}

/** Writes until both kinds are refused three times each; returns the refusals. */
async function writeUntilRefused(limit = 3_000) {
  const refusals: { user: Awaited<ReturnType<typeof createUser>>[]; token: Awaited<ReturnType<typeof mintToken>>[] } = { user: [], token: [] };
  for (let round = 0; round < limit && (refusals.user.length < 3 || refusals.token.length < 3); round += 1) {
    const answers = await Promise.all([...Array.from({ length: 4 }, createUser), ...Array.from({ length: 12 }, mintToken)]);
    refusals.user.push(...answers.slice(0, 4).filter(({ status }) => status !== 201) as typeof refusals.user);
    refusals.token.push(...answers.slice(4).filter(({ status }) => status !== 200));
  }
  return refusals;
}

async function everythingIsThere(): Promise<void> {
  await server.untilReady(60_000);
  await expect.poll(async () => (await createUser()).status, { timeout: 20_000, interval: 200 }).toBe(201);
  await expect.poll(async () => (await mintToken()).status, { timeout: 20_000, interval: 200 }).toBe(200);
  const lost: string[] = [];
  for (const id of users) if ((await remote.api('GET', `/users/${id}`)).status !== 200) lost.push(id);
  for (const token of tokens.slice(-500)) if ((await remote.oauth('introspect', { token }, machine)).body['active'] !== true) lost.push('a token');
  expect(lost).toEqual([]);
  await checkEventChain(server, users);
}

describe.skipIf(obstacle !== undefined)('the disk of the embedded PostgreSQL is full', () => {
  it('tables cannot grow: writes are refused with a reason, reading goes on, and with room everything works again', { timeout: 120_000 }, async () => {
    await createUser();
    await fillDisk(folder(), 256);
    const refusals = await writeUntilRefused();
    await fillDisk(folder(), 0);

    for (const { status, headers, body } of refusals.user) {
      expect({ status, ...body }).toMatchObject({ status: 503, code: 'Service.Storage.Full' });
      expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    for (const { status, body } of refusals.token) expect({ status, ...body }).toMatchObject({ status: 503, error: 'temporarily_unavailable', error_description: expect.stringContaining('full') });
    expect(refusals.user.length).toBeGreaterThanOrEqual(3);
    expect(refusals.token.length).toBeGreaterThanOrEqual(3);
    expect((await remote.api('GET', `/users/${users[0]}`)).status).toBe(200);
    expect((await fetch(`${server.origin}/healthz`)).status).toBe(200);

    await freeDisk(folder());
    await everythingIsThere();
  });

  it('the write-ahead log cannot grow, which ends PostgreSQL: 503 until there is room, then it is recovered without a restart of the server', { timeout: 180_000 }, async () => {
    const { pid } = server;
    const postgres = await server.postgresPid();
    await fillDisk(folder(), 0);
    await exhaustLog();
    const statuses = new Set<number>();
    for (let attempt = 0; attempt < 20; attempt += 1) {
      for (const { status } of [await createUser(), await mintToken()]) statuses.add(status);
      await sleep(100);
    }
    expect([...statuses].filter((status) => ![200, 201, 503].includes(status))).toEqual([]);
    expect(statuses).toContain(503);
    expect((await fetch(`${server.origin}/healthz`)).status).toBe(200);

    await freeDisk(folder());
    await everythingIsThere();
    expect(server.pid).toBe(pid);
    expect(await server.postgresPid()).not.toBe(postgres);
  });
});

/** Begins new files of the log until there is no room for one. */
async function exhaustLog(): Promise<void> {
  const client = new pg.Client({ host: path.join(server.dataDirectory, 'postgres'), user: 'postgres', database: 'postern' });
  client.on('error', () => undefined); // it ends with PostgreSQL
  await client.connect();
  try {
    for (let file = 0; file < 40; file += 1) {
      await client.query('SELECT pg_logical_emit_message(true, $1, $1)', ['x'.repeat(64)]);
      await client.query('SELECT pg_switch_wal()');
    }
  } catch {
    return;
  } finally {
    await client.end().catch(() => undefined);
  }
  throw new Error('the log found room for 40 files');
}
