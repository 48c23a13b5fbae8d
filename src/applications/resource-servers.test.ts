import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareInstance } from '../../test/support/core.ts';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { viewApplication } from './application.ts';
import { createApplication } from './applications.ts';
import { grantedScopes, listResourceGrants, putResourceGrant } from './resource-grants.ts';
import { findResourceServer } from './resource-servers.ts';
import { builtInIdentifier, defineBuiltInApi } from './resource-server.ts';
import { applications } from './routes.ts';

let server: FeatureServer;
beforeAll(async () => {
  server = await startFeatures(applications);
  defineBuiltInApi(server.core, { kind: 'management', name: 'Management API', scopes: [{ name: 'user:read', description: 'Read users.' }, { name: 'user:manage', description: 'Manage users.' }] });
  defineBuiltInApi(server.core, { kind: 'platform', name: 'Platform API', scopes: [{ name: 'instance:manage', description: 'Manage instances.' }] });
});
afterAll(async () => { await server.close(); });

interface Body { id: string; identifier: string; scopes: { name: string }[]; items: Body[]; code: string; errors: { field: string }[]; accessTokenSeconds: number; next: string | null; builtIn: boolean }
const api = async (...request: Parameters<FeatureServer['api']>) => {
  const answer = await server.api(...request);
  return { ...answer, body: answer.body as Body };
};
const machine = async () => (await createApplication(server.context, { name: 'Service', kind: 'machine' })).application;
let count = 0;
const orders = () => ({ identifier: `https://orders${count += 1}.example.com/api`, name: 'Orders', scopes: [{ name: 'orders:read', description: 'Read' }, { name: 'orders:write', description: 'Write' }] });

