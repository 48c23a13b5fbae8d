import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareInstance } from '../../test/support/core.ts';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { onApplicationChanged } from './application-cache.ts';
import { createApplication, disableApplication, findApplicationByClientId, updateApplication } from './applications.ts';
import { addClientSecret, matchesClientSecret, openClientSecrets } from './client-secrets.ts';
import { completeOidcSettings } from './oidc-settings.ts';
import { applications } from './routes.ts';
import { defineBuiltInApi } from './resource-server.ts';
import { checkSectorIdentifier } from './sector-identifier.ts';

let server: FeatureServer;
beforeAll(async () => {
  server = await startFeatures(applications, { OUTBOUND_ALLOW: 'localhost' });
  defineBuiltInApi(server.core, { kind: 'management', name: 'Management API', scopes: [{ name: 'user:read', description: '' }, { name: 'application:manage', description: '' }] });
});
afterAll(async () => { await server.close(); });

interface Body {
  id: string; clientId: string; name: string; enabled: boolean; oidc: Record<string, unknown>; code: string; errors: { field: string; code: string }[];
  clientSecret: { id: string; secret: string; hint: string } | null; secret: string; items: Body[]; next: string | null; environment: string; reversible: boolean; expiresAt: string | null;
}
const api = async (...request: Parameters<FeatureServer['api']>) => {
  const answer = await server.api(...request);
  return { ...answer, body: answer.body as Body };
};
const web = (further: object = {}) => ({ name: 'Orders', kind: 'web', oidc: { redirectUris: ['https://orders.example.com/callback'] }, ...further });
const create = async (body: object = web()) => (await api('POST', '/applications', body)).body;

