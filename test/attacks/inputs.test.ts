import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtInIdentifier } from '../../src/applications/index.ts';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { createBrowser, formOf } from '../support/browser.ts';
import { authorizeCode, authorizeUrl, createClient, createPkce, exchange, post, push, redirectUri, startProtocolServer } from '../support/oidc.ts';
import { apiRoutes, countEventsOfCallers, nameOf } from '../support/routes.ts';
import { exampleOf, type Field, fieldsOf, schemaOf, unwrap } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { call, createWorld, targetOf, type World } from '../support/world.ts';

let server: TestServer;
let world: World;
let platformToken: string;
let issuer: string;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  ({ issuer } = server);
  world = await createWorld(server, started.context);
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
});
afterAll(() => server.close());

const authorization = (route: DeclaredRoute): [string, string] => ['Authorization', `Bearer ${route.access.credential === 'platform' ? platformToken : world.token}`];
const isText = ({ schema }: Field) => { const inner = unwrap(schema); return inner instanceof z.ZodString || inner instanceof z.ZodEnum || inner instanceof z.ZodStringFormat; };

/** A body in which one field has another value. */
function withField(example: unknown, path: readonly string[], value: unknown): object {
  const [name = '', ...rest] = path;
  const before = (example ?? {}) as Record<string, unknown>;
  return { ...before, [name]: rest.length === 0 ? value : withField(before[name], rest, value) };
}

