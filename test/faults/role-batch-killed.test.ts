/** An upload of role changes on a server that is killed while it works: after the restart it goes on where it was. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Remote, raiseLimits, remoteServer } from '../support/remote.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

let server: ServerProcess;
let remote: Remote;
beforeAll(async () => {
  server = await startServerProcess();
  remote = remoteServer(server);
  await raiseLimits(remote);
}, 180_000);
afterAll(() => server.close());

const rows = 60_000;
const people = 240;
interface Batch { status: string; received: number; done: number; failed: number; changes: number }

it('kill -9 in the middle loses no line and applies none twice', async () => {
  const application = String((await remote.api('POST', '/applications', { name: 'Newsroom', kind: 'machine' })).body['id']);
  const users: string[] = [];
  for (let made = 0; made < people; made += 1) users.push(String((await remote.api('POST', '/users', { username: `reader.${made}` })).body['id']));
  const roles = Array.from({ length: rows / people }, (_value, at) => `role-${at}`);
  for (const key of roles) expect((await remote.api('POST', `/applications/${application}/roles`, { key })).status).toBe(201);

  const path = `/ciam/applications/${application}/role-batches`;
  // Each pair once, and a line that fails in each thousand.
  const lines = Array.from({ length: rows }, (_value, at) => JSON.stringify({ userId: users[at % people], roles: [at % 1_000 === 7 ? 'no-such-role' : roles[Math.floor(at / people)]] }));
  const token = await remote.oauth('token', { grant_type: 'client_credentials' }, { id: '', clientId: server.machine.clientId, secret: server.machine.clientSecret });
  const uploaded = await fetch(`${server.issuer}/api/v1${path}?operation=assign`, {
    method: 'POST', headers: { authorization: `Bearer ${String(token.body['access_token'])}`, 'content-type': 'application/x-ndjson' }, body: lines.join('\n'),
  });
  expect(uploaded.status).toBe(202);
  const { id } = await uploaded.json() as { id: string };
  const read = async () => (await remote.api('GET', `${path}/${id}`)).body as unknown as Batch;

  const seen: number[] = [];
  for (let kills = 0; kills < 2; kills += 1) {
    const before = (await read()).done;
    for (let batch = await read(); batch.done <= before && batch.status !== 'completed'; batch = await read()) await sleep(20);
    server.signal('SIGKILL');
    await server.ended();
    await server.start();
    seen.push((await read()).done);
  }
  expect(Math.max(...seen)).toBeLessThan(rows);

  await expect.poll(async () => (await read()).status, { timeout: 120_000, interval: 250 }).toBe('completed');
  expect(await read()).toMatchObject({ received: rows, done: rows, failed: 60, changes: rows - 60 });
  const errors: number[] = [];
  for (let next: string | null = ''; next !== null;) {
    const page = (await remote.api('GET', `${path}/${id}/errors?limit=200${next && `&cursor=${next}`}`)).body as unknown as { items: { line: number }[]; next: string | null };
    errors.push(...page.items.map(({ line }) => line));
    next = page.next;
  }
  expect(errors).toEqual(Array.from({ length: 60 }, (_value, at) => at * 1_000 + 8));
  // What was assigned, from the log: each subject and role once.
  const pairs = new Set<string>();
  let named = 0;
  for (const user of users.slice(0, 3)) {
    for (let next: string | null = ''; next !== null;) {
      const page = (await remote.api('GET', `/events?type=application_role.assigned&subjectId=${user}&limit=200${next && `&cursor=${next}`}`)).body as unknown as { items: { subject: { id: string } }[]; next: string | null };
      for (const { subject } of page.items) pairs.add(`${user} ${subject.id}`);
      named += page.items.length;
      next = page.next;
    }
  }
  expect([pairs.size, named]).toEqual([3 * roles.length - lines.filter((_line, at) => at % 1_000 === 7 && at % people < 3).length, pairs.size]);
}, 300_000);
