/** What tokens say of people as each application is configured, at every place that says it. */
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createResourceServer, putResourceGrant } from '../../src/applications/index.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { authorizeCode, createClient, createPerson, exchange, type Person, post, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { withinASecond } from '../support/within-a-second.ts';

let server: TestServer;
let replica: TestServer;
let context: InstanceContext;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  await server.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000, addressPerSecond: 10_000, addressBurst: 10_000 } });
  await call('POST', '/custom-fields', { key: 'department', label: 'Department', type: 'text', visibleTo: 'applications' });
  await call('POST', '/custom-fields', { key: 'salary', label: 'Salary', type: 'number', visibleTo: 'administrators' });
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
const configure = (client: TestClient, settings: object, at = server) => call('PUT', `/applications/${client.application.id}/claims`, settings, at);
const allTokens = ['id_token', 'userinfo', 'access_token'];

/** What all places say after a sign-in. */
async function said(client: TestClient, person: Person, scope = 'openid') {
  const { body } = await exchange(server.issuer, await authorizeCode(context, { client, person, parameters: { scope } }));
  return { ...await saidBy(client, body), refreshToken: String(body['refresh_token']) };
}
async function saidBy(client: TestClient, body: Record<string, unknown>) {
  const accessToken = String(body['access_token']);
  const userinfo = await (await fetch(`${server.issuer}/oauth2/userinfo`, { headers: { authorization: `Bearer ${accessToken}` } })).json() as Record<string, unknown>;
  const introspection = (await post(server.issuer, 'introspect', { token: accessToken }, client)).body;
  return { idToken: decodeJwt(String(body['id_token'])) as Record<string, unknown>, userinfo, introspection };
}

async function role(client: TestClient, key: string): Promise<string> {
  return (await call<{ id: string }>('POST', `/applications/${client.application.id}/roles`, { key })).id;
}
const give = (client: TestClient, roleId: string, subjectId: string, terms: object = {}, at = server) => call('PUT', `/applications/${client.application.id}/roles/${roleId}/assignments/${subjectId}`, terms, at);
const take = (client: TestClient, roleId: string, subjectId: string, at = server) => call('DELETE', `/applications/${client.application.id}/roles/${roleId}/assignments/${subjectId}`, undefined, at);
const isRoles = (expected: string[]) => (answer: unknown) => JSON.stringify(answer) === JSON.stringify(expected);

