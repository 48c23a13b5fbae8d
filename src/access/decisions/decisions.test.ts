import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type RawAnswer, startApiServer } from '../../../test/support/api-server.ts';
import { createApplication, type Application } from '../../applications/index.ts';
import { omit } from '../../core/omit.ts';
import { createUser, disableUser } from '../../directory/index.ts';
import { createInstance } from '../../tenancy/index.ts';

let server: ApiServer;
let orders: Application;
let alice: string;
let bob: string;
const api = '/t/default/api/v1';
const access = '/t/default/access/v1';
let names = 0;

beforeAll(async () => {
  server = await startApiServer();
  await createInstance(server.core, { id: 'other', name: 'Other' });
  const context = await server.context();
  [alice, bob] = [(await createUser(context, { username: 'alice' })).id, (await createUser(context, { username: 'bob' })).id];
  orders = (await createApplication(context, { name: 'Orders', kind: 'web', clientId: 'orders', oidc: { redirectUris: ['https://orders.example.com/cb'] } })).application;
  const role = await server.api('POST', `${api}/applications/${orders.id}/roles`, { key: 'approver', name: 'Approver' });
  expect(role.status).toBe(201);
  const assigned = await server.api('PUT', `${api}/applications/${orders.id}/roles/${String(role.json['id'])}/assignments/${alice}`, {});
  expect(assigned.status).toBeLessThan(300);
});
afterAll(() => server.close());

