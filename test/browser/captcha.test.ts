/** The captcha in a real browser: solved by itself with script, waited out without. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { authorizeUrl, createClient, createPkce, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let chromium: Browser;
let client: TestClient;
beforeAll(async () => {
  const [started, browser] = await Promise.all([startProtocolServer(), launchChromium()]);
  [server, chromium] = [started.server, browser];
  client = await createClient(started.context);
  await server.api('PATCH', '/settings', { captcha: { ask: 'always', difficulty: 12, waitSeconds: 30 } });
});
afterAll(async () => {
  await chromium.close();
  await server.close();
});

describe('the captcha', () => {
  it('is solved by the page itself, under the policy of the page', async () => {
    const page = await (await chromium.newContext()).newPage();
    const said: string[] = [];
    page.on('console', (message) => { if (message.type() === 'error') said.push(message.text()); });
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    await page.waitForSelector('input[name=identifier]');
    expect(said).toEqual([]);
    await page.context().close();
  });

  it.each([['en', 'wait 30 seconds'], ['zh-CN', '30 秒']])('says in %s how long to wait without script, and goes on then', async (locale, words) => {
    const page = await (await chromium.newContext({ locale, viewport: { width: 360, height: 700 } })).newPage();
    // Switched off altogether, the page could not be looked at by axe.
    await page.route('**/*.js', (route) => route.abort());
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    expect(await page.textContent('main')).toContain(words);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.click('button[type=submit]:not(.second)');
    await page.waitForSelector('[role=alert]');
    server.setClock(new Date(Date.now() + 40_000));
    await page.click('button[type=submit]:not(.second)');
    await page.waitForSelector('input[name=identifier]');
    server.setClock(undefined);
    await page.context().close();
  });
});
