import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSampleApplication } from '../../examples/sample-application/application.ts';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { createPerson, password, startProtocolServer, type Person } from '../support/oidc.ts';
import { freePort } from '../support/free-port.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let browser: Browser;
let person: Person;
let sample: Awaited<ReturnType<typeof startSampleApplication>>;

beforeAll(async () => {
  const port = await freePort();
  let started;
  [started, browser] = await Promise.all([startProtocolServer({ settings: { SAMPLE_APPLICATION_PORT: String(port) } }), launchChromium()]);
  server = started.server;
  person = await createPerson(started.context);
  sample = await startSampleApplication({ port, issuer: server.issuer, clientId: 'sample-application' });
});
afterAll(async () => {
  await browser.close();
  await sample.close();
  await server.close();
});

/** Name, password, consent: as a person does it. */
async function signIn(page: Page): Promise<void> {
  await page.goto(sample.url);
  await page.getByRole('link', { name: 'Sign in' }).click();
  expect(new URL(page.url()).origin).toBe(server.origin);
  await page.locator('input[name=identifier]').fill(person.username);
  await page.keyboard.press('Enter');
  await page.locator('input[type=password]').fill(password);
  await page.keyboard.press('Enter');
  await page.locator('button[name=decision][value=allow], input[name=decision][value=allow]').first().click();
  await page.waitForURL(`${sample.url}/`);
}

describe.each([['with JavaScript', true], ['without JavaScript', false]])('a person signs in to the sample application, %s', (_how, javaScriptEnabled) => {
  it('sees the verified claims, refreshes, signs out everywhere and is asked again', async () => {
    const context = await browser.newContext({ javaScriptEnabled });
    const page = await context.newPage();
    await signIn(page);
    await expect.poll(() => page.locator('h1').textContent()).toBe('Hello, Pat Example');
    const claims = await page.locator('table').first().textContent();
    expect(claims).toContain(server.issuer);
    expect(claims).toContain(`${person.username}@example.com`);

    await page.getByRole('button', { name: 'Refresh the tokens' }).click();
    expect(await page.locator('table').last().textContent()).toContain('refreshed 1 time');

    await page.getByRole('button', { name: 'Sign out' }).click();
    for (let step = 0; step < 3 && new URL(page.url()).origin === server.origin; step += 1) await page.locator('button').first().click();
    await page.waitForURL((url) => url.origin === sample.url);
    expect(await page.getByRole('link', { name: 'Sign in' }).count()).toBe(1);
    await page.getByRole('link', { name: 'Sign in' }).click();
    expect(await page.locator('input[name=identifier], input[type=password]').count()).toBeGreaterThan(0);
    await context.close();
  });
});

describe('the sample application', () => {
  it('refuses an answer that belongs to another browser, and shows what the provider refused', async () => {
    const stranger = await browser.newContext();
    const page = await stranger.newPage();
    await page.goto(`${sample.url}/callback?code=x&state=y`);
    expect(await page.locator('h1').textContent()).toBe('This sign-in is not from here');
    await stranger.close();
  });

  it.each([['light', 1280], ['dark', 360]] as const)('has nothing serious for axe (%s, %i px)', async (colorScheme, width) => {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 }, bypassCSP: true });
    const page = await context.newPage();
    await page.goto(sample.url);
    expect(await accessibilityFaults(page)).toEqual([]);
    await signIn(page);
    expect(await accessibilityFaults(page)).toEqual([]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await context.close();
  });
});
