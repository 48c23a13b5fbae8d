import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { createInstance } from '../../src/tenancy/index.ts';
import { createBrowser, formOf } from '../support/browser.ts';
import { digestOf } from '../support/digest.ts';
import { authorizeUrl, createPkce, post, startProtocolServer } from '../support/oidc.ts';
import type { RawAnswer } from '../support/raw-request.ts';
import { isApi, nameOf } from '../support/routes.ts';
import { exampleOf, fieldsOf, schemaOf } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { call, cookiesOf, createWorld, targetOf, type World } from '../support/world.ts';

let server: TestServer;
let own: World;
let other: World;
let platformToken: string;
let routes: readonly DeclaredRoute[];
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  own = await createWorld(server, started.context);
  other = await createWorld(server, await createInstance(server.core, { id: 'other', name: 'Other' }, { principal: { kind: 'system' } }));
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
  routes = server.app.declaredRoutes;
});
afterAll(() => server.close());


/** Calls a route with a token and its example as the body. */
function request(route: DeclaredRoute, parameters: Readonly<Record<string, string>>, token: string | undefined, change: { query?: string; body?: unknown; headers?: [string, string][] } = {}): Promise<RawAnswer> {
  const isLogo = route.url.endsWith('/branding/logo') && route.method === 'PUT';
  const body = isLogo ? 'no image' : change.body ?? (isApi(route) ? exampleOf(route) : undefined);
  return call(server, {
    method: route.method, target: `${targetOf(route, parameters)}${change.query ?? ''}`,
    headers: [
      ...(token === undefined ? [] : [['Authorization', `Bearer ${token}`] as const]),
      ...(body === undefined ? [] : [['Content-Type', isLogo ? 'image/png' : 'application/json'] as const]),
      ...change.headers ?? [],
    ],
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

/** Runs `work`, of which nothing may reach the instance. */
async function untouched(instanceId: string, work: () => Promise<void>): Promise<void> {
  const before = await digestOf(server.databaseUrl, instanceId);
  await work();
  expect(await digestOf(server.databaseUrl, instanceId)).toEqual(before);
}

describe('attack: tenant.idor-matrix', () => {
  it('no route of an API answers without a token, nor to a cookie', async () => {
    for (const route of routes.filter(isApi)) {
      for (const headers of [[], [['Cookie', cookiesOf(own)] as [string, string]]]) {
        const answer = await request(route, own.parameters, undefined, { headers });
        expect([nameOf(route), answer.status, answer.headers.get('www-authenticate')?.[0]?.split(' ')[0]]).toEqual([nameOf(route), 401, 'Bearer,']);
      }
    }
  });

  it('no route takes the token of another instance, or of the other API', async () => {
    await untouched('default', async () => {
      for (const route of routes.filter(isApi)) {
        for (const token of [other.token, route.access.credential === 'platform' ? own.token : platformToken]) {
          expect([nameOf(route), (await request(route, own.parameters, token)).status]).toEqual([nameOf(route), 401]);
        }
      }
    });
  });

  it('no route takes a token with every scope but its own', async () => {
    const tokens = new Map<string, string>();
    const scopes = [...new Set(routes.flatMap(({ access }) => (access.credential === 'bearer' ? [access.scope] : [])))];
    for (const scope of scopes) {
      const answer = await post(own.issuer, 'token', { grant_type: 'client_credentials', scope: scopes.filter((name) => name !== scope).join(' ') }, own.machine);
      tokens.set(scope, String(answer.body['access_token']));
    }
    await untouched('default', async () => {
      for (const route of routes) {
        if (route.access.credential !== 'bearer') continue;
        expect([nameOf(route), (await request(route, own.parameters, tokens.get(route.access.scope))).status]).toEqual([nameOf(route), 403]);
      }
    });
  });

  it('a cursor of another instance is none here', async () => {
    let tried = 0;
    for (const route of routes.filter((candidate) => candidate.access.credential === 'bearer' && candidate.method === 'GET' && fieldsOf(schemaOf(candidate, 'querystring')).some(({ path }) => path[0] === 'cursor'))) {
      for (let made = 0; made < 2; made += 1) await other.api('POST', '/users', { username: `filler-${tried}-${made}` });
      await other.api('POST', '/resource-servers', { identifier: `https://filler-${tried}.example.com`, name: 'Filler' });
      const page = await request(route, other.parameters, other.token, { query: '?limit=1' });
      const { next } = JSON.parse(page.body) as { next: string | null };
      if (next === null) continue;                                        // a list of one
      expect([nameOf(route), (await request(route, own.parameters, own.token, { query: `?limit=1&cursor=${encodeURIComponent(next)}` })).status]).toEqual([nameOf(route), 400]);
      tried += 1;
    }
    expect(tried).toBeGreaterThanOrEqual(4);
  });

  it('no body takes the instance or an id beside the path\'s own', async () => {
    await untouched('other', async () => {
      for (const route of routes.filter((candidate) => isApi(candidate) && schemaOf(candidate, 'body') !== undefined)) {
        const example = exampleOf(route) as object;
        for (const further of [{ instanceId: 'other' }, { instance: 'other' }, ...(nameOf(route) === 'POST /platform/v1/instances' ? [] : [{ id: other.parameters['userId'] }]), { tenantId: 'other' }]) {
          const answer = await request(route, own.parameters, route.access.credential === 'platform' ? platformToken : own.token, { body: { ...example, ...further } });
          expect([nameOf(route), answer.status]).toEqual([nameOf(route), 400]);
        }
      }
    });
  });

  it('headers that name an instance change nothing', async () => {
    const headers = ['X-Tenant', 'X-Tenant-Id', 'X-Instance', 'X-Instance-Id', 'X-Forwarded-Prefix', 'X-Original-URL', 'X-Rewrite-URL', 'X-Forwarded-Host'].map((name) => [name, name.includes('URL') || name.includes('Prefix') ? '/t/other/api/v1/users' : 'other'] as [string, string]);
    const answer = await call(server, { target: '/t/default/api/v1/users?limit=200', headers: [['Authorization', `Bearer ${own.token}`], ...headers] });
    expect(answer.status).toBe(200);
    expect(answer.body).toContain(own.person.username);
    expect(answer.body).not.toContain(other.person.username);
  });

  it('OAuth endpoints and pages know nothing of another instance\'s clients, APIs and accounts', async () => {
    await untouched('other', async () => {
      for (const endpoint of ['token', 'introspect', 'revoke', 'par', 'device_authorization']) {
        const answer = await post(own.issuer, endpoint, { grant_type: 'client_credentials', token: other.token, client_id: other.machine.clientId }, other.machine);
        expect([endpoint, answer.status, answer.body['error']]).toEqual([endpoint, 401, 'invalid_client']);
      }
      // A twin of the name was made above; the secret is the other one's.
      expect((await createBrowser(server.origin).request(authorizeUrl(own.issuer, { clientId: other.machine.clientId }, createPkce()))).status).toBe(400);
      const resource = await post(own.issuer, 'token', { grant_type: 'client_credentials', resource: `${other.issuer}/api/v1` }, own.machine);
      expect(resource.body['error']).toBe('invalid_target');
      const browser = createBrowser(server.origin);
      const asked = await browser.open(authorizeUrl(own.issuer, own.client, createPkce()));
      const { fields } = formOf(asked);
      for (const account of [other.parameters['userId'] ?? '', own.parameters['userId'] ?? '']) {
        const page = await browser.open(asked.url, { method: 'POST', body: new URLSearchParams({ ...fields, do: 'choose_account', account }), headers: { origin: server.origin } });
        expect(page.text).toContain('name="identifier"');
      }
    });
  });
});

describe('attack: tenant.same-origin-script', () => {
  it('no page answers anything but the navigation of a window', async () => {
    const pages = routes.filter(({ access, url }) => access.credential === 'page' && url !== '/');
    expect(pages.length).toBeGreaterThan(10);
    for (const route of pages) {
      for (const headers of [[['Sec-Fetch-Dest', 'empty']], [['Sec-Fetch-Mode', 'cors']], [['Sec-Fetch-Mode', 'navigate'], ['Sec-Fetch-Dest', 'iframe']], [['Sec-Fetch-Mode', 'no-cors'], ['Sec-Fetch-Dest', 'script']], [['Service-Worker', 'script']]] as [string, string][][]) {
        const answer = await request(route, own.parameters, undefined, { headers: [...headers, ['Cookie', cookiesOf(own)]] });
        expect([nameOf(route), headers[0]?.[1], answer.status]).toEqual([nameOf(route), headers[0]?.[1], 403]);
        expect(answer.headers.has('location')).toBe(false);
        expect(answer.headers.has('set-cookie')).toBe(false);
      }
    }
  });

  it('nothing at all is served to the registration of a service worker', async () => {
    for (const route of routes.filter(({ access, method }) => access.credential === 'none' && method === 'GET')) {
      const answer = await request(route, own.parameters, undefined, { headers: [['Service-Worker', 'script']] });
      expect([nameOf(route), answer.status]).toEqual([nameOf(route), 403]);
    }
  });

  it('every page is cut off from its opener, cannot be framed, and runs nothing but our own files', async () => {
    for (const route of routes.filter(({ access, method, url }) => access.credential === 'page' && method === 'GET' && url.startsWith('/t/'))) {
      const answer = await request(route, own.parameters, undefined);
      const header = (name: string) => answer.headers.get(name)?.join(', ') ?? '';
      expect([nameOf(route), header('content-security-policy').includes("frame-ancestors 'none'"), header('x-content-type-options')]).toEqual([nameOf(route), true, 'nosniff']);
      if (!header('content-type').includes('text/html')) continue;
      const policy = header('content-security-policy');
      for (const rule of ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "worker-src 'none'", "require-trusted-types-for 'script'"]) expect(policy).toContain(rule);
      expect(policy).not.toMatch(/unsafe-|\*(?!:)|https?:(?!\/\/)|data:[^;]*script/);
      expect(header('cross-origin-opener-policy')).toBe('noopener-allow-popups');
      expect(header('cache-control')).toContain('no-store');
      expect(answer.body).not.toMatch(/<script(?![^>]* src=)|<style|\son\w+=|javascript:/i);
    }
  });
});

describe('attack: tenant.path-confusion', () => {
  const spellings = (path: string) => [
    `/t/other/../default${path}`, `/t/default/../other${path}`, `/t/./default${path}`, `//t/default${path}`, `/t//default${path}`, `/t/default/${path}`, `/t/default;x=1${path}`, `/t/default%2f..%2fother${path}`,
    `/t/%64efault${path}`.replace('%64', '%64'), `/t/DEFAULT${path}`, `/T/default${path}`, `/t/default%00${path}`, `/t/default%20${path}`, `/t/default.${path}`, `/t/default%2e${path}`, `/t\\default${path}`, `/t/default%5c${path}`,
    `/t/default%252f${path}`, `/t/default#${path}`, `/%74/default${path}`, `/t/d%C3%A9fault${path}`, `/t/default%${path}`, `${server.origin}/t/default${path}`, `http://evil.test/t/default${path}`, `/t/default${path}%00`, `/t/default${path}/%2e%2e/users`,
    `/t/default${path};jsessionid=1`, `/t/:instance${path}`, `/t/${path}`, `/t${path}`,
  ];

  it.each(['/api/v1/users', '/.well-known/openid-configuration', '/oauth2/jwks'])('%s answers under one spelling only', async (path) => {
    expect((await call(server, { target: `/t/default${path}`, headers: [['Authorization', `Bearer ${own.token}`]] })).status).toBe(200);
    for (const target of spellings(path)) {
      const answer = await call(server, { target, headers: [['Authorization', `Bearer ${own.token}`]] });
      expect([400, 404], `${target} answered ${answer.status}`).toContain(answer.status);
      expect(answer.body).not.toContain(own.person.username);
    }
  });

  it('two Host lines, or an absolute target beside another host, are nobody\'s', async () => {
    const { host } = new URL(server.origin);
    for (const headers of [[['Host', host], ['Host', 'evil.test']], [['Host', 'evil.test']], [['Host', `${host}, evil.test`]], [['Host', '']]] as [string, string][][]) {
      const answer = await call(server, { target: '/t/default/.well-known/openid-configuration', headers });
      expect([400, 421], `${JSON.stringify(headers)} answered ${answer.status}`).toContain(answer.status);
    }
  });

  it('the log, the handler and the issuer speak of one instance', async () => {
    for (const world of [own, other]) {
      const before = server.logLines().length;
      const answer = await call(server, { target: `/t/${world.context.instance.id}/.well-known/openid-configuration` });
      expect((JSON.parse(answer.body) as { issuer: string }).issuer).toBe(world.issuer);
      const logged = server.logLines().slice(before).map((line) => JSON.parse(line) as { instanceId?: string });
      expect(new Set(logged.flatMap(({ instanceId }) => instanceId ?? []))).toEqual(new Set([world.context.instance.id]));
    }
  });
});

describe('attack: tenant.active-branding', () => {
  const markup = ['<script>alert(1)</script>', '"><img src=x onerror=alert(1)>', 'javascript:alert(1)', 'data:text/html,<script>', '#fff;background:url(//evil.test)', 'red', '</style><script>', 'http://evil.test/', '//evil.test/', 'https://user@evil.test/', '\u202Etxt', '{{constructor}}', 'a\u0000b'];
  /** Words that are harmless as text: these fields are shown, never read as anything else. */
  const harmless: Record<string, string[]> = { displayName: ['red', 'javascript:alert(1)', '#fff;background:url(//evil.test)', 'http://evil.test/', '//evil.test/', 'https://user@evil.test/', '{{constructor}}'], welcomeText: [] };

  it('no field of the branding takes anything active; what is text is shown as text', async () => {
    const patch = routes.find((route) => nameOf(route) === 'PATCH /t/:instance/api/v1/branding');
    if (!patch) throw new Error('no route changes the branding');
    const fields = fieldsOf(schemaOf(patch, 'body')).map(({ path }) => path.join('.'));
    expect(fields.length).toBeGreaterThan(5);
    harmless['welcomeText'] = harmless['displayName'] ?? [];
    for (const field of fields) {
      for (const value of markup) {
        const { status } = await own.api('PATCH', '/branding', { [field]: value });
        expect([field, value, status]).toEqual([field, value, harmless[field]?.includes(value) ? 200 : 400]);
      }
    }
    await own.api('PATCH', '/branding', { displayName: null, welcomeText: null });
  });

  it('the logo is what we drew, served inert', async () => {
    const answer = await call(server, { target: targetOf({ url: '/t/:instance/assets/images/:file' }, own.parameters) });
    const header = (name: string) => answer.headers.get(name)?.join() ?? '';
    expect([answer.status, header('content-type'), header('x-content-type-options'), header('content-security-policy')]).toEqual([200, 'image/png', 'nosniff', "default-src 'none'; sandbox"]);
    for (const [type, body] of [['image/svg+xml', '<svg onload="alert(1)"/>'], ['text/html', '<script>'], ['image/png', '<svg/>'], ['image/png', '\x89PNG\r\n\x1a\n<script>'], ['image/gif', 'GIF89a/*'], ['application/json', '{}']] as const) {
      const refused = await own.api('PUT', '/branding/logo', Buffer.from(body, 'latin1'), { 'content-type': type });
      expect([400, 415], `${type} answered ${refused.status}`).toContain(refused.status);
    }
  });
});
