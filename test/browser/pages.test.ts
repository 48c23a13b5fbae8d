/** The hosted pages in a real browser: with and without script, both languages, dark, at phone width. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSetupLink } from '../../src/authentication/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { authorizeUrl, createClient, createPerson, createPkce, password, startProtocolServer } from '../support/oidc.ts';
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

/** A page in a profile of its own; its console must stay silent (a refused style or script is said there). */
async function openPage(options: BrowserContextOptions = {}): Promise<{ page: Page; said: string[] }> {
  const profile = await chromium.newContext(options);
  const page = await profile.newPage();
  const said: string[] = [];
  page.on('console', (message) => { if (message.type() === 'error' && !message.text().includes('app.example.com')) said.push(`${message.text()} ${message.location().url}`); });
  // The application is played by the test: it only receives.
  await page.route('https://app.example.com/**', (route) => route.fulfill({ body: 'the application', contentType: 'text/plain' }));
  return { page, said };
}

async function enterName(page: Page, username: string): Promise<void> {
  await page.fill('input[name=identifier]', username);
  await page.click('button[type=submit]:not(.second)');
}

async function enterPassword(page: Page, text: string): Promise<void> {
  await page.fill('input[type=password]', text);
  await page.click('form:has(input[type=password]) button[type=submit]');
}

describe.each([['with script', true], ['without script', false]])('sign-in %s', (_name, javaScriptEnabled) => {
  it('leads to the application, says when the password is wrong, and remembers nobody who did not ask for it', async () => {
    const { page, said } = await openPage({ javaScriptEnabled });
    const [client, person] = [await createClient(context), await createPerson(context)];
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    expect(await page.title()).toBe('Sign in · Default');
    await enterName(page, person.username);
    await enterPassword(page, 'not the password');
    await expect.poll(() => page.textContent('[role=alert]')).toContain('could not sign you in');
    expect(await page.evaluate('document.activeElement.id')).toBe('problems');
    await page.reload();
    await enterPassword(page, password);
    await page.waitForURL('https://app.example.com/callback?**');
    expect(new URL(page.url()).searchParams.get('code')).not.toBeNull();
    const cookies = await page.context().cookies(server.origin);
    expect(cookies.filter(({ name }) => name.includes('session'))).toMatchObject([{ httpOnly: true, sameSite: 'Lax', expires: -1 }]);
    expect(said).toEqual([]);
    await page.context().close();
  });

  it('lets the person allow or refuse what another company\'s application asks for', async () => {
    const { page, said } = await openPage({ javaScriptEnabled });
    const [client, person] = [await createClient(context, { firstParty: false, name: 'Weather & <b>Wind</b>' }), await createPerson(context)];
    await page.goto(authorizeUrl(server.issuer, client, createPkce(), { scope: 'openid email' }));
    await enterName(page, person.username);
    await enterPassword(page, password);
    await expect.poll(() => page.textContent('h1')).toBe('Weather & <b>Wind</b> asks for access');
    expect(await page.textContent('ul.scopes')).toContain('See your e-mail address');
    await page.click('button[value=deny]');
    await page.waitForURL('https://app.example.com/callback?**');
    expect(new URL(page.url()).searchParams.get('error')).toBe('access_denied');
    expect(said).toEqual([]);
    await page.context().close();
  });
});

