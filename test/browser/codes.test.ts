/** Mailed links, codes, authenticator apps and recovery codes on the hosted pages, in a real browser. */
import { Secret, TOTP } from 'otpauth';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newestMessage } from '../../src/authentication/testing/codes.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { authorizeUrl, createClient, createPerson, createPkce, password, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let chromium: Browser;
beforeAll(async () => {
  [{ server, context }, chromium] = await Promise.all([startProtocolServer(), launchChromium()]);
  const changed = await server.api('PATCH', '/settings', { methods: { first: ['password', 'otp_email', 'magic_link'], resendSeconds: 10 }, secondFactor: { mode: 'required', methods: ['totp'] } });
  expect(changed.status).toBe(200);
});
afterAll(async () => {
  await chromium.close();
  await server.close();
});

const variants: [string, BrowserContextOptions][] = [
  ['English, light, without script', { locale: 'en-US', javaScriptEnabled: false }],
  ['Chinese, dark, telephone', { locale: 'zh-CN', colorScheme: 'dark', viewport: { width: 360, height: 740 } }],
];

describe.each(variants)('%s', (name, options) => {
  /** Nothing serious is wrong with the page, and nothing sticks out of it. */
  async function look(page: Page, what: string): Promise<void> {
    if (options.javaScriptEnabled !== false) expect([what, await accessibilityFaults(page)]).toEqual([what, []]);
    expect([what, await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth')]).toEqual([what, false]);
    const folder = process.env['SCREENSHOTS'];
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${what}-${name.split(',')[0] ?? ''}.png`, fullPage: true });
  }

  it('a mailed link, an authenticator app to be set up, recovery codes, and on to the application', { timeout: 60_000 }, async () => {
    const [client, person] = [await createClient(context), await createPerson(context)];
    await context.db.user.updateMany({ where: { id: person.user.id }, data: { emailVerified: true } });
    const profile = await chromium.newContext(options);
    const page = await profile.newPage();
    await page.route('https://app.example.com/**', (route) => route.fulfill({ body: 'the application', contentType: 'text/plain' }));
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    await page.fill('input[name=identifier]', person.username);
    await page.click('form:has(input[name=identifier]) button[type=submit]');
    await page.waitForSelector('input[type=password]');
    await look(page, 'first-factor');
    await page.click('form:has(input[value="magic_link.prepare"]) button');
    await page.waitForSelector('#magic_link-code');
    await look(page, 'link-sent');
    const { link } = await newestMessage(context);

    // Another device: a code, and no session.
    const other = await chromium.newContext(options);
    const elsewhere = await other.newPage();
    await elsewhere.goto(link);
    await look(elsewhere, 'link-elsewhere');
    await elsewhere.click('main button[type=submit]');
    await elsewhere.waitForSelector('.usercode');
    await look(elsewhere, 'link-code');
    expect((await other.cookies()).filter((cookie) => cookie.name.includes('session'))).toEqual([]);
    await other.close();

    // The browser that asked.
    await page.goto(link);
    await look(page, 'link-here');
    expect(await page.locator('form:has(input[value="magic_link.verify"])').count()).toBe(1);

    // Without a proven address nothing but a password is there: an app has to be set up.
    await context.db.user.updateMany({ where: { id: person.user.id }, data: { emailVerified: false } });
    await page.goto(authorizeUrl(server.issuer, client, createPkce()));
    await page.fill('input[name=identifier]', person.username);
    await page.click('form:has(input[name=identifier]) button[type=submit]');
    await page.fill('input[type=password]', password);
    await page.click('form:has(input[type=password]) button[type=submit]');
    await page.waitForSelector('svg.qr');
    await look(page, 'app-setup');
    const secret = (await page.textContent('main .hint code'))?.replaceAll(' ', '') ?? '';
    await page.fill('#totp-code', TOTP.generate({ secret: Secret.fromBase32(secret) }));
    await page.fill('#totp-name', 'Phone');
    await page.click('form:has(#totp-code) button');
    await page.waitForSelector('ol.codes');
    await look(page, 'recovery-codes');
    expect(await page.locator('ol.codes li').count()).toBe(10);
    await page.check('input[name=kept]');
    await page.click('form:has(input[name=kept]) button');
    await page.waitForURL('https://app.example.com/callback?**');
    expect(await context.db.totpCredential.findFirst({ where: { userId: person.user.id } })).toMatchObject({ name: 'Phone' });
    expect(await context.db.recoveryCode.count({ where: { userId: person.user.id } })).toBe(10);
    await profile.close();

    // For administrators: listed without secrets, renamed, taken away.
    const path = `/users/${person.user.id}/credentials`;
    const listed = (await server.api('GET', path)).body as { items: { id: string; method: string; detail: string | null }[] };
    expect(listed.items.map(({ method, detail }) => [method, detail])).toEqual(expect.arrayContaining([['totp', null], ['recovery_code', '10 left']]));
    expect(JSON.stringify(listed)).not.toContain(secret);
    const app = listed.items.find(({ method }) => method === 'totp')?.id ?? '';
    expect((await server.api('PATCH', `${path}/${app}`, { name: 'Old phone' })).body).toMatchObject({ name: 'Old phone' });
    expect((await server.api('DELETE', `${path}/${app}`)).status).toBe(204);
    expect((await server.api('DELETE', `${path}/${app}`)).status).toBe(404);
    expect((await server.api('POST', `${path}/reset`)).body).toEqual({ removed: 1 });
  });
});
