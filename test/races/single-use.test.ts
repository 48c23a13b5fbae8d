/** What may be used once is used once, however many ask at the same time and on however many servers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceCodeGrant } from '../../src/applications/index.ts';
import { createSetupLink } from '../../src/authentication/index.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { createBrowser, formOf } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, post, push, redirectUri, signIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import { sendRaw } from '../support/raw-request.ts';
import type { TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';

const attempts = 50;
let servers: TestServer[];
let context: InstanceContext;
let issuer: string;
let client: TestClient;
beforeAll(async () => {
  const { server } = await startProtocolServer();
  ({ issuer } = server);
  await server.api('PATCH', '/settings', wideLimits);
  servers = [server, await server.replica()];
  context = withPrincipal(await server.context(), { kind: 'system' });
  client = await createClient(context);
});
afterAll(async () => {
  for (const server of servers.toReversed()) await server.close();
});

/** The same request fifty times at once, every other one at the other server. */
function atOnce(target: string, options: { method?: string; body?: URLSearchParams; headers?: [string, string][]; of?: TestClient } = {}) {
  const { method = options.body ? 'POST' : 'GET', body, headers = [], of } = options;
  return Promise.all(Array.from({ length: attempts }, async (_value, place) => {
    const server = servers[place % servers.length];
    if (!server) throw new Error('no server');
    const answer = await sendRaw(Number(new URL(server.listener).port), new URL(server.origin).host, {
      method, target: new URL(target).pathname + new URL(target).search,
      headers: [...headers, ...(body ? [['Content-Type', 'application/x-www-form-urlencoded'] as [string, string]] : []), ...(of ? [['Authorization', `Basic ${btoa(`${of.clientId}:${of.secret}`)}`] as [string, string]] : [])],
      ...(body && { body: body.toString() }),
    });
    return { status: answer.status, location: answer.headers.get('location')?.[0] ?? '', body: (answer.body.startsWith('{') ? JSON.parse(answer.body) : {}) as Record<string, unknown>, text: answer.body };
  }));
}
const isActive = async (token: unknown) => (await post(issuer, 'introspect', { token: String(token) }, client)).body['active'];

