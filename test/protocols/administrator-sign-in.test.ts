/** A person who administers: from the sign-in to calls of the management API, and to their end when the role is taken. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { assignRole } from '../../src/access/index.ts';
import { builtInResourceServers, putResourceGrant } from '../../src/applications/index.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { createMember, createUnit } from '../support/administrators.ts';
import { authorizeCode, createClient, createPerson, exchange, type Person, post, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let replica: TestServer;
let context: InstanceContext;
let consoleClient: TestClient;
let resource: string;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  replica = await server.replica();
  context = withPrincipal(started.context, { kind: 'system' });
  const [management] = builtInResourceServers(context);
  resource = management?.identifier ?? '';
  consoleClient = await createClient(context, { name: 'Administration' });
  await putResourceGrant(context, consoleClient.application.id, management?.id ?? '', management?.scopes.map(({ name }) => name) ?? []);
});
afterAll(async () => {
  await replica.close();
  await server.close();
});

/** Signs in on the hosted pages for the management API, and exchanges the code for a token. */
async function tokenOf(person: Person, scope: string, client = consoleClient): Promise<{ token: string; refreshToken: string; answer: Record<string, unknown> }> {
  const signedIn = await authorizeCode(context, { client, person, parameters: { resource, scope } });
  const { body } = await exchange(server.issuer, signedIn, { resource });
  return { token: String(body['access_token']), refreshToken: String(body['refresh_token']), answer: body };
}

const get = async (token: string, path: string, of = server) => (await of.api('GET', path, undefined, { authorization: `Bearer ${token}` })).status;
const everywhere = (token: string, path: string) => Promise.all([get(token, path), get(token, path, replica)]);

