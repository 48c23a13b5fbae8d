import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtInResourceServers, createApplication, putResourceGrant } from '../applications/index.ts';
import { withPrincipal } from '../tenancy/index.ts';
import { startTestServer, type TestServer } from '../../test/support/server.ts';

let server: TestServer;
beforeAll(async () => { server = await startTestServer(); });
afterAll(() => server.close());

const password = 'correct horse battery staple';

/** A person who is signed in, as a row: how sessions begin is tested with the engine. */
async function signedIn(username: string): Promise<{ userId: string; sessionId: string }> {
  const created = await server.api('POST', '/users', { username });
  const userId = (created.body as { id: string }).id;
  const context = await server.context();
  const now = server.core.now();
  const later = new Date(now.getTime() + 3_600_000);
  const sessionId = `sess_${'0'.repeat(16)}${userId.slice(-10)}`;
  await context.db.session.create({
    data: {
      id: sessionId, userId, authTime: now, idleExpiresAt: later, absoluteExpiresAt: later,
      proofs: [{ method: 'password', authenticator: 'password', categories: ['knowledge'], amr: ['pwd'], phishingResistant: false, provenAt: now.toISOString(), heldSince: now.toISOString(), use: 'sign_in' }] } });
  return { userId, sessionId };
}

describe('/api/v1/sessions', () => {
  it('lists by user, page by page, and shows one with its applications', async () => {
    const { userId, sessionId } = await signedIn('listed');
    await signedIn('other');
    const list = await server.api('GET', `/sessions?userId=${userId}`);
    expect(list).toMatchObject({ status: 200, body: { items: [{ id: sessionId, userId, endedAt: null, amr: ['pwd'], acr: 'urn:postern:acr:single' }], next: null } });
    const page = await server.api('GET', '/sessions?limit=1&live=true');
    const { items, next } = page.body as { items: { id: string }[]; next: string };
    const second = await server.api('GET', `/sessions?limit=1&live=true&cursor=${encodeURIComponent(next)}`);
    expect((second.body as { items: { id: string }[] }).items[0]?.id).not.toBe(items[0]?.id);
    expect(await server.api('GET', `/sessions/${sessionId}`)).toMatchObject({ status: 200, body: { id: sessionId, participants: [] } });
  });

  it('ends one; a second time changes nothing', async () => {
    const { sessionId } = await signedIn('ended');
    for (let time = 0; time < 2; time += 1) expect((await server.api('DELETE', `/sessions/${sessionId}`)).status).toBe(204);
    expect(await server.api('GET', `/sessions/${sessionId}`)).toMatchObject({ body: { endReason: 'administrator' } });
    expect(await (await server.context()).db.event.count({ where: { type: 'session.ended', subjectId: sessionId } })).toBe(1);
  });

  it('ends all of a user and says how many', async () => {
    const { userId } = await signedIn('all-ended');
    expect(await server.api('DELETE', `/users/${userId}/sessions`)).toMatchObject({ status: 200, body: { ended: 1 } });
    expect(await server.api('DELETE', `/users/${userId}/sessions`)).toMatchObject({ status: 200, body: { ended: 0 } });
  });

  it.each([
    ['GET', '/sessions/sess_00000000000000000000000000', 404],
    ['DELETE', '/sessions/sess_00000000000000000000000000', 404],
    ['GET', '/sessions/nonsense', 400],
    ['GET', '/sessions?userId=nonsense', 400],
    ['GET', '/sessions?cursor=made-up', 400],
    ['DELETE', '/users/user_00000000000000000000000000/sessions', 404],
  ])('%s %s answers %i', async (method, path, status) => {
    expect((await server.api(method, path)).status).toBe(status);
  });

  it.each<[string, (userId: string) => Promise<{ status: number }>]>([
    ['disabled', (userId) => server.api('POST', `/users/${userId}/disable`)],
    ['locked', (userId) => server.api('POST', `/users/${userId}/lock`)],
    ['over', (userId) => server.api('PATCH', `/users/${userId}`, { expiresAt: '2020-01-01T00:00:00Z' })],
  ])('end with an account that is %s, in the same transaction', async (how, close) => {
    const { userId, sessionId } = await signedIn(`closed-${how}`);
    expect((await close(userId)).status).toBe(200);
    expect(await server.api('GET', `/sessions/${sessionId}`)).toMatchObject({ body: { endReason: 'user_disabled' } });
  });
});

describe('PUT /api/v1/users/{userId}/password', () => {
  it('sets it, ends the sessions, and never shows it', async () => {
    const { userId, sessionId } = await signedIn('with-password');
    expect((await server.api('PUT', `/users/${userId}/password`, { password, mustChange: true })).status).toBe(204);
    expect(await server.api('GET', `/sessions/${sessionId}`)).toMatchObject({ body: { endReason: 'password_changed' } });
    expect(await (await server.context()).db.password.findFirst({ where: { userId } })).toMatchObject({ mustChange: true });
    expect(server.logLines().join('\n')).not.toContain(password);
  });

  it('attack: admin.delegate-escalation: the password of an administrator is not set by who may not make administrators', async () => {
    const context = withPrincipal(await server.context(), { kind: 'system' });
    const { application, clientSecret } = await createApplication(context, { name: 'Help desk', kind: 'machine' });
    await putResourceGrant(context, application.id, builtInResourceServers(context)[0]?.id ?? '', ['user:read', 'user:manage']);
    const answer = await fetch(`${server.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials' }),
      headers: { authorization: `Basic ${Buffer.from(`${application.clientId}:${clientSecret?.secret ?? ''}`).toString('base64')}` } });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    const set = async (userId: string) => (await server.api('PUT', `/users/${userId}/password`, { password }, { authorization: `Bearer ${token}` })).status;
    const { items: [owner] } = (await server.api('GET', '/administrators')).body as { items: { userId: string }[] };
    expect(await set(owner?.userId ?? '')).toBe(403);
    expect(await set((await signedIn('no-administrator')).userId)).toBe(204);
  });

  it.each<[string, unknown, string]>([
    ['a weak one', { password: 'password1234' }, 'Password.Too.Weak'],
    ['a short one', { password: 'k3!x' }, 'Password.Too.Short'],
    ['control characters', { password: 'a bell \u0007 in a password' }, 'Password.Not.Text'],
  ])('refuses %s with the rule that it breaks', async (_name, body, code) => {
    const { userId } = await signedIn(`refused-${code.toLowerCase().replaceAll('.', '-')}`);
    expect(await server.api('PUT', `/users/${userId}/password`, body)).toMatchObject({ status: 400, body: { errors: [{ field: 'password', code }] } });
  });

  it.each<[string, unknown]>([
    ['a megabyte', { password: 'x'.repeat(1_000_000) }],
    ['an object', { password: { not: '' } }],
    ['an unknown field', { password, hash: 'x' }],
    ['nothing', {}],
  ])('refuses %s before any work is spent', async (_name, body) => {
    const { userId } = await signedIn(`before-work-${Math.random().toString(36).slice(2, 10)}`);
    expect((await server.api('PUT', `/users/${userId}/password`, body)).status).toBe(400);
  });
});
