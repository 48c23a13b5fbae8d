/** The account page in a real browser: both languages, dark, phone width, with and without script. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { createClient, createPerson, password, startProtocolServer } from '../support/oidc.ts';
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

const sections = ['profile', 'security', 'devices', 'applications', 'activity', 'data'] as const;
/** Set it to a folder to look at the pages. */
const pictures = process.env['ACCOUNT_PICTURES'];

async function signIn(page: Page): Promise<void> {
  const person = await createPerson(context);
  await page.goto(`${server.issuer}/account`);
  await page.fill('input[name=identifier]', person.username);
  await page.click('form:has(input[name=identifier]) button[type=submit]');
  await page.fill('input[type=password]', password);
  await page.click('form:has(input[type=password]) button[type=submit]');
  await page.waitForURL('**/account/profile');
}

describe('the account page', () => {
  it.each<[string, BrowserContextOptions]>([
    ['English', { locale: 'en-US' }],
    ['Chinese, on a phone', { locale: 'zh-CN', viewport: { width: 360, height: 740 } }],
    ['dark, without script', { locale: 'en-US', colorScheme: 'dark', javaScriptEnabled: false }],
  ])('is whole and accessible: %s', async (name, options) => {
    await createClient(context, { name: 'Weather for everybody with a very long name', homepageUri: 'https://weather.example.com/' });
    const profile = await chromium.newContext(options);
    const page = await profile.newPage();
    const said: string[] = [];
    page.on('console', (message) => { if (message.type() === 'error') said.push(message.text()); });
    await signIn(page);
    for (const section of sections) {
      await page.goto(`${server.issuer}/account/${section}`);
      expect(await page.textContent('h1'), await page.content()).not.toBe('');
      expect(await page.content()).toMatch(new RegExp(`href="[^"]*/account/${section}" aria-current="page"`));
      if (options.javaScriptEnabled !== false) expect(await accessibilityFaults(page), section).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'), section).toBe(true);
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/account-${name.replaceAll(/\W+/g, '-')}-${section}.png`, fullPage: true });
    }
    expect(said).toEqual([]);
    await profile.close();
  });
});