describe('an administrator who signs in for the management API (RFC 8707)', () => {
  it('is asked for a fresh sign-in by the most sensitive calls, where the instance wants one (RFC 9470)', async () => {
    const [person, other] = [await createPerson(context), await createPerson(context)];
    await assignRole(context, person.user.id, 'user-manager');
    const { token } = await tokenOf(person, 'openid user:read user:manage');
    const setPassword = (authorization: string) => server.api('PUT', `/users/${other.user.id}/password`, { password: 'seven orange teapots sing' }, { authorization });
    expect((await server.api('PATCH', '/settings', { secondFactor: { sensitiveApiSeconds: 300 } })).status).toBe(200);
    expect((await setPassword(`Bearer ${token}`)).status).toBe(204);
    server.setClock(new Date(Date.now() + 360_000));
    const refused = await setPassword(`Bearer ${token}`);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Bearer error="insufficient_user_authentication".*max_age="300"$/)]);
    expect(await get(token, '/users')).toBe(200);
    // A program has no person who could sign in again.
    expect((await setPassword(`Bearer ${await server.managementToken()}`)).status).toBe(204);
    server.setClock(undefined);
    expect((await server.api('PATCH', '/settings', { secondFactor: { sensitiveApiSeconds: 0 } })).status).toBe(200);
  });

  it('has what the roles give and the token asked for', async () => {
    const person = await createPerson(context);
    await assignRole(context, person.user.id, 'user-manager');
    const { token } = await tokenOf(person, 'openid user:read user:manage application:read');
    expect(await get(token, '/users')).toBe(200);
    expect(await get(token, '/applications')).toBe(403);      // in the token, not in the role
    expect(await get(token, '/groups')).toBe(403);            // in the role, not in the token
    expect(await get(token, '/settings')).toBe(403);
  });

  it('is recorded as the person, with the session and the application', async () => {
    const person = await createPerson(context);
    await assignRole(context, person.user.id, 'user-manager');
    const { token } = await tokenOf(person, 'openid user:manage');
    const target = await createMember(context, `acted.${person.username}`);
    expect((await server.api('POST', `/users/${target}/disable`, undefined, { authorization: `Bearer ${token}` })).status).toBe(200);
    const event = await context.db.event.findFirstOrThrow({ where: { type: 'user.disabled', subjectId: target } });
    expect(event.actor).toMatchObject({ kind: 'user', id: person.user.id, applicationId: consoleClient.application.id, sessionId: expect.stringMatching(/^sess_/) as string });
  });

  it('without a role has a token that opens nothing', async () => {
    const { token } = await tokenOf(await createPerson(context), 'openid user:read');
    expect(await get(token, '/users')).toBe(403);
  });

  it('loses it within a second of the role, on every server, and gets it back with the role', async () => {
    const person = await createPerson(context);
    await assignRole(context, person.user.id, 'auditor');
    const { token } = await tokenOf(person, 'openid user:read');
    expect(await everywhere(token, '/users')).toEqual([200, 200]);
    expect((await server.api('DELETE', `/administrators/${person.user.id}/roles/auditor`)).status).toBe(204);
    expect(await get(token, '/users')).toBe(403);             // at once where it was taken
    await expect.poll(() => everywhere(token, '/users'), { timeout: 1_000, interval: 20 }).toEqual([403, 403]);
    await assignRole(context, person.user.id, 'auditor');
    await expect.poll(() => everywhere(token, '/users'), { timeout: 1_000, interval: 20 }).toEqual([200, 200]);
  });

  it('loses it within a second also when the signal is lost', async () => {
    const person = await createPerson(context);
    await assignRole(context, person.user.id, 'auditor');
    const { token } = await tokenOf(person, 'openid user:read');
    expect(await everywhere(token, '/users')).toEqual([200, 200]);
    await context.db.administratorAssignment.deleteMany({ where: { userId: person.user.id } });   // past all code that tells others
    await expect.poll(() => everywhere(token, '/users'), { timeout: 1_000, interval: 20 }).toEqual([403, 403]);
  });

  it('is held to a part of the tree within a second, on every server', async () => {
    const person = await createPerson(context);
    const unit = await createUnit(context, 'Part');
    const [inside, outside] = [await createMember(context, 'inside.part', unit), await createMember(context, 'outside.part')];
    await assignRole(context, person.user.id, 'auditor');
    const { token } = await tokenOf(person, 'openid user:read application:read');
    expect(await everywhere(token, `/users/${outside}`)).toEqual([200, 200]);
    expect((await server.api('PUT', `/administrators/${person.user.id}/roles/auditor`, { organizationalUnitIds: [unit.id] })).status).toBe(204);
    await expect.poll(() => everywhere(token, `/users/${outside}`), { timeout: 1_000, interval: 20 }).toEqual([404, 404]);
    expect(await everywhere(token, `/users/${inside}`)).toEqual([200, 200]);
    expect(await everywhere(token, '/applications')).toEqual([403, 403]);
  });

  it('ends with the session and with the account', async () => {
    const person = await createPerson(context);
    await assignRole(context, person.user.id, 'auditor');
    const first = await tokenOf(person, 'openid user:read');
    await server.api('DELETE', `/users/${person.user.id}/sessions`);
    await expect.poll(() => everywhere(first.token, '/users'), { timeout: 1_000, interval: 20 }).toEqual([401, 401]);
    const second = await tokenOf(person, 'openid user:read');
    expect(await get(second.token, '/users')).toBe(200);
    await server.api('POST', `/users/${person.user.id}/disable`);
    await expect.poll(() => everywhere(second.token, '/users'), { timeout: 1_000, interval: 20 }).toEqual([401, 401]);
  });

  it('gets no token from an application that has no scopes there, nor scopes that it has not', async () => {
    const person = await createPerson(context);
    await assignRole(context, person.user.id, 'owner');
    const plain = await createClient(context, { name: 'Plain' });
    await expect(authorizeCode(context, { client: plain, person, parameters: { resource, scope: 'openid user:read' } })).rejects.toThrow(/invalid_target|invalid_scope|no code/);
    const narrow = await createClient(context, { name: 'Narrow' });
    await putResourceGrant(context, narrow.application.id, builtInResourceServers(context)[0]?.id ?? '', ['user:read']);
    const { token } = await tokenOf(person, 'openid user:read', narrow);
    expect(await get(token, '/users')).toBe(200);
    expect(await get(token, '/administrators')).toBe(403);
  });

  it('gets no token with a password alone in a request: only by signing in', async () => {
    const person = await createPerson(context);
    await assignRole(context, person.user.id, 'owner');
    const answer = await post(server.issuer, 'token', { grant_type: 'password', username: person.username, password: 'marmalade engine 47 violins', resource }, consoleClient);
    expect([answer.status, answer.body['error']]).toEqual([400, 'unsupported_grant_type']);
  });
});
