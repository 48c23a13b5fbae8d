/** Who may open an application, where it counts: at sign-in, at single sign-on, at the code and at every refresh. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mayOpenApplication } from '../../src/access/index.ts';
import { deviceCodeGrant } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, type Person, post, signIn, type SignedIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { withinASecond } from '../support/within-a-second.ts';

let server: TestServer;
/** On the same database: what it changes, the first one has to hear of. */
let replica: TestServer;
let context: InstanceContext;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000, addressPerSecond: 10_000, addressBurst: 10_000 } });
  replica = await server.replica();
}, 60_000);
afterAll(async () => {
  await replica.close();
  await server.close();
});

async function call<Body>(method: string, path: string, body?: unknown, at: TestServer = server): Promise<Body> {
  const answer = await at.api(method, path, body);
  expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.body)}`).toBeLessThan(300);
  return answer.body as Body;
}

async function assignedClient(): Promise<TestClient> {
  const client = await createClient(context);
  await call('PUT', `/applications/${client.application.id}/access`, { mode: 'assigned' });
  return client;
}
const assign = (client: TestClient, subjectId: string, terms: object = {}, at = server) => call('PUT', `/applications/${client.application.id}/access/assignments/${subjectId}`, terms, at);
const takeAway = (client: TestClient, subjectId: string, at = server) => call('DELETE', `/applications/${client.application.id}/access/assignments/${subjectId}`, undefined, at);
const unit = async (name: string, parentId = 'ou_root') => (await call<{ id: string }>('POST', '/organizational-units', { name: `${name} ${Math.random()}`, parentId })).id;
const group = async (name: string) => (await call<{ id: string }>('POST', '/groups', { name: `${name} ${Math.random()}` })).id;
const putInUnits = (person: Person, organizationalUnitIds: string[], at = server) => call('PUT', `/users/${person.user.id}/organizational-units`, { organizationalUnitIds }, at);

/** How a sign-in ends in a browser that knows nobody; a refusal is a page of ours. */
async function outcome(client: TestClient, person: Person): Promise<string> {
  const browser = createBrowser(new URL(server.issuer).origin);
  const page = await signIn(browser, await browser.open(authorizeUrl(server.issuer, client, createPkce())), person);
  if (page.status === 403) return 'refused';
  return new URL(page.url).searchParams.has('code') ? 'code' : `${page.status} ${page.url}`;
}

/** What single sign-on gives in a browser with a session. */
async function silently(client: TestClient, { browser }: Pick<SignedIn, 'browser'>): Promise<string> {
  const page = await browser.open(authorizeUrl(server.issuer, client, createPkce(), { prompt: 'none' }));
  const query = new URL(page.url).searchParams;
  return query.has('code') ? 'code' : query.get('error') ?? `${page.status} ${page.url}`;
}

async function refresh(client: TestClient, token: unknown): Promise<{ answer: string; token: unknown }> {
  const { status, body } = await post(server.issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(token) }, client);
  return { answer: status === 200 ? 'tokens' : String(body['error']), token: body['refresh_token'] };
}
const isCode = (answer: string) => answer === 'code';

describe('an application that is assigned', () => {
  it('is open to everyone before that is said, and again after it is taken back', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    expect(await call('GET', `/applications/${client.application.id}/access`)).toEqual({ mode: 'everyone' });
    expect(await outcome(client, person)).toBe('code');
    await call('PUT', `/applications/${client.application.id}/access`, { mode: 'assigned' });
    expect(await outcome(client, person)).toBe('refused');
    await call('PUT', `/applications/${client.application.id}/access`, { mode: 'everyone' });
    expect(await outcome(client, person)).toBe('code');
  });

  it('lets in whom it is assigned to, and nobody else', async () => {
    const client = await assignedClient();
    const [invited, stranger] = [await createPerson(context), await createPerson(context)];
    await assign(client, invited.user.id);
    expect(await outcome(client, invited)).toBe('code');
    expect(await outcome(client, stranger)).toBe('refused');
  });

  it('lets in through a group nested in another', async () => {
    const client = await assignedClient();
    const person = await createPerson(context);
    const [outer, inner] = [await group('Outer'), await group('Inner')];
    await call('POST', `/groups/${outer}/groups`, { groupId: inner });
    await assign(client, outer);
    expect(await outcome(client, person)).toBe('refused');
    await call('POST', `/groups/${inner}/members`, { userIds: [person.user.id] });
    expect(await outcome(client, person)).toBe('code');
    const { allowed, reasons } = await call<{ allowed: boolean; reasons: { text: string }[] }>('GET', `/applications/${client.application.id}/access/users/${person.user.id}`);
    expect(allowed).toBe(true);
    expect(reasons.map(({ text }) => text)).toEqual([expect.stringMatching(/^through group Outer \S+ \(via Inner \S+\)$/)]);
    await call('DELETE', `/groups/${outer}/groups/${inner}`);
    expect(await outcome(client, person)).toBe('refused');
  });

  it('lets in the members of a unit, and those below it where that was said', async () => {
    const client = await assignedClient();
    const person = await createPerson(context);
    const sales = await unit('Sales');
    const north = await unit('North', sales);
    await putInUnits(person, [north]);
    await assign(client, sales);
    expect(await outcome(client, person)).toBe('refused');
    await assign(client, sales, { withDescendants: true });
    expect(await outcome(client, person)).toBe('code');
    await takeAway(client, sales);
    await assign(client, north);
    expect(await outcome(client, person)).toBe('code');
    await putInUnits(person, []);
    expect(await outcome(client, person)).toBe('refused');
    await assign(client, 'ou_root');
    expect(await outcome(client, person)).toBe('code');
  });

  it('is closed at the end of the assignment, for refresh too', async () => {
    const client = await assignedClient();
    const person = await createPerson(context);
    const ends = new Date(Date.now() + 60_000);
    await assign(client, person.user.id, { expiresAt: ends.toISOString() });
    const signedIn = await authorizeCode(context, { client, person, parameters: { scope: 'openid offline_access' } });
    let last = (await exchange(server.issuer, signedIn)).body['refresh_token'];
    const early = await refresh(client, last);
    expect(early.answer).toBe('tokens');
    last = early.token;
    try {
      server.setClock(new Date(ends.getTime() + 1_000));
      expect(await silently(client, signedIn)).not.toBe('code');
      expect((await refresh(client, last)).answer).toBe('invalid_grant');
      expect(await outcome(client, person)).toBe('refused');
    } finally {
      server.setClock(undefined);
    }
  });

  it('refuses a code that was given before access was taken away', async () => {
    const client = await assignedClient();
    const person = await createPerson(context);
    await assign(client, person.user.id);
    const signedIn = await authorizeCode(context, { client, person });
    await takeAway(client, person.user.id);
    const { status, body } = await exchange(server.issuer, signedIn);
    expect([status, body['error']]).toEqual([400, 'invalid_grant']);
  });

  it('ends single sign-on, refresh, userinfo and introspection, and leaves other applications alone', async () => {
    const client = await assignedClient();
    const other = await createClient(context);
    const person = await createPerson(context);
    await assign(client, person.user.id);
    const signedIn = await authorizeCode(context, { client, person, parameters: { scope: 'openid offline_access' } });
    const { body } = await exchange(server.issuer, signedIn);
    const accessToken = String(body['access_token']);
    const userinfo = async () => (await fetch(`${server.issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } })).status;
    const isActive = async () => (await post(server.issuer, 'introspect', { token: accessToken }, client)).body['active'];
    expect([await silently(client, signedIn), await userinfo(), await isActive()]).toEqual(['code', 200, true]);
    await takeAway(client, person.user.id);
    expect([await userinfo(), await isActive()]).toEqual([401, false]);
    expect(await silently(client, signedIn)).not.toBe('code');
    expect(await silently(other, signedIn)).toBe('code');
    expect((await refresh(client, body['refresh_token'])).answer).toBe('invalid_grant');
  });

  it('is refused on a device, too', async () => {
    const client = await createClient(context, { kind: 'native', oidc: { grantTypes: [deviceCodeGrant, 'refresh_token'], redirectUris: [], postLogoutRedirectUris: [] } });
    await call('PUT', `/applications/${client.application.id}/access`, { mode: 'assigned' });
    const person = await createPerson(context);
    const connect = async () => {
      const { body } = await post(server.issuer, 'device_authorization', { client_id: client.clientId, scope: 'openid' });
      const browser = createBrowser(server.origin);
      const confirm = await browser.submit(await browser.open(String(body['verification_uri'])), { user_code: String(body['user_code']) });
      const { status } = await signIn(browser, await browser.submit(confirm, { confirm: 'yes' }), person);
      return { status, poll: async () => (await post(server.issuer, 'token', { grant_type: deviceCodeGrant, client_id: client.clientId, device_code: String(body['device_code']) })).body };
    };
    const refused = await connect();
    expect([refused.status, await refused.poll()]).toMatchObject([403, { error: 'authorization_pending' }]);
    await assign(client, person.user.id);
    const [connected, tooLate] = [await connect(), await connect()];
    expect([connected.status, Object.keys(await connected.poll())]).toEqual([200, expect.arrayContaining(['access_token'])]);
    await takeAway(client, person.user.id);
    expect([tooLate.status, await tooLate.poll()]).toMatchObject([200, { error: 'invalid_grant' }]);
  });
});

