import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startPostgresProxy, type PostgresProxy } from '../../src/core/testing/postgres-proxy.ts';
import { createBrowser } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';
import { authorizeUrl, createPkce } from '../support/oidc.ts';
import { raiseLimits, remoteServer, type Remote, type RemoteClient } from '../support/remote.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

let postgres: Awaited<ReturnType<typeof createTestDatabase>>;
let direct: pg.Client;
let proxy: PostgresProxy;
let server: ServerProcess;
let remote: Remote;
let machine: RemoteClient;
let web: RemoteClient;
beforeAll(async () => {
  postgres = await createTestDatabase(inject('postgresUrl'));
  direct = new pg.Client({ connectionString: postgres.url });
  await direct.connect();
  proxy = await startPostgresProxy(postgres.url);
  server = await startServerProcess({ settings: { DATABASE_URL: proxy.url } });
  remote = remoteServer(server);
  await raiseLimits(remote);
  machine = await remote.createMachine();
  web = await remote.createWebClient({ backchannelLogoutUri: 'https://app.example.com/logout' });
}, 120_000);
afterAll(async () => {
  await server?.close();
  await proxy?.close();
  await direct?.end();
  await postgres?.drop();
});

interface Answer { door: string; status: number; at: number; took: number; type: string; body: string; retryAfter: string | null }

/** Everything that a caller may knock at, each in the shape of its protocol. */
const doors: Record<string, { ask(serial: number): Promise<{ status: number; headers: Headers; body: string }>; refused: RegExp; type: RegExp }> = {
  token: { ask: () => ask('POST', '/oauth2/token', { form: { grant_type: 'client_credentials' } }), type: /^application\/json/, refused: /^\{"error":"temporarily_unavailable","error_description":".+"\}$/ },
  introspect: { ask: () => ask('POST', '/oauth2/introspect', { form: { token: 'unknown' } }), type: /^application\/json/, refused: /^\{"error":"temporarily_unavailable","error_description":".+"\}$/ },
  'create user': { ask: (serial) => remote.api('POST', '/users', { username: `u.${serial}.${Date.now()}` }).then(asText), type: /^application\/problem\+json/, refused: /"status":503,"code":"Service\.Busy"/ },
  'list users': { ask: () => remote.api('GET', '/users?limit=1').then(asText), type: /^application\/problem\+json/, refused: /"status":503,"code":"Service\.Busy"/ },
  page: {
    async ask() {
      const page = await createBrowser(server.origin).request(authorizeUrl(server.issuer, web, createPkce()));
      return { status: page.status, headers: page.headers, body: page.text };
    },
    type: /^text\/html/, refused: /<h1>/,
  },
};

async function ask(method: string, path: string, { form }: { form: Record<string, string> }) {
  const { status, headers = new Headers(), body } = await remote.oauth(path.replace('/oauth2/', ''), form, machine);
  return { status, headers, body: JSON.stringify(body), method };
}
const asText = ({ status, headers, body }: Awaited<ReturnType<Remote['api']>>) => ({ status, headers, body: JSON.stringify(body) });

/** Two callers at each door, one request after the other. */
async function knock(until: () => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  let serial = 0;
  await Promise.all(Object.entries(doors).flatMap(([door, { ask: request }]) => [1, 2].map(async () => {
    while (!until()) {
      const at = performance.now();
      const { status, headers, body } = await request(serial += 1);
      answers.push({ door, status, at, took: performance.now() - at, body, type: headers.get('content-type') ?? '', retryAfter: headers.get('retry-after') });
      await sleep(30);
    }
  })));
  return answers;
}

const statusOf = (path: string) => fetch(`${server.origin}${path}`).then((answer) => answer.status);

describe.each([
  ['refuses connections', () => proxy.refuse()],
  ['is silent (a cable was pulled)', () => proxy.swallow()],
])('the database %s for ten seconds under load', (_what, breakIt) => {
  it('every door says 503 in its own words, nobody waits long, and all goes on by itself afterwards', { timeout: 120_000 }, async () => {
    const pid = server.pid;
    const stale = await remote.createMachine();
    expect((await remote.oauth('token', { grant_type: 'client_credentials' }, stale)).status).toBe(200);
    let over = false;
    const load = knock(() => over);
    await sleep(1_000);

    const brokenAt = performance.now();
    breakIt();
    // A change that this server cannot hear of: nobody notifies, and nobody could.
    await direct.query('UPDATE "Application" SET "enabled" = false WHERE "id" = $1', [stale.id]);
    await sleep(7_000);
    const ready = await statusOf('/readyz');
    const alive = await statusOf('/healthz');
    await sleep(Math.max(0, brokenAt + 10_000 - performance.now()));
    // What was swallowed is lost: those connections never answer again, like after a firewall forgot them.
    proxy.pass();
    const mendedAt = performance.now();
    const recoveredIn = await server.untilReady(20_000);
    await sleep(2_000);
    over = true;
    const answers = await load;
    expect({ ready, alive }).toEqual({ ready: 503, alive: 200 });
    expect(recoveredIn).toBeLessThan(8_000);
    expect(server.pid).toBe(pid);

    expect(answers.filter(({ status }) => ![200, 201, 303, 503].includes(status))).toEqual([]);
    expect(Math.max(...answers.map(({ took }) => took)), 'milliseconds of the slowest answer').toBeLessThan(8_000);
    for (const [door, { type, refused }] of Object.entries(doors)) {
      const refusals = answers.filter((answer) => answer.door === door && answer.status === 503);
      expect(refusals.length, `refusals at ${door}`).toBeGreaterThan(3);
      const misshapen = refusals.filter((answer) => !type.test(answer.type) || !refused.test(answer.body) || !(Number(answer.retryAfter) > 0));
      expect(misshapen, `misshapen refusals at ${door}`).toEqual([]);
      const late = answers.filter((answer) => answer.door === door && answer.at > mendedAt + recoveredIn + 1_000);
      expect(late.length, `answers at ${door} at the end`).toBeGreaterThan(0);
      expect(new Set(late.map(({ status }) => status)), `${door} at the end`).not.toContain(503);
    }

    // What was kept in memory was forgotten, as signals may have been missed.
    expect((await remote.oauth('token', { grant_type: 'client_credentials' }, stale)).status).toBe(401);
    await goesOnSealing();
    await goesOnWorking();
  });
});

/** The sealer follows the events again. */
async function goesOnSealing(): Promise<void> {
  await expect.poll(async () => {
    const { rows } = await direct.query<{ waiting: number }>(`
      SELECT count(*)::int AS waiting FROM "Event" e JOIN "EventChainHead" h USING ("instanceId")
      WHERE (e."transactionId", e."sequence") > (h."transactionId", h."sequence")`);
    return rows[0]?.waiting;
  }, { timeout: 15_000, interval: 200 }).toBe(0);
}

/** A job is taken: the notice of a session's end is attempted (the application's name does not resolve). */
async function goesOnWorking(): Promise<void> {
  const person = await remote.createPerson();
  await remote.exchange(web, await remote.signIn(web, person));
  const { body: { items } } = await remote.api('GET', `/sessions?userId=${person.id}`);
  const [session] = items as { id: string }[];
  expect((await remote.api('DELETE', `/sessions/${session?.id}`)).status).toBe(204);
  await expect.poll(async () => {
    const { body } = await remote.api('GET', `/sessions/${session?.id}`);
    return (body['participants'] as { logout: { attempts: number } }[])[0]?.logout.attempts ?? 0;
  }, { timeout: 30_000, interval: 200 }).toBeGreaterThan(0);
}
