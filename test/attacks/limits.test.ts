import { gzipSync } from 'node:zlib';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceCodeGrant } from '../../src/applications/index.ts';
import { scopedModels } from '../../src/core/database.ts';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { createClient, createPkce, redirectUri, startProtocolServer, type TestClient } from '../support/oidc.ts';
import type { RawAnswer, RawRequest } from '../support/raw-request.ts';
import { countEventsOfCallers, isApi, nameOf } from '../support/routes.ts';
import { exampleOf, fieldsOf, schemaOf } from '../support/schemas.ts';
import type { TestServer } from '../support/server.ts';
import { call, createWorld, targetOf, wideLimits, type World } from '../support/world.ts';

let server: TestServer;
let world: World;
let platformToken: string;
let client: TestClient;
let television: TestClient;
beforeAll(async () => {
  const started = await startProtocolServer({ settings: { TRUSTED_PROXIES: '127.0.0.1' } });
  ({ server } = started);
  world = await createWorld(server, started.context);
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
  client = await createClient(world.context, { kind: 'browser' });
  television = await createClient(world.context, { kind: 'native', oidc: { grantTypes: [deviceCodeGrant], redirectUris: [], postLogoutRedirectUris: [] } });
});
afterAll(() => server.close());

const form: [string, string] = ['Content-Type', 'application/x-www-form-urlencoded'];
const authorization = (route: DeclaredRoute): [string, string][] => (isApi(route) ? [['Authorization', `Bearer ${route.access.credential === 'platform' ? platformToken : world.token}`]] : []);
/** Some of the values for each place, in turn: over all routes and fields each is tried many times, and the time stays bounded. */
function inTurn<Value>(values: readonly Value[], count: number): () => Value[] {
  let turn = 0;
  return () => Array.from({ length: count }, () => values[turn++ % values.length] as Value);
}
/** Refusals, never faults; Node itself answers 414 and 431. */
const refusals = [400, 401, 403, 404, 405, 411, 413, 414, 415, 421, 429, 431];

