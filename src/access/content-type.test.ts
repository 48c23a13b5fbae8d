import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, startApiServer } from '../../test/support/api-server.ts';

let server: ApiServer;
beforeAll(async () => { server = await startApiServer(); });
afterAll(() => server.close());

const users = '/t/default/api/v1/users';
const valid = '{"username":"typed"}';
async function post(body: string | Buffer, headers: Record<string, string>, target = users) {
  return server.send('POST', target, { headers: { authorization: `Bearer ${await server.token()}`, ...headers }, body });
}

describe('attack: admin.content-type: a body is read only as what it says it is', () => {
  it.each([
    'application/json\ta', 'application/json a', 'application/json;', 'application/json; charset=utf-16', 'application/json; charset=latin1', 'application/json; x=y',
    'application/json, text/plain', 'application/jsonx', 'application/json;charset=utf-8;boundary=x', 'application/merge-patch+json', 'application/vnd.api+json', 'text/json', 'text/plain',
    'text/plain; application/json', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/octet-stream', 'application/xml', '*/*', '',
  ])('refuses %j (415)', async (type) => {
    expect((await post(valid, { 'content-type': type })).status).toBe(415);
  });

  it('refuses a body without a type, also where none is expected', async () => {
    expect((await post(valid, {})).status).toBe(415);
    expect((await post(valid, { 'content-type': 'text/plain' }, '/t/default/api/v1/keys/key_00000000000000000000000000/retire')).status).toBe(415);
  });

  it.each<[string, string | Buffer]>([
    ['text behind the end', `${valid} x`], ['two values', `${valid}${valid}`], ['a name twice', '{"username":"a1","username":"b1"}'], ['a name twice in two spellings', '{"username":"a1","\\u0075sername":"b1"}'],
    ['a byte order mark', `\uFEFF${valid}`], ['UTF-16', Buffer.from(valid, 'utf16le')], ['bytes that are no UTF-8', Buffer.from([...Buffer.from('{"username":"'), 0xff, 0xfe, ...Buffer.from('"}')])],
    ['NUL', '{"username":"a\\u0000b"}'], ['half a surrogate pair', '{"username":"a\\ud800"}'], ['__proto__', '{"username":"p1","__proto__":{"status":"disabled"}}'], ['deep nesting', `{"username":${'['.repeat(10_000)}${']'.repeat(10_000)}}`],
    ['nothing', ''], ['a comment', `/* */${valid}`], ['a list', '[]'], ['null', 'null'], ['a form', 'username=typed'],
  ])('refuses %s (400)', async (_name, body) => {
    const started = performance.now();
    const answer = await post(body, { 'content-type': 'application/json' });
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'application/problem+json']);
    expect(performance.now() - started).toBeLessThan(1_000);
  });

  it.each(['x-http-method-override', 'x-http-method', 'x-method-override'])('refuses %s', async (header) => {
    expect((await post(valid, { 'content-type': 'application/json', [header]: 'DELETE' })).status).toBe(400);
  });

  it('refuses a compressed body', async () => {
    expect((await post(valid, { 'content-type': 'application/json', 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it('made nobody meanwhile', async () => {
    expect(await server.core.database.user.count()).toBe(0);
  });

  it('takes a merge patch where something is changed (RFC 7396)', async () => {
    const made = await post('{"username":"patched"}', { 'content-type': 'application/json' });
    const headers = { authorization: `Bearer ${await server.token()}`, 'content-type': 'application/merge-patch+json' };
    const answer = await server.send('PATCH', `${users}/${String(made.json['id'])}`, { headers, body: '{"givenName":"Ada"}' });
    expect([answer.status, answer.json['givenName']]).toEqual([200, 'Ada']);
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])('takes %s', async (type) => {
    const username = `u${String(Math.random()).slice(2, 10)}`;
    expect((await post(JSON.stringify({ username }), { 'content-type': type })).status).toBe(201);
  });
});
