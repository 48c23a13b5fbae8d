import { assert, constantFrom, array, oneof, property, string } from 'fast-check';
import fastify from 'fastify';
import type { FastifyBaseLogger } from 'fastify';
import type { Logger } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from './errors.ts';
import { createLogger } from './logging.ts';
import { redactUrl } from './redaction.ts';

let written = '';
let log: Logger;
beforeEach(() => {
  written = '';
  log = createLogger({ level: 'trace' }, { write: (line: string) => { written += line; } });
});

function records(): Record<string, unknown>[] {
  expect(written.endsWith('\n')).toBe(true);
  return written.slice(0, -1).split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
}

const marker = 'M4rk-er!"\\x';                        // with what JSON escapes
const token = 'Zm9vYmFyLXRoaXMtaXMtYS10b2tlbi1vZi00My1jaGF4';
const jwt = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtYXJrZXIifQ.c2lnbmF0dXJl';

describe('admin.log-injection: secrets by name', () => {
  const names = [
    'password', 'currentPassword', 'new_password', 'passwordHash', 'passphrase', 'secret', 'clientSecret', 'client_secret', 'client-secret', 'CLIENT_SECRET',
    'token', 'access_token', 'refreshToken', 'idToken', 'id_token_hint', 'idTokenHint', 'logout_token', 'subject_token', 'registrationAccessToken', 'formToken',
    'code', 'userCode', 'device_code', 'recoveryCode', 'code_verifier', 'codeVerifier', 'state', 'nonce', 'client_assertion', 'assertion', 'SAMLResponse',
    'RelayState', 'authorization', 'Authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'cookies', 'DPoP', 'privateKey', 'private_key', 'masterKey',
    'MASTER_KEY', 'apiKey', 'x-api-key', 'otp', 'request',
  ];
  it.each(names)('%s, wherever it stands', (name) => {
    log.info({ [name]: marker }, 'top');
    log.info({ a: { b: { [name]: marker } } }, 'deep');
    log.info({ list: [{ [name]: [marker, { x: marker }] }] }, 'in lists');
    log.info({ map: new Map([[name, marker]]), search: new URLSearchParams({ [name]: marker }) }, 'in collections');
    log.info({ json: { toJSON: () => ({ [name]: marker }) } }, 'made by toJSON');
    log.error(Object.assign(new Error('failed'), { [name === 'cookies' ? 'details' : 'options']: { [name]: marker } }));
    log.error({ cause: new Error('outer', { cause: Object.assign(new Error('inner'), { body: { [name]: marker } }) }) });
    if (name !== 'request') {                         // a word of its own in bindings and texts
      log.child({ [name]: marker }).info('bound');
      log.child({ a: { [name]: marker } }).info('bound deeper');
      log.info(`text with ${name}='M4rk-er' inside`);
      log.info(`body was ${JSON.stringify({ [name]: marker })}`);
      log.info(`form ${name}=M4rk-er&x=1`);
      log.info(`https://a.example/cb?${name}=M4rk-er&fine=yes`);
      log.info(`return_to=${encodeURIComponent(`https://a.example/cb?x=1&${name}=M4rk-er`)}`);
    }
    expect(written).not.toContain('M4rk-er');
    expect(written.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(records().length - 1);
  });

  it('lets no secret pass that looks like the code of an error', () => {
    log.info({ password: 'ABCDE', otp: '123', userCode: 'ABCDE', deep: { client_secret: 'ERR_ABCDE' } }, "password='ABCDE' userCode=ABCDE");
    log.child({ deep: { token: 'ABCDE' } }).info(JSON.stringify({ password: 'ABCDE', code: '123456' }));
    expect(written).not.toMatch(/ABCDE|123456|"123"/);
  });

  it('keeps what is no secret: codes of errors, statuses, ids, names close to secrets', () => {
    const kept = {
      code: 'User.Not.Exist', userId: 'user_01HZX4', tokenType: 'Bearer', passwordPolicy: 'strong', statusCode: 200, clientId: 'app_1', stateless: true, n: 1.5, none: null,
      nested: { code: 'ECONNREFUSED', at: new Date(0) },
    };
    log.info(kept, 'request completed');
    expect(records()[0]).toMatchObject({ ...kept, level: 'info', msg: 'request completed', nested: { code: 'ECONNREFUSED', at: '1970-01-01T00:00:00.000Z' } });
    log.error(Object.assign(new Error('duplicate key'), { code: '23505' }));
    log.error(new Problem({ status: 404, code: 'User.Not.Exist', detail: 'No user.', logDetail: 'seen' }));
    expect(records().slice(1)).toMatchObject([
      { err: { type: 'Error', message: 'duplicate key', code: '23505' } },
      { err: { code: 'User.Not.Exist', status: 404, logDetail: 'seen' } },
    ]);
    log.info('exit code=1, listening on http://localhost:3000, Basic authentication off');
    expect(records()[3]?.['msg']).toBe('exit code=1, listening on http://localhost:3000, Basic authentication off');
  });
});

describe('admin.log-injection: secrets by look', () => {
  it.each([
    ['bearer token', `sent Bearer ${token}`, token], ['DPoP token', `DPoP ${token}`, token],
    ['basic credentials', 'Basic dXNlcjpwYXNzd29yZC1vZi11c2Vy', 'dXNlcjpw'],
    ['JWT', `got ${jwt}, refused`, 'eyJ'], ['cut JWT', jwt.slice(0, 50), 'eyJ'],
    ['opaque token', `no such token: ${token}`, token], ['path with a token', `/t/default/setup/${token}`, token],
    ['password in an address', 'postgres://postern:M4rker@db.internal/x', 'M4rker'],
    ['cookie header', 'Cookie: postern_session=M4rker; other=M4rker', 'M4rker'], ['authorization header', 'Authorization: Custom M4rker M4rker', 'M4rker'],
    ['curl command', "curl -H 'Authorization: Flow M4rker'", 'M4rker'],
    ['printed object', "{ password: 'M4rker', token: \"M4rker\" }", 'M4rker'],
    ['on a line of its own', 'first\ntoken=M4rker\nlast', 'M4rker'], ['token on a line of its own', `first\n${token}\nlast`, token],
    ['token behind a control', `\u001b${token}`, token], ['JWT behind a backslash', `\\${jwt}`, 'eyJ'],
  ])('%s in message, field, error and child', (_name, text, secret) => {
    log.info(text);
    log.info({ detail: text, list: [text] }, 'field');
    log.error(new Error(text));
    log.error({ err: new Error('outer', { cause: new Error(text) }) });
    log.child({ detail: text }).warn('bound');
    log.info('with %s and %j', text, { text });
    expect(records()).toHaveLength(6);
    expect(written).not.toContain(secret);
  });
});

describe('admin.log-injection: requests', () => {
  it.each([
    ['/authorize?client_id=app_1&state=s&code=c&scope=openid&x=y', '/authorize?client_id=app_1&state=[redacted]&code=[redacted]&scope=openid&x=[redacted]'],
    ['/cb#access_token=x', '/cb'], ['/cb?code=x#y?z', '/cb?code=[redacted]'], ['/plain', '/plain'], ['/a?b', '/a?b=[redacted]'], ['', ''],
    ['/a?id_token_hint=x&client_secret=y&token=z', '/a?id_token_hint=[redacted]&client_secret=[redacted]&token=[redacted]'],
    ['/a?%63ode=x', '/a?code=[redacted]'],
  ])('%s is logged as %s', (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });

  it('a server with this logger logs requests and errors without their secrets, each on one line', async () => {
    const loggerInstance: FastifyBaseLogger = log;
    const app = fastify({ loggerInstance });
    app.get('/cb', (request) => {
      request.log.info({ request, req: request, raw: request.raw, headers: request.headers, query: request.query, body: request.body }, 'all of it');
      throw Object.assign(new Error(`failed for ${request.url}`), { request, headers: request.headers, config: { auth: { password: 'M4rker' } } });
    });
    const reply = await app.inject({
      method: 'GET', url: '/cb?code=M4rker&state=M4rker&session_state=M4rker&client_id=app_1', remoteAddress: '192.0.2.7',
      headers: { authorization: 'Bearer M4rker', cookie: 'session=M4rker', 'x-api-key': 'M4rker', 'user-agent': 'agent \u001b[31m\u202e' },
    });
    await app.close();
    expect(reply.statusCode).toBe(500);
    expect(written).not.toContain('M4rker');
    expect(records().find((record) => record['msg'] === 'incoming request')).toMatchObject({
      reqId: 'req-1', req: { method: 'GET', url: expect.stringContaining('client_id=app_1') as string, remoteAddress: '192.0.2.7', userAgent: 'agent \u001b[31m\u202e' },
    });
    expect(records().some((record) => 'err' in record)).toBe(true);
  });
});

describe('admin.log-injection: one line for each record', () => {
  it.each([
    ['line ends', 'a\r\n{"level":"fatal","msg":"forged"}'], ['ANSI', '\u001b[2J\u001b[31mred'], ['C1 controls', 'a\u009b31m\u0085b'], ['NUL and DEL', '\0\u007f'],
    ['bidi', '\u202eevil\u2066x\u2069\u200f'], ['separators', 'a\u2028b\u2029c'], ['zero width', 'a\u200bb\ufeffc\u00add'], ['tags', 'a\u{e0001}\u{e0061}b'],
    ['lone surrogate', 'a\ud800b'], ['quotes', '","level":"fatal","x":"'], ['backslashes', '\\\\"\\n\\u0022'],
  ])('%s stay inside their record, escaped, and read back unchanged', (_name, text) => {
    log.info(text);
    log.info({ field: text, [text]: 1 }, 'field');
    log.child({ bound: text }).info('bound');
    log.error(new Error(text));
    expect(written.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    const [message, field, bound, error] = records();
    expect(records()).toHaveLength(4);
    expect([message?.['msg'], field?.['field'], field?.[text], bound?.['bound']]).toEqual([text, text, 1, text]);
    expect(error).toMatchObject({ level: 'error', err: { message: text } });
    for (const record of records()) expect(record['level']).not.toBe('fatal');
  });

  it('survives circles, depth, getters that throw, prototype keys and megabytes', () => {
    const circle: Record<string, unknown> = { name: 'circle' };
    circle['self'] = circle;
    log.info({ circle, bytes: Buffer.from('M4rker'), big: 'x'.repeat(1_000_000) }, 'odd');
    log.info(JSON.parse('{"__proto__":{"polluted":true},"constructor":"x","__defineGetter__":1,"toString":{"password":"M4rker"}}'), 'prototype');
    log.info({ get broken() { throw new Error('M4rker'); }, other: { toJSON() { throw new Error('M4rker'); } } }, 'throws');
    expect(records()).toHaveLength(3);
    expect(records()[1]).toMatchObject({ 'field __proto__': { polluted: true }, 'field constructor': 'x' });
    expect(records()[2]).toMatchObject({ broken: '[unreadable]', other: '[unreadable]' });
    expect(written).not.toContain('M4rker');
    expect(written.length).toBeLessThan(20_000);
    expect(records()[0]).toMatchObject({ bytes: '[6 bytes]' });
    expect('polluted' in {}).toBe(false);
  });

  it('takes hostile lines in linear time', () => {
    const start = performance.now();
    for (const piece of ['password', 'token=', '"token":"', 'eyJaaaaaaaa.', 'cookie: ', '\\', '-', 'a_', '://', 'Bearer ', 'code%3D', "secret='"]) {
      log.info(piece.repeat(100_000 / piece.length));
    }
    expect(performance.now() - start).toBeLessThan(1500);
  });

  it('stays JSON whatever hostile pieces meet', () => {
    const pieces = constantFrom(
      '\\', '\\\\', '"', "'", '\n', '\r', '\b', '\f', '\u000e', '\u001c', '\u2028', '\u{e0001}', '\ud800', token, jwt, 'yJhbGciOiJFUzI1NiJ9.x.y', 'token', 'password', 'code',
      '=', ': ', '":"', '%3D', 'Cookie: ', 'Authorization=', 'Bearer ', '://', '@', 'https://u', '&', ',', '}', ' ');
    assert(property(array(oneof(pieces, string({ maxLength: 4 })), { maxLength: 12 }), (parts) => {
      written = '';
      log.info({ field: parts.join(''), nested: { [parts.join('')]: parts } }, parts.join(''));
      expect(records()).toHaveLength(1);
      expect(records()[0]).toMatchObject({ level: 'info' });
      expect(written).not.toContain(token);
    }), { numRuns: 2000 });
  });

  it('keeps to its level', () => {
    createLogger({ level: 'warn' }, { write: (line: string) => { written += line; } }).info('quiet');
    expect(written).toBe('');
  });
});