describe('a change by another server', () => {
  it('of an assignment counts at the next refresh and sign-in, within a second', async () => {
    const client = await assignedClient();
    const person = await createPerson(context);
    await assign(client, person.user.id);
    const signedIn = await authorizeCode(context, { client, person, parameters: { scope: 'openid offline_access' } });
    let last = (await exchange(server.issuer, signedIn)).body['refresh_token'];
    await takeAway(client, person.user.id, replica);
    await withinASecond(async () => {
      const { answer, token } = await refresh(client, last);
      if (answer === 'tokens') last = token;
      return answer;
    }, (answer) => answer === 'invalid_grant');
    expect(await silently(client, signedIn)).not.toBe('code');
    await assign(client, person.user.id, {}, replica);
    await withinASecond(() => silently(client, signedIn), isCode);
  });

  it('of the mode, a unit and a group counts as fast', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    const signedIn = await authorizeCode(context, { client, person });
    const now = () => silently(client, signedIn);
    expect(await now()).toBe('code');
    await call('PUT', `/applications/${client.application.id}/access`, { mode: 'assigned' }, replica);
    await withinASecond(now, (answer) => !isCode(answer));
    const [department, team] = [await unit('Department'), await group('Team')];
    await assign(client, department, { withDescendants: true }, replica);
    await putInUnits(person, [await unit('Below', department)], replica);
    await withinASecond(now, isCode);
    await putInUnits(person, [], replica);
    await withinASecond(now, (answer) => !isCode(answer));
    await assign(client, team, {}, replica);
    await call('POST', `/groups/${team}/members`, { userIds: [person.user.id] }, replica);
    await withinASecond(now, isCode);
  });
});

it('costs no database call once it is known', async () => {
  const client = await assignedClient();
  const person = await createPerson(context);
  await assign(client, person.user.id);
  expect(await mayOpenApplication(context, client.application.id, person.user.id)).toBe(true);
  const refusing = { ...context, db: new Proxy(context.db, { get() { throw new Error('asked the database'); } }) };
  for (let round = 0; round < 3; round += 1) expect(await mayOpenApplication(refusing, client.application.id, person.user.id)).toBe(true);
});
