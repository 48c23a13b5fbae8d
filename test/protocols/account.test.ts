import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionCookieName } from '../../src/authentication/index.ts';
import { createCustomField } from '../../src/directory/custom-fields/custom-fields.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { type Browser, createBrowser, formOf, type Page } from '../support/browser.ts';
import { authorizeCode, createClient, createPerson, password, type Person, signIn, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';
import { wideLimits } from '../support/world.ts';

let server: TestServer;
let context: InstanceContext;
let now = Date.now();
beforeAll(async () => {
  ({ server, context } = await startProtocolServer());
  await setSettings(wideLimits);
  now = Date.now();
});
afterAll(() => server.close());

const setSettings = async (change: object) => {
  const answer = await server.api('PATCH', '/settings', change);
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
};
const account = (section = 'profile') => `${server.issuer}/account/${section}`;
const visible = (page: Page) => page.text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ');

/** The button of the page that posts this verb (and has these fields), pressed. */
function press(browser: Browser, page: Page, verb: string, fields: Record<string, string> = {}): Promise<Page> {
  const form = [...page.text.matchAll(/<form[\s\S]*?<\/form>/g)].map(([text]) => text).find((text) => text.includes(`value="${verb}"`) && Object.values(fields).every((value) => value === '' || text.includes(`value="${value}"`) || !text.includes('credentialId')));
  if (form === undefined) throw new Error(`no form ${verb} on ${page.url}: ${visible(page).slice(0, 400)}`);
  const { action, fields: hidden } = formOf({ ...page, text: form });
  return browser.open(new URL(action, page.url).href, { method: 'POST', body: new URLSearchParams({ ...hidden, ...fields }), headers: { origin: server.origin, 'sec-fetch-site': 'same-origin' } });
}

async function signedIn(person: Person, section = 'profile'): Promise<{ browser: Browser; page: Page }> {
  const browser = createBrowser(server.origin);
  return { browser, page: await signIn(browser, await browser.open(account(section)), person) };
}

/** Sessions of a person look as if they had been made so many minutes ago. */
async function age(person: Person, minutes: number): Promise<void> {
  await context.db.$executeRaw`
    UPDATE "Session" SET proofs = (SELECT jsonb_agg(p || jsonb_build_object('provenAt', ${new Date(now - minutes * 60_000).toISOString()}::text)) FROM jsonb_array_elements(proofs) p)
     WHERE "instanceId" = ${context.instance.id} AND "userId" = ${person.user.id}`;
}

let steps = 0;
const codeOf = (secret: string) => new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + (steps++ - 1) * 30_000 });

/** Sets up an authenticator app from the account page. */
async function enrolApp(browser: Browser, page: Page): Promise<{ page: Page; secret: string }> {
  steps = 0;
  const enrolling = await press(browser, page, 'enrol', { method: 'totp' });
  const secret = /[A-Z2-7]{32}/.exec(enrolling.text.replaceAll(/(?<=[A-Z2-7]{4}) (?=[A-Z2-7]{4})/g, ''))?.[0] ?? '';
  const codes = await browser.submit(enrolling, { code: codeOf(secret), name: 'My phone' });
  return { page: await press(browser, codes, 'skip'), secret };
}

