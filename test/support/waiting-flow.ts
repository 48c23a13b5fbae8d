/** A sign-in under way in a browser, to which a test shows one thing after the other. */
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { type Browser, createBrowser, formOf, type Page } from './browser.ts';
import { authorizeUrl, createPkce, type TestClient } from './oidc.ts';

export class WaitingFlow {
  readonly browser: Browser;
  /** As it stands after the last input. */
  page: Page;
  private readonly context: InstanceContext;
  private presses = 0;

  private constructor(context: InstanceContext, browser: Browser, page: Page) {
    this.context = context;
    this.browser = browser;
    this.page = page;
  }

  /** At its first step, in a browser of its own. */
  static async begin(context: InstanceContext, client: TestClient, parameters: Record<string, string> = {}): Promise<WaitingFlow> {
    const { issuer } = context.instance;
    const browser = createBrowser(new URL(issuer).origin);
    return new WaitingFlow(context, browser, await browser.open(authorizeUrl(issuer, client, createPkce(), parameters)));
  }

  /** Posts one input, also one that the page has no button for. */
  async press(verb: string, fields: Record<string, string> = {}): Promise<Page> {
    const { version = '', formToken = '' } = formOf(this.page).fields;
    if ((this.presses += 1) % 4 === 0) await giveTries(this.context, new URL(this.page.url).pathname.split('/').at(-1) ?? '');
    this.page = await this.browser.open(this.page.url, {
      method: 'POST', body: new URLSearchParams({ do: verb, version, formToken, ...fields }), headers: { origin: new URL(this.page.url).origin, 'sec-fetch-site': 'same-origin' } });
    return this.page;
  }
}

/** All tries anew (a code has five): what is refused then is the value, never the count. */
export async function giveTries({ db }: InstanceContext, flowId: string): Promise<void> {
  await db.flow.updateMany({ where: { id: flowId }, data: { attemptsLeft: 10 } });
  await db.challenge.updateMany({ where: { flowId }, data: { attemptsLeft: 5 } });
}
