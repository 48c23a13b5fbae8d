import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ApiServer, type RawAnswer, startApiServer } from '../../../test/support/api-server.ts';
import { createApplication, type Application } from '../../applications/index.ts';
import { createUser } from '../../directory/index.ts';
import { createInstance } from '../../tenancy/index.ts';
import { assignRole } from '../administrators.ts';
import { decideAccess } from './decide.ts';

let server: ApiServer;
let orders: Application;
let alice: string;
let bob: string;
const api = '/t/default/api/v1';
const base = `${api}/access-policies`;
let names = 0;

beforeAll(async () => {
  server = await startApiServer();
  await createInstance(server.core, { id: 'other', name: 'Other' });
  const context = await server.context();
  [alice, bob] = [(await createUser(context, { username: 'alice' })).id, (await createUser(context, { username: 'bob' })).id];
  orders = (await createApplication(context, { name: 'Orders', kind: 'web', oidc: { redirectUris: ['https://orders.example.com/cb'] } })).application;
  await assignRole(context, (await createUser(context, { username: 'owner' })).id, 'owner');
});
afterAll(() => server.close());
afterEach(async () => {
  const { json } = await server.api('GET', `${base}?limit=200`);
  for (const { id } of (json['items'] as unknown as { id: string }[]).toReversed()) expect((await server.api('DELETE', `${base}/${id}`)).status).toBe(204);
});

type Body = Record<string, unknown>;
const post = (policy: Body): Promise<RawAnswer> => server.api('POST', base, { name: `policy ${names += 1}`, priority: 50, effect: 'deny', ...policy });
async function create(policy: Body): Promise<string> {
  const answer = await post(policy);
  expect([answer.status, answer.status === 201 ? '' : answer.body]).toEqual([201, '']);
  return answer.json['id'] as unknown as string;
}
/** Only about Orders, so that owners are not touched. */
const forOrders = (policy: Body = {}, include: Body = {}): Promise<string> => create({ include: { applications: [orders.id], ...include }, ...policy });
const simulate = (request: Body = {}): Promise<RawAnswer> => server.api('POST', `${base}/simulate`, { userId: alice, applicationId: orders.id, ...request });
async function decided(request: Body = {}): Promise<{ decision: string; policy: { id: string } | null; because: string; policies: { id: string; applies: boolean; code: string; because: string }[] }> {
  const answer = await simulate(request);
  expect([answer.status, answer.status === 200 ? '' : answer.body]).toEqual([200, '']);
  return answer.json as never;
}
async function zone(...ipv4Cidrs: string[]): Promise<string> {
  return (await server.api('POST', `${api}/network-zones`, { name: `zone ${names += 1}`, ipv4Cidrs })).json['id'] as unknown as string;
}