describe('claims of an application', () => {
  it('are said in the tokens they are for, by their names, and nowhere else', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    const [sales, board] = [await call<{ id: string }>('POST', '/groups', { name: 'Claims Sales' }), await call<{ id: string }>('POST', '/groups', { name: 'Claims Board' })];
    await call('POST', `/groups/${sales.id}/members`, { userIds: [person.user.id] });
    await call('POST', `/groups/${board.id}/groups`, { groupId: sales.id });
    const unit = await call<{ id: string }>('POST', '/organizational-units', { name: 'Claims unit' });
    await call('PUT', `/users/${person.user.id}/organizational-units`, { organizationalUnitIds: [unit.id] });
    await call('PATCH', `/users/${person.user.id}`, { customFields: { department: 'Bakery', salary: 9_000 } });
    await give(client, await role(client, 'editor'), person.user.id);
    await configure(client, { claims: [
      { source: 'roles' },
      { name: 'groups', source: 'groups', tokens: ['userinfo'] },
      { name: 'https://example.com/units', source: 'organizational_units', tokens: ['id_token'] },
      { name: 'unit_ids', source: 'organizational_unit_ids', tokens: ['access_token'] },
      { name: 'department', source: 'attribute:dict.department', tokens: ['id_token', 'userinfo'] },
      { name: 'login', source: 'attribute:username', tokens: ['userinfo'] },
      { name: 'tier', source: 'expression', expression: 'size(groups) > 1 ? "gold" : "base"', tokens: ['id_token'] },
    ] });
    const { idToken, userinfo, introspection } = await said(client, person);
    expect(idToken).toMatchObject({ roles: ['editor'], 'https://example.com/units': ['Claims unit'], department: 'Bakery', tier: 'gold' });
    for (const absent of ['groups', 'unit_ids', 'login']) expect(idToken).not.toHaveProperty([absent]);
    expect(userinfo).toEqual({ sub: person.user.id, roles: ['editor'], groups: expect.arrayContaining(['Claims Sales', 'Claims Board']) as string[], department: 'Bakery', login: person.username });
    expect(introspection).toMatchObject({ active: true, roles: ['editor'], unit_ids: [unit.id] });
    expect(introspection).not.toHaveProperty('department');
  });

  it('are said by JWTs for an API, too', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    const system = withPrincipal(context, { kind: 'system' });
    const api = await createResourceServer(system, { identifier: `https://api.example.com/${Math.random()}`, name: 'API', scopes: [{ name: 'read', description: 'Read' }] } as Parameters<typeof createResourceServer>[1]);
    await putResourceGrant(system, client.application.id, api.id, ['read']);
    await give(client, await role(client, 'reader'), person.user.id);
    await configure(client, { claims: [{ source: 'roles', tokens: ['access_token'] }] });
    const { body } = await exchange(server.issuer, await authorizeCode(context, { client, person, parameters: { scope: 'openid read', resource: api.identifier } }));
    expect(decodeJwt(String(body['access_token']))).toMatchObject({ aud: api.identifier, sub: person.user.id, roles: ['reader'], client_id: client.clientId });
    expect(decodeJwt(String(body['id_token']))).not.toHaveProperty('roles');
  });

  it('are not said by other applications, nor before they are configured', async () => {
    const [client, other] = [await createClient(context), await createClient(context)];
    const person = await createPerson(context);
    await configure(client, { claims: [{ source: 'groups' }] });
    for (const place of Object.values(await said(other, person))) expect(place).not.toHaveProperty('groups');
    const own = await said(client, person);
    expect([own.idToken['groups'], own.userinfo['groups'], own.introspection['groups']]).toEqual([[], [], []]);
  });

  it('come out of the role mapping, which has no say where it fails', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    await give(client, await role(client, 'editor'), person.user.id);
    await configure(client, { roleMapping: 'roles.map(r, Append("app", ":", r)) + (IsNullOrEmpty(user.dict.department) ? ["everybody"] : [])', claims: [{ source: 'roles' }] });
    expect((await said(client, person)).idToken['roles']).toEqual(['app:editor', 'everybody']);
    await configure(client, { roleMapping: '"editor" in roles ? "writer" : ""', claims: [{ source: 'roles' }] });
    expect((await said(client, person)).idToken['roles']).toEqual(['writer']);
    await configure(client, { roleMapping: 'user.dict.department == "Bakery" ? roles : []', claims: [{ source: 'roles' }] });
    expect((await said(client, person)).idToken).not.toHaveProperty('roles');
  });

  it('never say what applications may not see, whichever way it is asked', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    await call('PATCH', `/users/${person.user.id}`, { customFields: { department: 'Mill', salary: 4_711 } });
    const refused = await server.api('PUT', `/applications/${client.application.id}/claims`, { claims: [{ name: 'pay', source: 'attribute:dict.salary' }] });
    expect([refused.status, (refused.body as { errors: { field: string }[] }).errors.map(({ field }) => field)]).toEqual([400, ['claims.0.source']]);
    await configure(client, { roleMapping: 'has(user.dict.salary) ? [string(user.dict.salary)] : ["none"]', claims: [
      { source: 'roles' }, { name: 'everything', source: 'expression', expression: 'ObjectToJsonString(user)' }, { name: 'direct', source: 'expression', expression: 'user.dict["sal" + "ary"]' },
    ] });
    const { idToken, userinfo, introspection } = await said(client, person, 'openid profile');
    for (const place of [idToken, userinfo, introspection]) {
      expect(JSON.stringify(place)).not.toContain('4711');
      expect(place['roles']).toEqual(['none']);
      expect(place).not.toHaveProperty('direct');
      expect(String(place['everything'])).toContain('Mill');
    }
    // A field that was visible once, and is not any more.
    await configure(client, { claims: [{ name: 'department', source: 'attribute:dict.department' }] });
    expect((await said(client, person)).idToken['department']).toBe('Mill');
    const { items } = await call<{ items: { id: string; key: string }[] }>('GET', '/custom-fields');
    const path = `/custom-fields/${items.find(({ key }) => key === 'department')?.id ?? ''}`;
    await call('PATCH', path, { visibleTo: 'self' });
    expect((await said(client, person)).idToken).not.toHaveProperty('department');
    await call('PATCH', path, { visibleTo: 'applications' });
  });

  it.each(['iss', 'sub', 'SUB', 'aud', 'exp', 'acr', 'amr', 'cnf', 'client_id', 'scope', 'azp', 'nonce', 'sid', 'email', 'email_verified', 'preferred_username', 'active', 'constructor', '__proto__', 'a b', ''])('cannot take the name %j', async (name) => {
    const client = await createClient(context);
    expect((await server.api('PUT', `/applications/${client.application.id}/claims`, { claims: [{ name, source: 'groups' }] })).status).toBe(400);
  });

  it('never stand before a claim of the protocol, even if they got into the database', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    const forged = ['sub', 'iss', 'aud', 'acr', 'email'].map((name) => ({ name, source: 'expression', expression: '"forged"', tokens: allTokens }));
    await context.db.applicationClaimSettings.create({ data: { applicationId: client.application.id, claims: forged } });
    const { idToken, userinfo, introspection } = await said(client, person, 'openid email');
    for (const place of [idToken, introspection]) expect(place).toMatchObject({ sub: person.user.id, iss: server.issuer });
    expect(idToken).toMatchObject({ aud: client.clientId });
    expect(userinfo).toEqual({ sub: person.user.id, email_verified: false, email: `${person.username}@example.com` });
    expect(idToken['acr']).not.toBe('forged');
  });

  it('that got too long are left out, and the token is still there', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    const blow = 'cel.bind(a, user.username + user.username, cel.bind(b, a + a + a + a, cel.bind(c, b + b + b + b, cel.bind(d, c + c + c + c + c + c + c + c, d + d + d))))';
    await configure(client, { claims: [{ name: 'huge', source: 'expression', expression: blow }, { name: 'small', source: 'expression', expression: '"x"' }] });
    const { idToken } = await said(client, person);
    expect(idToken['small']).toBe('x');
    expect(idToken).not.toHaveProperty('huge');
  });
});

