/** People who sign in by an outside account: a whole server, browsers, and stand-ins of the sources. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { setPassword } from '../authentication/index.ts';
import { createUser } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { type Browser, createBrowser, type Page } from '../../test/support/browser.ts';
import { ApiProgram, ownOrigin } from '../../test/support/api-flow.ts';
import { authorizeUrl, createClient, createPerson, createPkce, type Person, password, startProtocolServer, type TestClient } from '../../test/support/oidc.ts';
import type { TestServer } from '../../test/support/server.ts';
import { type Desk, startVendor, type Vendor, type VendorServer } from './testing/vendor.ts';
import { chineseVendors } from './testing/chinese-vendors.ts';
import { openIdVendors } from './testing/western-vendors.ts';
import { ownLinks } from './own-links.ts';
import { createSource, updateSource } from './sources.ts';
import type { SourceRules } from './schemas.ts';
import type { IdentitySource } from './source.ts';

const vendorOf = (kind: string): Vendor => {
  const vendor = [...openIdVendors, ...chineseVendors].find((each) => each.kind === kind);
  if (!vendor) throw new Error('no such vendor');
  return vendor;
};

let server: TestServer;
let context: InstanceContext;
let client: TestClient;
let outside: VendorServer;
let desk: Desk;
let source: IdentitySource;
let other: IdentitySource;
let apple: IdentitySource;
let appleServer: VendorServer;
let weChatServer: VendorServer;

beforeAll(async () => {
  ({ server, context } = await startProtocolServer({ settings: { OUTBOUND_ALLOW: '127.0.0.1' } }));
  outside = await startVendor(vendorOf('oidc'));
  desk = outside.desk;
  appleServer = await startVendor(vendorOf('apple'));
  weChatServer = await startVendor(vendorOf('wechat'));
  client = await createClient(context);
  await context.db.instanceDomain.create({ data: { id: 'dom_1', hostname: 'example.com', verificationToken: 'x', status: 'verified', verifiedAt: new Date() } });
  const make = (name: string, vendor: string, base: string, more: object = {}) => createSource(context, { kind: vendor as 'oidc', name, settings: vendorOf(vendor).settings(base), secret: vendorOf(vendor).secret, ...more });
  source = await make('Partner', 'oidc', desk.base, { domains: ['example.com'] });
  other = await make('Rival', 'oidc', desk.base);
  apple = await make('Apple', 'apple', appleServer.desk.base);
});
beforeEach(async () => {
  desk.reset();
  desk.profile = { email: undefined, email_verified: undefined };
  await rules({ createUsers: true, linkByProof: true, matchVerifiedEmail: false, multiFactorAcrs: [] });
});
afterAll(async () => {
  await Promise.all([outside.close(), appleServer.close(), weChatServer.close()]);
  await server.close();
});

const rules = (change: Partial<SourceRules>) => updateSource(context, source.id, { rules: change });
const newBrowser = () => createBrowser(new URL(context.instance.issuer).origin);
const begin = (browser: Browser, change: Record<string, string> = {}) => browser.open(authorizeUrl(context.instance.issuer, client, createPkce(), change));

/** Presses the button of a source. Returns the address that the browser is led to. */
async function go(browser: Browser, page: Page, { id }: IdentitySource = source): Promise<URL> {
  const form = [...page.text.matchAll(/<form[\s\S]*?<\/form>/g)].map(([text]) => text).find((text) => text.includes(id)) ?? '';
  const fields = Object.fromEntries([...form.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
  const left = await browser.open(page.url, { method: 'POST', body: new URLSearchParams(fields), headers: { origin: new URL(page.url).origin, 'sec-fetch-site': 'same-origin' } });
  const [, address = ''] = /^0; url=(.*)$/.exec(left.headers.get('refresh') ?? '') ?? [];
  expect([left.status, address === '']).toEqual([200, false]);
  return new URL(address);
}

/** The person says yes there; the address that they come back to. */
function yes(url: URL, at: Desk = desk, change: Record<string, string | undefined> = {}): string {
  const back = new URL(url.searchParams.get('redirect_uri') ?? '');
  const parameters = { code: at.issue(url), state: url.searchParams.get('state') ?? '', ...(at === desk && { iss: desk.base }), ...change };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) back.searchParams.set(name, value);
  return back.href;
}

async function outsideSignIn(browser: Browser, claims: Record<string, unknown>, through: IdentitySource = source): Promise<Page> {
  desk.claims = claims;
  return browser.open(yes(await go(browser, await begin(browser), through)));
}

const isDone = (page: Page) => page.url.startsWith('https://app.example.com/callback') && new URL(page.url).searchParams.has('code');
const linksOf = (userId: string) => context.db.linkedIdentity.findMany({ where: { userId } });
const userOf = async (subject: string) => (await context.db.linkedIdentity.findFirst({ where: { sourceId: source.id, subject: `sub:${subject}` } }))?.userId;
const sessionsOf = (userId: string) => context.db.session.count({ where: { userId } });

describe('the first time', () => {
  it('makes an account with what the source verified, and finds it again by issuer and subject alone', async () => {
    const done = await outsideSignIn(newBrowser(), { sub: 'new-1', name: 'Nora New', email: 'nora@example.com', email_verified: true });
    expect(isDone(done)).toBe(true);
    const userId = await userOf('new-1') ?? '';
    expect(await context.db.user.findFirst({ where: { id: userId } })).toMatchObject({ displayName: 'Nora New', email: 'nora@example.com', emailVerified: true, sourceType: 'identity_source', sourceId: source.id, username: 'nora' });
    expect(isDone(await outsideSignIn(newBrowser(), { sub: 'new-1', email: 'other@example.com', email_verified: true }))).toBe(true);
    expect(await sessionsOf(userId)).toBe(2);
    expect(await context.db.event.findMany({ where: { type: 'identity.linked' } })).toHaveLength(1);
  });

  it('offers an account that is there, which its own password opens', async () => {
    const person = await verifiedPerson('linker');
    const browser = newBrowser();
    const choice = await outsideSignIn(browser, { sub: 'linker-1', name: 'Lin', email: 'linker@example.com', email_verified: true });
    expect(choice.text).toContain('First time with Partner');
    expect(await sessionsOf(person.user.id)).toBe(0);
    let page = await browser.submit(choice, { choice: 'existing' });
    page = await browser.submit(page, { identifier: 'linker' });
    expect(await linksOf(person.user.id)).toEqual([]);
    page = await browser.submit(page, { password });
    expect(isDone(page)).toBe(true);
    expect(await linksOf(person.user.id)).toMatchObject([{ subject: 'sub:linker-1' }]);
    expect(isDone(await outsideSignIn(newBrowser(), { sub: 'linker-1' }))).toBe(true);
  });

  it('or makes a new one without the address of somebody', async () => {
    await verifiedPerson('taken');
    const browser = newBrowser();
    const choice = await outsideSignIn(browser, { sub: 'taken-1', email: 'taken@example.com', email_verified: true });
    expect(isDone(await postChoice(browser, choice, 'create'))).toBe(true);
    expect(await context.db.user.findFirst({ where: { id: await userOf('taken-1') ?? '' } })).toMatchObject({ email: null });
  });

  it('is refused where the source makes no accounts and connects none', async () => {
    await rules({ createUsers: false, linkByProof: false });
    const page = await outsideSignIn(newBrowser(), { sub: 'nobody-1' });
    expect(page.text).toContain('Nobody here is connected');
    expect(await userOf('nobody-1')).toBeUndefined();
  });

  it('is not finished by a rule that was withdrawn meanwhile', async () => {
    const browser = newBrowser();
    await verifiedPerson('withdrawn');
    const choice = await outsideSignIn(browser, { sub: 'withdrawn-1', email: 'withdrawn@example.com', email_verified: true });
    await rules({ createUsers: false });
    const page = await postChoice(browser, choice, 'create');
    expect([page.status, isDone(page)]).toEqual([403, false]);
    expect(await userOf('withdrawn-1')).toBeUndefined();
  });

  it('matches a verified address where the source speaks for it, and says so in the log', async () => {
    await rules({ matchVerifiedEmail: true });
    const person = await verifiedPerson('matched');
    expect(isDone(await outsideSignIn(newBrowser(), { sub: 'matched-1', email: 'Matched@Example.com', email_verified: true }))).toBe(true);
    expect(await linksOf(person.user.id)).toMatchObject([{ subject: 'sub:matched-1' }]);
  });

  it('several answers of one new person at once make one account', async () => {
    const browsers = Array.from({ length: 8 }, newBrowser);
    desk.claims = { sub: 'racer' };
    const ways = await Promise.all(browsers.map(async (browser) => yes(await go(browser, await begin(browser)))));
    const pages = await Promise.all(browsers.map((browser, index) => browser.open(ways[index] ?? '')));
    expect(pages.filter(isDone).length).toBeGreaterThan(0);
    expect(pages.every(({ status }) => status < 500)).toBe(true);
    expect(await context.db.linkedIdentity.count({ where: { subject: 'sub:racer' } })).toBe(1);
    expect(await context.db.user.count({ where: { sourceId: source.id, username: { startsWith: 'oidc' } } })).toBeLessThanOrEqual(1 + await context.db.linkedIdentity.count());
  });
});

async function postChoice(browser: Browser, page: Page, choice: string): Promise<Page> {
  const { version, formToken } = Object.fromEntries([...page.text.matchAll(/name="(version|formToken)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
  return browser.open(page.url, { method: 'POST', body: new URLSearchParams({ do: 'link_account', choice, version: version ?? '', formToken: formToken ?? '' }), headers: { origin: new URL(page.url).origin, 'sec-fetch-site': 'same-origin' } });
}

async function verifiedPerson(username: string): Promise<Person> {
  const user = await context.transaction((tx) => createUser(tx, { username, email: `${username}@example.com` }, { emailVerified: true }));
  await setPassword(context, user, { password });
  return { user, username };
}

describe('attack: fed.email-unverified', () => {
  it.each([[{ email_verified: false }], [{}], [{ email_verified: 'TRUE' }]])('no connection by an address that is not proven: %j', async (claims) => {
    await rules({ matchVerifiedEmail: true });
    const username = `victim${Math.random().toString(36).slice(2, 8)}`;
    const person = await verifiedPerson(username);
    desk.profile = { email: undefined };
    await outsideSignIn(newBrowser(), { sub: `attacker-${username}`, email: `${username}@example.com`, ...claims });
    expect([await linksOf(person.user.id), await sessionsOf(person.user.id)]).toEqual([[], 0]);
  });
});

describe('attack: fed.local-unverified', () => {
  it('who registered the address first, and never proved it, gets nothing of the person who comes later', async () => {
    await rules({ matchVerifiedEmail: true });
    const squatter = await createPerson(context, 'squatter');
    const browser = newBrowser();
    expect(isDone(await outsideSignIn(browser, { sub: 'owner-1', email: 'squatter@example.com', email_verified: true }))).toBe(true);
    const owner = await userOf('owner-1');
    expect(owner).not.toBe(squatter.user.id);
    expect(await linksOf(squatter.user.id)).toEqual([]);
    expect(await context.db.user.findFirst({ where: { id: squatter.user.id } })).toMatchObject({ email: null });
    expect(await context.db.user.findFirst({ where: { id: owner ?? '' } })).toMatchObject({ email: 'squatter@example.com', emailVerified: true });
    // The squatter's password opens the squatter's account, and not the owner's.
    const page = await (async (own: Browser) => own.submit(await own.submit(await begin(own), { identifier: 'squatter' }), { password }))(newBrowser());
    expect(isDone(page)).toBe(true);
    expect(await sessionsOf(owner ?? '')).toBe(1);
  });
});

describe('attack: fed.mutable-key', () => {
  it('a changed address at the source never reaches another account', async () => {
    await rules({ matchVerifiedEmail: true });
    const victim = await verifiedPerson('mutable');
    await outsideSignIn(newBrowser(), { sub: 'mover', email: 'mover@example.com', email_verified: true });
    const mover = await userOf('mover');
    expect(isDone(await outsideSignIn(newBrowser(), { sub: 'mover', email: 'mutable@example.com', email_verified: true, preferred_username: 'mutable' }))).toBe(true);
    expect([await userOf('mover'), await sessionsOf(victim.user.id)]).toEqual([mover, 0]);
  });

  it('nor does a new person at the source who got the address of one who is connected', async () => {
    await rules({ matchVerifiedEmail: true });
    const victim = await verifiedPerson('heir');
    expect(isDone(await outsideSignIn(newBrowser(), { sub: 'heir-old', email: 'heir@example.com', email_verified: true }))).toBe(true);
    const page = await outsideSignIn(newBrowser(), { sub: 'heir-new', email: 'heir@example.com', email_verified: true });
    expect(isDone(page)).toBe(false);
    expect(await linksOf(victim.user.id)).toMatchObject([{ subject: 'sub:heir-old' }]);
  });
});

describe('attack: fed.domain-authority', () => {
  it('a source does not speak for addresses of domains that are not its own', async () => {
    await updateSource(context, other.id, { rules: { matchVerifiedEmail: true } });
    const victim = await verifiedPerson('chief');
    await outsideSignIn(newBrowser(), { sub: 'fake-admin', email: 'chief@example.com', email_verified: true }, other);
    expect([await linksOf(victim.user.id), await sessionsOf(victim.user.id)]).toEqual([[], 0]);
  });

  it.each([['unverified.example'], ['example.com'], ['EXAMPLE.com']])('nor is it given %s', async (domain) => {
    await expect(updateSource(context, other.id, { domains: [domain.toLowerCase()] })).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Domain.Not.Verified' });
  });
});

describe('attack: fed.state-nonce', () => {
  const attempt = async (change: (back: URL, elsewhere: Browser) => Promise<[Browser, string]> | [Browser, string]) => {
    const browser = newBrowser();
    desk.claims = { sub: 'state-victim' };
    const back = new URL(yes(await go(browser, await begin(browser))));
    const [by, address] = await change(back, browser);
    return by.open(address);
  };

  it.each([
    ['no state', (back: URL, own: Browser): [Browser, string] => { back.searchParams.delete('state'); return [own, back.href]; }],
    ['another state', (back: URL, own: Browser): [Browser, string] => { back.searchParams.set('state', 'x'.repeat(43)); return [own, back.href]; }],
    ['a doubled state', (back: URL, own: Browser): [Browser, string] => { back.searchParams.append('state', 'x'); return [own, back.href]; }],
    ['the browser of somebody else', (back: URL): [Browser, string] => [newBrowser(), back.href]],
    ['the callback of another source', (back: URL, own: Browser): [Browser, string] => [own, back.href.replace(source.id, other.id)]],
  ])('%s', async (_name, change) => {
    const page = await attempt(change);
    expect([page.status, isDone(page)]).toEqual([403, false]);
    expect(await userOf('state-victim')).toBeUndefined();
  });

  it('a browser that is in a sign-in of its own does not finish that of somebody else', async () => {
    const attacker = newBrowser();
    const victim = newBrowser();
    await begin(victim);
    desk.claims = { sub: 'login-csrf' };
    const back = yes(await go(attacker, await begin(attacker)));
    expect((await victim.open(back)).status).toBe(403);
    // It spent nothing: the one who began can still finish.
    expect(isDone(await attacker.open(back))).toBe(true);
  });

  it('one answer, many times at once: one sign-in', async () => {
    const browser = newBrowser();
    desk.claims = { sub: 'replay' };
    const back = yes(await go(browser, await begin(browser)));
    const pages = await Promise.all(Array.from({ length: 10 }, () => browser.open(back)));
    expect(pages.filter(isDone)).toHaveLength(1);
    expect(pages.filter(({ status }) => status === 403)).toHaveLength(9);
    expect((await browser.open(back)).status).toBe(403);
    expect(desk.asked.filter(({ path }) => path === '/token')).toHaveLength(1);
  });

  it('an answer with the nonce of another one, or the name of another issuer (mix-up)', async () => {
    for (const claims of [{ nonce: 'of-another' }, { nonce: null }]) {
      const page = await outsideSignIn(newBrowser(), { sub: 'mixed', ...claims });
      expect([isDone(page), page.text.includes('cannot accept')]).toEqual([false, true]);
    }
    const browser = newBrowser();
    desk.claims = { sub: 'mixed' };
    expect(isDone(await browser.open(yes(await go(browser, await begin(browser)), desk, { iss: 'https://other.example' })))).toBe(false);
    expect(await userOf('mixed')).toBeUndefined();
  });
});

describe('attack: fed.callback-fields', () => {
  it('posted subjects, sources and addresses are nobody’s word', async () => {
    const browser = newBrowser();
    const page = await begin(browser);
    const forged = { subject: 'sub:x', userId: 'user_1', sourceId: source.id, email: 'admin@example.com', sourceCode: 'made-up' };
    const { version = '', formToken = '' } = Object.fromEntries([...page.text.matchAll(/name="(version|formToken)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
    const after = await browser.open(page.url, { method: 'POST', body: new URLSearchParams({ do: 'identity_source.verify', version, formToken, ...forged }), headers: { origin: new URL(page.url).origin, 'sec-fetch-site': 'same-origin' } });
    expect(isDone(after)).toBe(false);
    const choice = await browser.open(page.url, { method: 'POST', body: new URLSearchParams({ do: 'link_account', choice: 'create', version, formToken, ...forged }), headers: { origin: new URL(page.url).origin, 'sec-fetch-site': 'same-origin' } });
    expect(isDone(choice)).toBe(false);
    expect(await context.db.linkedIdentity.count({ where: { subject: 'sub:x' } })).toBe(0);
  });

  it('a name that was only typed is no account to connect', async () => {
    const person = await createPerson(context, 'typed');
    const browser = newBrowser();
    desk.claims = { sub: 'typed-1' };
    const page = await browser.submit(await begin(browser), { identifier: 'typed' });
    await browser.open(yes(await go(browser, page)));
    expect([await linksOf(person.user.id), await sessionsOf(person.user.id)]).toEqual([[], 0]);
  });
});

describe('a door like any other', () => {
  it('a disabled account stays shut', async () => {
    await outsideSignIn(newBrowser(), { sub: 'disabled-1' });
    const userId = await userOf('disabled-1') ?? '';
    await context.db.user.updateMany({ where: { id: userId }, data: { status: 'disabled' } });
    const page = await outsideSignIn(newBrowser(), { sub: 'disabled-1' });
    expect([page.status, isDone(page)]).toEqual([403, false]);
  });

  it('one factor is one factor, unless the source’s word for two is trusted', async () => {
    const acr = 'urn:postern:acr:multi';
    const claims = { sub: 'levels', acr: 'https://refeds.org/profile/mfa' };
    await outsideSignIn(newBrowser(), claims);
    const asking = async () => {
      const browser = newBrowser();
      desk.claims = claims;
      return browser.open(yes(await go(browser, await begin(browser, { acr_values: acr }))));
    };
    expect(isDone(await asking())).toBe(false);
    await rules({ multiFactorAcrs: [claims.acr] });
    expect(isDone(await asking())).toBe(true);
  });

  it('a source that was switched off is no way in, not even half-way', async () => {
    const browser = newBrowser();
    desk.claims = { sub: 'closed' };
    const back = yes(await go(browser, await begin(browser), other));
    await updateSource(context, other.id, { enabled: false });
    expect(isDone(await browser.open(back))).toBe(false);
    expect((await begin(newBrowser())).text).not.toContain('Rival');
    await updateSource(context, other.id, { enabled: true });
  });

  it('a person who said no, and a source that fails, can choose another way', async () => {
    const browser = newBrowser();
    const url = await go(browser, await begin(browser));
    const page = await browser.open(yes(url, desk, { code: undefined, error: 'access_denied' }));
    expect(page.text).toContain('You did not allow');
    desk.fault = 'html';
    const failed = await outsideSignIn(browser, {}).catch((error: unknown) => error);
    expect(failed).toBeDefined();
    expect(await context.db.event.count({ where: { type: 'identity_source.failed' } })).toBeGreaterThan(0);
  });

  it('answers by POST from another site: kept, and taken by the browser that has the cookie', async () => {
    const browser = newBrowser();
    const url = await go(browser, await begin(browser), apple);
    expect([url.searchParams.get('response_mode'), url.searchParams.get('scope')]).toEqual(['form_post', 'openid name email']);
    const back = new URL(yes(url, appleServer.desk));
    const body = new URLSearchParams(back.search);
    body.set('user', JSON.stringify({ name: { firstName: 'Ada', lastName: 'Apple' }, email: 'x@evil.example' }));
    // As from another site: without our cookies.
    const stranger = newBrowser();
    const posted = await stranger.request(`${back.origin}${back.pathname}`, { method: 'POST', body, headers: { origin: 'https://appleid.apple.com', 'sec-fetch-site': 'cross-site' } });
    expect(posted.status).toBe(303);
    const next = new URL(posted.headers.get('location') ?? '', back.origin).href;
    const done = await browser.open(next);
    expect(isDone(done)).toBe(true);
    const link = await context.db.linkedIdentity.findFirst({ where: { sourceId: apple.id } });
    expect(await context.db.user.findFirst({ where: { id: link?.userId ?? '' } })).toMatchObject({ givenName: 'Ada', familyName: 'Apple', email: 'x1y2@privaterelay.appleid.com', emailVerified: true });
    expect((await browser.open(next)).status).toBe(403);
  });

  it('the domain of an address leads to its source, without looking at any account', async () => {
    await updateSource(context, source.id, { onSignInPage: false });
    const browser = newBrowser();
    const page = await begin(browser);
    expect(page.text).not.toContain('Partner');
    expect((await browser.submit(page, { identifier: 'nobody-at-all@example.com' })).text).toContain('Continue with Partner');
    await updateSource(context, source.id, { onSignInPage: true });
  });

  it('inside of WeChat the official account takes the place of the QR code, and knows the same people', async () => {
    const vendor = vendorOf('wechat');
    const qr = await createSource(context, { kind: 'wechat', name: 'WeChat QR', settings: vendor.settings(weChatServer.desk.base), secret: vendor.secret });
    const official = await createSource(context, { kind: 'wechat_official_account', name: 'WeChat page', settings: { ...vendor.settings(weChatServer.desk.base), sharesWith: qr.id }, secret: vendor.secret });
    const browser = newBrowser();
    expect(isDone(await browser.open(yes(await go(browser, await begin(browser), qr), weChatServer.desk)))).toBe(true);
    const inside = newBrowser();
    const agent = { 'user-agent': 'Mozilla/5.0 (iPhone) MicroMessenger/8.0.50' };
    const page = await inside.open(authorizeUrl(context.instance.issuer, client, createPkce()), { headers: agent });
    const seen = await inside.request(page.url, { headers: agent });
    expect([seen.text.includes('WeChat page'), seen.text.includes('WeChat QR')]).toEqual([true, false]);
    expect([page.text.includes('WeChat page')]).toEqual([false]);
    expect(await context.db.linkedIdentity.count({ where: { sourceId: qr.id } })).toBe(1);
    expect(official.settings['sharesWith']).toBe(qr.id);
  });
});

describe('a page of one’s own', () => {
  it('gets the address, and the code that the source led back with opens this flow alone', async () => {
    const own = await createClient(context, { oidc: { redirectUris: ['https://app.example.com/callback'], embeddedSignIn: { enabled: true, allowedOrigins: [ownOrigin] } } });
    const program = new ApiProgram(context.instance.issuer, own);
    const other = new ApiProgram(context.instance.issuer, own);
    expect((await program.start({ redirectUri: 'https://app.example.com/callback' })).status).toBe(201);
    expect((await other.start({ redirectUri: 'https://app.example.com/callback' })).status).toBe(201);
    const prepared = await program.post('identity_source/prepare', { credentialId: source.id });
    const method = (prepared.body.step?.methods as { credentialId?: string; data?: { url?: string } }[] | undefined)?.find(({ credentialId }) => credentialId === source.id);
    desk.claims = { sub: 'from-a-program' };
    const back = await newBrowser().open(yes(new URL(method?.data?.url ?? '')));
    const returned = new URL(back.url);
    expect(returned.origin + returned.pathname).toBe('https://app.example.com/callback');
    const sourceCode = returned.searchParams.get('sourceCode') ?? '';
    expect((await other.post('identity_source/verify', { sourceCode })).status).toBe(400);
    const done = await program.post('identity_source/verify', { sourceCode });
    expect([done.status, done.body.status]).toEqual([200, 'completed']);
  });
});

describe('the account page', () => {
  const signedIn = async (username: string) => {
    const browser = newBrowser();
    const page = await browser.submit(await begin(browser), { identifier: username });
    expect(isDone(await browser.submit(page, { password }))).toBe(true);
    return browser;
  };
  /** Presses one of its buttons; the answer as it comes. */
  async function press(browser: Browser, verb: string, sourceId: string): Promise<Page> {
    const page = await browser.open(`${context.instance.issuer}/account/security`);
    const form = [...page.text.matchAll(/<form[\s\S]*?<\/form>/g)].map(([text]) => text).find((text) => text.includes(`value="${verb}"`) && text.includes(sourceId)) ?? '';
    const fields = Object.fromEntries([...form.matchAll(/name="([^"]+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
    return browser.open(page.url, { method: 'POST', body: new URLSearchParams(fields), headers: { origin: new URL(page.url).origin, 'sec-fetch-site': 'same-origin' } });
  }
  const ledTo = (page: Page) => new URL(/^0; url=(.*)$/.exec(page.headers.get('refresh') ?? '')?.[1] ?? '');

  it('connects an outside account, signs in with it, and takes it away', async () => {
    const person = await createPerson(context, 'connector');
    const browser = await signedIn('connector');
    desk.claims = { sub: 'connector-1', name: 'Con' };
    const back = await browser.open(yes(ledTo(await press(browser, 'connect', source.id))));
    expect(new URL(back.url).pathname).toContain('/account/security');
    expect(await linksOf(person.user.id)).toMatchObject([{ subject: 'sub:connector-1' }]);
    // What was connected just now proves nothing for the session.
    const session = await context.db.session.findFirst({ where: { userId: person.user.id, endedAt: null } });
    expect((session?.proofs as { method: string; use: string }[]).filter(({ method }) => method === 'identity_source').map(({ use }) => use)).toEqual(['enrolment']);
    expect(isDone(await outsideSignIn(newBrowser(), { sub: 'connector-1' }))).toBe(true);
    await press(browser, 'disconnect', source.id);
    expect(await linksOf(person.user.id)).toEqual([]);
  });

  it('connects nobody who belongs to somebody else here', async () => {
    const person = await createPerson(context, 'greedy');
    await outsideSignIn(newBrowser(), { sub: 'owned-1' });
    const owner = await userOf('owned-1');
    const browser = await signedIn('greedy');
    desk.claims = { sub: 'owned-1' };
    const page = await browser.open(yes(ledTo(await press(browser, 'connect', source.id))));
    expect(page.text).toContain('belongs to somebody else');
    expect([await linksOf(person.user.id), await userOf('owned-1')]).toEqual([[], owner]);
  });

  it('keeps the last way in', async () => {
    await outsideSignIn(newBrowser(), { sub: 'only-way' });
    await expect(ownLinks.remove(context, await userOf('only-way') ?? '', source.id)).rejects.toMatchObject({ status: 409, code: 'Operation.Failure.Last.Way.In' });
  });
});