describe('which policy decides', () => {
  it('is the one with the lowest priority that matches; of two with the same, the older', async () => {
    const [late, first, second] = [await forOrders({ priority: 60 }), await forOrders({ priority: 40, effect: 'allow' }), await forOrders({ priority: 40 })];
    const answer = await decided();
    expect([answer.decision, answer.policy?.id]).toEqual(['allow', first]);
    expect(answer.policies.map(({ id, applies, code }) => [id, applies, code])).toEqual([[first, true, 'matched'], [second, false, 'decided_before'], [late, false, 'decided_before']]);
  });

  it('says of each why it applies or not, and by what the person was denied', async () => {
    const others = await forOrders({ priority: 1 }, { users: [bob] });
    const off = await forOrders({ priority: 2, status: 'disabled' });
    const never = await forOrders({ priority: 3, condition: 'user.username == "carol"' });
    const seven = await forOrders({ priority: 7, condition: 'user.username.startsWith("al")' });
    const answer = await decided();
    expect(answer).toMatchObject({ decision: 'deny', policy: { id: seven, priority: 7 }, because: 'it is about everybody, its condition is true' });
    expect(answer.policies.map(({ id, code, because }) => [id, code, because])).toEqual([
      [others, 'subject_not_included', 'it is about other people'], [off, 'disabled', 'it is disabled'], [never, 'condition_false', 'its condition is false'],
      [seven, 'matched', 'it is about everybody, its condition is true']]);
  });

  it('is none where none matches: then the default of the instance holds', async () => {
    await forOrders({}, { users: [bob] });
    expect(await decided()).toMatchObject({ decision: 'allow', policy: null });
    expect((await server.api('PATCH', `${api}/settings`, { accessPolicy: { defaultEffect: 'deny' } })).status).toBe(409);
    const letIn = await create({ name: 'owners', priority: 1, effect: 'allow', condition: 'user.username == "owner"' });
    expect((await server.api('PATCH', `${api}/settings`, { accessPolicy: { defaultEffect: 'deny' } })).status).toBe(200);
    expect(await decided()).toMatchObject({ decision: 'deny', policy: null, because: expect.stringContaining('default is to deny') as string });
    expect(await server.api('DELETE', `${base}/${letIn}`)).toMatchObject({ status: 409, json: { code: 'Operation.Failure.Access.Policy.Locks.Out' } });
    expect((await server.api('PATCH', `${api}/settings`, { accessPolicy: { defaultEffect: 'allow' } })).status).toBe(200);
  });

  it('is not one that only reports', async () => {
    const id = await forOrders({ status: 'report_only' });
    expect(await decided()).toMatchObject({ decision: 'allow', policy: null, policies: [{ id, applies: false, code: 'report_only' }] });
  });

  it('may ask for a second factor, also in the spelling of others', async () => {
    const id = await forOrders({ effect: 'require_second_factor', secondFactor: { methods: ['ia_totp', 'totp', 'ia_webauthn'], intervalSeconds: 600 } });
    expect(await decided()).toMatchObject({ decision: 'second_factor', policy: { id }, secondFactor: { methods: ['totp', 'webauthn'], intervalSeconds: 600 } });
  });
});

describe('whom a policy is about', () => {
  it('is everybody, less who is excluded', async () => {
    await forOrders({ exclude: { users: [alice] } });
    expect((await decided()).policies[0]).toMatchObject({ applies: false, code: 'subject_excluded' });
    expect((await decided({ userId: bob })).decision).toBe('deny');
  });

  it('is a group, also through a nested one', async () => {
    const context = await server.context();
    const outer = (await server.api('POST', `${api}/groups`, { name: `outer ${names += 1}` })).json['id'] as unknown as string;
    const inner = (await server.api('POST', `${api}/groups`, { name: `inner ${names += 1}` })).json['id'] as unknown as string;
    await context.db.groupNesting.create({ data: { groupId: outer, childGroupId: inner } });
    await context.db.groupMember.create({ data: { groupId: inner, userId: bob } });
    const id = await forOrders({}, { groups: [outer] });
    expect((await decided({ userId: bob })).policies[0]).toMatchObject({ id, applies: true, because: expect.stringContaining('in the group "outer') as string });
    expect((await decided()).policies[0]).toMatchObject({ applies: false, code: 'subject_not_included' });
    expect(await server.api('DELETE', `${api}/groups/${outer}`)).toMatchObject({ status: 409 });
  });

  it('is an organizational unit with all below it; the root is everybody', async () => {
    const context = await server.context();
    const parent = (await server.api('POST', `${api}/organizational-units`, { name: `Sales ${names += 1}`, parentId: 'ou_root' })).json['id'] as unknown as string;
    const child = (await server.api('POST', `${api}/organizational-units`, { name: 'North', parentId: parent })).json['id'] as unknown as string;
    const carol = (await createUser(context, { username: `carol${names += 1}` })).id;
    await context.db.organizationalUnitMember.deleteMany({ where: { userId: carol } });
    await context.db.organizationalUnitMember.create({ data: { userId: carol, organizationalUnitId: child, isPrimary: true } });
    const id = await forOrders({ priority: 10 }, { organizationalUnits: [parent] });
    expect((await decided({ userId: carol })).policies[0]).toMatchObject({ id, applies: true, because: expect.stringContaining('"North", below one that it names') as string });
    expect((await decided()).policies[0]).toMatchObject({ applies: false });
    await forOrders({ priority: 11 }, { organizationalUnits: ['ou_root'] });
    expect((await decided()).decision).toBe('deny');
  });

  it('is an application, or all but one', async () => {
    const context = await server.context();
    const other = (await createApplication(context, { name: 'Wiki', kind: 'web', oidc: { redirectUris: ['https://wiki.example.com/cb'] } })).application;
    await create({ condition: 'user.username != "owner"', exclude: { applications: [orders.id] } });
    expect((await decided()).policies[0]).toMatchObject({ applies: false, code: 'application_excluded' });
    expect((await decided({ applicationId: other.id })).decision).toBe('deny');
  });
});

