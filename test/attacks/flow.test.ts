import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSetupLink, findLiveSession, sessionCookieName } from '../../src/authentication/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser, formOf } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, password, post, signIn, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { call, createWorld, targetOf, type World } from '../support/world.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let world: World;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  ({ issuer } = server);
  world = await createWorld(server, started.context);
  ({ context } = world);
});
afterAll(() => server.close());

const sessionsOf = (userId: string) => context.db.session.count({ where: { userId, endedAt: null } });

describe('attack: flow.session-fixation', () => {
  it.each<[string, Record<string, string>]>([
    ['from another site', { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' }],
    ['from a sibling host', { origin: 'https://sibling.localhost', 'sec-fetch-site': 'same-site' }],
    ['from an unknown origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }],
    ['from another port', { origin: 'http://localhost:1' }],
    ['typed into the address line', { 'sec-fetch-site': 'none' }],
  ])('credentials posted %s sign in nobody', async (_what, headers) => {
    const person = await createPerson(context);
    const browser = createBrowser(server.origin);
    const page = await browser.submit(await browser.open(authorizeUrl(issuer, world.client, createPkce())), { identifier: person.username });
    const form = formOf(page, 'password');
    const answer = await browser.request(form.action, { method: 'POST', body: new URLSearchParams({ ...form.fields, password }), headers });
    expect(answer.status).toBe(400);
    expect(answer.headers.getSetCookie().some((cookie) => cookie.startsWith(sessionCookieName(context)))).toBe(false);
    expect(await sessionsOf(person.user.id)).toBe(0);
  });

  it('a form of the attacker\'s own flow does nothing in the victim\'s browser', async () => {
    const attacker = createBrowser(server.origin);
    const person = await createPerson(context);
    const page = await attacker.submit(await attacker.open(authorizeUrl(issuer, world.client, createPkce())), { identifier: person.username });
    const form = formOf(page, 'password');
    const victim = createBrowser(server.origin);
    await victim.open(authorizeUrl(issuer, world.client, createPkce()));
    const before = victim.cookies.get(sessionCookieName(context))?.value;
    const answer = await victim.request(form.action, { method: 'POST', body: new URLSearchParams({ ...form.fields, password }), headers: { origin: server.origin, 'sec-fetch-site': 'same-origin' } });
    expect(answer.status).toBe(400);
    expect(victim.cookies.get(sessionCookieName(context))?.value).toBe(before);
    expect(await sessionsOf(person.user.id)).toBe(0);
  });

  it('a link to a flow shows nothing in another browser, and begins a new one there', async () => {
    const owner = createBrowser(server.origin);
    const page = await owner.submit(await owner.open(authorizeUrl(issuer, world.client, createPkce())), { identifier: world.person.username });
    const elsewhere = await createBrowser(server.origin).request(page.url);
    expect(elsewhere.status).toBe(400);
    expect(elsewhere.text).not.toContain(world.person.username);
    expect(elsewhere.text).not.toMatch(/name="(password|formToken)"/);
  });

  it('a session cookie that was planted before sign-in is dead after it', async () => {
    const planted = await authorizeCode(context, { client: world.client });
    const token = planted.browser.cookies.get(sessionCookieName(context));
    const browserToken = planted.browser.cookies.get('postern_browser_default');
    if (!token || !browserToken) throw new Error('no cookies');
    const victim = createBrowser(server.origin);
    victim.cookies.set(sessionCookieName(context), token);
    victim.cookies.set('postern_browser_default', browserToken);
    const person = await createPerson(context);
    const page = await signIn(victim, await victim.open(authorizeUrl(issuer, world.client, createPkce(), { prompt: 'login', login_hint: person.username })), person);
    expect(page.status).toBeLessThan(400);
    // Whatever the victim signed in to, the planted token does not speak for it.
    const session = await findLiveSession(context, token.value);
    expect(session === undefined || session.userId === planted.person.user.id).toBe(true);
    expect(victim.cookies.get(sessionCookieName(context))?.value).not.toBe(token.value);
  });
});

describe('attack: tenant.cookie-cross', () => {
  it('every cookie of ours counts once: a doubled one is none, in both orders', async () => {
    const { browser, resume } = await answered();
    expect(new URL((await browser.open(resume)).url).searchParams.has('code')).toBe(true);
    const names = [...new Set([...browser.cookies.keys()].map((key) => key.split(' ')[0] ?? ''))].filter((name) => !name.includes('locale') && !name.includes('interaction'));
    expect(names.toSorted()).toEqual(['postern_browser_default', 'postern_session_default']);
    const other = await authorizeCode(context, { client: world.client });
    for (const name of [...names, 'postern_resume_default']) {
      const foreign = `${name}=${other.browser.cookies.get(name)?.value ?? 'planted'}`;
      for (const isFirst of [true, false]) {
        const { mine, resume: back, page } = await answered();
        const headers = { cookie: (isFirst ? [foreign, ...mine] : [...mine, foreign]).join('; ') };
        // The browser's own cookie opens its flows; the other two resume what was answered.
        if (name.includes('browser')) {
          const answer = await createBrowser(server.origin).request(page.url, { headers });
          expect(answer.status).toBe(400);
          expect(answer.headers.getSetCookie().some((line) => line.startsWith(`${name}=;`))).toBe(true);
        } else {
          const answer = await createBrowser(server.origin).request(back, { headers });
          expect([name, new URLSearchParams((answer.headers.get('location') ?? '').split('?')[1]).has('code')]).toEqual([name, false]);
        }
      }
    }
  });

  /** A browser whose person has answered, on its way back to the authorization endpoint. */
  async function answered() {
    const browser = createBrowser(server.origin);
    const page = await browser.submit(await browser.open(authorizeUrl(issuer, world.client, createPkce())), { identifier: world.person.username });
    const form = formOf(page, 'password');
    const finished = await browser.request(form.action, { method: 'POST', body: new URLSearchParams({ ...form.fields, password }), headers: { origin: server.origin } });
    return { browser, page, resume: finished.headers.get('location') ?? '', mine: [...browser.cookies].map(([key, { value }]) => `${key.split(' ')[0] ?? ''}=${value}`) };
  }

  it('names are compared byte for byte', async () => {
    const token = world.browser.cookies.get(sessionCookieName(context))?.value ?? '';
    for (const name of ['Postern_session_default', ' postern_session_default', '\u00A0postern_session_default', 'postern_session_default ', 'postern%5Fsession%5Fdefault', 'postern_session_default.x', '__Host-postern_session_default', 'postern_session_other']) {
      const answer = await call(server, { target: authorizeUrl(issuer, world.client, createPkce(), { prompt: 'none' }).slice(server.origin.length), headers: [['Cookie', `a=b;${name}=${token}`]] });
      const location = answer.headers.get('location')?.[0] ?? '';
      expect([name, new URLSearchParams(location.split('?')[1]).get('error')]).toEqual([name, name === ' postern_session_default' ? null : 'login_required']);
    }
  });
});

describe('attack: flow.reset-host', () => {
  const hosts = ['evil.test', 'evil.test:80', `evil.test#${'x'}`, 'localhost.evil.test', ''];
  /** Everything from which a careless server would build an address. */
  const misleading: [string, string][] = [
    ['X-Forwarded-Host', 'evil.test'], ['X-Forwarded-Host', 'worse.test'], ['X-Forwarded-Proto', 'javascript'], ['X-Forwarded-Port', '666'], ['X-Forwarded-Prefix', '/evil.test'], ['X-Forwarded-Server', 'evil.test'],
    ['Forwarded', 'for=evil.test;host=evil.test;proto=javascript'], ['X-Host', 'evil.test'], ['X-Original-Host', 'evil.test'], ['X-Original-URL', 'https://evil.test/'], ['Referer', 'https://evil.test/'], ['Via', 'evil.test'],
  ];

  it('an unknown host is told so, whatever it asks for', async () => {
    for (const host of hosts) {
      for (const target of ['/t/default/.well-known/openid-configuration', '/t/default/oauth2/authorize', targetOf({ url: '/t/:instance/setup/:token' }, world.parameters), '/platform/v1/instances', '/openapi.json', '/']) {
        const answer = await call(server, { target, headers: [['Host', host]] });
        expect([400, 421], `${host} ${target} answered ${answer.status}`).toContain(answer.status);
      }
    }
  });

  it('no address in any answer comes from the request', async () => {
    const setup = await createSetupLink(context, world.person.user.id);
    expect(setup.url.startsWith(`${issuer}/setup/`)).toBe(true);
    const forged = server.app.declaredRoutes.filter(({ method, access }) => method === 'GET' && access.credential !== 'operator');
    expect(forged.length).toBeGreaterThan(30);
    for (const route of forged) {
      const authorization: [string, string][] = route.access.credential === 'bearer' ? [['Authorization', `Bearer ${world.token}`]] : [];
      const answer = await call(server, { target: targetOf(route, { ...world.parameters, token: setup.token }), headers: [...misleading, ...authorization] });
      const told = JSON.stringify([...answer.headers]) + answer.body;
      // The documentation's own script speaks of many schemes.
      expect([route.url, (route.url.startsWith('/docs/') ? /evil\.test|worse\.test/ : /evil\.test|worse\.test|:666|javascript:/).exec(told)?.[0]]).toEqual([route.url, undefined]);
    }
  });

  it('what is created and redirected to is named by the configured address', async () => {
    const created = await call(server, { method: 'POST', target: '/t/default/api/v1/users', body: JSON.stringify({ username: 'made.under.headers' }), headers: [...misleading, ['Authorization', `Bearer ${world.token}`], ['Content-Type', 'application/json']] });
    expect(created.headers.get('location')?.[0]).toMatch(new RegExp(`^${issuer}/api/v1/users/user_`));
    const started = await call(server, { target: authorizeUrl(issuer, world.client, createPkce()).slice(server.origin.length), headers: misleading });
    expect(started.headers.get('location')?.[0]).toMatch(new RegExp(`^${issuer}/sign-in/flow_`));
    const device = await call(server, { method: 'POST', target: '/t/default/oauth2/par', body: new URLSearchParams({ client_id: world.client.clientId, client_secret: world.client.secret, response_type: 'code', redirect_uri: 'https://app.example.com/callback', code_challenge: createPkce().challenge, code_challenge_method: 'S256' }).toString(), headers: [...misleading, ['Content-Type', 'application/x-www-form-urlencoded']] });
    expect(device.status).toBe(201);
  });

  it('addresses in tokens and logs of a sign-in are the configured ones', async () => {
    const signedIn = await authorizeCode(context, { client: await createClient(context) });
    const tokens = await post(issuer, 'token', {}, signedIn.client, { 'x-forwarded-host': 'evil.test' });
    expect(tokens.status).toBe(400);
    const exchanged = await exchange(issuer, signedIn);
    const payload = JSON.parse(Buffer.from(String(exchanged.body['id_token']).split('.')[1] ?? '', 'base64url').toString()) as { iss: string };
    expect(payload.iss).toBe(issuer);
  });

  it('only a trusted proxy names the client\'s address', async () => {
    await call(server, { target: '/t/default/api/v1/users', headers: [['X-Forwarded-For', '203.0.113.66'], ['Forwarded', 'for=203.0.113.66']] });
    await world.api('POST', '/users', { username: 'made.by.nobody' }, { 'x-forwarded-for': '203.0.113.66' });
    const events = await context.db.event.findMany({ where: { type: 'user.created' } });
    expect(events.map(({ address }) => address)).not.toContain('203.0.113.66');
  });
});

describe('attack: flow.rate-key', () => {
  it('one name is one limit, in whatever spelling, from whatever address a stranger claims', async () => {
    const person = await createPerson(context, 'rate.key.victim');
    const spellings = ['rate.key.victim', 'RATE.KEY.VICTIM', ' rate.key.victim ', 'Rate.Key.Victim', 'rate.key.victim.', '\uFF52ate.key.victim'];
    const attempt = async (identifier: string, typed: string, number: number) => {
      const browser = createBrowser(server.origin);
      const page = await browser.submit(await browser.open(authorizeUrl(issuer, world.client, createPkce())), { identifier });
      const form = formOf(page, 'password');
      const headers = { origin: server.origin, 'x-forwarded-for': `203.0.113.${number}`, forwarded: `for=203.0.113.${number}`, 'x-real-ip': `203.0.113.${number}`, 'true-client-ip': `203.0.113.${number}` };
      const answer = await browser.request(form.action, { method: 'POST', body: new URLSearchParams({ ...form.fields, password: typed }), headers });
      return new URL(answer.headers.get('location') ?? '', server.origin).pathname;
    };
    const { failuresPerAccount } = context.instance.settings.lockout;
    for (let number = 0; number <= failuresPerAccount; number += 1) await attempt(spellings[number % spellings.length] ?? '', 'wrong', number);
    // The right one comes too late.
    expect(await attempt(person.username, password, 99)).toMatch(/\/sign-in\//);
    expect(await sessionsOf(person.user.id)).toBe(0);
    // Somebody else is not held back by it.
    const other = await createPerson(context);
    expect(await attempt(other.username, password, 100)).toMatch(/\/oauth2\/authorize\//);
  });
});