describe('the account page', () => {
  it('asks who is not signed in, and comes back to the part that was asked for', async () => {
    const person = await createPerson(context);
    const { page } = await signedIn(person, 'devices');
    expect([page.status, page.url]).toEqual([200, account('devices')]);
    expect(page.headers.get('cache-control')).toBe('no-store');
    const home = await createBrowser(server.origin).open(`${server.issuer}/`);
    expect(home.text).toContain(`${server.issuer}/account`);
  });

  it('lets people change what the instance leaves to them, and nothing else', async () => {
    await createCustomField(context, { key: 'nickname', label: 'Nickname', type: 'text', visibleTo: 'self' });
    await createCustomField(context, { key: 'costCentre', label: 'Cost centre', type: 'text', visibleTo: 'administrators' });
    await createCustomField(context, { key: 'badge', label: 'Badge', type: 'text', visibleTo: 'self', readOnly: true });
    await setSettings({ selfService: { editable: ['displayName', 'email', 'customFields.nickname', 'customFields.costCentre', 'customFields.badge'] } });
    const person = await createPerson(context);
    const { browser, page } = await signedIn(person);
    expect(page.text).toContain('Nickname');
    expect(page.text).not.toContain('Cost centre');
    const saved = await press(browser, page, 'save', { displayName: 'Pat <b>New</b>', 'customFields.nickname': 'Patty', 'customFields.costCentre': '7', 'customFields.badge': '9', email: 'other@example.com', username: 'other', status: 'disabled' });
    expect(visible(saved)).toContain('Saved.');
    expect(saved.text).toContain('Pat &lt;b>New');
    expect(await context.db.user.findFirst({ where: { id: person.user.id } })).toMatchObject({
      displayName: 'Pat <b>New</b>', customFields: { nickname: 'Patty' }, email: person.user.email, username: person.username, status: 'enabled' });
    const refused = await press(browser, saved, 'save', { displayName: '' });
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('role="alert"');
    const [event] = await context.db.event.findMany({ where: { subjectId: person.user.id, type: 'user.updated' } });
    expect(event?.actor).toMatchObject({ kind: 'user', id: person.user.id });
  });

  it('shows where the person is signed in, and ends one or all other sessions', async () => {
    const person = await createPerson(context);
    const [first, second, third] = [await signedIn(person), await signedIn(person), await signedIn(person)];
    const devices = await first.browser.open(account('devices'));
    expect(devices.text.match(/value="end"/g)).toHaveLength(2);
    await press(first.browser, devices, 'end');
    expect(await context.db.session.count({ where: { userId: person.user.id, endedAt: null } })).toBe(2);
    await press(first.browser, await first.browser.open(account('devices')), 'end_others');
    expect(await context.db.session.count({ where: { userId: person.user.id, endedAt: null } })).toBe(1);
    expect((await first.browser.open(account())).url).toBe(account());
    for (const { browser } of [second, third]) expect((await browser.open(account())).url).toContain('/sign-in/');
  });

  it('lists what the person may open, and takes back what they allowed', async () => {
    const person = await createPerson(context);
    const client = await createClient(context, { name: 'Weather', firstParty: false, homepageUri: 'https://weather.example.com/' });
    await createClient(context, { name: 'Switched off', homepageUri: 'https://off.example.com/' }).then(({ application }) => context.db.application.updateMany({ where: { id: application.id }, data: { enabled: false } }));
    const { browser } = await authorizeCode(context, { client, person, parameters: { scope: 'openid email' } });
    const page = await browser.open(account('applications'));
    expect(page.text).toContain('https://weather.example.com/');
    expect(page.text).not.toContain('https://off.example.com/');
    expect(visible(page)).toContain('See your e-mail address');
    await press(browser, page, 'withdraw');
    expect(await context.db.consent.count({ where: { userId: person.user.id } })).toBe(0);
    expect(await context.db.event.count({ where: { subjectId: person.user.id, type: 'consent.withdrawn' } })).toBe(1);
    expect(await context.db.oidcRecord.count({ where: { model: 'Grant', payload: { path: ['accountId'], equals: person.user.id } } })).toBe(0);
  });

  it('says in words what happened, in both languages', async () => {
    const person = await createPerson(context);
    const { browser } = await signedIn(person);
    expect(visible(await browser.open(account('activity')))).toContain('You signed in');
    expect(visible(await browser.open(`${account('activity')}?language=zh-CN`))).toContain('您已登录');
  });

  it('gives the person everything that is held on them, without secrets', async () => {
    const person = await createPerson(context);
    const { browser, page } = await signedIn(person, 'data');
    const file = await press(browser, page, 'download');
    expect(file.headers.get('content-disposition')).toContain('my-data.json');
    expect(JSON.parse(file.text)).toMatchObject({ user: { username: person.username }, password: { isSet: true }, sessions: [{ address: expect.any(String) as string }], credentials: [] });
    expect(file.text).not.toMatch(/\$argon2|"hash"|tokenHash|sealed|searchText/);
  });
});

