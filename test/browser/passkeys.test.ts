/** Passkeys in a real browser, with the virtual authenticator of its debugger: made on the account page, then used. */
import type { Browser, BrowserContextOptions, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { authorizeUrl, createClient, createPerson, createPkce, password, type Person, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let chromium: Browser;
beforeAll(async () => {
  [{ server, context }, chromium] = await Promise.all([startProtocolServer(), launchChromium()]);
});
afterAll(async () => {
  await chromium.close();
  await server.close();
});

interface Profile { page: Page; debug: CDPSession; authenticatorId: string; said: string[]; callbacks: string[] }

async function openProfile(options: BrowserContextOptions = {}): Promise<Profile> {
  const page = await (await chromium.newContext(options)).newPage();
  const said: string[] = [];
  page.on('console', (message) => { if (message.type() === 'error' && !/app\.example\.com|ERR_NAME_NOT_RESOLVED/.test(message.text())) said.push(message.text()); });
  page.on('pageerror', (error) => said.push(String(error)));
  // The application is nowhere: that the browser goes there is enough.
  const callbacks: string[] = [];
  page.on('request', (request) => { if (request.url().startsWith('https://app.example.com/callback?')) callbacks.push(request.url()); });
  const debug = await page.context().newCDPSession(page);
  await debug.send('WebAuthn.enable', { enableUI: false });
  const { authenticatorId } = await debug.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } });
  return { page, debug, authenticatorId, said, callbacks };
}

/** Autofill waits for a person who picks a passkey: the authenticator plays one who does not, until `present`. */
const setPresent = ({ debug, authenticatorId }: Profile, enabled: boolean) => debug.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });

async function signInByPassword({ page }: Profile, { username }: Person): Promise<void> {
  await page.fill('input[name=identifier]', username);
  await page.click('form:has(input[name=identifier]) button[type=submit]');
  await page.fill('input[type=password]', password);
  await page.click('form:has(input[type=password]) button[type=submit]');
}

/** On the account page, as people do. */
async function makePasskey(profile: Profile, person: Person): Promise<void> {
  const { page } = profile;
  await setPresent(profile, false);
  await page.goto(`${server.issuer}/account/security`);
  const signIn = page.locator('input[name=identifier]');
  if (await signIn.count() === 0) await page.click('main form button[type=submit]');
  await signInByPassword(profile, person);
  await page.waitForURL(/\/account\/security/);
  await page.click('form:has(input[value=webauthn]) button[type=submit]');
  await page.waitForSelector('[data-passkey=create]:not([hidden])');
  expect(await accessibilityFaults(page)).toEqual([]);
  await setPresent(profile, true);
  await page.fill('input[name=name]', 'My laptop');
  await page.click('[data-passkey=create] button[type=submit]');
  // Recovery codes, which come with the first second factor.
  await page.click('form:has(input[value=skip]) button[type=submit]');
  await page.waitForURL(/\/account\/security/);
  await page.waitForSelector('text=My laptop');
}

/** The code that the application got; each counts once. */
async function arrived({ page, callbacks }: Profile): Promise<boolean> {
  await expect.poll(() => callbacks.length, { timeout: 15_000 }).toBeGreaterThan(0);
  const [url = ''] = callbacks.splice(0);
  await expect.poll(() => page.url(), { timeout: 15_000 }).toMatch(/^chrome-error:|^https:\/\/app\.example\.com/);
  return new URL(url).searchParams.get('code') !== null;
}

describe('a passkey in a browser', () => {
  it('is made on the account page, then signs in by autofill, by the button, and as a second factor', async () => {
    const profile = await openProfile();
    const { page } = profile;
    const [client, person] = [await createClient(context), await createPerson(context)];
    await makePasskey(profile, person);
    expect(await context.db.passkey.findMany({ where: { userId: person.user.id } })).toMatchObject([{ name: 'My laptop', rpId: 'localhost', transports: ['internal'] }]);

    // Autofill: the page asks as it loads; somebody picks the passkey.
    await page.context().clearCookies();
    await page.goto(authorizeUrl(server.issuer, client, createPkce(), { acr_values: 'urn:postern:acr:phishing-resistant' }), { waitUntil: 'commit' });
    expect(await arrived(profile)).toBe(true);

    // The button, while autofill is waiting.
    await page.context().clearCookies();
    await setPresent(profile, false);
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    expect(await page.getAttribute('input[name=identifier]', 'autocomplete')).toBe('username webauthn');
    await setPresent(profile, true);
    await page.click('[data-passkey=get] button[type=submit]').catch(() => undefined);
    expect(await arrived(profile)).toBe(true);

    // Second factor, after the password.
    await page.context().clearCookies();
    await setPresent(profile, false);
    await page.goto(authorizeUrl(server.issuer, client, createPkce(), { acr_values: 'urn:postern:acr:multi' }));
    await signInByPassword(profile, person);
    await page.waitForSelector('[data-passkey=get]:not([hidden])');
    expect(await accessibilityFaults(page)).toEqual([]);
    await setPresent(profile, true);
    await page.click('[data-passkey=get] button[type=submit]');
    expect(await arrived(profile)).toBe(true);
    expect(profile.said).toEqual([]);
    await page.context().close();
  }, 60_000);

  it('says so when it was refused or is gone, in both languages, at phone width, and offers other ways', async () => {
    const profile = await openProfile({ locale: 'zh-CN', viewport: { width: 360, height: 740 } });
    const { page } = profile;
    const [client, person] = [await createClient(context), await createPerson(context)];
    await makePasskey(profile, person);
    await context.db.passkey.deleteMany({ where: { userId: person.user.id } });
    await page.context().clearCookies();
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    await expect.poll(() => page.textContent('[role=alert]')).toContain('此通行密钥不属于这里的任何账号');
    await setPresent(profile, false);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    if (process.env['PAGE_SHOTS']) await page.screenshot({ path: `${process.env['PAGE_SHOTS']}/passkey-unknown.png` });
    await signInByPassword(profile, person);
    expect(await arrived(profile)).toBe(true);
    await page.context().close();
  }, 60_000);

  it('is not offered where there is no script', async () => {
    const page = await (await chromium.newContext({ javaScriptEnabled: false })).newPage();
    await page.goto(authorizeUrl(server.issuer, await createClient(context), createPkce()));
    expect(await page.isVisible('[data-passkey]')).toBe(false);
    expect(await page.isVisible('input[name=identifier]')).toBe(true);
    await page.context().close();
  });
});