type Body = Record<string, unknown>;
const ask = (path: string, body: Body, headers: Record<string, string> = {}): Promise<RawAnswer> => server.api('POST', `${access}/${path}`, body, headers);
const question = (change: Body = {}): Body => ({ subject: { type: 'user', id: alice }, action: { name: 'open' }, resource: { type: 'application', id: orders.id }, ...change });
async function policy(body: Body): Promise<() => Promise<unknown>> {
  const made = await server.api('POST', `${api}/access-policies`, { name: `policy ${names += 1}`, priority: 10, effect: 'deny', include: { applications: [orders.id] }, ...body });
  expect([made.status, made.status === 201 ? '' : made.body]).toEqual([201, '']);
  return () => server.api('DELETE', `${api}/access-policies/${String(made.json['id'])}`);
}
const askAs = async (scopes: string[], claims: Body, body: Body, path = 'evaluation') => server.send('POST', `${access}/${path}`, {
  headers: { authorization: `Bearer ${await server.token({ scopes, claims })}`, 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe('the decision point (AuthZEN §9)', () => {
  it.each(['/t/default/.well-known/authzen-configuration', '/.well-known/authzen-configuration/t/default'])('describes itself at %s', async (path) => {
    const answer = await server.send('GET', path);
    expect([answer.status, answer.json['policy_decision_point'], answer.json['access_evaluation_endpoint'], answer.json['search_action_endpoint']])
      .toEqual([200, `${server.origin}/t/default`, `${server.origin}${access}/evaluation`, `${server.origin}${access}/search/action`]);
  });
});

describe('an evaluation (AuthZEN §6)', () => {
  it('is yes for what sign-in would let in, by id or client_id', async () => {
    expect((await ask('evaluation', question())).json).toEqual({ decision: true });
    expect((await ask('evaluation', question({ resource: { type: 'application', id: 'orders', properties: { any: 'thing' } } }))).json).toEqual({ decision: true });
  });

  it('of a role is yes for who has it', async () => {
    expect((await ask('evaluation', question({ action: { name: 'role:approver' } }))).json).toEqual({ decision: true });
    expect((await ask('evaluation', question({ action: { name: 'role:approver' }, subject: { type: 'user', id: bob } }))).json).toEqual({ decision: false, context: { code: 'role_missing' } });
    expect((await ask('evaluation', question({ action: { name: 'role:nothing' } }))).json).toMatchObject({ decision: false });
  });

  it.each<[string, Body, string]>([
    ['another kind of subject', { subject: { type: 'device', id: 'x' } }, 'subject_unknown'], ['nobody', { subject: { type: 'user', id: 'user_00000000000000000000000000' } }, 'user_unusable'],
    ['a made-up id', { subject: { type: 'user', id: '\' OR 1=1' } }, 'user_unusable'], ['another kind of resource', { resource: { type: 'file', id: 'x' } }, 'resource_unknown'],
    ['no application', { resource: { type: 'application', id: 'app_00000000000000000000000000' } }, 'resource_unknown'], ['another action', { action: { name: 'delete' } }, 'action_unknown'],
    ['prototype keys', { action: { name: 'role:__proto__' } }, 'role_missing'],
  ])('is no for %s', async (_name, change, code) => {
    expect(await ask('evaluation', question(change))).toMatchObject({ status: 200, json: { decision: false, context: { code } } });
  });

  it.each<[string, Body]>([
    ['no subject', { subject: undefined }], ['no action', { action: undefined }], ['no resource', { resource: undefined }], ['a subject without id', { subject: { type: 'user' } }],
    ['an id that is no text', { subject: { type: 'user', id: 1 } }], ['a member that nobody knows', { more: 1 }],
  ])('is refused with %s', async (_name, change) => {
    expect((await ask('evaluation', question(change))).status).toBe(400);
  });

  it('is no for somebody disabled, in the same second', async () => {
    const context = await server.context();
    const carol = await createUser(context, { username: 'carol' });
    expect((await ask('evaluation', question({ subject: { type: 'user', id: carol.id } }))).json).toEqual({ decision: true });
    await disableUser(context, carol.id);
    expect((await ask('evaluation', question({ subject: { type: 'user', id: carol.id } }))).json).toMatchObject({ decision: false, context: { code: 'user_unusable' } });
  });

  it('obeys policies, and says which one', async () => {
    const drop = await policy({ name: 'Not Alice', condition: 'user.username == "alice"' });
    expect((await ask('evaluation', question())).json).toMatchObject({ decision: false, context: { code: 'policy_denied', policy: { name: 'Not Alice', priority: 10 } } });
    expect((await ask('evaluation', question({ action: { name: 'role:approver' } }))).json).toMatchObject({ decision: false, context: { code: 'policy_denied' } });
    expect((await ask('evaluation', question({ subject: { type: 'user', id: bob } }))).json).toEqual({ decision: true });
    await drop();
    expect((await ask('evaluation', question())).json).toEqual({ decision: true });
  });

  it('judges networks by the address of the person, never by that of the caller', async () => {
    const zone = String((await server.api('POST', `${api}/network-zones`, { name: 'office', ipv4Cidrs: ['203.0.113.0/24', '127.0.0.0/8'] })).json['id']);
    const drop = await policy({ exclude: { networkZones: [zone] } });
    expect((await ask('evaluation', question({ context: { address: '203.0.113.9' } }))).json).toEqual({ decision: true });
    expect((await ask('evaluation', question({ context: { address: '198.51.100.9' } }))).json).toMatchObject({ decision: false });
    expect((await ask('evaluation', question())).json).toMatchObject({ decision: false, context: { reason: expect.stringContaining('address is unknown') as string } });
    expect((await ask('evaluation', question({ context: { address: 'x' } }))).json).toMatchObject({ decision: false });
    await drop();
  });

  it('asks for a second factor, and is yes once the session has one', async () => {
    const drop = await policy({ effect: 'require_second_factor', secondFactor: { methods: ['totp'], intervalSeconds: 600 } });
    const at = (secondsAgo: number, amr = ['pwd', 'otp', 'mfa']) => ask('evaluation', question({ context: { session: { amr, authTime: Math.floor(Date.now() / 1000) - secondsAgo } } }));
    expect((await ask('evaluation', question())).json).toMatchObject({ decision: false, context: { code: 'second_factor_required', secondFactor: { methods: ['totp'], intervalSeconds: 600 } } });
    expect((await at(30)).json).toEqual({ decision: true });
    expect((await at(700)).json).toMatchObject({ decision: false });
    expect((await at(30, ['pwd'])).json).toMatchObject({ decision: false });
    await drop();
  });

  it('gives a request id back (§10.1.2)', async () => {
    expect((await ask('evaluation', question(), { 'x-request-id': 'abc-123' })).headers['x-request-id']).toBe('abc-123');
  });
});

describe('several evaluations (AuthZEN §7)', () => {
  const evaluations = [{ action: { name: 'open' } }, { action: { name: 'role:nothing' } }, { action: { name: 'role:approver' } }];
  const several = (change: Body = {}) => ask('evaluations', { ...omit(question(), 'action'), evaluations, ...change });
  const decisionsOf = (answer: RawAnswer) => (answer.json['evaluations'] as unknown as { decision: boolean }[]).map(({ decision }) => decision);

  it('take what they lack from the whole, and are answered in order', async () => {
    expect(decisionsOf(await several())).toEqual([true, false, true]);
    expect(decisionsOf(await several({ evaluations: [...evaluations, { action: { name: 'open' }, subject: { type: 'user', id: 'nobody' } }] }))).toEqual([true, false, true, false]);
  });

  it.each([['execute_all', [true, false, true]], ['deny_on_first_deny', [true, false]], ['permit_on_first_permit', [true]]])('end as %s says', async (evaluationsSemantic, expected) => {
    expect(decisionsOf(await several({ options: { evaluations_semantic: evaluationsSemantic } }))).toEqual(expected);
  });

  it('answer each of its own: one that is not whole is a no', async () => {
    expect((await several({ evaluations: [{ action: { name: 'open' } }, {}] })).json).toEqual({ evaluations: [
      { decision: true }, { decision: false, context: { code: 'not_evaluated', error: { status: 400, message: 'action is missing' } } }] });
  });

  it('without a list are one evaluation', async () => {
    expect((await ask('evaluations', question())).json).toEqual({ decision: true });
    expect((await ask('evaluations', { ...question(), evaluations: [] })).json).toEqual({ decision: true });
    expect((await several({ evaluations: [] })).status).toBe(400);
  });

  it('are a thousand at most', async () => {
    expect(decisionsOf(await several({ evaluations: Array.from({ length: 1_000 }, () => ({ action: { name: 'open' } })) }))).toHaveLength(1_000);
    expect((await several({ evaluations: Array.from({ length: 1_001 }, () => ({ action: { name: 'open' } })) })).status).toBe(400);
  });
});

describe('a search (AuthZEN §8)', () => {
  it('for actions is opening and the roles', async () => {
    const rest = omit(question(), 'action');
    expect((await ask('search/action', rest)).json).toEqual({ page: { next_token: '', count: 2 }, results: [{ name: 'open' }, { name: 'role:approver' }] });
    const drop = await policy({});
    expect((await ask('search/action', rest)).json).toMatchObject({ results: [] });
    await drop();
  });

  it('for subjects goes through people page by page, and is judged as an evaluation is', async () => {
    const found: string[] = [];
    let token: string | undefined;
    do {
      const answer = await ask('search/subject', { ...question({ subject: { type: 'user' }, action: { name: 'role:approver' } }), page: { limit: 1, ...(token !== undefined && { token }) } });
      expect(answer.status).toBe(200);
      found.push(...(answer.json['results'] as unknown as { id: string }[]).map(({ id }) => id));
      token = (answer.json['page'] as unknown as { next_token: string }).next_token;
    } while (token !== '');
    expect(found).toEqual([alice]);
    const everybody = await ask('search/subject', question({ subject: { type: 'user' } }));
    expect((everybody.json['results'] as unknown as { id: string }[]).map(({ id }) => id)).toEqual(expect.arrayContaining([alice, bob]));
  });

  it('takes the token of another search for none', async () => {
    const first = await ask('search/subject', { ...question({ subject: { type: 'user' } }), page: { limit: 1 } });
    const token = (first.json['page'] as unknown as { next_token: string }).next_token;
    expect((await ask('search/subject', { ...question({ subject: { type: 'user' }, action: { name: 'role:approver' } }), page: { token } })).status).toBe(400);
    expect((await ask('search/subject', { ...question({ subject: { type: 'user' } }), page: { token: 'x' } })).status).toBe(400);
  });

  it('for resources is the applications that the person may open', async () => {
    const ids = async () => ((await ask('search/resource', question({ resource: { type: 'application' } }))).json['results'] as unknown as { id: string }[]).map(({ id }) => id);
    expect(await ids()).toContain(orders.id);
    const drop = await policy({});
    expect(await ids()).not.toContain(orders.id);
    await drop();
  });
});

describe('who may ask', () => {
  it('needs the scope', async () => {
    expect((await askAs(['user:read'], {}, question())).status).toBe(403);
    expect((await askAs(['decision:read'], {}, question())).status).toBe(200);
  });

  it('is an application about itself, with decision:own: of others not even that they exist is told', async () => {
    const own = question({ resource: { type: 'application', id: server.applicationId } });
    expect((await askAs(['decision:own'], {}, own)).json).toEqual({ decision: true });
    const [foreign, nothing] = [await askAs(['decision:own'], {}, question()), await askAs(['decision:own'], {}, question({ resource: { type: 'application', id: 'app_00000000000000000000000000' } }))];
    expect([foreign.status, nothing.status]).toEqual([403, 403]);
    expect({ ...foreign.json, requestId: '' }).toEqual({ ...nothing.json, requestId: '' });
    for (const [path, body] of [['search/subject', question({ subject: { type: 'user' } })], ['search/action', { subject: { type: 'user', id: alice }, resource: { type: 'application', id: orders.id } }]] as const) {
      expect((await askAs(['decision:own'], {}, body, path)).status).toBe(403);
    }
    expect((await askAs(['decision:own'], {}, question({ resource: { type: 'application' } }), 'search/resource')).json).toMatchObject({ results: [{ id: server.applicationId }] });
    expect((await askAs(['decision:own'], {}, { ...question(), evaluations: [{ action: { name: 'open' } }] }, 'evaluations')).json).toMatchObject({ evaluations: [{ decision: false, context: { error: { status: 403 } } }] });
  });

  it('never hears of another instance', async () => {
    const other = await server.context('other');
    const theirs = await createUser(other, { username: 'theirs' });
    const application = (await createApplication(other, { name: 'Theirs', kind: 'machine' })).application;
    expect((await ask('evaluation', question({ subject: { type: 'user', id: theirs.id } }))).json).toMatchObject({ decision: false, context: { code: 'user_unusable' } });
    expect((await ask('evaluation', question({ resource: { type: 'application', id: application.id } }))).json).toMatchObject({ decision: false, context: { code: 'resource_unknown' } });
    expect((await server.send('POST', '/t/other/access/v1/evaluation', { headers: { authorization: `Bearer ${await server.token()}`, 'content-type': 'application/json' }, body: JSON.stringify(question()) })).status).toBe(401);
  });
});

describe('a second server', () => {
  it('knows a new policy and a role that was taken away within a second', async () => {
    const replica = await server.replica();
    const there = (body: Body) => replica.api('POST', `${access}/evaluation`, body);
    expect((await there(question())).json).toEqual({ decision: true });
    const drop = await policy({});
    await expect.poll(async () => (await there(question())).json, { timeout: 1_000, interval: 20 }).toMatchObject({ decision: false });
    await drop();
    await expect.poll(async () => (await there(question())).json, { timeout: 1_000, interval: 20 }).toEqual({ decision: true });
    await replica.close();
  });
});
