import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { createUser } from '../directory/index.ts';
import { type FeatureServer, startFeatures } from '../../test/support/feature-server.ts';
import { listen } from '../../test/support/listener.ts';
import { linkIdentity } from './linked-identities.ts';
import { federation } from './routes.ts';

let server: FeatureServer;
beforeAll(async () => { server = await startFeatures(federation, { OUTBOUND_ALLOW: '127.0.0.1' }); });
afterAll(() => server.close());

type Answer = { status: number; headers: Record<string, unknown>; body: { id: string; code?: string; errors?: { field: string; code: string }[]; items: { id: string; sourceId?: string }[]; next: string | null } & Record<string, unknown> };
const call = async (...args: Parameters<FeatureServer['api']>) => await server.api(...args) as unknown as Answer;
let count = 0;
const google = (change: object = {}) => ({ kind: 'google', name: `Google ${count += 1}`, settings: { clientId: 'client.apps.example' }, secret: 'marker-secret-of-google', ...change });
const create = async (change: object = {}) => (await call('POST', '/identity-sources', google(change))).body;

describe('identity sources', () => {
  it('are made with their own callback address, read, changed, listed and deleted, each with its event', async () => {
    const made = await call('POST', '/identity-sources', google({ name: 'Search', position: 2 }));
    expect([made.status, made.headers['etag'] === undefined]).toEqual([201, false]);
    const { id } = made.body;
    expect(made.body).toMatchObject({ kind: 'google', enabled: true, hasSecret: true, onSignInPage: true, applicationIds: [], domains: [], rules: { createUsers: true, linkByProof: true, matchVerifiedEmail: false, multiFactorAcrs: [] }, settings: { hostedDomain: null, issuer: 'https://accounts.google.com' } });
    expect(made.body['callbackUrl']).toBe(`${server.context.instance.issuer}/sign-in/sources/${id}/callback`);
    const changed = await call('PATCH', `/identity-sources/${id}`, { name: 'Search engine', rules: { matchVerifiedEmail: true } }, { 'if-match': String(made.headers['etag']) });
    expect(changed.body).toMatchObject({ name: 'Search engine', rules: { createUsers: true, matchVerifiedEmail: true } });
    expect((await call('PATCH', `/identity-sources/${id}`, { name: 'Late' }, { 'if-match': String(made.headers['etag']) })).status).toBe(412);
    expect((await call('GET', `/identity-sources/${id}`)).body).toMatchObject({ name: 'Search engine' });
    expect((await call('DELETE', `/identity-sources/${id}`)).status).toBe(204);
    expect((await call('GET', `/identity-sources/${id}`)).status).toBe(404);
    const events = await server.context.db.event.findMany({ where: { subjectId: id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['identity_source.created', 'identity_source.updated', 'identity_source.deleted']);
  });

  it('never show the secret: not in answers, events or lists', async () => {
    const { id } = await create();
    await call('PATCH', `/identity-sources/${id}`, { secret: 'marker-secret-two' });
    const texts = [await call('GET', `/identity-sources/${id}`), await call('GET', '/identity-sources'), await server.context.db.event.findMany({ where: { subjectId: id } }), await server.context.db.identitySource.findMany({ where: { id } })];
    const shown = JSON.stringify(texts, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    expect(shown).not.toContain('marker-secret');
    expect(server.logLines().join('')).not.toContain('marker-secret');
    expect(await server.context.db.event.count({ where: { subjectId: id, type: 'identity_source.secret_changed' } })).toBe(1);
  });

  it.each([
    ['an unknown kind', { kind: 'myspace' }, 'kind'], ['settings of another kind', { settings: { appId: 'x' } }, 'settings.clientId'],
    ['an unknown setting', { settings: { clientId: 'x', colour: 'red' } }, 'settings'], ['plain http', { kind: 'oidc', settings: { issuer: 'http://idp.example', clientId: 'x' } }, 'settings.issuer'],
    ['an address with a password', { kind: 'oidc', settings: { issuer: 'https://a:b@idp.example', clientId: 'x' } }, 'settings.issuer'],
    ['no secret', { secret: undefined }, 'secret'], ['an unknown field', { subject: 'x' }, ''], ['an application of nobody', { applicationIds: ['app_01k9v6z3x4p5q6r7s8t9v0w1x2'] }, 'applicationIds'],
    ['a key that is none', { kind: 'apple', settings: { clientId: 'x', teamId: 'TEAM123456', keyId: 'KEY1234567' }, secret: 'no pem' }, 'secret'],
    ['connections shared with nobody', { kind: 'wechat_official_account', settings: { appId: 'wx1', sharesWith: 'idp_01k9v6z3x4p5q6r7s8t9v0w1x2' } }, 'settings.sharesWith'],
  ])('refuse %s', async (_name, change, field) => {
    const answer = await call('POST', '/identity-sources', google(change));
    expect([answer.status, answer.body.errors?.[0]?.field]).toEqual([400, expect.stringContaining(field)]);
  });

  it('of a public client need no secret, of a name there is one, and a domain must be verified', async () => {
    expect((await call('POST', '/identity-sources', { kind: 'oidc', name: 'Public', settings: { issuer: 'https://idp.example', clientId: 'x', authentication: 'none' } })).status).toBe(201);
    expect((await call('POST', '/identity-sources', google({ name: 'Public' }))).body.code).toBe('Operation.Failure.Identity.Source.Already.Exist');
    await server.context.db.instanceDomain.create({ data: { id: 'dom_1', hostname: 'claimed.example', verificationToken: 'x' } });
    expect((await call('POST', '/identity-sources', google({ domains: ['claimed.example'] }))).body.code).toBe('Operation.Failure.Domain.Not.Verified');
  });

  it('come in pages', async () => {
    for (let made = 0; made < 3; made += 1) await create();
    const first = (await call('GET', '/identity-sources?limit=2')).body;
    const second = (await call('GET', `/identity-sources?limit=2&cursor=${encodeURIComponent(first.next ?? '')}`)).body;
    expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(first.items.length + second.items.length);
  });

  it('have a logo of pixels alone', async () => {
    const { id } = await create();
    const image = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } }).png().toBuffer();
    const send = (payload: Buffer, type = 'image/png') => server.app.inject({ method: 'PUT', url: `/t/default/api/v1/identity-sources/${id}/logo`, headers: { host: new URL(server.core.config.publicUrl).host, 'content-type': type }, payload });
    const answer = await send(image);
    expect(answer.statusCode).toBe(200);
    const { logoHash } = answer.json<{ logoHash: string }>();
    const shown = await server.app.inject({ url: `/t/default/assets/sources/${id}/${logoHash}.png`, headers: { host: new URL(server.core.config.publicUrl).host } });
    expect([shown.statusCode, shown.headers['content-type'], shown.headers['content-security-policy']]).toEqual([200, 'image/png', "default-src 'none'; sandbox"]);
    expect((await send(Buffer.from('<svg onload="alert(1)"/>'))).statusCode).toBe(415);
    expect((await send(Buffer.concat([image, Buffer.from('<script>')]))).statusCode).toBe(415);
  });

  it('count against the plan, also when many are made at once', async () => {
    const limited = await startFeatures(federation);
    await limited.core.database.plan.create({ data: { id: 'two', name: 'Two', nameKey: 'two', currency: 'USD', quotas: { identitySources: { limit: 2, included: null, price: null } } } });
    await limited.core.database.instancePlan.create({ data: { instanceId: 'default', planId: 'two' } });
    const made = await Promise.all(Array.from({ length: 6 }, async () => (await limited.api('POST', '/identity-sources', google())).status));
    expect(made.sort()).toEqual([201, 201, 403, 403, 403, 403]);
    const { items } = (await limited.api('GET', '/identity-sources')).body as { items: { id: string }[] };
    expect((await limited.api('DELETE', `/identity-sources/${items[0]?.id ?? ''}`)).status).toBe(204);
    expect((await limited.api('POST', '/identity-sources', google())).status).toBe(201);
    await limited.close();
  });
});

