import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceCodeGrant } from '../../src/applications/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser, type Browser } from '../support/browser.ts';
import { createClient, createPerson, post, signIn, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
let television: TestClient;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
  television = await createClient(context, { kind: 'native', name: 'Television', oidc: { grantTypes: [deviceCodeGrant, 'refresh_token'], redirectUris: [], postLogoutRedirectUris: [] } });
});
afterAll(() => server.close());

interface DeviceAnswer { device_code: string; user_code: string; verification_uri: string; verification_uri_complete: string }
async function startDevice(scope = 'openid'): Promise<DeviceAnswer> {
  const { body, status } = await post(issuer, 'device_authorization', { client_id: television.clientId, scope });
  expect(status).toBe(200);
  return body as unknown as DeviceAnswer;
}
const poll = (device: DeviceAnswer) => post(issuer, 'token', { grant_type: deviceCodeGrant, client_id: television.clientId, device_code: device.device_code });
async function enter(browser: Browser, device: DeviceAnswer) {
  return browser.submit(await browser.open(device.verification_uri), { user_code: device.user_code });
}

describe('device authorization grant (RFC 8628)', () => {
  it('waits for its person, who compares the code, signs in and connects it', async () => {
    const device = await startDevice();
    expect(await poll(device)).toMatchObject({ status: 400, body: { error: 'authorization_pending' } });
    const browser = createBrowser(server.origin);
    const prefilled = await browser.open(device.verification_uri_complete);
    expect(prefilled.text).toContain(`value="${device.user_code}"`);
    const confirm = await browser.submit(prefilled, { user_code: device.user_code });
    expect(confirm.text).toContain('Television');
    expect(confirm.text).toContain(device.user_code);
    const done = await signIn(browser, await browser.submit(confirm, { confirm: 'yes' }), await createPerson(context));
    expect(done.status).toBe(200);
    const tokens = await poll(device);
    expect(tokens.status).toBe(200);
    expect(tokens.body).toMatchObject({ token_type: 'Bearer', scope: 'openid', refresh_token: expect.any(String), id_token: expect.any(String) });
    expect(await poll(device)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('who says no sends access_denied', async () => {
    const device = await startDevice();
    const browser = createBrowser(server.origin);
    const page = await browser.submit(await enter(browser, device), { abort: 'yes' });
    expect(page.status).toBe(200);
    expect(await poll(device)).toMatchObject({ status: 400, body: { error: 'access_denied' } });
  });
});

describe('attack: oauth.device-owner', () => {
  it('the first browser that enters a code owns it', async () => {
    const device = await startDevice();
    const first = createBrowser(server.origin);
    const confirm = await enter(first, device);
    const second = await enter(createBrowser(server.origin), device);
    expect(second.status).toBe(403);
    expect(second.text).not.toContain('Television');
    expect((await first.submit(confirm, { confirm: 'yes' })).status).toBe(200);
  });

  it('another browser cannot approve with the form of the first one', async () => {
    const device = await startDevice();
    const confirm = await enter(createBrowser(server.origin), device);
    const other = createBrowser(server.origin);
    await other.open(`${issuer}/oauth2/device`);
    expect((await other.submit(confirm, { confirm: 'yes' })).status).toBe(400);
    expect(await poll(device)).toMatchObject({ body: { error: 'authorization_pending' } });
  });

  it('a code that was used is used', async () => {
    const device = await startDevice();
    const browser = createBrowser(server.origin);
    await signIn(browser, await browser.submit(await enter(browser, device), { confirm: 'yes' }), await createPerson(context));
    expect((await enter(browser, device)).text).not.toContain('Television');
  });

  it('guessing ends after few misses, over all sessions of an address', async () => {
    const statuses: number[] = [];
    for (let guess = 0; guess < 14; guess += 1) {
      const browser = createBrowser(server.origin);
      const page = await browser.submit(await browser.open(`${issuer}/oauth2/device`), { user_code: `BCDF-GH${'JKLMNPQRSTVWXZ'[guess] ?? 'B'}J` });
      statuses.push(page.status);
    }
    expect(statuses.slice(0, 5).every((status) => status === 200)).toBe(true);
    expect(statuses.at(-1)).toBe(429);
    const right = await startDevice();
    expect((await enter(createBrowser(server.origin), right)).status).toBe(429);
  });
});