describe('attack: input.operator-injection', () => {
  const operators = [{ not: '' }, { contains: 'a' }, { in: ['a'] }, { startsWith: '' }, { $ne: null }, ['a', 'b'], [['a']], {}, true, 7];
  /** Two of them for each field, in turn: over all fields each is tried many times. */
  const twoOf = (turn: number) => [0, 1].map((next) => operators[(2 * turn + next) % operators.length]);

  it('no field of any body takes an object or list where it wants a text', async () => {
    let [tried, fieldsSeen] = [0, 0];
    const before = await countEventsOfCallers(server);
    for (const route of apiRoutes(server)) {
      const example = schemaOf(route, 'body') && exampleOf(route);
      for (const field of fieldsOf(schemaOf(route, 'body')).filter(isText)) {
        fieldsSeen += 1;
        // Members of lists are reached through the list itself.
        const isInList = field.path.length > 1 && Array.isArray((example as Record<string, unknown>)[field.path[0] ?? '']);
        for (const operator of twoOf(fieldsSeen)) {
          const value = isInList ? [{ [field.path.at(-1) ?? '']: operator }] : operator;
          const answer = await call(server, {
            method: route.method, target: targetOf(route, world.parameters), body: JSON.stringify(withField(example, isInList ? field.path.slice(0, 1) : field.path, value)),
            headers: [authorization(route), ['Content-Type', 'application/json']],
          });
          expect([nameOf(route), field.path.join('.'), JSON.stringify(operator), answer.status]).toEqual([nameOf(route), field.path.join('.'), JSON.stringify(operator), 400]);
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(200);
    expect(await countEventsOfCallers(server)).toBe(before);
  }, 120_000);

  it('no parameter of any query is taken twice, nested, or as an operator', async () => {
    let tried = 0;
    for (const route of apiRoutes(server)) {
      for (const { path: [name = ''] } of fieldsOf(schemaOf(route, 'querystring'))) {
        for (const query of [`${name}=a&${name}=b`, `${name}[]=a`, `${name}[not]=`, `${name}[contains]=a`, `${name}.not=a`, `${name}[0]=a`]) {
          const answer = await call(server, { method: route.method, target: `${targetOf(route, world.parameters)}?${query}`, headers: [authorization(route)] });
          // An unknown name is refused where the query is strict, and means nothing elsewhere: the list is then the whole one.
          expect([nameOf(route), query, answer.status === 400 || (answer.status === 200 && !query.startsWith(`${name}=a&`))]).toEqual([nameOf(route), query, true]);
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(60);
  });

  it('what looks like a pattern or a statement is text', async () => {
    for (const value of ['%', '_', '\\', '%%', "' OR '1'='1", "'; DROP TABLE \"User\"; --", '*', '.*', '${7*7}', '{{7*7}}', '$where', '1 OR 1=1', ')', '(|(uid=*))']) {
      for (const path of [`/users?username=${encodeURIComponent(value)}`, `/users?email=${encodeURIComponent(value)}`, `/users?externalId=${encodeURIComponent(value)}`, `/applications?name=${encodeURIComponent(value)}`]) {
        const { status, body } = await world.api('GET', path);
        expect([path, status, (body['items'] as unknown[] | undefined)?.length ?? 0]).toEqual([path, status === 400 ? 400 : 200, 0]);
      }
    }
    expect((await world.api('GET', '/users')).status).toBe(200);
  });

  const oauthParameters: Record<string, Record<string, string>> = {
    token: { grant_type: 'authorization_code', code: 'x', redirect_uri: redirectUri, code_verifier: 'x'.repeat(43), client_id: 'x', client_secret: 'x', refresh_token: 'x', scope: 'openid', device_code: 'x', client_assertion: 'x', client_assertion_type: 'x' },
    introspect: { token: 'x', token_type_hint: 'access_token', client_id: 'x' },
    revoke: { token: 'x', token_type_hint: 'access_token', client_id: 'x' },
    par: { client_id: 'x', response_type: 'code', redirect_uri: redirectUri, scope: 'openid', state: 's', nonce: 'n', prompt: 'login', request: 'x', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
    device_authorization: { client_id: 'x', scope: 'openid' },
  };

  it.each(Object.entries(oauthParameters))('no parameter of the %s endpoint counts twice, nested, or from the query', async (endpoint, parameters) => {
    for (const name of Object.keys(parameters)) {
      for (const spoil of [
        (body: URLSearchParams) => { body.append(name, 'another'); },
        (body: URLSearchParams) => { body.delete(name); body.append(`${name}[]`, 'x'); body.append(`${name}[]`, 'y'); },
        (body: URLSearchParams) => { body.delete(name); body.append(`${name}[not]`, ''); },
      ]) {
        const body = new URLSearchParams(parameters);
        if (endpoint !== 'token' || name === 'client_secret') body.delete('client_assertion');
        spoil(body);
        const answer = await fetch(`${issuer}/oauth2/${endpoint}`, { method: 'POST', body });
        expect([endpoint, name, answer.status]).toEqual([endpoint, name, answer.status === 401 ? 401 : 400]);
      }
    }
    const inQuery = await fetch(`${issuer}/oauth2/${endpoint}?${new URLSearchParams({ ...parameters, client_id: world.machine.clientId, client_secret: world.machine.secret, grant_type: 'client_credentials' }).toString()}`, { method: 'POST' });
    expect([400, 401]).toContain(inQuery.status);
  });

  it('fields of the hosted forms that come twice or nested count as absent', async () => {
    const browser = createBrowser(server.origin);
    const page = await browser.open(authorizeUrl(issuer, world.client, createPkce()));
    const { fields } = formOf(page);
    for (const spoil of [[['identifier', 'a'], ['identifier', 'b']], [['identifier[not]', '']], [['identifier[]', 'a']], [['__proto__[identifier]', 'a']]]) {
      const body = new URLSearchParams(fields);
      for (const [name = '', value = ''] of spoil) body.append(name, value);
      const answer = await browser.open(page.url, { method: 'POST', body, headers: { origin: server.origin } });
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('name="identifier"');
    }
    expect(({} as Record<string, unknown>)['identifier']).toBeUndefined();
  });
});

/** Spellings of an address elsewhere, or of none, that have fooled somebody. */
const addresses = [
  'https://evil.test/', '//evil.test/', '///evil.test', '////evil.test', '/\\evil.test', '\\\\evil.test', '/\t/evil.test', '/%09/evil.test', 'https:evil.test', 'https:/evil.test', 'hTTps://evil.test', 'https://app.example.com@evil.test/', 'https://app.example.com:x@evil.test/',
  'https://app.example.com.evil.test/', 'https://evil.test#app.example.com', 'https://evil.test?app.example.com', 'https://evil.test\\@app.example.com/', 'https://evil.test%2f@app.example.com/', 'javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'java\tscript:alert(1)', ' javascript:alert(1)', '\u0001javascript:alert(1)',
  'data:text/html,x', 'vbscript:x', 'file:///etc/passwd', 'blob:https://app.example.com/x', 'https://xn--pp-dka.example.com/', 'https://аpp.example.com/', 'https://app。example。com/', 'http://app.example.com/', 'https://app.example.com:8443/', 'https://[::1]/', 'https://2130706433/', '/relative', '?x', '', '.', 'https://app.example.com/%0d%0aLocation:%20https://evil.test',
];

describe('attack: input.open-redirect', () => {
  const allowed = new Set(['https://app.example.com', new URL('http://localhost').origin]);
  /** Where an answer sends a browser, as a browser reads it. */
  const leadsTo = (location: string | null, base: string): URL | undefined => (location === null ? undefined : new URL(location, base));
  const isHome = (url: URL | undefined) => url === undefined || url.origin === server.origin || allowed.has(url.origin);

  /** Every parameter that could lead somewhere. */
  const places: Record<string, (value: string) => Promise<URL | undefined>> = {
    'redirect_uri at the authorization endpoint': async (value) => visit(authorizeUrl(issuer, world.client, createPkce(), { redirect_uri: value })),
    'redirect_uri with prompt=none': async (value) => visit(authorizeUrl(issuer, world.client, createPkce(), { redirect_uri: value, prompt: 'none' })),
    'redirect_uri of an error': async (value) => visit(authorizeUrl(issuer, world.client, createPkce(), { redirect_uri: value, response_type: 'nonsense' })),
    'request_uri': async (value) => visit(authorizeUrl(issuer, world.client, createPkce(), { request_uri: value })),
    'post_logout_redirect_uri': async (value) => visit(`${issuer}/oauth2/logout?${new URLSearchParams({ client_id: world.client.clientId, post_logout_redirect_uri: value }).toString()}`),
    'posted': async (value) => visit(`${issuer}/oauth2/authorize?posted=${encodeURIComponent(value)}`),
    'language of the start page': async (value) => visit(`${issuer}/?language=${encodeURIComponent(value)}`),
    'language of a sign-in page': async (value) => visit(`${issuer}/sign-in/${encodeURIComponent(world.parameters['flowId'] ?? '')}?language=${encodeURIComponent(value)}`),
    ...Object.fromEntries(['return_to', 'returnTo', 'redirect', 'redirect_to', 'next', 'url', 'rd', 'continue', 'RelayState', 'target', 'goto', 'ReturnUrl', 'service', 'callback'].map((name) => [
      `${name} on every page`, async (value: string) => {
        for (const page of ['/', '/oauth2/logout', '/oauth2/device', `/sign-in/${world.parameters['flowId'] ?? ''}`, `/setup/${world.parameters['token'] ?? ''}`]) {
          const led = await visit(`${issuer}${page}?${name}=${encodeURIComponent(value)}`);
          if (!isHome(led)) return led;
        }
        return undefined;
      },
    ])),
  };

  async function visit(url: string): Promise<URL | undefined> {
    const answer = await createBrowser(server.origin).request(url);
    expect(answer.status).toBeLessThan(500);
    // Forms and links of the page are ways out as well.
    for (const [, address = ''] of answer.text.matchAll(/(?:href|action|src|content)="([^"]*)"/g)) {
      if (/^(data:,|text\/|noindex|width=)/.test(address)) continue;
      const led = new URL(address.replaceAll('&amp;', '&'), url);
      expect(['http:', 'https:'].includes(led.protocol) && isHome(led), `${url} shows ${address}`).toBe(true);
    }
    return leadsTo(answer.headers.get('location'), url);
  }

  it.each(Object.keys(places))('%s', async (place) => {
    for (const address of addresses) {
      const led = await places[place]?.(address);
      expect([address, isHome(led) ? true : led?.href]).toEqual([address, true]);
    }
  });

  it('after a sign-in, too, people come back to the registered address and nowhere else', async () => {
    const { browser, client } = world;
    for (const address of addresses) {
      const page = await browser.open(authorizeUrl(issuer, client, createPkce(), { redirect_uri: address }));
      // An empty one is none: then the one that is registered counts.
      expect([address, address === '' ? page.url.startsWith(`${redirectUri}?`) : new URL(page.url).origin === server.origin && page.status >= 400]).toEqual([address, true]);
    }
  });

  it('no such address can be registered anywhere', async () => {
    const fields = ['redirectUris', 'postLogoutRedirectUris', 'allowedOrigins', 'backchannelLogoutUri', 'initiateLoginUri', 'jwksUri', 'sectorIdentifierUri'] as const;
    const create = server.app.declaredRoutes.find((route) => nameOf(route) === 'POST /t/:instance/api/v1/applications');
    if (!create) throw new Error('no route creates applications');
    const declared = fieldsOf(schemaOf(create, 'body')).map(({ path }) => path.at(-1) ?? '').filter((name) => /Uris?$|Origins$|Link$|Url$/.test(name));
    // Twice: of the browser application, and of the sign-in page that an application draws itself.
    expect(declared.toSorted()).toEqual([...fields, 'allowedOrigins', 'homepageUri'].toSorted());
    const fine = (value: string) => { const url = URL.parse(value); return url?.protocol === 'https:' && value.startsWith(`https://${url.host}`) && url.username === '' && !/[#\\]/.test(value); };
    for (const address of addresses) {
      for (const field of fields) {
        if (fine(address) && field !== 'allowedOrigins') continue;      // an address of somebody else's choosing is theirs to name
        const { status } = await world.api('POST', '/applications', { name: 'Addresses', kind: 'web', oidc: { redirectUris: [redirectUri], [field]: field.endsWith('s') ? [address] : address } });
        expect([field, address, status]).toEqual([field, address, 400]);
      }
      if (!fine(address)) expect([address, (await world.api('POST', '/applications', { name: 'Addresses', kind: 'web', homepageUri: address, oidc: { redirectUris: [redirectUri] } })).status]).toEqual([address, 400]);
    }
  });
});

describe('attack: oauth.redirect-exact', () => {
  it.each([
    () => `${server.origin}/`, () => `${issuer}/callback`, () => `${server.origin}/t/other/callback`, () => `${server.origin}/platform/v1`, () => `${server.origin.replace('localhost', '127.0.0.1')}/t/default`,
    () => 'javascript:alert(1)', () => 'data:text/html,x', () => 'http://app.example.com/callback', () => 'https://app.example.com/callback#x', () => 'https://*.example.com/callback', () => 'https://app.example.com/../callback', () => 'https://user@app.example.com/callback',
    () => 'HTTPS://app.example.com/callback', () => 'https://app.example.com/call back', () => 'app:/callback', () => 'com.example.app:/callback', () => 'https://', () => '/callback', () => '',
  ])('an address that cannot be trusted is not saved (%#)', async (address) => {
    const body = { name: 'Redirects', kind: 'web', oidc: { redirectUris: [address()] } };
    const created = await world.api('POST', '/applications', body);
    expect(created.status).toBe(400);
    const changed = await world.api('PATCH', `/applications/${world.client.application.id}`, { oidc: { redirectUris: [redirectUri, address()] } });
    expect(changed.status).toBe(400);
    expect((created.body['errors'] as { code: string }[] | undefined)?.every(({ code }) => ['invalid_redirect_uri', 'too_big', 'too_small'].includes(code))).toBe(true);
  });
});

describe('attack: oauth.autosubmit-xss', () => {
  it('a form leads to the registered address only, and every field of it is text', async () => {
    const markup = '"><form action=https://evil.test><input name=x>\'><svg/onload=alert(1)>&quot;&#34;</script>';
    const client = await createClient(world.context);
    const { browser } = await authorizeCode(world.context, { client });
    for (const parameters of [{ state: markup }, { state: markup, nonce: markup }, { state: markup, prompt: 'none', acr_values: markup }, { state: markup, scope: `openid ${markup}` }]) {
      const page = await browser.open(authorizeUrl(issuer, client, createPkce(), { response_mode: 'form_post', ...parameters }));
      expect(page.status).toBeLessThan(500);
      expect([...page.text.matchAll(/<form/g)]).toHaveLength(1);
      expect(formOf(page).action).toBe(redirectUri);
      const [, state = ''] = /name="state" value="([^"]*)"/.exec(page.text) ?? [];
      expect(state.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', '\'').replaceAll('&amp;', '&')).toBe(markup);
      expect(page.text).not.toMatch(/<svg|<\/script>"|<input name=x/);
      const tags = new Set([...page.text.matchAll(/<([a-z]+)/g)].map(([, name]) => name));
      for (const tag of tags) expect(['html', 'head', 'meta', 'title', 'link', 'script', 'body', 'a', 'main', 'div', 'span', 'img', 'h', 'p', 'form', 'input', 'button', 'footer', 'nav']).toContain(tag);
    }
  });

  it('an error page shows no address as a link, and no parameter as markup', async () => {
    for (const name of ['redirect_uri', 'client_id', 'scope', 'response_type', 'request', 'request_uri', 'id_token_hint', 'claims', 'resource', 'ui_locales', 'code_challenge_method', 'response_mode', 'prompt', 'display']) {
      for (const value of ['javascript:alert(document.domain)', '<img src=x onerror=alert(1)>', '\'"><a href=https://evil.test>', '\u2028</title>']) {
        const page = await createBrowser(server.origin).request(authorizeUrl(issuer, world.client, createPkce(), { [name]: value, ...(name === 'redirect_uri' ? {} : { redirect_uri: 'https://unregistered.test/' }) }));
        expect([name, page.status]).toEqual([name, 400]);
        expect(page.text).not.toMatch(/<img src=x|href="?https:\/\/evil|href="javascript|<\/title>.*<\/title>/);
      }
    }
  });
});

describe('attack: oauth.resource-unknown', () => {
  it('an API that is unknown, of another instance, the platform\'s or badly written is no target anywhere', async () => {
    const { client, person, browser } = await authorizeCode(world.context, { client: world.client, person: world.person, browser: world.browser });
    for (const resource of ['https://unknown.example.com', `${server.origin}/t/other/api/v1`, `${builtInIdentifier(world.context, 'platform')}`, `${issuer}/api/v1/`, `${issuer}/api/v1#x`, 'not a uri', '', `${issuer}/api/v1 ${issuer}`, 'javascript:x']) {
      const pushed = await push(issuer, client, createPkce(), { resource });
      expect([resource, pushed.body['error']]).toEqual([resource, resource === '' ? undefined : 'invalid_target']);
      const machine = await post(issuer, 'token', { grant_type: 'client_credentials', resource }, world.client);
      expect([resource, ['invalid_target', 'unauthorized_client'].includes(String(machine.body['error']))]).toEqual([resource, true]);
      const page = await browser.open(authorizeUrl(issuer, client, createPkce(), { resource }));
      if (resource !== '') expect([resource, new URL(page.url).searchParams.get('error')]).toEqual([resource, 'invalid_target']);
      const signedIn = await authorizeCode(world.context, { client, person, browser });
      const exchanged = await exchange(issuer, signedIn, { resource });
      if (resource !== '') expect([resource, exchanged.body['error']]).toEqual([resource, 'invalid_target']);
    }
  });
});