describe('a change', () => {
  it('of a role, a unit, a group or the configuration counts at the next refresh, within a second, also by another server', async () => {
    const client = await createClient(context);
    const person = await createPerson(context);
    const [direct, byUnit, byGroup] = [await role(client, 'direct'), await role(client, 'by-unit'), await role(client, 'by-group')];
    const unit = await call<{ id: string }>('POST', '/organizational-units', { name: 'Changing unit' });
    const below = await call<{ id: string }>('POST', '/organizational-units', { name: 'Below', parentId: unit.id });
    const group = await call<{ id: string }>('POST', '/groups', { name: 'Changing group' });
    await give(client, byUnit, unit.id, { withDescendants: true });
    await give(client, byGroup, group.id);
    await configure(client, { claims: [{ source: 'roles' }] });
    let { refreshToken } = await said(client, person, 'openid offline_access');
    const next = async () => {
      const { body } = await post(server.issuer, 'token', { grant_type: 'refresh_token', refresh_token: refreshToken }, client);
      refreshToken = String(body['refresh_token']);
      const { idToken, userinfo, introspection } = await saidBy(client, body);
      expect([userinfo['roles'], introspection['roles']]).toEqual([idToken['roles'], idToken['roles']]);
      return idToken['roles'];
    };
    expect(await next()).toEqual([]);
    await give(client, direct, person.user.id, {}, replica);
    await withinASecond(next, isRoles(['direct']));
    await call('PUT', `/users/${person.user.id}/organizational-units`, { organizationalUnitIds: [below.id] }, replica);
    await withinASecond(next, isRoles(['by-unit', 'direct']));
    await call('POST', `/groups/${group.id}/members`, { userIds: [person.user.id] }, replica);
    await withinASecond(next, isRoles(['by-group', 'by-unit', 'direct']));
    await take(client, direct, person.user.id, replica);
    await call('POST', `/organizational-units/${below.id}/move`, { parentId: 'ou_root' }, replica);
    await withinASecond(next, isRoles(['by-group']));
    await configure(client, { roleMapping: 'roles + ["mapped"]', claims: [{ source: 'roles' }] }, replica);
    await withinASecond(next, isRoles(['by-group', 'mapped']));
  });
});