describe('attack: flow.sensitive-change', () => {
  it('an old session changes nothing before the existing proof was shown again', async () => {
    const person = await createPerson(context);
    const { browser, page } = await signedIn(person, 'security');
    const { page: enrolled } = await enrolApp(browser, page);
    expect(visible(enrolled)).toContain('My phone');
    await age(person, 6);
    const before = await context.db.totpCredential.findMany({ where: { userId: person.user.id } });
    const hash = (await context.db.password.findFirstOrThrow({ where: { userId: person.user.id } })).hash;
    const removing = await press(browser, await browser.open(account('security')), 'remove');
    expect(removing.url).toContain('/sign-in/');
    expect(visible(removing)).toContain('One more step');
    const adding = await press(browser, await browser.open(account('security')), 'enrol', { method: 'totp' });
    expect(adding.text).not.toMatch(/otpauth:|totp\.enrol/);
    const changing = await press(browser, await browser.open(account('security')), 'change_password');
    expect(changing.text).not.toContain('name="newPassword"');
    const downloading = await press(browser, await browser.open(account('data')), 'download');
    expect(downloading.headers.get('content-disposition')).toBeNull();
    expect(await context.db.totpCredential.findMany({ where: { userId: person.user.id } })).toEqual(before);
    expect((await context.db.password.findFirstOrThrow({ where: { userId: person.user.id } })).hash).toBe(hash);
  });

  it('a fresh password is not enough for who has a second factor', async () => {
    const person = await createPerson(context);
    const first = await signedIn(person, 'security');
    const { secret } = await enrolApp(first.browser, first.page);
    // A session with a password alone, as one from before the factor was set up.
    await context.db.$executeRaw`
      UPDATE "Session" SET proofs = (SELECT jsonb_agg(p) FROM jsonb_array_elements(proofs) p WHERE p->>'method' = 'password')
       WHERE "instanceId" = ${context.instance.id} AND "userId" = ${person.user.id}`;
    const asked = await press(first.browser, await first.browser.open(account('security')), 'remove');
    expect(visible(asked)).toContain('One more step');
    expect(await context.db.totpCredential.count({ where: { userId: person.user.id } })).toBe(1);
    const shown = await first.browser.submit(asked, { code: codeOf(secret) });
    expect(shown.url).toBe(`${account('security')}?done=confirmed`);
    expect(visible(await press(first.browser, shown, 'remove'))).toContain('Removed.');
    expect(await context.db.event.findMany({ where: { subjectId: person.user.id, type: 'credential.removed' } })).toHaveLength(1);
  });

  it('the last strong factor stays where everybody needs one', async () => {
    const person = await createPerson(context);
    const { browser, page } = await signedIn(person, 'security');
    const { page: enrolled } = await enrolApp(browser, page);
    await setSettings({ secondFactor: { mode: 'required' } });
    await context.db.$executeRaw`
      UPDATE "Session" SET proofs = (SELECT jsonb_agg(CASE WHEN p->>'method' = 'totp' THEN p || '{"use":"sign_in"}' ELSE p END) FROM jsonb_array_elements(proofs) p)
       WHERE "instanceId" = ${context.instance.id} AND "userId" = ${person.user.id}`;
    const refused = await press(browser, enrolled, 'remove');
    await setSettings({ secondFactor: { mode: 'optional' } });
    expect([refused.status, await context.db.totpCredential.count({ where: { userId: person.user.id } })]).toEqual([400, 1]);
  });

  it.each<[string, (form: { fields: Record<string, string> }, person: Person) => { fields?: Record<string, string>; headers?: Record<string, string> }]>([
    ['from another site', () => ({ headers: { origin: 'https://evil.test', 'sec-fetch-site': 'cross-site' } })],
    ['without its token', (form) => ({ fields: { ...form.fields, formToken: '' } })],
    ['with the token of another session', (form) => ({ fields: { ...form.fields, formToken: form.fields['formToken']?.split('').toReversed().join('') ?? '' } })],
  ])('a form %s does nothing', async (_what, spoil) => {
    const person = await createPerson(context);
    const { browser, page } = await signedIn(person);
    const form = formOf(page, 'displayName');
    const { fields = form.fields, headers = { origin: server.origin, 'sec-fetch-site': 'same-origin' } } = spoil(form, person);
    const answer = await browser.request(new URL(form.action, page.url).href, { method: 'POST', body: new URLSearchParams({ ...fields, displayName: 'Taken over' }), headers });
    expect(answer.status).toBe(400);
    expect((await context.db.user.findFirstOrThrow({ where: { id: person.user.id } })).displayName).toBe('Pat Example');
  });

  it('what belongs to somebody else is not there', async () => {
    const [person, other] = [await createPerson(context), await createPerson(context)];
    const victim = await signedIn(other, 'security');
    await enrolApp(victim.browser, victim.page);
    const { browser, page } = await signedIn(person, 'devices');
    const [session, credential] = [await context.db.session.findFirstOrThrow({ where: { userId: other.user.id, endedAt: null } }), await context.db.totpCredential.findFirstOrThrow({ where: { userId: other.user.id } })];
    const { formToken = '' } = formOf(page).fields;
    const submit = (section: string, fields: Record<string, string>) => browser.open(account(section), { method: 'POST', body: new URLSearchParams({ formToken, ...fields }), headers: { origin: server.origin, 'sec-fetch-site': 'same-origin' } });
    expect((await submit('devices', { do: 'end', session: session.id })).status).toBe(400);
    expect((await submit('security', { do: 'remove', method: 'totp', credentialId: credential.id })).status).toBe(400);
    expect((await submit('security', { do: 'rename', method: 'totp', credentialId: credential.id, name: 'Mine' })).status).toBe(400);
    expect(await context.db.session.count({ where: { id: session.id, endedAt: null } })).toBe(1);
    expect(await context.db.totpCredential.count({ where: { id: credential.id, name: 'My phone' } })).toBe(1);
  });

  it('a session token in another browser, a script, and a frame open nothing', async () => {
    const person = await createPerson(context);
    const { browser } = await signedIn(person);
    const token = browser.cookies.get(sessionCookieName(context));
    const elsewhere = createBrowser(server.origin);
    if (token) elsewhere.cookies.set(sessionCookieName(context), token);
    expect((await elsewhere.open(account())).url).toContain('/sign-in/');
    expect((await browser.request(account(), { headers: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' } })).status).toBe(403);
    expect((await browser.request(account(), { headers: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' } })).status).toBe(403);
    expect((await browser.request(account())).headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });
});

describe('attack: flow.partial-session', () => {
  it('a sign-in under way opens no page of the account', async () => {
    const person = await createPerson(context);
    const first = await signedIn(person, 'security');
    await enrolApp(first.browser, first.page);
    const browser = createBrowser(server.origin);
    const page = await browser.submit(await browser.submit(await browser.open(account('security')), { identifier: person.username }), { password });
    expect(visible(page)).toContain('One more step');
    for (const section of ['profile', 'security', 'devices', 'applications', 'activity', 'data']) expect((await browser.open(account(section))).url, section).toContain('/sign-in/');
    expect(browser.cookies.get(sessionCookieName(context))).toBeUndefined();
    const form = await browser.request(account('security'), { method: 'POST', body: new URLSearchParams({ do: 'change_password' }), headers: { origin: server.origin, 'sec-fetch-site': 'same-origin' } });
    expect([form.status, form.headers.get('location')]).toEqual([303, expect.stringContaining('/sign-in/')]);
    const authorization = await browser.open(`${server.issuer}/oauth2/authorize?client_id=${(await createClient(context)).clientId}&response_type=code&redirect_uri=https://app.example.com/callback&scope=openid&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256&prompt=none`);
    expect(authorization.url).toContain('error=login_required');
  });
});

describe('attack: admin.ambient-auth', () => {
  it('no API takes the cookie of the account page', async () => {
    const person = await createPerson(context);
    const { browser } = await signedIn(person);
    for (const route of server.app.declaredRoutes.filter(({ access }) => access.credential === 'bearer' || access.credential === 'platform')) {
      if (!['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(route.method)) continue;
      const path = route.url.replace('/t/:instance', '').replaceAll(/:\w+/g, 'x');
      const base = route.url.startsWith('/t/') ? server.issuer : server.origin;
      const answer = await browser.request(base + path, { method: route.method, headers: { accept: 'application/json', ...(route.method === 'GET' || route.method === 'DELETE' ? {} : { 'content-type': 'application/json' }) } });
      expect(answer.status, `${route.method} ${route.url}`).toBeOneOf([401, 415]);
      expect(answer.headers.getSetCookie()).toEqual([]);
    }
  });
});