describe('POST /applications', () => {
  it('registers a confidential application and shows its secret once', async () => {
    const { status, headers, body } = await api('POST', '/applications', web());
    expect(status).toBe(201);
    expect(headers).toMatchObject({ location: `http://localhost:3000/t/default/api/v1/applications/${body.id}`, etag: '"1"', 'cache-control': 'no-store' });
    expect(body).toMatchObject({ clientId: body.id, kind: 'web', protocol: 'oidc', enabled: true, firstParty: false, builtIn: false });
    expect(body.clientSecret?.secret).toMatch(/^[A-Za-z0-9_-]{43}$/);
    const { body: again } = await api('GET', `/applications/${body.id}`);
    expect(again).not.toHaveProperty('clientSecret');
    const { body: secrets } = await api('GET', `/applications/${body.id}/secrets`);
    expect(secrets.items).toEqual([{ id: body.clientSecret?.id, hint: body.clientSecret?.secret.slice(-4), reversible: false, createdAt: expect.any(String), expiresAt: null }]);
  });

  it('gives a public application no secret', async () => {
    expect((await create({ name: 'Phone', kind: 'native', oidc: { redirectUris: ['com.example.phone:/cb'] } })).clientSecret).toBeNull();
  });

  it('takes a clientId of one\'s own, once', async () => {
    expect((await create(web({ clientId: 'orders-web' }))).clientId).toBe('orders-web');
    expect(await api('POST', '/applications', web({ clientId: 'orders-web' }))).toMatchObject({ status: 409, body: { errors: [{ field: 'clientId' }] } });
    const other = await bareInstance(server.core, 'clientid-other');
    await expect(createApplication(other, { name: 'Same', kind: 'machine', clientId: 'orders-web' })).resolves.toBeDefined();
  });

  it.each<[string, object, string]>([
    ['a redirect URI under our own address', web({ oidc: { redirectUris: ['http://localhost:3000/t/other/callback'] } }), 'oidc.redirectUris.0'],
    ['javascript:', web({ oidc: { redirectUris: ['javascript:alert(1)'] } }), 'oidc.redirectUris.0'],
    ['data:', web({ oidc: { redirectUris: ['data:text/html,x'] } }), 'oidc.redirectUris.0'],
    ['plain http', web({ oidc: { redirectUris: ['http://app.example.com/cb'] } }), 'oidc.redirectUris.0'],
    ['client certificates without a proxy', web({ oidc: { redirectUris: ['https://a.example.com/'], tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuthSubjectDn: 'CN=a' } }), 'oidc.tokenEndpointAuthMethod'],
    ['an unknown setting', web({ oidc: { redirectUris: ['https://a.example.com/'], clientSecret: 'x' } }), 'oidc'],
    ['an unknown grant', web({ oidc: { redirectUris: ['https://a.example.com/'], grantTypes: ['implicit'] } }), 'oidc.grantTypes.0'],
    ['an unknown kind', web({ kind: 'spa' }), 'kind'],
    ['a homepage with a dangerous scheme', web({ homepageUri: 'javascript:alert(1)' }), 'homepageUri'],
    ['control characters in the name', web({ name: 'a\u001Bb' }), 'name'],
    ['a name that turns the direction', web({ name: 'a\u202Eb' }), 'name'],
    ['a rate of nothing', web({ rateLimitPerSecond: 0 }), 'rateLimitPerSecond'],
  ])('refuses %s', async (_what, body, field) => {
    const answer = await api('POST', '/applications', body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error) => error.field)).toContain(field);
  });

  it.each(['id', 'instanceId', 'builtIn', 'enabled', 'version', 'createdAt', 'settings', 'clientSecret', 'toString'])('refuses the member %s', async (member) => {
    expect((await api('POST', '/applications', web({ [member]: 'x' }))).status).toBe(400);
  });

  it('writes events without secrets or hashes', async () => {
    const body = await create();
    await api('POST', `/applications/${body.id}/secrets`, {});
    const events = await server.context.db.event.findMany({ where: { subjectId: body.id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['application.created', 'application.secret_added', 'application.secret_added']);
    const rows = await server.context.db.clientSecret.findMany({ where: { applicationId: body.id } });
    const text = JSON.stringify(events, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    for (const { hash } of rows) expect(text).not.toContain(hash);
    expect(text).not.toContain(body.clientSecret?.secret);
  });
});

describe('the sector of pairwise subjects', () => {
  let sector: Server;
  let listed: unknown;
  beforeAll(async () => {
    sector = createServer((_request, response) => { response.end(JSON.stringify(listed)); });
    await new Promise<void>((resolve) => sector.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => { sector.close(); });

  it('must be an address that answers with a list of all redirect URIs', async () => {
    // No https with a certificate here: what is refused for its address says so before any call.
    const redirectUris = ['https://one.example.com/', 'https://two.example.com/'];
    const plain = await api('POST', '/applications', web({ oidc: { redirectUris, subjectType: 'pairwise', sectorIdentifierUri: `http://localhost:${(sector.address() as AddressInfo).port}/` } }));
    expect(plain).toMatchObject({ status: 400, body: { errors: [{ field: 'oidc.sectorIdentifierUri' }] } });
    const settings = completeOidcSettings('web', { redirectUris, subjectType: 'pairwise', sectorIdentifierUri: `http://localhost:${(sector.address() as AddressInfo).port}/` });
    listed = redirectUris;
    expect(await checkSectorIdentifier(server.core, settings)).toEqual([]);
    for (const wrong of [['https://one.example.com/'], {}, 'x', [1]]) {
      listed = wrong;
      expect(await checkSectorIdentifier(server.core, settings)).toHaveLength(1);
    }
    expect(await checkSectorIdentifier(server.core, { ...settings, sectorIdentifierUri: 'https://10.0.0.1/' })).toHaveLength(1);
  });
});

describe('PATCH /applications/:id', () => {
  it('changes what is named inside oidc too, and null brings the default back', async () => {
    const { id } = await create(web({ description: 'Old', oidc: { redirectUris: ['https://a.example.com/'], accessTokenSeconds: 600, requirePkce: false } }));
    const { status, headers, body } = await api('PATCH', `/applications/${id}`, { description: null, oidc: { requirePkce: null, idTokenSignedResponseAlg: 'ES256' } });
    expect(status).toBe(200);
    expect(headers['etag']).toBe('"2"');
    expect(body).toMatchObject({ description: null, oidc: { requirePkce: true, idTokenSignedResponseAlg: 'ES256', accessTokenSeconds: 600, redirectUris: ['https://a.example.com/'] } });
  });

  it('checks the whole, not only what is named', async () => {
    const { id } = await create();
    const answer = await api('PATCH', `/applications/${id}`, { oidc: { redirectUris: [] } });
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field: 'oidc.redirectUris' }] } });
  });

  it('answers 412 to an old ETag, 400 to what is no ETag, 404 to a stranger', async () => {
    const { id } = await create();
    await api('PATCH', `/applications/${id}`, { name: 'Second' });
    expect((await api('PATCH', `/applications/${id}`, { name: 'Third' }, { 'if-match': '"1"' })).status).toBe(412);
    expect((await api('PATCH', `/applications/${id}`, { name: 'Third' }, { 'if-match': '1' })).status).toBe(400);
    expect((await api('PATCH', `/applications/${id}`, { name: 'Third' }, { 'if-match': '"2"' })).status).toBe(200);
    expect((await api('PATCH', '/applications/app_00000000000000000000000000', { name: 'x' }))).toMatchObject({ status: 404, body: { code: 'Operation.Failure.Application.Not.Exist' } });
  });

  it.each(['kind', 'clientId', 'protocol', 'enabled', 'builtIn'])('refuses to change %s', async (member) => {
    const { id } = await create();
    expect((await api('PATCH', `/applications/${id}`, { [member]: 'x' })).status).toBe(400);
  });
});

