/** Four tabs and six applications at once, at two servers: one session, everybody takes part, everybody is told of its end. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InstanceContext, loadKeySet, withPrincipal } from '../../src/tenancy/index.ts';
import { type Browser, createBrowser } from '../support/browser.ts';
import { authorizeUrl, createClient, createPerson, createPkce, exchange, type Pkce, post, signIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';

let server: TestServer;
let replica: TestServer;
let context: InstanceContext;
let issuer: string;
/** One listener for each application; the tokens that it got. */
let listeners: { server: Server; url: string; tokens: string[] }[];
beforeAll(async () => {
  listeners = await Promise.all(Array.from({ length: 6 }, async () => {
    const tokens: string[] = [];
    const listener = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => { tokens.push(new URLSearchParams(Buffer.concat(chunks).toString()).get('logout_token') ?? ''); response.end(); });
    });
    await new Promise<void>((resolve) => { listener.listen(0, '127.0.0.1', resolve); });
    return { server: listener, url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}/logout`, tokens };
  }));
  ({ server } = await startProtocolServer({ settings: { OUTBOUND_ALLOW: '127.0.0.1' } }));
  ({ issuer } = server);
  await server.api('PATCH', '/settings', wideLimits);
  replica = await server.replica();
  context = withPrincipal(await server.context(), { kind: 'system' });
});
afterAll(async () => {
  await replica.close();
  await server.close();
  for (const listener of listeners) listener.server.close();
});

interface Tab { readonly client: TestClient; readonly pkce: Pkce; readonly url: string }

/** All tabs share the browser's jar, so each finishes in a browser of its own with a copy: requests then really overlap. */
function tabOf(browser: Browser): Browser {
  const tab = createBrowser(server.origin);
  for (const [name, cookie] of browser.cookies) tab.cookies.set(name, cookie);
  return tab;
}

describe('four tabs and six applications', () => {
  it('authorized in parallel, they share one session, all take part, and all are told of its end', async () => {
    const person = await createPerson(context);
    const applications = await Promise.all(listeners.map(({ url }, place) => createClient(context, { name: `Application ${place}`, oidc: { backchannelLogoutUri: url } })));
    const browser = createBrowser(server.origin);
    const [first] = applications;
    if (!first) throw new Error('no application');

    // Four tabs stand at the password page; all four are sent at once.
    const tabs: Tab[] = applications.slice(0, 4).map((client) => { const pkce = createPkce(); return { client, pkce, url: authorizeUrl(issuer, client, pkce) }; });
    const asked: { tab: Tab; page: Awaited<ReturnType<Browser['open']>> }[] = [];
    for (const tab of tabs) asked.push({ tab, page: await browser.submit(await browser.open(tab.url), { identifier: person.username }) });
    const finished = await Promise.all(asked.map(({ page }) => signIn(tabOf(browser), page, person)));
    for (const page of finished) expect(page.url).toContain('code=');
    expect(await context.db.session.count({ where: { userId: person.user.id, endedAt: null } })).toBe(1);
    expect(await context.db.session.count({ where: { userId: person.user.id } })).toBe(1);

    // Now all six, four times each, at once, with the session.
    const signedIn = createBrowser(server.origin);
    await signIn(signedIn, await signedIn.open(authorizeUrl(issuer, first, createPkce())), person);
    await context.db.session.updateMany({ where: { userId: person.user.id, browserId: { not: (await context.db.session.findFirstOrThrow({ where: { userId: person.user.id }, orderBy: { createdAt: 'desc' } })).browserId } }, data: { endedAt: new Date(), endReason: 'signed_out' } });
    const answers = await Promise.all(applications.flatMap((client) => Array.from({ length: 4 }, async () => {
      const pkce = createPkce();
      const page = await tabOf(signedIn).open(authorizeUrl(issuer, client, pkce, { scope: 'openid' }));
      return { client, tokens: await exchange(issuer, { client, pkce, code: new URL(page.url).searchParams.get('code') ?? '' }) };
    })));
    for (const { tokens } of answers) expect(tokens.status).toBe(200);
    const live = await context.db.session.findMany({ where: { userId: person.user.id, endedAt: null } });
    expect(live).toHaveLength(1);
    const sessionId = live[0]?.id ?? '';
    const participants = await context.db.sessionParticipant.findMany({ where: { sessionId } });
    expect(participants.map(({ applicationId }) => applicationId).toSorted()).toEqual(applications.map(({ application }) => application.id).toSorted());
    // One sid for each application, the same in all its tabs.
    for (const client of applications) {
      const sids = new Set(answers.filter((answer) => answer.client === client).map(({ tokens }) => decodeJwt(String(tokens.body['id_token']))['sid']));
      expect([...sids]).toEqual([participants.find(({ applicationId }) => applicationId === client.application.id)?.sid]);
    }

    // Ended by two administrators at two servers at once: told once each.
    for (const listener of listeners) listener.tokens.length = 0;
    const ended = await Promise.all([server, replica].map((at) => at.api('DELETE', `/sessions/${sessionId}`)));
    expect(ended.map(({ status }) => status)).toEqual([204, 204]);
    await expect.poll(() => listeners.filter(({ tokens }) => tokens.length > 0).length, { timeout: 15_000 }).toBe(6);
    await expect.poll(() => context.db.sessionParticipant.count({ where: { sessionId, logoutState: 'delivered' } }), { timeout: 15_000 }).toBe(6);
    const keys = createLocalJWKSet({ keys: [...(await loadKeySet(context)).jwks.keys] });
    for (const [place, { tokens }] of listeners.entries()) {
      expect(tokens).toHaveLength(1);
      const { payload } = await jwtVerify(tokens[0] ?? '', keys, { issuer, audience: applications[place]?.clientId ?? '', typ: 'logout+jwt' });
      expect(payload.sub).toBe(person.user.id);
      expect(payload['sid']).toBe(participants.find(({ applicationId }) => applicationId === applications[place]?.application.id)?.sid);
    }
    for (const { client, tokens } of answers) {
      expect((await post(issuer, 'introspect', { token: String(tokens.body['access_token']) }, client)).body['active']).toBe(false);
      expect((await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(tokens.body['refresh_token']) }, client)).body['error']).toBe('invalid_grant');
    }
  });
});