describe('resource servers', () => {
  it('are created, read, changed and deleted', async () => {
    const created = await api('POST', '/resource-servers', orders());
    expect(created).toMatchObject({ status: 201, headers: { etag: '"1"' }, body: { accessTokenSeconds: 1200, tokenFormat: 'jwt', signingAlgorithm: 'ES256', builtIn: false } });
    const { id, identifier } = created.body;
    expect(await findResourceServer(server.context, identifier)).toMatchObject({ id, accessTokenSeconds: 1200 });
    expect(await api('PATCH', `/resource-servers/${id}`, { accessTokenSeconds: 300 })).toMatchObject({ status: 200, headers: { etag: '"2"' }, body: { accessTokenSeconds: 300 } });
    expect(await findResourceServer(server.context, identifier)).toMatchObject({ accessTokenSeconds: 300 });
    expect((await api('PATCH', `/resource-servers/${id}`, { name: 'x' }, { 'if-match': '"1"' })).status).toBe(412);
    expect((await api('DELETE', `/resource-servers/${id}`)).status).toBe(204);
    expect(await findResourceServer(server.context, identifier)).toBeUndefined();
    expect((await api('GET', `/resource-servers/${id}`)).status).toBe(404);
    const events = await server.context.db.event.findMany({ where: { subjectId: id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['resource_server.created', 'resource_server.updated', 'resource_server.deleted']);
  });

  it.each<[string, object, string]>([
    ['a taken identifier', {}, 'identifier'],
    ['an identifier with a fragment', { identifier: 'https://a.example.com/#x' }, 'identifier'],
    ['a relative identifier', { identifier: '/api' }, 'identifier'],
    ['one at our own address', { identifier: 'http://localhost:3000/t/default/api/v1' }, 'identifier'],
    ['a scope of OpenID Connect', { scopes: [{ name: 'openid', description: 'x' }] }, 'scopes.0.name'],
    ['a scope with a space', { scopes: [{ name: 'a b', description: 'x' }] }, 'scopes.0.name'],
    ['one scope twice', { scopes: [{ name: 'a', description: 'x' }, { name: 'a', description: 'x' }] }, 'scopes'],
  ])('refuse %s', async (_what, spoilt, field) => {
    const existing = orders();
    await api('POST', '/resource-servers', existing);
    const answer = await api('POST', '/resource-servers', { ...existing, ...spoilt });
    expect([400, 409]).toContain(answer.status);
    expect(answer.body.errors.map((error) => error.field)).toContain(field);
  });

  it('are known to another server within a second', async () => {
    const there = { ...server.context, core: await server.another() };
    const { body } = await api('POST', '/resource-servers', orders());
    await expect.poll(() => findResourceServer(there, body.identifier), { timeout: 1000, interval: 20 }).toMatchObject({ accessTokenSeconds: 1200 });
    await api('PATCH', `/resource-servers/${body.id}`, { accessTokenSeconds: 60 });
    await expect.poll(() => findResourceServer(there, body.identifier), { timeout: 1000, interval: 20 }).toMatchObject({ accessTokenSeconds: 60 });
  });
});

describe('the APIs of the product', () => {
  it('are in every instance, the platform in the first one only, and cannot be changed', async () => {
    const other = await bareInstance(server.core, 'builtin-other');
    expect(await findResourceServer(server.context, 'http://localhost:3000/t/default/api/v1')).toMatchObject({ builtIn: true, name: 'Management API' });
    expect(await findResourceServer(other, 'http://localhost:3000/t/builtin-other/api/v1')).toMatchObject({ builtIn: true });
    expect(await findResourceServer(other, 'http://localhost:3000/t/default/api/v1')).toBeUndefined();
    expect(await findResourceServer(server.context, builtInIdentifier(server.context, 'platform'))).toMatchObject({ name: 'Platform API' });
    expect(await findResourceServer(other, builtInIdentifier(other, 'platform'))).toBeUndefined();
    const { body } = await api('GET', '/resource-servers?limit=1');
    expect(body.items[0]).toMatchObject({ builtIn: true });
    const second = await api('GET', `/resource-servers?limit=1&cursor=${encodeURIComponent(body.next ?? '')}`);
    expect(second.body.items[0]?.id).not.toBe(body.items[0]?.id);
    for (const answer of [await api('PATCH', `/resource-servers/${body.items[0]?.id ?? ''}`, { name: 'x' }), await api('DELETE', `/resource-servers/${body.items[0]?.id ?? ''}`)]) {
      expect(answer).toMatchObject({ status: 409, body: { code: 'Operation.Failure.Built.In' } });
    }
  });
});

describe('what applications may ask for', () => {
  it('is nothing until it is granted, then exactly that, of what the resource server still has', async () => {
    const application = await machine();
    const { body } = await api('POST', '/resource-servers', orders());
    const resourceServer = await findResourceServer(server.context, body.identifier);
    if (!resourceServer) throw new Error('not found');
    expect(await grantedScopes(server.context, application.id, resourceServer)).toEqual([]);
    expect(await api('PUT', `/applications/${application.id}/resource-grants/${body.id}`, { scopes: ['orders:read', 'orders:write'] })).toMatchObject({ status: 200, body: { identifier: body.identifier, scopes: ['orders:read', 'orders:write'] } });
    expect(await grantedScopes(server.context, application.id, resourceServer)).toEqual(['orders:read', 'orders:write']);
    await api('PATCH', `/resource-servers/${body.id}`, { scopes: [{ name: 'orders:read', description: 'Read' }] });
    const now = await findResourceServer(server.context, body.identifier);
    expect(now && await grantedScopes(server.context, application.id, now)).toEqual(['orders:read']);
    expect((await api('DELETE', `/applications/${application.id}/resource-grants/${body.id}`)).status).toBe(204);
    expect(await grantedScopes(server.context, application.id, resourceServer)).toEqual([]);
    expect((await api('DELETE', `/applications/${application.id}/resource-grants/${body.id}`)).status).toBe(404);
  });

  it('has only scopes that exist', async () => {
    const application = await machine();
    const { body } = await api('POST', '/resource-servers', orders());
    expect((await api('PUT', `/applications/${application.id}/resource-grants/${body.id}`, { scopes: ['orders:delete'] })).status).toBe(400);
    expect((await api('PUT', `/applications/${application.id}/resource-grants/rsrc_00000000000000000000000000`, { scopes: [] })).status).toBe(404);
  });

  it('includes our own APIs', async () => {
    const application = await machine();
    const management = await findResourceServer(server.context, builtInIdentifier(server.context, 'management'));
    if (!management) throw new Error('not found');
    await putResourceGrant(server.context, application.id, management.id, ['user:read']);
    expect(await grantedScopes(server.context, application.id, management)).toEqual(['user:read']);
    expect(await listResourceGrants(server.context, application.id)).toMatchObject([{ resourceServer: { identifier: 'http://localhost:3000/t/default/api/v1' }, scopes: ['user:read'] }]);
  });
});

describe('nobody gains rights by managing applications', () => {
  it('neither grants what they do not have, nor gets into an application that has it', async () => {
    const [privileged, plain] = [await machine(), await machine()];
    const management = await findResourceServer(server.context, builtInIdentifier(server.context, 'management'));
    if (!management) throw new Error('not found');
    await putResourceGrant(server.context, privileged.id, management.id, ['user:manage']);

    server.actAs({ kind: 'application', id: plain.id, scopes: ['application:manage', 'user:read'] });
    try {
      expect((await api('PUT', `/applications/${plain.id}/resource-grants/${management.id}`, { scopes: ['user:read'] })).status).toBe(200);
      expect((await api('PUT', `/applications/${plain.id}/resource-grants/${management.id}`, { scopes: ['user:read', 'user:manage'] })).status).toBe(403);
      expect((await api('POST', `/applications/${privileged.id}/secrets`, {})).status).toBe(403);
      expect((await api('PATCH', `/applications/${privileged.id}`, { oidc: { tokenEndpointAuthMethod: 'client_secret_post' } })).status).toBe(403);
      expect((await api('PATCH', `/applications/${privileged.id}`, { name: 'Renamed' })).status).toBe(200);
      expect((await api('POST', `/applications/${plain.id}/secrets`, {})).status).toBe(201);
    } finally {
      server.actAs({ kind: 'system' });
    }
    expect(await grantedScopes(server.context, plain.id, management)).toEqual(['user:read']);
    expect(viewApplication(privileged)).not.toHaveProperty('version');
  });
});
