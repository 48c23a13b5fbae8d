/** A rule that is applied to everybody on a server that is killed while it works: after the restart it goes on where it was. */
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

const people = 6_000;
interface Run { state: string; evaluated: number; matched: number; total: number }

it('kill -9 in the middle leaves nobody out and lets nobody in', async () => {
  for (let from = 0; from < people; from += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_value, at) => ({ operation: 'create', user: { username: `reader.${from + at}`, locale: (from + at) % 3 === 0 ? 'fr-FR' : 'de-DE' } }));
    expect((await remote.api('POST', '/users/bulk', { rows, mode: 'all_or_nothing' })).status).toBe(200);
  }
  const id = String((await remote.api('POST', '/groups', { name: 'French', kind: 'dynamic', rule: 'user.locale == "fr-FR"' })).body['id']);
  const read = async () => (await remote.api('GET', `/groups/${id}/rule-run`)).body as unknown as Run;

  const seen: Run[] = [];
  for (let kills = 0; kills < 2; kills += 1) {
    const before = (await read()).evaluated;
    for (let run = await read(); run.evaluated <= before && run.state !== 'completed'; run = await read()) await sleep(10);
    server.signal('SIGKILL');
    await server.ended();
    await server.start();
    seen.push(await read());
  }
  expect(seen[0]?.evaluated).toBeGreaterThan(0);
  expect(seen[0]?.state).toBe('running');

  await expect.poll(async () => (await read()).state, { timeout: 120_000, interval: 250 }).toBe('completed');
  const run = await read();
  expect(run).toMatchObject({ evaluated: run.total, matched: people / 3 });
  const members = new Set<string>();
  for (let next: string | null = ''; next !== null;) {
    const page = (await remote.api('GET', `/groups/${id}/members?limit=200${next && `&cursor=${next}`}`)).body as unknown as { items: { user: { id: string; username: string } }[]; next: string | null };
    for (const { user } of page.items) members.add(user.username);
    next = page.next;
  }
  expect(members.size).toBe(people / 3);
  expect([...members].every((username) => Number(username.split('.')[1]) % 3 === 0)).toBe(true);
  // Each joined once, as the log has it.
  let joined = 0;
  for (let next: string | null = ''; next !== null;) {
    const page = (await remote.api('GET', `/events?type=group.member_added&subjectId=${id}&limit=200${next && `&cursor=${next}`}`)).body as unknown as { items: unknown[]; next: string | null };
    joined += page.items.length;
    next = page.next;
  }
  expect(joined).toBe(people / 3);
}, 300_000);