describe('from where', () => {
  it('is judged by zones, included and excluded', async () => {
    const [office, kiosk] = [await zone('203.0.113.0/24'), await zone('203.0.113.77')];
    await forOrders({ priority: 1, effect: 'allow', exclude: { networkZones: [kiosk] } }, { networkZones: [office] });
    await forOrders({ priority: 2 });
    expect((await decided({ address: '203.0.113.9' })).decision).toBe('allow');
    expect((await decided({ address: '::ffff:203.0.113.9' })).decision).toBe('allow');
    expect((await decided({ address: '203.0.113.77' })).policies[0]).toMatchObject({ code: 'zone_excluded' });
    expect((await decided({ address: '198.51.100.1' })).policies[0]).toMatchObject({ code: 'zone_not_included' });
    expect((await simulate({ address: 'nowhere' })).status).toBe(400);
  });

  it('never opens a door where it is unknown', async () => {
    const office = await zone('203.0.113.0/24');
    await forOrders({ priority: 1, effect: 'allow' }, { networkZones: [office] });
    await forOrders({ priority: 2, exclude: { networkZones: [office] } });
    const answer = await decided({ address: null });
    expect(answer.decision).toBe('deny');
    expect(answer.policies.map(({ applies, code }) => [applies, code])).toEqual([[false, 'address_unknown'], [true, 'address_unknown']]);
  });

  it('shows a zone of everything as the risk it is', async () => {
    const all = await zone('0.0.0.0/1', '128.0.0.0/1');
    const answer = await post({ effect: 'allow', include: { networkZones: [all], applications: [orders.id] } });
    expect(answer.json).toMatchObject({ networkZones: [{ id: all, coversEverything: true }] });
  });

  it('cannot lose a zone', async () => {
    const office = await zone('203.0.113.0/24');
    const id = await forOrders({ name: 'Office hours' }, { networkZones: [office] });
    expect(await server.api('DELETE', `${api}/network-zones/${office}`)).toMatchObject({ status: 409, json: { uses: [{ type: 'access_policy', id, name: 'Office hours' }] } });
  });
});