describe('attack: limit.parameter-size', () => {
  const took: number[] = [];
  async function refused(what: string, request: RawRequest, statuses: readonly number[] = refusals): Promise<RawAnswer> {
    const answer = await call(server, request);
    took.push(answer.took);
    expect(statuses, `${what} answered ${answer.status}: ${answer.body.slice(0, 200)}`).toContain(answer.status);
    return answer;
  }

  it('no route takes a giant query, path or header', async () => {
    for (const route of server.app.declaredRoutes.filter(({ method }) => method !== 'HEAD' && method !== 'OPTIONS')) {
      const target = targetOf(route, world.parameters);
      await refused(`${nameOf(route)} with a giant query`, { method: route.method, target: `${target}?x=${'a'.repeat(1_000_000)}` });
      await refused(`${nameOf(route)} with a giant header`, { method: route.method, target, headers: [['X-Giant', 'a'.repeat(100_000)]] });
      await refused(`${nameOf(route)} with many headers`, { method: route.method, target, headers: Array.from({ length: 3_000 }, (_value, place) => [`X-${place}`, 'a'] as const) });
      if (/:(?!instance)/.test(route.url)) {
        const long = Object.fromEntries(Object.entries(world.parameters).map(([name, value]) => [name, name === 'instance' ? value : 'a'.repeat(8_000)]));
        await refused(`${nameOf(route)} with a giant id`, { method: route.method, target: targetOf(route, long), headers: authorization(route) });
      }
    }
  }, 120_000);

  it('no route reads a giant, deep or compressed body', async () => {
    const before = await countEventsOfCallers(server);
    for (const route of server.app.declaredRoutes.filter(({ method }) => ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method))) {
      const target = targetOf(route, world.parameters);
      const headers = authorization(route);
      const json: [string, string] = ['Content-Type', 'application/json'];
      await refused(`${nameOf(route)} with 2 MB`, { method: route.method, target, headers: [...headers, json], body: JSON.stringify({ x: 'a'.repeat(2_000_000) }) }, route.url.endsWith('/logout') || route.url.endsWith('/authorize') ? [...refusals, 200, 303] : refusals);
      await refused(`${nameOf(route)} with a 2 MB form`, { method: route.method, target, headers: [...headers, form], body: `x=${'a'.repeat(2_000_000)}` });
      await refused(`${nameOf(route)} with depth`, { method: route.method, target, headers: [...headers, json], body: `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}` });
      await refused(`${nameOf(route)} with lists in depth`, { method: route.method, target, headers: [...headers, json], body: `${'['.repeat(50_000)}${']'.repeat(50_000)}` });
      await refused(`${nameOf(route)} compressed`, { method: route.method, target, headers: [...headers, json, ['Content-Encoding', 'gzip']], body: gzipSync(JSON.stringify({ x: 'a'.repeat(100_000) })) });
      await refused(`${nameOf(route)} with a length that lies`, { method: route.method, target, headers: [...headers, json, ['Content-Length', '99999999999']], body: '{}' });
    }
    expect(await countEventsOfCallers(server)).toBe(before);
  }, 180_000);

  it('no field of any body takes a megabyte, nor a list of a hundred thousand', async () => {
    let tried = 0;
    const values = inTurn<unknown>(['a'.repeat(1_000_000), Array.from({ length: 100_000 }, () => 'a'), 1e308, -1, 9_007_199_254_740_993], 2);
    for (const route of server.app.declaredRoutes.filter(isApi)) {
      const example = schemaOf(route, 'body') && exampleOf(route) as Record<string, unknown>;
      for (const { path } of fieldsOf(schemaOf(route, 'body'))) {
        const [name = '', ...rest] = path;
        for (const value of values()) {
          const nested = rest.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value);
          const answer = await refused(`${nameOf(route)} ${path.join('.')}`, { method: route.method, target: targetOf(route, world.parameters), headers: [...authorization(route), ['Content-Type', 'application/json']], body: JSON.stringify({ ...example, [name]: nested }) });
          expect(answer.body.length).toBeLessThan(20_000);
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(150);
  }, 120_000);

  it('no query parameter takes 12 KB or what is no text', async () => {
    const values = inTurn(['a'.repeat(12_000), '%00', '%FF%FE', '%ED%A0%80', '%', '%zz', '1e999', '-1', '%E2%80%AE'], 4);
    for (const route of server.app.declaredRoutes.filter((candidate) => isApi(candidate) && candidate.method === 'GET')) {
      for (const { path: [name = ''] } of fieldsOf(schemaOf(route, 'querystring'))) {
        for (const value of values()) {
          await refused(`${nameOf(route)} ?${name}=${value.slice(0, 20)}`, { target: `${targetOf(route, world.parameters)}?${name}=${value}`, headers: authorization(route) }, [...refusals, 200]);
        }
      }
    }
  }, 120_000);

  it('no parameter of an OAuth endpoint takes a megabyte', async () => {
    const names = ['client_id', 'client_secret', 'redirect_uri', 'scope', 'state', 'nonce', 'code', 'code_challenge', 'code_verifier', 'refresh_token', 'grant_type', 'resource', 'claims', 'request', 'request_uri', 'id_token_hint', 'login_hint', 'acr_values', 'prompt', 'ui_locales', 'client_assertion', 'token', 'device_code', 'user_code'];
    for (const endpoint of ['token', 'introspect', 'revoke', 'par', 'device_authorization', 'authorize', 'logout', 'device', 'userinfo']) {
      for (const name of names) {
        await refused(`${endpoint} ${name}`, { method: 'POST', target: `/t/default/oauth2/${endpoint}`, headers: [form], body: `client_id=${client.clientId}&${name}=${'a'.repeat(1_000_000)}` });
        await refused(`${endpoint} ${name} in the query`, { target: `/t/default/oauth2/${endpoint}?client_id=${client.clientId}&${name}=${'a'.repeat(1_000_000)}` });
      }
    }
    await refused('10,000 scopes', { method: 'POST', target: '/t/default/oauth2/par', headers: [form], body: `client_id=${client.clientId}&scope=${Array.from({ length: 10_000 }, (_value, place) => `s${place}`).join('+')}` });
    await refused('10,000 parameters', { method: 'POST', target: '/t/default/oauth2/token', headers: [form], body: Array.from({ length: 10_000 }, (_value, place) => `p${place}=`).join('&') });
  }, 120_000);

  it('a broken Authorization, Cookie or other header is a refusal or nothing', async () => {
    const broken: [string, string][] = [
      ...['', 'Bearer', 'Bearer ', 'Basic', 'Basic =', 'Basic Og==', 'Basic %%%', 'Bearer \xff\xfe', 'DPoP', 'Digest username="x"', `Bearer ${'a.'.repeat(6_000)}`, 'Bearer a b', 'bearer,x', `Basic ${Buffer.from(`${'a'.repeat(5_000)}:b`).toString('base64')}`].map((value) => ['Authorization', value] as [string, string]),
      ...['', '=', ';;;', 'a', '=;=', 'postern_session_default', 'postern_session_default=', 'postern_session_default="', `postern_session_default=${'a'.repeat(8_000)}`, 'postern_session_default=%00', 'postern_browser_default=\xff', `${'a=b; '.repeat(1_000)}`, 'postern_locale=../../x', '__proto__=x'].map((value) => ['Cookie', value] as [string, string]),
      ['If-Match', 'x'.repeat(5_000)], ['Idempotency-Key', 'x'.repeat(5_000)], ['Accept-Language', 'en,'.repeat(3_000)], ['Accept', '*/*,'.repeat(3_000)], ['DPoP', 'a.b.c'], ['Range', 'bytes=0-,0-,0-'], ['Expect', '200-ok'], ['Content-Length', 'abc'], ['X-Forwarded-For', '1,'.repeat(4_000)], ['X-Forwarded-For', 'not an address'], ['Upgrade', 'h2c'], ['TE', 'trailers'],
    ];
    const some = inTurn(broken, 10);
    for (const route of server.app.declaredRoutes.filter(({ method, url }) => method === 'GET' && !/suspend|resume/.test(url))) {
      for (const [name, value] of some()) {
        const answer = await call(server, { target: targetOf(route, world.parameters), headers: [[name, value]] });
        expect(answer.status, `${nameOf(route)} with ${name}: ${value.slice(0, 40)}: ${answer.body.slice(0, 200)}`).toBeLessThan(500);
      }
    }
  }, 120_000);

  it('refusing took no longer than an honest request does', async () => {
    const honest: number[] = [];
    for (let count = 0; count < 50; count += 1) honest.push((await call(server, { target: '/t/default/api/v1/users', headers: [['Authorization', `Bearer ${world.token}`]] })).took);
    const median = (values: number[]) => values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
    expect(took.length).toBeGreaterThan(500);
    expect(median(took)).toBeLessThan(50 + median(honest));
    // One in a hundred may wait for something else that the machine does.
    expect(took.toSorted((left, right) => left - right)[Math.floor(took.length * 0.99)] ?? 0).toBeLessThan(500);
  });
});

describe('attack: limit.anonymous-state', () => {
  const authorizeQuery = () => new URLSearchParams({ client_id: client.clientId, response_type: 'code', redirect_uri: redirectUri, scope: 'openid', code_challenge: createPkce().challenge, code_challenge_method: 'S256' }).toString();
  /** What a stranger can begin, with a request that does so. */
  const creators: Record<string, () => RawRequest> = {
    'GET /t/:instance/oauth2/authorize': () => ({ target: `/t/default/oauth2/authorize?${authorizeQuery()}` }),
    'POST /t/:instance/oauth2/logout': () => ({ method: 'POST', target: '/t/default/oauth2/logout', headers: [form], body: `client_id=${client.clientId}` }),
    'POST /t/:instance/oauth2/authorize': () => ({ method: 'POST', target: '/t/default/oauth2/authorize', headers: [form], body: authorizeQuery() }),
    'POST /t/:instance/oauth2/par': () => ({ method: 'POST', target: '/t/default/oauth2/par', headers: [form], body: authorizeQuery() }),
    'POST /t/:instance/oauth2/device_authorization': () => ({ method: 'POST', target: '/t/default/oauth2/device_authorization', headers: [form], body: `client_id=${television.clientId}&scope=openid` }),
    // Leads to a sign-in whoever is not signed in.
    'GET /t/:instance/account/:section': () => ({ target: '/t/default/account/profile' }),
    'POST /t/:instance/account/:section': () => ({ method: 'POST', target: '/t/default/account/profile', headers: [form], body: 'do=profile' }),
    'GET /t/:instance/oauth2/device': () => ({ target: '/t/default/oauth2/device' }),
  };

  async function counts(): Promise<Record<string, number>> {
    const database = new pg.Client({ connectionString: server.databaseUrl });
    await database.connect();
    const counted: Record<string, number> = {};
    for (const table of scopedModels) counted[table] = Number((await database.query<{ count: string }>(`SELECT count(*) FROM "${table}"`)).rows[0]?.count);
    await database.end();
    return counted;
  }
  const growth = (before: Record<string, number>, after: Record<string, number>) => Object.fromEntries(Object.entries(after).map(([table, count]) => [table, count - (before[table] ?? 0)] as const).filter(([table, more]) => more > 0 && !table.startsWith('Event')));

  it('no other route makes rows for strangers', async () => {
    let before = await counts();
    // Who has the link of a set-up or an invitation is no stranger: the world's own are in these addresses.
    for (const route of server.app.declaredRoutes.filter((candidate) => !isApi(candidate) && creators[nameOf(candidate)] === undefined && !/\/(setup|invitation)\//.test(candidate.url))) {
      // A HEAD is a GET whose body is thrown away.
      if (route.method === 'HEAD' && creators[nameOf({ ...route, method: 'GET' })] !== undefined) continue;
      for (let count = 0; count < 3; count += 1) {
        await call(server, { method: route.method, target: `${targetOf(route, { ...world.parameters, uid: 'x'.repeat(43) })}?client_id=${client.clientId}`, ...(route.method === 'POST' && { headers: [form], body: `client_id=${client.clientId}&grant_type=authorization_code&code=x&token=x` }) });
      }
      const after = await counts();
      expect([nameOf(route), growth(before, after)]).toEqual([nameOf(route), {}]);
      before = after;
    }
  }, 120_000);

  it.each(Object.keys(creators))('%s is limited, for one address alone, and its rows have an end', async (name) => {
    await world.api('PATCH', '/settings', { rateLimit: { applicationPerSecond: 100, applicationBurst: 100, addressPerSecond: 20, addressBurst: 200 } });
    const before = await counts();
    const flood = 500;
    const network = Object.keys(creators).indexOf(name) + 1;
    const statuses = new Map<number, number>();
    let retryAfter: string | undefined;
    for (let sent = 0; sent < flood; sent += 50) {
      // One subscriber with many addresses: an IPv6 /64 counts as one.
      const answers = await Promise.all(Array.from({ length: 50 }, (_value, place) => {
        const request = creators[name]?.() ?? { target: '/' };
        return call(server, { ...request, headers: [...request.headers ?? [], ['X-Forwarded-For', `2001:db8:${network}:1::${(sent + place).toString(16)}`]] });
      }));
      for (const { status, headers } of answers) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 429) retryAfter ??= headers.get('retry-after')?.[0];
      }
    }
    expect([...statuses.keys()].filter((status) => status >= 500)).toEqual([]);
    expect(statuses.get(429) ?? 0).toBeGreaterThan(0);
    expect(Number(retryAfter)).toBeGreaterThan(0);
    const made = growth(before, await counts());
    for (const [table, more] of Object.entries(made)) expect([table, more < flood * 0.75]).toEqual([table, true]);

    // Somebody at another address is served, unless the application itself has had enough.
    if (!name.includes('device_authorization') && !name.includes('par')) {
      const request = creators[name]?.() ?? { target: '/' };
      const elsewhere = await call(server, { ...request, headers: [...request.headers ?? [], ['X-Forwarded-For', `198.51.100.${network}`]] });
      expect([200, 201, 303]).toContain(elsewhere.status);
    }
    const endless = await server.core.database.$queryRaw<{ count: bigint }[]>`
      SELECT (SELECT count(*) FROM "OidcRecord" WHERE "instanceId" = 'default' AND "expiresAt" IS NULL AND model NOT IN ('PairwiseSalt')) + (SELECT count(*) FROM "Flow" WHERE "instanceId" = 'default' AND "expiresAt" > now() + interval '2 hours') AS count`;
    expect(Number(endless[0]?.count)).toBe(0);
    await world.api('PATCH', '/settings', wideLimits);
  }, 60_000);
});
