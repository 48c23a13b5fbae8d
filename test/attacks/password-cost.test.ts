/** Passwords cost work on purpose; neither long ones nor many at once may hold up the rest. */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApplication } from '../../src/applications/index.ts';
import { createPkce } from '../support/oidc.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let applicationId: string;
const authorization = `Basic ${Buffer.from('own-page:own-page-secret-0123456789-0123456789').toString('base64')}`;
beforeAll(async () => {
  server = await startTestServer();
  const context = await server.context();
  const { application } = await createApplication(context, { name: 'Own page', kind: 'web', clientId: 'own-page', firstParty: true, rateLimitPerSecond: 10_000, rateLimitBurst: 10_000,
    oidc: { redirectUris: ['https://app.example.com/callback'], embeddedSignIn: { enabled: true, allowedOrigins: [] } } }, { clientSecret: 'own-page-secret-0123456789-0123456789' });
  applicationId = application.id;
});
afterAll(() => server.close());

let person = 0;
const send = async (path: string, body: object, flow?: string) => {
  const answer = await fetch(`${server.issuer}/api/v1/auth${path}`, { method: 'POST', headers: { 'content-type': 'application/json', 'client-authorization': authorization, ...(flow !== undefined && { authorization: `Flow ${flow}` }) }, body: JSON.stringify(body) });
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), body: await answer.json() as { flowId: string; version: number; notices?: { code: string }[] } };
};
/** At the password step, each person from an address of their own. */
async function atPassword() {
  const own = person += 1;
  const client = { address: `10.9.${own >> 8}.${own & 255}` };
  const { body } = await send('/flows', { purpose: 'sign_in', applicationId, codeChallenge: createPkce().challenge, codeChallengeMethod: 'S256', client });
  const { body: view } = await send('/flow/identify', { version: body.version, identifier: `costly-${own}`, client }, body.flowId);
  return (password: string) => send('/flow/password/verify', { version: view.version, password, client }, body.flowId);
}
async function tokenMilliseconds(): Promise<number> {
  const started = performance.now();
  const answer = await fetch(`${server.issuer}/oauth2/token`, { method: 'POST', headers: { authorization: `Basic ${Buffer.from(`${server.machine.clientId}:${server.machine.clientSecret}`).toString('base64')}` }, body: new URLSearchParams({ grant_type: 'client_credentials' }) });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
  return performance.now() - started;
}
const median = (values: number[]) => values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;

describe('attack: limit.password-cost', () => {
  it('refuses a password of a megabyte before anything is hashed', async () => {
    const tryPassword = await atPassword();
    for (const [length, statuses] of [[1_025, [400]], [60_000, [400]], [1_048_576, [400, 413]]] as const) {
      const answer = await tryPassword('x'.repeat(length));
      expect(statuses).toContain(answer.status);
      expect(server.core.passwordHasher.inFlight).toBe(0);
    }
    // Nothing was spent: the step is as it was.
    expect((await tryPassword('wrong horse battery staple')).status).toBe(400);
  });

  it('tells those who do not fit into the queue to come back, charges them nothing, and hands out tokens meanwhile', async () => {
    const people = await Promise.all(Array.from({ length: 12 }, () => atPassword()));
    const idle = median(await Promise.all([1, 2, 3, 4, 5].map(() => tokenMilliseconds())));
    // The queue is kept full from here: what happens in a storm does not depend on how fast this machine brings it about.
    let isOver = false;
    const { passwordHasher } = server.core;
    const storm = Array.from({ length: 60 }, async () => {
      while (!isOver) await passwordHasher.verify(undefined, 'x').catch(() => pause(2));
    });
    await expect.poll(() => passwordHasher.waiting).toBeGreaterThan(10);
    const answers = await Promise.all(people.map((tryPassword) => tryPassword('wrong horse battery staple')));
    const during: number[] = [];
    for (let turn = 0; turn < 5; turn += 1) during.push(await tokenMilliseconds());
    isOver = true;
    await Promise.all(storm);
    const busy = answers.filter(({ status }) => status === 503);
    expect(busy.length).toBeGreaterThan(0);
    for (const { retryAfter } of busy) expect(Number(retryAfter)).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => ![400, 503].includes(status))).toEqual([]);
    const context = await server.context();
    expect(await context.db.flow.count({ where: { attemptsLeft: 10, userId: null } })).toBeGreaterThanOrEqual(busy.length);
    // Far from a limit that a busy machine would miss: had tokens waited for the queue, it were a second and more.
    expect(median(during)).toBeLessThan(Math.max(20 * idle, 1_000));
    expect(passwordHasher.waiting).toBe(0);
  });
});
