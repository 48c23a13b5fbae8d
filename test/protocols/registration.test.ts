/** Registration, recovery and terms as applications and administrators meet them: over HTTP, on the hosted pages. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findUserByIdentifier } from '../../src/directory/index.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { lastCode, lastMail } from '../../src/authentication/testing/mailbox.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeUrl, createClient, createPkce, exchange, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let client: TestClient;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  context = withPrincipal(context, { kind: 'system' });
  client = await createClient(context);
});
afterAll(() => server.close());

const password = 'seven green umbrellas dance';
const api = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
  const answer = await server.api(method, path, body, headers);
  return { ...answer, body: answer.body as Record<string, unknown> };
};
const discovery = async () => (await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json()) as { prompt_values_supported: string[] };

describe('Initiating User Registration via OpenID Connect 1.0', () => {
  it('leads to the sign-in page where people cannot register, and discovery does not name it', async () => {
    expect((await discovery()).prompt_values_supported).not.toContain('create');
    const page = await createBrowser(server.origin).open(authorizeUrl(server.issuer, client, createPkce(), { prompt: 'create' }));
    expect(page.text).toContain('name="identifier"');
  });

  it('prompt=create leads to the form, and from there to the application with a code', async () => {
    expect((await api('PATCH', '/settings', { registration: { enabled: true, fields: [{ field: 'displayName', required: true }] } })).status).toBe(200);
    expect((await discovery()).prompt_values_supported).toEqual(['none', 'login', 'consent', 'select_account', 'create']);
    const browser = createBrowser(server.origin);
    const pkce = createPkce();
    const form = await browser.open(authorizeUrl(server.issuer, client, pkce, { prompt: 'create', scope: 'openid email profile' }));
    expect(form.text).toContain('Create your account');
    const mailbox = await browser.submit(form, { email: 'new@example.com', displayName: 'Nova', password });
    expect(mailbox.text).toContain('Look at your mailbox');
    const back = await browser.submit(mailbox, { code: await lastCode(await server.context(), 'new@example.com') });
    const code = new URL(back.url).searchParams.get('code') ?? '';
    const { body } = await exchange(server.issuer, { client, code, pkce });
    const claims = JSON.parse(Buffer.from(String(body['id_token']).split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
    expect(claims['sub']).toBe((await findUserByIdentifier(await server.context(), 'new@example.com'))?.id);
    // Signed in already, and asked to register: another person, not this one.
    const again = await browser.open(authorizeUrl(server.issuer, client, createPkce(), { prompt: 'create' }));
    expect(again.text).toContain('Create your account');
  });

  it('the sign-in page has a link to it, and a link to recovery', async () => {
    const browser = createBrowser(server.origin);
    const page = await browser.open(authorizeUrl(server.issuer, client, createPkce()));
    for (const words of ['Create an account', 'Forgot your password?']) expect(page.text).toContain(words);
  });
});

describe('the link of a recovery', () => {
  it('opens without spending anything, names nobody in its address, and ends where the sign-in began', async () => {
    const browser = createBrowser(server.origin);
    const page = await browser.open(authorizeUrl(server.issuer, client, createPkce()));
    const flow = /\/sign-in\/(flow_[0-9a-z]+)/.exec(page.url)?.[1] ?? '';
    const hidden = /name="version" value="(\d+)"[\s\S]*?name="formToken" value="([^"]+)"/.exec(page.text);
    const recover = await browser.open(`${server.issuer}/sign-in/${flow}`, { method: 'POST', body: new URLSearchParams({ do: 'recover', version: hidden?.[1] ?? '', formToken: hidden?.[2] ?? '' }) });
    expect(recover.text).toContain('Get back into your account');
    const sent = await browser.submit(recover, { identifier: 'new@example.com', channel: 'email' });
    expect(sent.text).toContain('If there is an account for new@example.com');
    const { variables } = await lastMail(await server.context(), 'new@example.com');
    const link = variables['link'] ?? '';
    expect(link).toMatch(new RegExp(`^${server.issuer}/recover/[A-Za-z0-9_-]{40,}$`));
    await createBrowser(server.origin).open(link);
    const phone = createBrowser(server.origin);
    let step = await phone.open(link);
    if (!step.text.includes('name="newPassword"')) step = await phone.submit(step, {});
    expect(step.text).toContain('name="newPassword"');
    const end = await phone.submit(step, { newPassword: 'eleven blue lanterns swim' });
    expect(new URL(end.url).searchParams.get('code')).toBeTruthy();
    expect((await phone.open(link)).status).toBe(410);
    expect((await phone.open(`${server.issuer}/recover/unknown`)).status).toBe(410);
  });
});

describe('the REST API', () => {
  it('publishes terms: what was published stays, changes need the version that was read', async () => {
    const created = await api('POST', '/terms', { name: 'Terms of service' });
    expect([created.status, created.body['published']]).toEqual([201, 0]);
    const id = String(created.body['id']);
    const etag = created.headers.get('etag') ?? '';
    expect((await api('POST', `/terms/${id}/versions`, { texts: { en: { title: 'Both', text: 'a', link: 'https://example.com/' } } })).status).toBe(400);
    expect((await api('POST', `/terms/${id}/versions`, { texts: { en: { title: 'Script', link: 'javascript:alert(1)' } } })).status).toBe(400);
    expect((await api('POST', `/terms/${id}/versions`, { texts: {} })).status).toBe(400);
    const version = await api('POST', `/terms/${id}/versions`, { texts: { en: { title: 'Terms', text: 'Be kind.' } } }, { 'if-match': etag });
    expect([version.status, version.body['number']]).toEqual([201, 1]);
    expect((await api('PATCH', `/terms/${id}`, { state: 'retired' }, { 'if-match': etag })).status).toBe(412);
    expect((await api('PATCH', `/terms/${id}`, { published: 7 })).status).toBe(400);
    expect((await api('GET', `/terms/${id}/versions`)).body).toMatchObject({ items: [{ number: 1, texts: { en: { title: 'Terms' } } }], next: null });
    expect((await api('GET', `/terms/${id}/acceptances`)).body).toEqual({ items: [], next: null });
    expect((await api('PATCH', `/terms/${id}`, { state: 'retired' })).status).toBe(200);
    expect((await api('GET', '/terms/terms_01k9v6z3x4p5q6r7s8t9v0w1x2')).body).toMatchObject({ code: 'Operation.Failure.Terms.Not.Exist' });
  });

  it('approves and refuses who registered', async () => {
    await api('PATCH', '/settings', { registration: { approval: true } });
    const browser = createBrowser(server.origin);
    const form = await browser.open(authorizeUrl(server.issuer, client, createPkce(), { prompt: 'create' }));
    const mailbox = await browser.submit(form, { email: 'patient@example.com', displayName: 'Pat', password });
    const waiting = await browser.submit(mailbox, { code: await lastCode(await server.context(), 'patient@example.com') });
    expect([waiting.status, waiting.text.includes('waits for an administrator')]).toEqual([403, true]);
    const list = await api('GET', '/registrations?state=pending');
    const [item] = list.body['items'] as { id: string; userId: string }[];
    const one = await api('GET', `/registrations/${item?.id}`);
    expect((await api('POST', `/registrations/${item?.id}/refuse`, { unknown: 1 })).status).toBe(400);
    expect((await api('POST', `/registrations/${item?.id}/approve`, undefined, { 'if-match': '"99"' })).status).toBe(412);
    expect((await api('POST', `/registrations/${item?.id}/approve`, undefined, { 'if-match': one.headers.get('etag') ?? '' })).body).toMatchObject({ state: 'approved', userId: item?.userId });
    expect((await api('POST', `/registrations/${item?.id}/refuse`, {})).status).toBe(409);
    expect((await api('GET', `/users/${item?.userId}`)).body).toMatchObject({ status: 'enabled', emailVerified: true });
  });

  it('refuses settings that no form could be made of', async () => {
    for (const registration of [{ fields: [{ field: 'status', required: true }] }, { fields: [{ field: 'displayName' }, { field: 'displayName' }] }, { allowedDomains: ['https://example.com'] }, { allowedDomains: ['EXAMPLE.com'] }, { address: 'none' }, { other: 1 }]) {
      expect([registration, (await api('PATCH', '/settings', { registration })).status]).toEqual([registration, 400]);
    }
  });
});