describe('every page', () => {
  const variants: [string, BrowserContextOptions][] = [
    ['English', { locale: 'en-US' }],
    ['Chinese', { locale: 'zh-CN' }],
    ['dark', { colorScheme: 'dark' }],
    ['phone', { viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true }],
  ];
  it.each(variants)('is accessible and fits: %s', async (_name, options) => {
    const { page, said } = await openPage(options);
    const [client, person] = [await createClient(context, { firstParty: false }), await createPerson(context)];
    async function check(): Promise<void> {
      expect(await accessibilityFaults(page), page.url()).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    }
    await page.goto(`${server.issuer}/`);
    await check();
    await page.goto(authorizeUrl(server.issuer, client, createPkce(), { scope: 'openid profile email' }));
    await check();
    await enterName(page, person.username);
    await check();
    await enterPassword(page, 'wrong');
    await page.waitForSelector('[role=alert]');
    await check();
    await enterPassword(page, password);
    await page.waitForSelector('ul.scopes');
    await check();
    await page.goto(`${server.issuer}/oauth2/device`);
    await check();
    await page.goto(`${server.issuer}/oauth2/logout`);
    await check();
    await page.goto(`${server.issuer}/sign-in/flow_of_nobody`);
    await check();
    // The last page says 400, and so does the console; anything else would be a fault.
    expect(said).toEqual([expect.stringContaining('400')]);
    await page.context().close();
  });

  it('speaks the language of the browser, of the request, and of the person\'s choice, in rising order', async () => {
    const { page } = await openPage({ locale: 'zh-CN' });
    const client = await createClient(context);
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    expect(await page.textContent('h1')).toBe('登录');
    await page.goto(authorizeUrl(server.issuer, client, createPkce(), { ui_locales: 'en zh-CN' }));
    expect(await page.textContent('h1')).toBe('Sign in');
    await page.click('footer a[hreflang=zh-CN]');
    expect(await page.textContent('h1')).toBe('登录');
    expect(await page.getAttribute('html', 'lang')).toBe('zh-CN');
    await page.context().close();
  });

  it('weighs little', async () => {
    const { page } = await openPage();
    const client = await createClient(context);
    const sizes: number[] = [];
    page.on('response', (response) => { void response.body().then((body) => sizes.push(body.length)).catch(() => undefined); });
    await page.goto(authorizeUrl(server.issuer, client, createPkce()), { waitUntil: 'networkidle' });
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(20_000);
    await page.context().close();
  });
});

describe('set-up', () => {
  it('lets the first administrator choose a password by the one-time link, once', async () => {
    const { page } = await openPage();
    const administrator = await context.db.user.findFirstOrThrow({ where: { username: server.administrator.username } });
    const { url } = await createSetupLink(context, administrator.id);
    await page.goto(url);
    expect(await page.textContent('h1')).toBe('Set up your account');
    await enterPassword(page, 'short');
    await expect.poll(() => page.textContent('[role=alert]')).toContain('too short');
    await enterPassword(page, 'seventeen purple lanterns');
    await page.waitForURL(`${server.issuer}/`);
    expect(await page.textContent('main')).toContain('You are signed in as');
    const { page: later } = await openPage();
    const answer = await later.goto(url);
    expect(answer?.status()).toBe(410);
    expect(await later.textContent('main')).toContain('setup-link');
    await Promise.all([page.context().close(), later.context().close()]);
  });
});

describe('connecting a device (RFC 8628)', () => {
  it.each([['connects it', 'confirm', 'Your device is connected'], ['leaves it alone when the person says no', 'abort', 'The device was not connected']])('%s', async (_name, button, outcome) => {
    const { page } = await openPage();
    const person = await createPerson(context);
    const device = await createClient(context, { kind: 'native', name: 'Television', oidc: { redirectUris: [], grantTypes: ['urn:ietf:params:oauth:grant-type:device_code'] } });
    const started = await (await fetch(`${server.issuer}/oauth2/device_authorization`, { method: 'POST', body: new URLSearchParams({ client_id: device.clientId, scope: 'openid' }) })).json() as { user_code: string; device_code: string; verification_uri_complete: string };
    await page.goto(started.verification_uri_complete);
    expect(await page.inputValue('input[name=user_code]')).toBe(started.user_code);
    await page.click('button[type=submit]');
    expect(await page.textContent('h1')).toBe('Connect Television?');
    expect(await page.textContent('.usercode')).toBe(started.user_code);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.click(`button[name=${button}]`);
    if (button === 'confirm') {
      await enterName(page, person.username);
      await enterPassword(page, password);
    }
    await expect.poll(() => page.textContent('h1')).toBe(outcome);
    const answer = await fetch(`${server.issuer}/oauth2/token`, { method: 'POST', body: new URLSearchParams({ client_id: device.clientId, grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: started.device_code }) });
    expect(await answer.json()).toMatchObject(button === 'confirm' ? { token_type: 'Bearer' } : { error: 'access_denied' });
    await page.context().close();
  });
});