describe('a condition', () => {
  it.each<[string, Body, string]>([
    ['request.hour == 3', { time: '2026-11-24T03:30:00Z' }, 'deny'], ['request.hour == 3', { time: '2026-11-24T04:30:00+01:00' }, 'deny'], ['request.hour == 3', { time: '2026-11-24T04:30:00Z' }, 'allow'],
    ['request.weekday >= 6', { time: '2026-11-28T10:00:00Z' }, 'deny'], ['request.weekday >= 6', { time: '2026-11-27T10:00:00Z' }, 'allow'],
    ['request.time > timestamp("2026-12-31T00:00:00Z")', { time: '2027-01-01T00:00:00Z' }, 'deny'],
    ['request.userAgent.contains("curl")', { userAgent: 'curl/8' }, 'deny'], ['request.address == "203.0.113.9"', { address: '203.0.113.9' }, 'deny'],
    ['session.acr == "urn:postern:acr:single"', {}, 'deny'], ['"mfa" in session.amr', { session: { amr: ['pwd', 'mfa'] } }, 'deny'], ['session.authAge > 3600', { session: { authAgeSeconds: 3601 } }, 'deny'],
    ['application.name == "Orders" && application.kind == "web"', {}, 'deny'], ['user.status == "enabled"', {}, 'deny'],
  ])('%s with %j: %s', async (condition, request, decision) => {
    await forOrders({ condition });
    expect((await decided(request)).decision).toBe(decision);
  });

  it.each([
    ['1 +', 'condition'], ['user.username', 'condition'], ['nobody.name == "x"', 'condition'], ['request.nothing == 1', 'condition'], ['"a" == 1 && true', 'condition'], ['process.exit()', 'condition'],
    ['x'.repeat(4_001), 'condition'], [`${'('.repeat(1_900)}true${')'.repeat(1_900)}`, 'condition'],
  ])('is checked when it is saved: %.40s', async (condition, field) => {
    expect(await post({ condition })).toMatchObject({ status: 400, json: { errors: [{ field }] } });
  });

  it('that fails never opens a door, and is told', async () => {
    const failing = 'user.dict.contract == "external"';
    await forOrders({ priority: 1, effect: 'allow', condition: failing });
    await forOrders({ priority: 2, condition: failing });
    const answer = await decided();
    expect(answer.decision).toBe('deny');
    expect(answer.policies.map(({ applies, code }) => [applies, code])).toEqual([[false, 'condition_failed'], [true, 'condition_failed']]);
    expect(answer.because).toContain('its condition failed');
  });

  it('that fails and asks for a second factor gives way to a refusal only', async () => {
    const asks = { effect: 'require_second_factor', secondFactor: { methods: ['totp'] }, condition: 'user.dict.x == "y"' };
    const id = await forOrders({ ...asks, priority: 1 });
    const allow = await forOrders({ priority: 2, effect: 'allow' });
    expect(await decided()).toMatchObject({ decision: 'second_factor', policy: { id } });
    await server.api('PATCH', `${base}/${allow}`, { effect: 'deny' });
    expect(await decided()).toMatchObject({ decision: 'deny', policy: { id: allow } });
  });

  it('attack: input.expression-limits: one that would run for ever is cut, and denies', async () => {
    const list = `[${'1,'.repeat(199)}1]`;
    await forOrders({ condition: `${list}.all(a, ${list}.all(b, ${list}.all(c, a + b + c > 0)))` });
    const started = performance.now();
    const answer = await decided();
    expect([answer.decision, answer.policies[0]?.code]).toEqual(['deny', 'condition_failed']);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('what a policy takes', () => {
  it.each<[string, Body, string]>([
    ['a priority of 0', { priority: 0 }, 'priority'], ['a priority of 101', { priority: 101 }, 'priority'],
    ['a second factor without methods', { effect: 'require_second_factor' }, 'secondFactor'], ['an interval of 299 seconds', { effect: 'require_second_factor', secondFactor: { methods: ['totp'], intervalSeconds: 299 } }, 'secondFactor.intervalSeconds'],
    ['an interval of 86,401 seconds', { effect: 'require_second_factor', secondFactor: { methods: ['totp'], intervalSeconds: 86_401 } }, 'secondFactor.intervalSeconds'],
    ['a second factor of a denial', { secondFactor: { methods: ['totp'] } }, 'secondFactor'], ['a method that is none', { effect: 'require_second_factor', secondFactor: { methods: ['password'] } }, 'secondFactor.methods.0'],
    ['an unknown group', { include: { groups: ['group_00000000000000000000000000'] } }, 'include.groups'], ['an unknown user', { exclude: { users: ['user_00000000000000000000000000'] } }, 'exclude.users'],
    ['a user as a group', { include: { groups: ['user_00000000000000000000000000'] } }, 'include.groups.0'],
  ])('is not %s', async (_name, policy, field) => {
    expect(await post(policy)).toMatchObject({ status: 400, json: { errors: [{ field }] } });
  });

  it('attack: tenant.idor-matrix: is nothing of another instance, in any list', async () => {
    const other = await server.context('other');
    const theirs = await createUser(other, { username: 'theirs' });
    const application = (await createApplication(other, { name: 'Theirs', kind: 'machine' })).application;
    await other.db.networkZone.create({ data: { id: 'zone_00000000000000000000000002', name: 'theirs', ipv4Cidrs: ['10.0.0.0/8'] } });
    for (const [kind, id] of [['users', theirs.id], ['applications', application.id], ['networkZones', 'zone_00000000000000000000000002']] as const) {
      for (const side of ['include', 'exclude']) expect(await post({ [side]: { [kind]: [id] } })).toMatchObject({ status: 400, json: { errors: [{ field: `${side}.${kind}`, code: 'unknown' }] } });
    }
    expect((await simulate({ userId: theirs.id })).status).toBe(404);
    expect((await simulate({ applicationId: application.id })).status).toBe(404);
    await other.db.accessPolicy.create({ data: { id: 'policy_00000000000000000000000002', name: 'theirs', priority: 1, status: 'enabled', effect: 'deny' } });
    for (const [method, body] of [['GET', undefined], ['PATCH', { priority: 3 }], ['DELETE', undefined]] as const) {
      expect((await server.api(method, `${base}/policy_00000000000000000000000002`, body)).status).toBe(404);
    }
    expect((await server.api('PUT', `${base}/order`, { priorities: [{ policyId: 'policy_00000000000000000000000002', priority: 9 }] })).status).toBe(400);
    expect((await decided()).decision).toBe('allow');
  });

  it('changes under its ETag, with events that tell before and after', async () => {
    const id = await forOrders({ priority: 30 });
    expect(await server.api('PATCH', `${base}/${id}`, { priority: 31, condition: 'true' }, { 'if-match': '"1"' })).toMatchObject({ status: 200, headers: { etag: '"2"' }, json: { priority: 31, condition: 'true' } });
    expect((await server.api('PATCH', `${base}/${id}`, { priority: 32 }, { 'if-match': '"1"' })).status).toBe(412);
    expect((await server.api('PATCH', `${base}/${id}`, { condition: null })).json).toMatchObject({ condition: null });
    const events = await (await server.context()).db.event.findMany({ where: { subjectType: 'access_policy', subjectId: id }, orderBy: { sequence: 'asc' } });
    expect(events.map(({ type }) => type)).toEqual(['access_policy.created', 'access_policy.updated', 'access_policy.updated']);
    expect(events[1]).toMatchObject({ before: { priority: 30 }, after: { priority: 31 } });
  });

  it('is listed in order, by pages, and reordered at once', async () => {
    const [a, b, c] = [await forOrders({ priority: 10 }), await forOrders({ priority: 10 }), await forOrders({ priority: 5 })];
    const page = async (cursor?: string) => server.api('GET', `${base}?limit=2${cursor === undefined ? '' : `&cursor=${cursor}`}`);
    const first = await page();
    expect((first.json['items'] as unknown as { id: string }[]).map(({ id }) => id)).toEqual([c, a]);
    expect(((await page(first.json['next'])).json['items'] as unknown as { id: string }[]).map(({ id }) => id)).toEqual([b]);
    const reordered = await server.api('PUT', `${base}/order`, { priorities: [{ policyId: b, priority: 1 }, { policyId: c, priority: 99 }] });
    expect((reordered.json['items'] as unknown as { id: string }[]).map(({ id }) => id)).toEqual([b, a, c]);
    expect((await server.api('PUT', `${base}/order`, { priorities: [{ policyId: b, priority: 1 }, { policyId: b, priority: 2 }] })).status).toBe(400);
  });
});

describe('the guard', () => {
  const lockOut = { code: 'Operation.Failure.Access.Policy.Locks.Out' };

  it.each<[string, Body]>([
    ['denies everybody', {}], ['denies all owners by name', { condition: 'user.username == "owner"' }],
    ['denies everybody at the address of the caller', { condition: 'request.address == "127.0.0.1"' }],
    ['asks for a second factor that nobody can show', { effect: 'require_second_factor', secondFactor: { methods: ['totp'] } }],
    ['fails for everybody', { condition: 'user.dict.nothing == "x"' }],
  ])('refuses a policy that %s', async (_name, policy) => {
    expect(await post(policy)).toMatchObject({ status: 409, json: lockOut });
    expect((await server.api('GET', base)).json['items']).toEqual([]);
    const id = await create({ ...policy, status: 'report_only' });
    expect(await server.api('PATCH', `${base}/${id}`, { status: 'enabled' })).toMatchObject({ status: 409, json: { ...lockOut, owners: [{ username: 'owner' }] } });
    expect((await server.api('GET', `${base}/${id}`)).json).toMatchObject({ status: 'report_only' });
  });

  it('refuses an order that puts a denial before what lets owners in', async () => {
    const allow = await create({ priority: 1, effect: 'allow', condition: 'user.username == "owner"' });
    const deny = await create({ priority: 2 });
    expect((await decided()).decision).toBe('deny');
    expect(await server.api('PUT', `${base}/order`, { priorities: [{ policyId: allow, priority: 3 }] })).toMatchObject({ status: 409, json: lockOut });
    expect(await server.api('PATCH', `${base}/${deny}`, { priority: 1 })).toMatchObject({ status: 200 });       // the older goes first
    expect(await server.api('DELETE', `${base}/${allow}`)).toMatchObject({ status: 409, json: lockOut });
    await server.api('DELETE', `${base}/${deny}`);
  });

  it('refuses a change of a zone that owners are let in by', async () => {
    const here = await zone('127.0.0.0/8');
    const deny = await create({ priority: 1, exclude: { networkZones: [here] } });
    expect(await server.api('PATCH', `${api}/network-zones/${here}`, { ipv4Cidrs: ['203.0.113.0/24'] })).toMatchObject({ status: 409, json: lockOut });
    expect((await server.api('PATCH', `${api}/network-zones/${here}`, { ipv4Cidrs: ['127.0.0.0/16'] })).status).toBe(200);
    await server.api('DELETE', `${base}/${deny}`);
  });

  it('holds when two changes that are harmless alone come together', async () => {
    const second = (await createUser(await server.context(), { username: 'owner2' })).id;
    await assignRole(await server.context(), second, 'owner');
    const answers = await Promise.all(['owner', 'owner2'].map((name) => post({ condition: `user.username == "${name}"` })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    await (await server.context()).db.administratorAssignment.deleteMany({ where: { userId: second } });
  });
});

describe('the simulation', () => {
  it('judges a policy that is not saved, in its place, and saves nothing', async () => {
    const id = await forOrders({ priority: 10, effect: 'allow' });
    const draft = { name: 'draft', priority: 5, effect: 'deny', status: 'report_only' };
    expect(await decided({ policy: draft })).toMatchObject({ decision: 'deny', policy: { name: 'draft' } });
    expect(await decided({ policy: { ...draft, priority: 20 } })).toMatchObject({ decision: 'allow', policy: { id } });
    expect(await decided({ policy: { ...draft, priority: 20 }, policyId: id })).toMatchObject({ decision: 'deny', policy: { id, name: 'draft' } });
    expect((await simulate({ policy: { ...draft, condition: '1 +' } })).status).toBe(400);
    expect((await server.api('GET', base)).json['items']).toHaveLength(1);
  });

  it('shows what a policy that is off would do', async () => {
    const id = await forOrders({ status: 'disabled' });
    expect((await decided()).decision).toBe('allow');
    expect(await decided({ policyId: id })).toMatchObject({ decision: 'deny', policy: { id } });
    expect((await simulate({ policyId: 'policy_00000000000000000000000000' })).status).toBe(404);
  });

  it.each([['policy:read', 200], ['user:read', 403], ['application:read', 403]])('needs the rights to read whom it asks about: %s and the others', async (scope) => {
    const all = ['policy:read', 'user:read', 'application:read'];
    const ask = async (scopes: string[]) => (await server.send('POST', `${base}/simulate`, {
      headers: { authorization: `Bearer ${await server.token({ scopes })}`, 'content-type': 'application/json' }, body: JSON.stringify({ userId: alice, applicationId: orders.id }) })).status;
    expect(await ask(all)).toBe(200);
    expect(await ask(all.filter((name) => name !== scope))).toBe(403);
  });
});

describe('a decision', () => {
  it('asks the database for nothing once everything is known', async () => {
    const office = await zone('203.0.113.0/24');
    await forOrders({ priority: 1, effect: 'allow', exclude: { organizationalUnits: [] } }, { networkZones: [office], organizationalUnits: ['ou_root'] });
    await forOrders({ priority: 2, condition: 'request.hour > 30' });
    const context = await server.context();
    const ask = () => decideAccess(context, { userId: alice, application: orders, address: '198.51.100.1', session: { acr: 'urn:postern:acr:single', amr: ['pwd'], authTime: new Date() } });
    await ask();
    let queries = 0;
    const counting = new Proxy(context, { get: (target, name, receiver: unknown) => { if (name === 'db') queries += 1; return Reflect.get(target, name, receiver) as unknown; } });
    for (let turn = 0; turn < 10; turn += 1) expect((await decideAccess(counting, { userId: alice, application: orders, session: { acr: 'x', amr: [], authTime: undefined } })).decision).toBe('allow');
    expect(queries).toBe(0);
  });
});
