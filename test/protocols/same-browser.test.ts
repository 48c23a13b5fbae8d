/** Several tabs and several people in one browser: a person gets on with at most one click, and never as somebody else. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, password, redirectUri, signIn, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let issuer: string;
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  ({ issuer } = server);
});
afterAll(() => server.close());

const answerOf = (url: string) => Object.fromEntries(new URL(url).searchParams);

describe('id_token_hint of somebody else than is signed in (OpenID Connect Core §3.1.2.1)', () => {
  async function withHint(subjectType: 'public' | 'pairwise' = 'public') {
    const client = await createClient(context, { oidc: { subjectType } });
    const hinted = await authorizeCode(context, { client });
    const idToken = String((await exchange(issuer, hinted)).body['id_token']);
    const other = await authorizeCode(context, { client });
    return { client, idToken, hinted, browser: other.browser, other };
  }

  it.each(['public', 'pairwise'] as const)('asks for that person, and gives them their code (%s subjects)', async (subjectType) => {
    const { client, idToken, hinted, browser, other } = await withHint(subjectType);
    const pkce = createPkce();
    const page = await browser.open(authorizeUrl(issuer, client, pkce, { id_token_hint: idToken }));
    expect(page.status).toBe(200);
    expect(page.text).not.toContain(other.person.username);
    const callback = await signIn(browser, page, hinted.person);
    const { code } = answerOf(callback.url);
    const tokens = await exchange(issuer, { client, code: code ?? '', pkce });
    expect(tokens.status).toBe(200);
    const subject = (token: unknown) => (JSON.parse(Buffer.from(String(token).split('.')[1] ?? '', 'base64url').toString()) as { sub: string }).sub;
    expect(subject(tokens.body['id_token'])).toBe(subject(idToken));
  });

  it('tells the application login_required when somebody else signs in after all, and asks again the next time', async () => {
    const { client, idToken, browser, other } = await withHint();
    for (let round = 0; round < 2; round += 1) {
      const page = await browser.open(authorizeUrl(issuer, client, createPkce(), { id_token_hint: idToken }));
      expect(page.url).toContain('/sign-in/');
      const callback = await signIn(browser, page, other.person);
      expect(callback.url.startsWith(redirectUri)).toBe(true);
      expect(answerOf(callback.url)).toMatchObject({ error: 'login_required', iss: issuer });
    }
  });

  it('with prompt=none is an answer without a page', async () => {
    const { client, idToken, browser } = await withHint();
    const answer = await browser.open(authorizeUrl(issuer, client, createPkce(), { id_token_hint: idToken, prompt: 'none' }));
    expect(answerOf(answer.url)).toMatchObject({ error: 'login_required' });
  });
});

describe('a second tab', () => {
  it('at the password offers to go on as who signed in meanwhile', async () => {
    const [client, person] = [await createClient(context), await createPerson(context)];
    const browser = createBrowser(server.origin);
    const waiting = await browser.submit(await browser.open(authorizeUrl(issuer, client, createPkce())), { identifier: 'somebody' });
    expect(waiting.text).not.toContain('name="account"');
    await signIn(browser, await browser.open(authorizeUrl(issuer, client, createPkce())), person);
    const again = await browser.open(waiting.url);
    expect(again.text).toContain(`Continue as ${person.user.displayName}`);
    expect(answerOf((await browser.submit(again, { account: person.user.id })).url)).toHaveProperty('code');
  });

  it('does not offer it to who asked for another account', async () => {
    const [client, person] = [await createClient(context), await createPerson(context)];
    const browser = createBrowser(server.origin);
    const first = await browser.submit(await browser.open(authorizeUrl(issuer, client, createPkce())), { identifier: 'somebody' });
    const other = await browser.submit(first, { do: 'switch_account' });
    const waiting = await browser.submit(other, { identifier: 'somebody else' });
    await signIn(browser, await browser.open(authorizeUrl(issuer, client, createPkce())), person);
    const again = await browser.open(waiting.url);
    expect(again.text).toContain('type="password"');
    expect(again.text).not.toContain('Continue as');
  });
});

describe('the page of a finished sign-in', () => {
  it('leads on: to the start page, once the application has its answer', async () => {
    const [client, person] = [await createClient(context), await createPerson(context)];
    const browser = createBrowser(server.origin);
    const page = await browser.submit(await browser.open(authorizeUrl(issuer, client, createPkce())), { identifier: person.username });
    expect((await browser.submit(page, { password })).url.startsWith(redirectUri)).toBe(true);
    const back = await browser.open(page.url);
    expect(back.text).toContain('You are signed in');
    const onward = await browser.submit(back, { do: 'continue' });
    expect(onward.url).toBe(`${issuer}/`);
    expect(onward.text).toContain(person.user.displayName);
  });
});
