/** Sign-in by an outside account in a real browser: a form posted from another site, without the cookies that are ours. */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSource } from '../../src/federation/sources.ts';
import { openIdVendors } from '../../src/federation/testing/western-vendors.ts';
import { startVendor, type VendorServer } from '../../src/federation/testing/vendor.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { authorizeUrl, createClient, createPkce, redirectUri, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let client: TestClient;
let browser: Browser;
let vendor: VendorServer;

beforeAll(async () => {
  ({ server, context } = await startProtocolServer({ settings: { OUTBOUND_ALLOW: '127.0.0.1' } }));
  client = await createClient(context);
  const apple = openIdVendors.find(({ kind }) => kind === 'apple');
  if (!apple) throw new Error('no stand-in');
  vendor = await startVendor(apple);
  await createSource(context, { kind: 'apple', name: 'Apple', settings: apple.settings(vendor.desk.base), secret: apple.secret });
  await createSource(context, { kind: 'wechat', name: '微信', settings: { appId: 'wx1' }, secret: 'x' });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser.close();
  await vendor.close();
  await server.close();
});

describe.each([['with script', true], ['without script', false]] as const)('%s', (_name, javaScriptEnabled) => {
  it('goes to the source and comes back signed in', async () => {
    const page = await (await browser.newContext({ javaScriptEnabled, locale: 'en', viewport: { width: 360, height: 740 } })).newPage();
    await page.goto(authorizeUrl(context.instance.issuer, client, createPkce()));
    if (javaScriptEnabled) expect(await accessibilityFaults(page)).toEqual([]);
    if (process.env['SCREENSHOTS'] !== undefined) await page.screenshot({ path: `/tmp/identity-sources-${String(javaScriptEnabled)}.png`, fullPage: true });
    const landed = page.waitForRequest((request) => request.url().startsWith(redirectUri), { timeout: 30_000 }).catch(() => undefined);
    await page.getByRole('button', { name: 'Continue with Apple' }).click();
    // The stand-in of the vendor needs script to post its form: where there is none, only the way there is seen.
    if (javaScriptEnabled) {
      expect(new URL((await landed)?.url() ?? 'about:blank').searchParams.has('code')).toBe(true);
      expect(await context.db.linkedIdentity.count()).toBe(1);
    } else {
      await page.waitForURL(`${vendor.desk.base}/authorize**`);
      expect(new URL(page.url()).searchParams.get('response_mode')).toBe('form_post');
    }
    await page.context().close();
  });
});
