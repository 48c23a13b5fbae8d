import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createSetupLink } from '../../src/authentication/index.ts';
import { bootstrap } from '../../src/bootstrap/index.ts';
import { ConfigurationError, loadConfig } from '../../src/config.ts';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { buildServer } from '../../src/server.ts';
import { createBrowser } from '../support/browser.ts';
import { createTestDatabase } from '../support/database.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, exchange, password, post, signIn, startProtocolServer } from '../support/oidc.ts';
import type { RawAnswer } from '../support/raw-request.ts';
import { countEventsOfCallers, isApi, nameOf } from '../support/routes.ts';
import { exampleOf, schemaOf } from '../support/schemas.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { call, createWorld, targetOf, type World } from '../support/world.ts';

let server: TestServer;
let world: World;
let platformToken: string;
beforeAll(async () => {
  const started = await startProtocolServer();
  ({ server } = started);
  world = await createWorld(server, started.context);
  platformToken = await server.managementToken(`${server.origin}/platform/v1`);
});
afterAll(() => server.close());

const writes = () => server.app.declaredRoutes.filter((route) => isApi(route) && ['POST', 'PUT', 'PATCH', 'DELETE'].includes(route.method));

function send(route: DeclaredRoute, body: string | Buffer, headers: [string, string][]): Promise<RawAnswer> {
  return call(server, { method: route.method, target: targetOf(route, world.parameters), body, headers: [['Authorization', `Bearer ${route.access.credential === 'platform' ? platformToken : world.token}`], ...headers] });
}

/** How many events the server has written: none came of what was refused. */