describe('what a built-in application may not', () => {
  it('be deleted, or get further addresses at ours', async () => {
    const { application } = await createApplication(server.context, { name: 'Console', kind: 'browser', oidc: { redirectUris: ['http://localhost:3000/console/callback'] } }, { builtIn: true });
    expect((await api('DELETE', `/applications/${application.id}`)).status).toBe(409);
    expect((await api('PATCH', `/applications/${application.id}`, { oidc: { redirectUris: ['http://localhost:3000/console/callback', 'https://else.example.com/'] } })).status).toBe(200);
    expect((await api('PATCH', `/applications/${application.id}`, { oidc: { redirectUris: ['http://localhost:3000/t/default/elsewhere'] } })).status).toBe(400);
  });
});

describe('look-ups of token requests', () => {
  it('need no query when known', async () => {
    const { clientId, clientSecret, id } = await create();
    await findApplicationByClientId(server.context, clientId);
    const noDatabase = { ...server.context, db: new Proxy(server.context.db, { get: () => { throw new Error('a query'); } }) };
    expect((await findApplicationByClientId(noDatabase, clientId))?.id).toBe(id);
    expect(await matchesClientSecret(noDatabase, id, clientSecret?.secret ?? '')).toBe(true);
  });

  it('find neither strangers nor those of another instance', async () => {
    const { clientId } = await create();
    const other = await bareInstance(server.core, 'lookup-other');
    expect(await findApplicationByClientId(other, clientId)).toBeUndefined();
    for (const stranger of ['', 'nobody', '__proto__', 'constructor', 'x'.repeat(10_000)]) expect(await findApplicationByClientId(server.context, stranger)).toBeUndefined();
  });

  it('see a change, a new application, a new secret and a deletion at this server at once and at another within a second', async () => {
    const there = { ...server.context, core: await server.another() };
    const heard: string[] = [];
    onApplicationChanged(there.core, (_instance, id) => heard.push(id));
    expect(await findApplicationByClientId(there, 'coming-soon')).toBeUndefined();
    const { application, clientSecret } = await createApplication(server.context, { name: 'Soon', kind: 'machine', clientId: 'coming-soon' });
    const within = { timeout: 1000, interval: 20 };
    await expect.poll(() => findApplicationByClientId(there, 'coming-soon'), within).toMatchObject({ enabled: true });
    expect(await matchesClientSecret(there, application.id, clientSecret?.secret ?? '')).toBe(true);

    await disableApplication(server.context, application.id);
    expect(await findApplicationByClientId(server.context, 'coming-soon')).toMatchObject({ enabled: false });
    await expect.poll(() => findApplicationByClientId(there, 'coming-soon'), within).toMatchObject({ enabled: false });

    const second = await addClientSecret(server.context, application.id, { overlapSeconds: 0 });
    expect(await matchesClientSecret(server.context, application.id, second.secret)).toBe(true);
    expect(await matchesClientSecret(server.context, application.id, clientSecret?.secret ?? '')).toBe(false);
    await expect.poll(() => matchesClientSecret(there, application.id, clientSecret?.secret ?? ''), within).toBe(false);

    await api('DELETE', `/applications/${application.id}`);
    expect(await findApplicationByClientId(server.context, 'coming-soon')).toBeUndefined();
    await expect.poll(() => findApplicationByClientId(there, 'coming-soon'), within).toBeUndefined();
    expect(heard).toContain(application.id);
  });
});