describe('fifty at once, at two servers', () => {
  it('a code is exchanged once; the second use ends what the first one gave', async () => {
    const signedIn = await authorizeCode(context, { client });
    const answers = await atOnce(`${issuer}/oauth2/token`, { of: client, body: new URLSearchParams({ grant_type: 'authorization_code', code: signedIn.code, redirect_uri: redirectUri, code_verifier: signedIn.pkce.verifier }) });
    const given = answers.filter(({ status }) => status === 200);
    expect(given.length).toBeLessThanOrEqual(1);
    for (const { status, body } of answers) if (status !== 200) expect(body['error']).toBe('invalid_grant');
    for (const { body } of given) expect(await isActive(body['access_token'])).toBe(false);
  });

  it('a refresh token is used once; its return ends the whole family, with one event', async () => {
    const signedIn = await authorizeCode(context, { client });
    const first = (await exchange(issuer, signedIn)).body;
    const answers = await atOnce(`${issuer}/oauth2/token`, { of: client, body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: String(first['refresh_token']) }) });
    const given = answers.filter(({ status }) => status === 200);
    expect(given.length).toBeLessThanOrEqual(1);
    for (const { status, body } of answers) if (status !== 200) expect(body['error']).toBe('invalid_grant');
    for (const token of [first, ...given.map(({ body }) => body)].flatMap((body) => [body['access_token'], body['refresh_token']])) expect(await isActive(token)).toBe(false);
    const events = await context.db.event.findMany({ where: { type: 'grant.revoked' } });
    expect(events.filter(({ after }) => (after as { userId?: string }).userId === signedIn.person.user.id)).toHaveLength(1);
  });

  it('a refresh token that is used one time after the other goes on; only its return is an alarm', async () => {
    const signedIn = await authorizeCode(context, { client });
    let { body } = await exchange(issuer, signedIn);
    for (let turn = 0; turn < 5; turn += 1) {
      const next = await post(issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }, client);
      expect(next.status).toBe(200);
      ({ body } = next);
    }
    expect(await isActive(body['access_token'])).toBe(true);
  });

  it('a device code gives tokens once', async () => {
    const television = await createClient(context, { kind: 'native', name: 'Television', oidc: { grantTypes: [deviceCodeGrant], redirectUris: [], postLogoutRedirectUris: [] } });
    const device = (await post(issuer, 'device_authorization', { client_id: television.clientId, scope: 'openid' })).body;
    const browser = createBrowser(new URL(issuer).origin);
    const confirm = await browser.submit(await browser.open(`${issuer}/oauth2/device`), { user_code: String(device['user_code']) });
    await signIn(browser, await browser.submit(confirm, { confirm: 'yes' }), await createPerson(context));
    const answers = await atOnce(`${issuer}/oauth2/token`, { body: new URLSearchParams({ grant_type: deviceCodeGrant, client_id: television.clientId, device_code: String(device['device_code']) }) });
    expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    for (const { status, body } of answers) if (status !== 200) expect(['invalid_grant', 'slow_down']).toContain(body['error']);
  });

  it('a pushed request begins one sign-in', async () => {
    const { browser } = await authorizeCode(context, { client });
    const pushed = String((await push(issuer, client, createPkce())).body['request_uri']);
    const cookie = [...browser.cookies].map(([name, { value }]) => `${name.split(' ')[0] ?? ''}=${value}`).join('; ');
    const answers = await atOnce(`${issuer}/oauth2/authorize?${new URLSearchParams({ client_id: client.clientId, request_uri: pushed }).toString()}`, { headers: [['Cookie', cookie]] });
    expect(answers.filter(({ location }) => new URLSearchParams(location.split('?')[1]).has('code'))).toHaveLength(1);
  });

  it('a posted request is taken once', async () => {
    const posted = await createBrowser(new URL(issuer).origin).request(`${issuer}/oauth2/authorize`, { method: 'POST', body: new URL(authorizeUrl(issuer, client, createPkce())).searchParams });
    const answers = await atOnce(posted.headers.get('location') ?? '');
    expect(answers.filter(({ location }) => location.includes('/sign-in/'))).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(attempts - 1);
  });

  it('a set-up link sets one password: of two who open it the first to finish counts', async () => {
    const { user } = await createPerson(context);
    const link = await createSetupLink(context, user.id);
    const browsers = await Promise.all(Array.from({ length: 10 }, async (_value, place) => {
      const browser = createBrowser(new URL(issuer).origin);
      return { browser, page: await browser.open(link.url), password: `seven violins ${place} in marmalade` };
    }));
    const finished = await Promise.all(browsers.map(({ browser, page, password }) => browser.submit(page, { newPassword: password, newPasswordRepeat: password })));
    expect(finished.filter(({ url }) => !url.includes('/sign-in/'))).toHaveLength(1);
    expect(await context.db.session.count({ where: { userId: user.id, endedAt: null } })).toBe(1);
    expect((await browsers[0]?.browser.request(link.url))?.status).toBe(410);
  });

  it('a form is taken once: fifty clicks are one session', async () => {
    const person = await createPerson(context);
    const browser = createBrowser(new URL(issuer).origin);
    const page = await browser.submit(await browser.open(authorizeUrl(issuer, client, createPkce())), { identifier: person.username });
    const form = formOf(page, 'password');
    const cookie = [...browser.cookies].map(([name, { value }]) => `${name.split(' ')[0] ?? ''}=${value}`).join('; ');
    await atOnce(form.action, { headers: [['Cookie', cookie], ['Origin', new URL(issuer).origin]], body: new URLSearchParams({ ...form.fields, password: 'marmalade engine 47 violins' }) });
    expect(await context.db.session.count({ where: { userId: person.user.id } })).toBe(1);
    expect(await context.db.event.count({ where: { type: 'session.created', after: { path: ['userId'], equals: person.user.id } } })).toBe(1);
  });
});