describe('attack: admin.content-type', () => {
  const types = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/json\ta', 'application/json a', 'application/json;', 'application/json,text/plain', 'application/jsonx', 'text/json', 'application/json; charset=utf-16', 'application/json; charset=utf-8; x=y', 'application/xml', '*/*', ''];

  it('no route that writes reads a body under another type', async () => {
    const before = await countEventsOfCallers(server);
    for (const route of writes()) {
      const isLogo = route.url.endsWith('/branding/logo') && route.method === 'PUT';
      const example = JSON.stringify(exampleOf(route) ?? {});
      for (const type of types) {
        const answer = await send(route, example, type === '' ? [] : [['Content-Type', type]]);
        expect([nameOf(route), type, [400, 415].includes(answer.status)]).toEqual([nameOf(route), type, true]);
      }
      if (isLogo) expect((await send(route, example, [['Content-Type', 'application/json']])).status).toBe(415);
    }
    expect(await countEventsOfCallers(server)).toBe(before);
  });

  it('no route takes a body that two parsers would read differently', async () => {
    const before = await countEventsOfCallers(server);
    for (const route of writes().filter((candidate) => schemaOf(candidate, 'body') !== undefined)) {
      const example = JSON.stringify(exampleOf(route));
      const [first = 'name'] = Object.keys(exampleOf(route) as object);
      const bodies: [string, string | Buffer][] = [
        ['a doubled name', example.replace('{', `{${JSON.stringify(first)}:null,`)], ['a doubled name, escaped', example.replace('{', `{"\\u${first.charCodeAt(0).toString(16).padStart(4, '0')}${first.slice(1)}":null,`)],
        ['text behind it', `${example}x`], ['a second object', `${example}{}`], ['a byte order mark', `\uFEFF${example}`], ['UTF-16', Buffer.from(example, 'utf16le')], ['broken UTF-8', Buffer.concat([Buffer.from(example.slice(0, -1)), Buffer.from([0x22, 0xff, 0x22, 0x7d])])],
        ['comments', `/**/${example}`], ['a trailing comma', example.replace(/\}$/, ',}')], ['single quotes', example.replaceAll('"', '\'')], ['a list', `[${example}]`], ['null', 'null'], ['a text', JSON.stringify(example)], ['a number', '1'], ['true', 'true'], ['nothing', ' '],
      ];
      for (const [what, body] of bodies) {
        const answer = await send(route, body, [['Content-Type', 'application/json']]);
        expect([nameOf(route), what, answer.status]).toEqual([nameOf(route), what, 400]);
        expect(answer.headers.get('content-type')?.[0]).toContain('application/problem+json');
      }
    }
    expect(await countEventsOfCallers(server)).toBe(before);
  });

  it('no header turns a method into another', async () => {
    for (const header of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']) {
      for (const method of ['GET', 'POST']) {
        const answer = await call(server, { method, target: `/t/default/api/v1/users${method === 'GET' ? `/${world.parameters['userId'] ?? ''}` : ''}`, headers: [['Authorization', `Bearer ${world.token}`], [header, 'DELETE'], ['Content-Type', 'application/json']], ...(method === 'POST' && { body: '{"username":"overridden"}' }) });
        expect([header, method, answer.status]).toEqual([header, method, 400]);
      }
    }
    const form = await call(server, { method: 'POST', target: `/t/default/api/v1/users/${world.parameters['userId'] ?? ''}?_method=DELETE`, headers: [['Authorization', `Bearer ${world.token}`]] });
    expect([404, 405]).toContain(form.status);
    expect((await world.api('GET', `/users/${world.parameters['userId'] ?? ''}`)).status).toBe(200);
  });

  it('no route takes a length and chunks at once, nor chunks that are none', async () => {
    for (const headers of [[['Content-Length', '5'], ['Transfer-Encoding', 'chunked']], [['Transfer-Encoding', 'chunked, identity']], [['Transfer-Encoding', 'xchunked']], [['Content-Length', '5'], ['Content-Length', '6']], [['Content-Length', '-1']], [['Content-Length', '5, 5']]] as [string, string][][]) {
      const answer = await call(server, { method: 'POST', target: '/t/default/api/v1/users', body: '0\r\n\r\nGET /t/default/api/v1/users HTTP/1.1\r\nHost: x\r\n\r\n', headers: [['Authorization', `Bearer ${world.token}`], ['Content-Type', 'application/json'], ...headers] });
      expect([JSON.stringify(headers), [400, 415, 501].includes(answer.status)]).toEqual([JSON.stringify(headers), true]);
    }
  });
});

describe('attack: admin.bootstrap', () => {
  it('credentials that stand in documents and examples are refused', () => {
    const settings: Record<string, string>[] = [];
    for (const value of ['changeme', 'change-me-change-me-change-me', 'secret', 'password', 'admin', 'example', 'postern', '0'.repeat(64), 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=', Buffer.alloc(32).toString('base64'), '<generate one>']) {
      settings.push({ MASTER_KEY: value });
    }
    settings.push({ BOOTSTRAP_ADMIN_PASSWORD: 'changeme' }, { BOOTSTRAP_ADMIN_PASSWORD: 'password' }, { BOOTSTRAP_ADMIN_PASSWORD: 'short' }, { BOOTSTRAP_CLIENT_ID: 'x-client', BOOTSTRAP_CLIENT_SECRET: 'changeme' }, { BOOTSTRAP_CLIENT_ID: 'x-client', BOOTSTRAP_CLIENT_SECRET: 'short' }, { BOOTSTRAP_CLIENT_ID: 'only-the-id' });
    for (const setting of settings) {
      let thrown: unknown;
      try { loadConfig(setting); } catch (error) { thrown = error; }
      expect([JSON.stringify(setting), thrown instanceof ConfigurationError]).toEqual([JSON.stringify(setting), true]);
      expect(String((thrown as Error).message)).not.toContain(Object.values(setting).at(-1) === 'admin' ? '\u0000' : String(Object.values(setting).at(-1)));
    }
  });

  it('a second start with other values changes nothing: the old ones go on, the new ones open nothing', async () => {
    const database = await createTestDatabase(inject('postgresUrl'));
    const directory = await mkdtemp(path.join(tmpdir(), 'postern-first-'));
    const environment = { DATA_DIR: directory, PORT: '3999', LOG_LEVEL: 'silent', SAMPLE_APPLICATION_PORT: '0', BOOTSTRAP_ADMIN_USERNAME: 'first', BOOTSTRAP_ADMIN_PASSWORD: 'correct horse battery staple', BOOTSTRAP_CLIENT_ID: 'automation', BOOTSTRAP_CLIENT_SECRET: 'the-first-secret-of-all-of-them' };
    const counts: unknown[] = [];
    try {
      for (const change of [{}, { BOOTSTRAP_ADMIN_USERNAME: 'second', BOOTSTRAP_ADMIN_PASSWORD: 'another horse battery staple', BOOTSTRAP_CLIENT_ID: 'automation-two', BOOTSTRAP_CLIENT_SECRET: 'the-second-secret-of-all-of-them' }, { BOOTSTRAP_ADMIN_PASSWORD: 'a third horse battery staple', BOOTSTRAP_CLIENT_SECRET: 'the-third-secret-of-all-of-them' }]) {
        const restarted = await buildServer({ config: loadConfig({ ...environment, ...change }), connectionString: database.url });
        const result = await bootstrap(restarted.core);
        const { database: db } = restarted.core;
        counts.push({
          users: await db.user.findMany({ select: { username: true } }), owners: await db.administratorAssignment.count(), passwords: await db.password.findMany({ select: { hash: true } }),
          secrets: await db.clientSecret.findMany({ select: { hash: true } }), applications: await db.application.count(), links: await db.setupLink.count(),
        });
        if (counts.length > 1) expect(JSON.stringify(result)).not.toMatch(/horse|secret-of-all/);
        await restarted.stop();
      }
      expect(counts[1]).toEqual(counts[0]);
      expect(counts[2]).toEqual(counts[0]);
    } finally {
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('without settings there is no password that anybody could know', async () => {
    const fresh = await startTestServer({ settings: { BOOTSTRAP_ADMIN_PASSWORD: '', BOOTSTRAP_CLIENT_ID: '', BOOTSTRAP_CLIENT_SECRET: '' } }).catch((error: unknown) => error as Error);
    if (fresh instanceof Error) throw fresh;
    try {
      const context = await fresh.context();
      const browser = createBrowser(fresh.origin);
      await context.db.user.updateMany({ where: { username: 'admin' }, data: { lastSignInAt: new Date() } });
      const client = await createClient({ ...context, principal: { kind: 'system' } });
      for (const guess of ['admin', 'password', 'changeme', 'Admin123!', 'postern', '']) {
        const page = await signIn(browser, await browser.open(authorizeUrl(fresh.issuer, client, createPkce())), { username: 'admin' }, { password: guess });
        expect(page.url).not.toContain('code=');
      }
      for (const secret of ['automation-secret-for-tests-only', 'secret']) expect((await post(fresh.issuer, 'token', { grant_type: 'client_credentials' }, { clientId: 'automation', secret })).status).toBe(401);
    } finally {
      await fresh.close();
    }
  });
});

describe('attack: admin.log-injection', () => {
  const forged = ['a\r\n{"level":50,"msg":"forged"}', 'a\u001B[2J\u001B[31m', 'a\u2028b', 'a\u202Eb', 'a\u0000b', '\u0085x', '%0d%0aforged: 1'];

  it('whatever is sent, each line of the log is one JSON record of ours', async () => {
    const before = server.logLines().length;
    for (const value of forged) {
      const encoded = encodeURIComponent(value);
      const latin = value.replace(/[^\x20-\x7e]/g, '');
      await call(server, { target: `/t/default/sign-in/${encoded.slice(0, 90)}`, headers: [['User-Agent', latin], ['X-Request-Id', latin]] });
      await call(server, { target: `/t/default/api/v1/users?username=${encoded}`, headers: [['Authorization', `Bearer ${world.token}`]] });
      await call(server, { target: `/t/default/oauth2/authorize?client_id=${encoded}&state=${encoded}` });
      await post(world.issuer, 'token', { grant_type: value, client_id: value });
      await world.api('POST', '/users', { username: value, displayName: value });
      const browser = createBrowser(server.origin);
      await signIn(browser, await browser.open(authorizeUrl(world.issuer, world.client, createPkce())), { username: value }, { password: value }).catch(() => undefined);
    }
    const lines = server.logLines().slice(before);
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line.endsWith('\n') && !line.slice(0, -1).includes('\n')).toBe(true);
      expect(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u2028\u2029\u202A-\u202E]/.test(line.slice(0, -1))).toBe(false);
      expect(JSON.parse(line)).toHaveProperty('level');
      expect(JSON.parse(line)).not.toMatchObject({ msg: 'forged' });
    }
  });

  it('a log of everything that happens holds no secret', async () => {
    const marker = `s3cr3t-${randomBytes(6).toString('hex')}`;
    const { context } = world;
    const person = await createPerson(context);
    const client = await createClient(context);
    const signedIn = await authorizeCode(context, { client, person });
    const { body } = await exchange(world.issuer, signedIn);
    await post(world.issuer, 'introspect', { token: String(body['access_token']) }, client);
    await post(world.issuer, 'token', { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }, client);
    await post(world.issuer, 'token', { grant_type: 'client_credentials', client_secret: marker, client_id: client.clientId, code: marker, refresh_token: marker, password: marker, client_assertion: marker });
    await fetch(`${world.issuer}/oauth2/userinfo?access_token=${marker}`, { headers: { authorization: `Bearer ${marker}`, cookie: `postern_session_default=${marker}` } });
    await fetch(`${world.issuer}/api/v1/users?access_token=${marker}&cursor=${marker}`, { headers: { authorization: `Basic ${Buffer.from(`x:${marker}`).toString('base64')}` } });
    const setup = await createSetupLink(context, person.user.id);
    await createBrowser(server.origin).request(setup.url);
    await createBrowser(server.origin).request(`${world.issuer}/oauth2/authorize/${setup.token}`);
    await fetch(`${world.issuer}/oauth2/authorize?posted=${marker}&request=${marker}&id_token_hint=${marker}&code=${marker}`);
    const secret = await world.api('POST', `/applications/${client.application.id}/secrets`, {});
    await world.api('PUT', `/users/${person.user.id}/password`, { password: `${marker} seven violins` });
    await world.api('POST', '/users', { username: 'x y', password: marker });
    const log = server.logLines().join('');
    const cookies = [...signedIn.browser.cookies.values()].map(({ value }) => value).filter((value) => value.length > 20);
    const secrets = [marker, setup.token, password, client.secret, signedIn.code, signedIn.pkce.verifier, String(body['access_token']), String(body['refresh_token']), String(body['id_token']).split('.')[2] ?? '', String(secret.body['secret']), world.token.split('.')[2] ?? '', server.machine.clientSecret, server.administrator.password, ...cookies];
    for (const value of secrets) expect([value.slice(0, 12), log.includes(value)]).toEqual([value.slice(0, 12), false]);
    const events = JSON.stringify(await context.db.event.findMany({ select: { before: true, after: true, actor: true, subjectId: true } }));
    for (const value of secrets) expect([value.slice(0, 12), events.includes(value)]).toEqual([value.slice(0, 12), false]);
  });

  it('faults and refusals tell a code and a request id, and nothing of another request', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, async (_value, place) => {
      const marker = `marker-${place}-end`;
      const answer = await call(server, place % 2 === 0
        ? { method: 'POST', target: '/t/default/api/v1/users', body: `{"username":"${marker} with spaces","email":"${marker}"}`, headers: [['Authorization', `Bearer ${world.token}`], ['Content-Type', 'application/json']] }
        : { target: `/t/default/oauth2/authorize?client_id=${marker}` });
      return { marker, answer };
    }));
    for (const { marker, answer } of answers) {
      expect(answer.status).toBe(400);
      for (const other of answers) if (other.marker !== marker) expect(answer.body).not.toContain(other.marker);
      expect(answer.body).not.toMatch(/node_modules|\.ts:\d|SELECT|prisma|\bat \w+ \(|postgres/i);
    }
    const ids = answers.map(({ answer }) => /req_\w+/.exec(answer.body)?.[0]);
    expect(new Set(ids).size).toBe(answers.length);
  });

  it('a request id comes from us, never from the request', async () => {
    const answer = await call(server, { target: '/t/default/api/v1/users', headers: [['X-Request-Id', 'req_chosen'], ['Request-Id', 'req_chosen'], ['X-Correlation-Id', 'req_chosen'], ['Traceparent', '00-req_chosen-01']] });
    expect(answer.body).not.toContain('req_chosen');
    expect(server.logLines().join('')).not.toContain('req_chosen');
  });
});