describe('client secrets', () => {
  it('match only themselves', async () => {
    const { id, clientSecret } = await create();
    const secret = clientSecret?.secret ?? '';
    expect(await matchesClientSecret(server.context, id, secret)).toBe(true);
    for (const wrong of ['', secret.slice(1), `${secret} `, `${secret}x`, secret.toLowerCase(), (await create()).clientSecret?.secret ?? '']) {
      expect(await matchesClientSecret(server.context, id, wrong), wrong).toBe(false);
    }
  });

  it('rotate with an overlap', async () => {
    const { id, clientSecret } = await create();
    const { status, headers, body } = await api('POST', `/applications/${id}/secrets`, { overlapSeconds: 60 });
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    const now = Date.now();
    const at = (seconds: number) => ({ ...server.context, now: () => new Date(now + seconds * 1000) });
    expect(await matchesClientSecret(at(55), id, clientSecret?.secret ?? '')).toBe(true);
    expect(await matchesClientSecret(at(65), id, clientSecret?.secret ?? '')).toBe(false);
    expect(await matchesClientSecret(at(65), id, body.secret)).toBe(true);
  });

  it('end when they say, and when they are deleted', async () => {
    const { id } = await create();
    const { body: short } = await api('POST', `/applications/${id}/secrets`, { expiresAt: '2020-01-01T00:00:00Z' });
    expect(await matchesClientSecret(server.context, id, short.secret)).toBe(false);
    const { body: deleted } = await api('POST', `/applications/${id}/secrets`, {});
    expect(await matchesClientSecret(server.context, id, deleted.secret)).toBe(true);
    expect((await api('DELETE', `/applications/${id}/secrets/${deleted.id}`)).status).toBe(204);
    expect(await matchesClientSecret(server.context, id, deleted.secret)).toBe(false);
    expect((await api('DELETE', `/applications/${id}/secrets/${deleted.id}`)).status).toBe(404);
  });

  it('belong to one application: another one\'s id does not delete them', async () => {
    const [one, two] = [await create(), await create()];
    expect((await api('DELETE', `/applications/${two.id}/secrets/${one.clientSecret?.id ?? ''}`)).status).toBe(404);
  });

  it('are kept only as a hash, but sealed for client_secret_jwt, and the sealed copy goes with the method', async () => {
    const plain = await create();
    expect(await openClientSecrets(server.context, plain.id)).toEqual([]);
    const body = await create(web({ oidc: { redirectUris: ['https://a.example.com/'], tokenEndpointAuthMethod: 'client_secret_jwt' } }));
    expect(await openClientSecrets(server.context, body.id)).toEqual([body.clientSecret?.secret]);
    const [row] = await server.context.db.clientSecret.findMany({ where: { applicationId: body.id } });
    expect(row?.sealedSecret).not.toContain(body.clientSecret?.secret);
    await updateApplication(server.context, body.id, { oidc: { tokenEndpointAuthMethod: 'client_secret_basic' } });
    expect(await openClientSecrets(server.context, body.id)).toEqual([]);
    expect(await matchesClientSecret(server.context, body.id, body.clientSecret?.secret ?? '')).toBe(true);
  });

  it('are at most ten, and none where the application uses none', async () => {
    const { id } = await create();
    const answers = await Promise.all(Array.from({ length: 15 }, () => api('POST', `/applications/${id}/secrets`, {})));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(9);
    const publicOne = await create({ name: 'Page', kind: 'browser', oidc: { redirectUris: ['https://page.example.com/'] } });
    expect((await api('POST', `/applications/${publicOne.id}/secrets`, {})).status).toBe(409);
  });
});

describe('lists and configuration', () => {
  it('lists by start of name, kind and state, page by page', async () => {
    const names = ['Zeta one', 'zeta_two', 'Zeta three'];
    for (const name of names) await create(web({ name }));
    const found = async (query: string) => (await api('GET', `/applications?${query}`)).body;
    expect((await found('name=zeta')).items.map(({ name }) => name)).toEqual(names);
    expect((await found('name=zeta_')).items.map(({ name }) => name)).toEqual(['zeta_two']);
    expect((await found('name=zeta&kind=native')).items).toEqual([]);
    const first = await found('name=zeta&limit=2&enabled=true');
    expect(first.items).toHaveLength(2);
    expect((await found(`name=zeta&limit=2&enabled=true&cursor=${encodeURIComponent(first.next ?? '')}`)).items.map(({ name }) => name)).toEqual(['Zeta three']);
    expect((await api('GET', `/applications?name=zeta&limit=2&enabled=false&cursor=${encodeURIComponent(first.next ?? '')}`)).status).toBe(400);
  });

  it('says what to enter in the application', async () => {
    const { id } = await create(web({ clientId: 'configured' }));
    const { body } = await api('GET', `/applications/${id}/configuration`);
    expect(body).toMatchObject({ issuer: 'http://localhost:3000/t/default', clientId: 'configured', pkce: 'required', tokenEndpoint: 'http://localhost:3000/t/default/oauth2/token' });
    expect(body.environment).toContain('OIDC_CLIENT_ID=configured\n');
  });
});
