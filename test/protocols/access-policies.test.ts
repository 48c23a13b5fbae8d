/** Access policies and network zones where they act: sign-in, single sign-on, every token, over real HTTP. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { deviceCodeGrant } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, type Person, post, redirectUri, signIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let client: TestClient;
let person: Person;
let names = 0;

beforeAll(async () => {
  ({ server, context } = await startProtocolServer({ settings: { TRUSTED_PROXIES: '' } }));
  client = await createClient(context, { name: 'Ledger' });
  person = await createPerson(context);
});
afterAll(() => server.close());
afterEach(async () => {
  const { body } = await server.api('GET', '/access-policies?limit=200');
  for (const { id } of (body as { items: { id: string }[] }).items) await server.api('DELETE', `/access-policies/${id}`);
});

const issuer = () => context.instance.issuer;
async function policy(body: Record<string, unknown> = {}, application = client): Promise<string> {
  const answer = await server.api('POST', '/access-policies', { name: `policy ${names += 1}`, priority: 10, effect: 'deny', include: { applications: [application.application.id] }, ...body });
  expect([answer.status, answer.status === 201 ? '' : answer.body]).toEqual([201, '']);
  return (answer.body as { id: string }).id;
}
async function zone(...ipv4Cidrs: string[]): Promise<string> {
  return ((await server.api('POST', '/network-zones', { name: `zone ${names += 1}`, ipv4Cidrs })).body as { id: string }).id;
}
async function tryToSignIn(application = client, who = person, browser = createBrowser(new URL(issuer()).origin)) {
  const page = await signIn(browser, await browser.open(authorizeUrl(issuer(), application, createPkce())), who);
  return { browser, page };
}
const denials = async () => (await context.db.event.findMany({ where: { type: 'sign_in.denied' }, orderBy: { sequence: 'desc' }, take: 10 })).map(({ after }) => after as Record<string, unknown>);
const refresh = (token: unknown, application = client) => post(issuer(), 'token', { grant_type: 'refresh_token', refresh_token: String(token) }, application.secret === '' ? undefined : application);

describe('sign-in', () => {
  it('is let in where no policy denies, and refused where one does: told to the person, with one event', async () => {
    expect((await tryToSignIn()).page.url).toContain('code=');
    const id = await policy({ name: 'Closed today' });
    const before = (await denials()).length;
    const { page } = await tryToSignIn();
    expect([page.url.includes('code='), page.text.includes('do not let you open this application now')]).toEqual([false, true]);
    const events = await denials();
    expect(events.length).toBe(before + 1);
    expect(events[0]).toMatchObject({ reason: 'access_policy', applicationId: client.application.id, policy: { id, name: 'Closed today', because: 'it is about everybody' } });
  });

  it('is judged only once the person has shown who they are: before that nobody learns of a policy', async () => {
    await policy({ condition: `user.username == "${person.username}"` });
    const browser = createBrowser(new URL(issuer()).origin);
    const page = await browser.open(authorizeUrl(issuer(), client, createPkce()));
    const next = await browser.submit(page, { identifier: person.username });
    expect(next.text).toContain('type="password"');
    const wrong = await browser.submit(next, { password: 'not the right one at all' });
    expect(wrong.text).toContain('type="password"');
    expect(wrong.text).not.toContain('do not let you open');
  });

  it('sees the person, the application and the time', async () => {
    await policy({ condition: `user.username == "${person.username}" && application.name == "Ledger" && request.time > timestamp("2026-01-01T00:00:00Z")` });
    expect((await tryToSignIn()).page.text).toContain('do not let you open');
    expect((await tryToSignIn(client, await createPerson(context))).page.url).toContain('code=');
    expect((await tryToSignIn(await createClient(context))).page.url).toContain('code=');
  });

  it('attack: flow.rate-key: takes no address from a header of a stranger', async () => {
    const elsewhere = await zone('203.0.113.0/24');
    await policy({ exclude: { networkZones: [elsewhere] } });
    const browser = createBrowser(new URL(issuer()).origin);
    const address = authorizeUrl(issuer(), client, createPkce());
    const headers = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9', 'x-real-ip': '203.0.113.9' };
    const denied = await signIn(browser, await browser.open(address, { headers }), person);
    expect(denied.text).toContain('do not let you open');
    expect((await browser.open(denied.url, { headers })).text).toContain('do not let you open');
  });

  it('that needs a second factor which the person neither has nor can set up says so to the application', async () => {
    await policy({ effect: 'require_second_factor', secondFactor: { methods: ['otp_sms'], intervalSeconds: 3_600 } });
    const { page } = await tryToSignIn();
    expect(new URL(page.url).searchParams.get('error')).toBe('unmet_authentication_requirements');
  });

  it('is not touched by a policy that only reports: that is written down, once in a while', async () => {
    const id = await policy({ status: 'report_only' });
    for (let turn = 0; turn < 3; turn += 1) expect((await tryToSignIn()).page.url).toContain('code=');
    await expect.poll(() => context.db.event.count({ where: { type: 'access_policy.reported', subjectId: id } })).toBe(1);
    const [event] = await context.db.event.findMany({ where: { type: 'access_policy.reported', subjectId: id } });
    expect(event?.after).toMatchObject({ would: 'deny', decided: 'allow', userId: person.user.id, applicationId: client.application.id });
  });
});

describe('single sign-on', () => {
  it('obeys a policy that was made after the sign-in, on every server, within a second', async () => {
    const other = await createClient(context, { name: 'Wiki' });
    const { browser } = await tryToSignIn(other);
    const silently = async () => new URL((await browser.open(authorizeUrl(issuer(), client, createPkce(), { prompt: 'none' }))).url).searchParams;
    expect((await silently()).get('code')).not.toBeNull();
    const replica = await server.replica();
    await replica.api('GET', '/access-policies');
    const made = await replica.api('POST', '/access-policies', { name: 'Made elsewhere', priority: 5, effect: 'deny', include: { applications: [client.application.id] } });
    expect(made.status).toBe(201);
    await expect.poll(async () => (await silently()).get('error'), { timeout: 1_000, interval: 50 }).toBe('login_required');
    const page = await browser.open(authorizeUrl(issuer(), client, createPkce()));
    expect(page.text).toContain('do not let you open');
    await replica.api('DELETE', `/access-policies/${(made.body as { id: string }).id}`);
    await expect.poll(async () => (await silently()).get('code'), { timeout: 1_000, interval: 50 }).not.toBeNull();
    await replica.close();
  });

  it('obeys the zones of the application', async () => {
    const { browser } = await tryToSignIn();
    const elsewhere = await zone('203.0.113.0/24');
    expect((await server.api('PUT', `/applications/${client.application.id}/network-zones`, { people: [elsewhere], client: [] })).status).toBe(200);
    const page = await browser.open(authorizeUrl(issuer(), client, createPkce()));
    expect(page.text).toContain('cannot be opened from your network');
    expect((await tryToSignIn()).page.text).toContain('cannot be opened from your network');
    expect(await server.api('DELETE', `/network-zones/${elsewhere}`)).toMatchObject({ status: 409, body: { uses: [{ type: 'application', id: client.application.id }] } });
    expect((await server.api('PUT', `/applications/${client.application.id}/network-zones`, { people: [], client: [] })).status).toBe(200);
    expect((await tryToSignIn()).page.url).toContain('code=');
  });
});

describe('tokens', () => {
  it('are refused at the code exchange and at a refresh once a policy denies, and go on when it is gone', async () => {
    const signedIn = await authorizeCode(context, { client, person });
    const first = await exchange(issuer(), signedIn);
    expect(first.status).toBe(200);
    const waiting = await authorizeCode(context, { client, person, browser: signedIn.browser });
    const id = await policy();
    expect((await exchange(issuer(), waiting)).body).toMatchObject({ error: 'invalid_grant' });
    expect(await refresh(first.body['refresh_token'])).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await server.api('DELETE', `/access-policies/${id}`);
    expect((await refresh(first.body['refresh_token'])).status).toBe(200);
  });

  it('of a confidential application are judged by where the person signed in, not by where its server is', async () => {
    const elsewhere = await zone('203.0.113.0/24');
    const signedIn = await authorizeCode(context, { client, person });
    const tokens = await exchange(issuer(), signedIn);
    await context.db.session.updateMany({ where: { userId: person.user.id, endedAt: null }, data: { address: '203.0.113.50' } });
    await policy({ exclude: { networkZones: [elsewhere] } });
    const again = await refresh(tokens.body['refresh_token']);
    expect(again.status).toBe(200);
    await context.db.session.updateMany({ where: { userId: person.user.id, endedAt: null }, data: { address: '198.51.100.1' } });
    expect((await refresh(again.body['refresh_token'])).body).toMatchObject({ error: 'invalid_grant' });
  });

  it('of a public application are judged by where it asks from', async () => {
    const spa = await createClient(context, { kind: 'browser', oidc: { grantTypes: ['authorization_code', 'refresh_token'] } });
    const signedIn = await authorizeCode(context, { client: spa, person });
    const tokens = await post(issuer(), 'token', { grant_type: 'authorization_code', code: signedIn.code, redirect_uri: redirectUri, code_verifier: signedIn.pkce.verifier, client_id: spa.clientId });
    expect([tokens.status, tokens.status === 200 ? '' : tokens.body]).toEqual([200, '']);
    const here = await zone('127.0.0.0/8');
    await context.db.session.updateMany({ where: { userId: person.user.id, endedAt: null }, data: { address: '203.0.113.50' } });
    const id = await policy({ include: { applications: [spa.application.id], networkZones: [here] } });
    expect((await post(issuer(), 'token', { grant_type: 'refresh_token', refresh_token: String(tokens.body['refresh_token']), client_id: spa.clientId })).body).toMatchObject({ error: 'invalid_grant' });
    await server.api('DELETE', `/access-policies/${id}`);
  });
});

describe('a device', () => {
  it('gets nothing when a policy denies its person: neither at the page nor once it was allowed', async () => {
    const television = await createClient(context, { kind: 'native', name: 'Television', oidc: { grantTypes: [deviceCodeGrant, 'refresh_token'], redirectUris: [], postLogoutRedirectUris: [] } });
    const begin = async () => (await post(issuer(), 'device_authorization', { client_id: television.clientId, scope: 'openid' })).body as unknown as { device_code: string; user_code: string; verification_uri: string };
    const poll = (code: string) => post(issuer(), 'token', { grant_type: deviceCodeGrant, client_id: television.clientId, device_code: code });
    const connect = async (device: Awaited<ReturnType<typeof begin>>) => {
      const browser = createBrowser(new URL(issuer()).origin);
      const confirm = await browser.submit(await browser.open(device.verification_uri), { user_code: device.user_code });
      return signIn(browser, await browser.submit(confirm, { confirm: 'yes' }), person);
    };
    const [allowed, refused] = [await begin(), await begin()];
    expect((await connect(allowed)).status).toBe(200);
    const id = await policy({}, television);
    expect((await connect(refused)).text).toContain('do not let you open');
    expect((await poll(refused.device_code)).body).toMatchObject({ error: 'authorization_pending' });
    expect((await poll(allowed.device_code)).body).toMatchObject({ error: 'invalid_grant' });
    await server.api('DELETE', `/access-policies/${id}`);
    const again = await begin();
    await connect(again);
    expect((await poll(again.device_code)).status).toBe(200);
  });
});

describe('a machine application with zones', () => {
  it('gets tokens, and uses them, from these zones only', async () => {
    const machine = await createClient(context, { kind: 'machine', name: 'Robot' });
    const [here, elsewhere] = [await zone('127.0.0.1'), await zone('203.0.113.0/24')];
    const management = `${issuer()}/api/v1`;
    const { body } = await server.api('GET', '/resource-servers');
    const api = (body as { items: { id: string; identifier: string }[] }).items.find(({ identifier }) => identifier === management);
    expect((await server.api('PUT', `/applications/${machine.application.id}/resource-grants/${api?.id ?? ''}`, { scopes: ['user:read'] })).status).toBeLessThan(300);
    const token = () => post(issuer(), 'token', { grant_type: 'client_credentials' }, machine);
    const set = (zones: string[]) => server.api('PUT', `/applications/${machine.application.id}/network-zones`, { people: [], client: zones });
    const issued = await token();
    expect(issued.status).toBe(200);
    const use = async () => (await fetch(`${management}/users`, { headers: { authorization: `Bearer ${String(issued.body['access_token'])}` } })).status;
    expect(await use()).toBe(200);
    expect((await set([elsewhere])).status).toBe(200);
    expect(await token()).toMatchObject({ status: 403, body: { error: 'access_denied' } });
    expect(await use()).toBe(403);
    expect((await post(issuer(), 'introspect', { token: 'some-opaque-token-of-nobody' }, machine)).status).toBe(403);
    expect((await set([elsewhere, here])).status).toBe(200);
    expect(await use()).toBe(200);
    expect((await token()).status).toBe(200);
  });
});