describe('attack: fed.secret-follows-host', () => {
  it.each([
    ['oidc', { issuer: 'https://idp.example', clientId: 'x' }, (url: string) => ({ issuer: url, clientId: 'x' })],
    ['oidc', { issuer: 'https://idp.example', clientId: 'x' }, () => ({ issuer: 'https://idp.example', clientId: 'y' })],
    ['github', { clientId: 'x' }, (url: string) => ({ clientId: 'x', endpoints: { site: url } })],
    ['wecom', { corpId: 'x', agentId: '1' }, (url: string) => ({ corpId: 'x', agentId: '1', endpoints: { api: url } })],
    ['wechat', { appId: 'x' }, (url: string) => ({ appId: 'x', endpoints: { api: url } })],
    ['dingtalk', { clientId: 'x' }, (url: string) => ({ clientId: 'x', endpoints: { api: url } })],
    ['feishu', { appId: 'x' }, (url: string) => ({ appId: 'x', endpoints: { accounts: url } })],
    ['qq', { appId: 'x' }, (url: string) => ({ appId: 'x', endpoints: { graph: url } })],
  ])('%s: another place for the stored secret asks for it again', async (kind, settings, moved) => {
    const listener = await listen();
    const { id } = await create({ kind, settings });
    const refused = await call('PATCH', `/identity-sources/${id}`, { settings: moved(listener.url) });
    expect([refused.status, refused.body.errors]).toEqual([400, [expect.objectContaining({ field: 'secret', code: 'required' })]]);
    expect(listener.connections()).toBe(0);
    expect((await call('PATCH', `/identity-sources/${id}`, { settings: moved(listener.url), secret: 'entered-again' })).status).toBe(200);
    await listener.close();
  });
});

describe('connections of a user', () => {
  it('are listed and taken away', async () => {
    const { id } = await create({ name: 'Linked' });
    const user = await createUser(server.context, { username: 'linked' });
    await server.context.transaction((tx) => linkIdentity(tx, user.id, { sourceId: id, subject: 'sub:1', displayName: 'L', how: 'proven' }));
    expect((await call('GET', `/users/${user.id}/linked-identities`)).body.items).toMatchObject([{ sourceId: id, sourceName: 'Linked', subject: 'sub:1', displayName: 'L' }]);
    expect((await call('DELETE', `/users/${user.id}/linked-identities/${id}`)).status).toBe(204);
    expect((await call('DELETE', `/users/${user.id}/linked-identities/${id}`)).status).toBe(404);
    expect(await server.context.db.event.count({ where: { subjectId: user.id, type: { in: ['identity.linked', 'identity.unlinked'] } } })).toBe(2);
  });

  it('one subject is one user’s, and a user one subject’s at each source', async () => {
    const { id } = await create();
    const [one, two] = [await createUser(server.context, { username: 'one' }), await createUser(server.context, { username: 'two' })];
    const link = (userId: string, subject: string) => server.context.transaction((tx) => linkIdentity(tx, userId, { sourceId: id, subject, displayName: undefined, how: 'proven' }));
    await link(one.id, 'sub:1');
    await expect(link(two.id, 'sub:1')).rejects.toMatchObject({ status: 409 });
    await expect(link(one.id, 'sub:2')).rejects.toMatchObject({ status: 409 });
    await link(two.id, 'sub:2');
  });
});
