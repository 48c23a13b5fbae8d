import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInstance, type InstanceContext, withPrincipal } from '../../tenancy/index.ts';
import { createAdministrator, createMember, createUnit, signAccessToken, type Unit } from '../../../test/support/administrators.ts';
import { type ApiServer, startApiServer } from '../../../test/support/api-server.ts';
import { makeApplication, makeGroup, makeUsers } from '../application-roles/testing/fixtures.ts';

let server: ApiServer;
let context: InstanceContext;
let applicationId: string;
let path: string;
let sales: Unit;
let finance: Unit;
let pat: string;
beforeAll(async () => {
  server = await startApiServer();
  context = withPrincipal(await server.context(), { kind: 'system' });
  await as(undefined, 'PATCH', '/settings', { rateLimit: { applicationPerSecond: 10_000, applicationBurst: 10_000 } });
  applicationId = await makeApplication(context);
  path = `/applications/${applicationId}/claims`;
  sales = await createUnit(context, 'Claims sales');
  finance = await createUnit(context, 'Claims finance');
  pat = await createMember(context, 'claims-pat', sales);
  await as(undefined, 'POST', '/custom-fields', { key: 'department', label: 'Department', type: 'text', visibleTo: 'applications' });
  await as(undefined, 'POST', '/custom-fields', { key: 'salary', label: 'Salary', type: 'number' });
  await as(undefined, 'PATCH', `/users/${pat}`, { customFields: { department: 'Bakery', salary: 4_711 } });
  await makeGroup(context, 'Bakers', [pat]);
  const role = (await as(undefined, 'POST', `/applications/${applicationId}/roles`, { key: 'editor' })).body['id'];
  await as(undefined, 'PUT', `/applications/${applicationId}/roles/${String(role)}/assignments/${pat}`, {});
});
afterAll(() => server.close());

interface Answer { status: number; body: Record<string, unknown>; headers: Record<string, unknown> }

/** Calls as a user, or with the token of the application that has everything. */
async function as(actor: string | undefined, method: string, at: string, body?: unknown, headers: Record<string, string> = {}, scopes?: readonly string[]): Promise<Answer> {
  const token = actor === undefined && scopes === undefined ? await server.token() : await signAccessToken(context, server.clientId, { ...(actor !== undefined && { subject: actor }), ...(scopes && { scopes }) });
  const answer = await server.api(method, `/t/default/api/v1${at}`, body, { authorization: `Bearer ${token}`, ...headers });
  return { status: answer.status, body: answer.json as Record<string, unknown>, headers: answer.headers };
}
const put = (body: unknown, headers: Record<string, string> = {}) => as(undefined, 'PUT', path, body, headers);
const attempt = (body: object) => as(undefined, 'POST', `${path}/try`, { userId: pat, ...body });

describe('a custom field that expressions speak of', () => {
  it('is not deleted before policies, claims and role mappings are changed', async () => {
    const field = async (key: string) => String((await as(undefined, 'POST', '/custom-fields', { key, label: key, type: 'text', visibleTo: 'applications' })).body['id']);
    const [team, shift] = [await field('crew'), await field('shift')];
    const other = await makeApplication(context);
    await as(undefined, 'PUT', `/applications/${other}/claims`, { roleMapping: 'user.dict["crew"] == "a" ? ["x"] : roles', claims: [{ name: 'shift', source: 'attribute:dict.shift' }] });
    for (const id of [team, shift]) {
      const refused = await as(undefined, 'DELETE', `/custom-fields/${id}?discardValues=true`);
      expect(refused).toMatchObject({ status: 409, body: { code: 'Operation.Failure.CustomField.In.Use' } });
      expect(String(refused.body['detail'])).toContain('the claims of the application');
    }
    await as(undefined, 'PUT', `/applications/${other}/claims`, { roleMapping: null, claims: [] });
    const policy = await as(undefined, 'POST', '/access-policies', { name: 'Night crew', priority: 50, effect: 'deny', condition: 'user.dict.shift == "night"' });
    expect(policy.status).toBe(201);
    expect(String((await as(undefined, 'DELETE', `/custom-fields/${shift}?discardValues=true`)).body['detail'])).toContain('the access policy Night crew');
    expect((await as(undefined, 'DELETE', `/custom-fields/${team}?discardValues=true`)).status).toBe(204);
    expect((await as(undefined, 'DELETE', `/access-policies/${String(policy.body['id'])}`)).status).toBe(204);
    expect((await as(undefined, 'DELETE', `/custom-fields/${shift}?discardValues=true`)).status).toBe(204);
  });
});

describe('what an application is let know', () => {
  it('is nothing at first, then what was put, with an ETag and an event', async () => {
    const other = await makeApplication(context);
    const at = `/applications/${other}/claims`;
    expect(await as(undefined, 'GET', at)).toMatchObject({ status: 200, body: { roleMapping: null, claims: [] }, headers: { etag: '"0"' } });
    const settings = { roleMapping: 'roles', claims: [{ source: 'roles' }, { name: 'unit', source: 'expression', expression: 'user.organizationalUnits[0]', tokens: ['userinfo'] }] };
    const saved = { roleMapping: 'roles', claims: [{ name: 'roles', source: 'roles', tokens: ['id_token', 'userinfo', 'access_token'] }, { name: 'unit', source: 'expression', expression: 'user.organizationalUnits[0]', tokens: ['userinfo'] }] };
    expect(await as(undefined, 'PUT', at, settings, { 'if-match': '"0"' })).toMatchObject({ status: 200, body: saved, headers: { etag: '"1"' } });
    expect((await as(undefined, 'PUT', at, settings, { 'if-match': '"0"' })).status).toBe(412);
    expect(await as(undefined, 'PUT', at, settings)).toMatchObject({ status: 200, headers: { etag: '"1"' } });
    expect((await as(undefined, 'GET', at)).body).toEqual(saved);
    expect(await context.db.event.findMany({ where: { subjectId: other, type: 'application_claims.changed' } })).toMatchObject([{ before: { claims: [] }, after: saved }]);
  });

  it.each<[string, object, string]>([
    ['a mapping with an unknown variable', { roleMapping: 'rolez' }, 'roleMapping'],
    ['a mapping that gives no roles', { roleMapping: 'size(roles)' }, 'roleMapping'],
    ['a claim that does not parse', { claims: [{ name: 'x', source: 'expression', expression: '1 +' }] }, 'claims.0.expression'],
    ['a name twice', { claims: [{ source: 'roles' }, { name: 'roles', source: 'groups' }] }, 'claims.1.name'],
    ['a field that there is none of', { claims: [{ name: 'x', source: 'attribute:dict.nothing' }] }, 'claims.0.source'],
    ['a field that applications may not see', { claims: [{ name: 'x', source: 'attribute:dict.salary' }] }, 'claims.0.source'],
    ['an attribute that there is none of', { claims: [{ name: 'x', source: 'attribute:passwordHash' }] }, 'claims.0.source'],
    ['an expression with another source', { claims: [{ name: 'x', source: 'groups', expression: 'groups' }] }, 'claims.0.expression'],
    ['no expression', { claims: [{ name: 'x', source: 'expression' }] }, 'claims.0.expression'],
    ['no name of an attribute', { claims: [{ source: 'attribute:email' }] }, 'claims.0.name'],
    ['no token', { claims: [{ source: 'roles', tokens: [] }] }, 'claims.0.tokens'],
    ['too many claims', { claims: Array.from({ length: 21 }, (_, at) => ({ name: `c${at}`, source: 'roles' })) }, 'claims'],
    ['a mapping that is too long', { roleMapping: `"${'x'.repeat(4_096)}"` }, 'roleMapping'],
  ])('is not %s', async (_what, body, field) => {
    const refused = await put(body);
    expect(refused.status).toBe(400);
    expect((refused.body['errors'] as { field: string }[]).map((error) => error.field)).toContain(field);
  });

  it('says where an expression is wrong, for people and for editors', async () => {
    expect((await put({ roleMapping: 'roles +\n  usr.groups' })).body).toMatchObject({
      errors: [{ field: 'roleMapping', code: 'invalid', detail: 'Unknown variable: usr (line 2, column 3) Did you mean "user"?' }],
      positions: { roleMapping: { line: 2, column: 3, offset: 10 } },
    });
  });
});

describe('trying it', () => {
  it('shows input, result and what each token would say, and saves nothing', async () => {
    const tried = await attempt({ roleMapping: 'roles.map(r, "app:" + r)', claims: [{ source: 'roles', tokens: ['id_token'] }, { name: 'department', source: 'attribute:dict.department', tokens: ['userinfo'] }, { name: 'broken', source: 'expression', expression: 'user.dict.none' }] });
    expect(tried).toMatchObject({ status: 200, body: {
      input: { user: { username: 'claims-pat', dict: { department: 'Bakery' }, groups: ['Bakers'], organizationalUnits: ['Claims sales'] }, roles: ['editor'], groups: ['Bakers'], application: { id: applicationId } },
      roleMapping: { value: ['app:editor'] },
      claims: [{ name: 'roles', value: ['app:editor'] }, { name: 'department', value: 'Bakery' }, { name: 'broken', error: { message: 'There is no "none".', position: { line: 1, column: 11, offset: 10 } } }],
      tokens: { id_token: { roles: ['app:editor'] }, userinfo: { department: 'Bakery' }, access_token: {} },
    } });
    expect(JSON.stringify(tried.body)).not.toContain('4711');
    expect((await as(undefined, 'GET', path)).body).toEqual({ roleMapping: null, claims: [] });
  });

  it('answers a mapping that is wrong with its place, and one that fails with its own', async () => {
    expect((await attempt({ roleMapping: 'roles + 1' })).body).toMatchObject({ roleMapping: { error: { message: expect.stringContaining('no such overload') as string, position: { line: 1 } } } });
    expect((await attempt({ roleMapping: '[string(1 / 0)]' })).body).toMatchObject({ roleMapping: { error: { message: 'Division by zero.', position: { line: 1, column: 9 } } } });
    expect((await attempt({})).body).toMatchObject({ roleMapping: null });
    expect((await attempt({ claims: [{ name: 'sub', source: 'groups' }] })).status).toBe(400);
  });
});

describe('attack: input.expression-limits', () => {
  const nobody = 'user_01k9v6z3x4p5q6r7s8t9v0w1x2';

  it('a call that tries an expression shows no user whom the caller may not read', async () => {
    const role = (name: string, permissions: string[]) => as(undefined, 'POST', '/administrator-roles', { name, permissions }).then(({ body }) => String(body['id']));
    const reader = await createAdministrator(context, 'try-unit-reader', await role('Claims and a unit', ['applications.read', 'applications.manage']));
    const limited = await role('Reads users', ['directory.users.read']);
    await as(undefined, 'PUT', `/administrators/${reader}/roles/${limited}`, { organizationalUnitIds: [sales.id] });
    const blind = await createAdministrator(context, 'try-blind', await role('Claims only', ['applications.read', 'applications.manage']));
    const elsewhere = await createMember(context, 'claims-elsewhere', finance);
    const other = withPrincipal(await createInstance(server.core, { id: 'claims-elsewhere', name: 'Elsewhere' }, { principal: { kind: 'system' } }), { kind: 'system' });
    const [foreign] = await makeUsers(other, 1);
    const absent = (await as(reader, 'POST', `${path}/try`, { userId: nobody })).body;
    for (const [actor, userId, status] of [[reader, pat, 200], [reader, elsewhere, 404], [reader, foreign?.id, 404], [reader, nobody, 404], [blind, pat, 404], [blind, nobody, 404]] as const) {
      const answer = await as(actor, 'POST', `${path}/try`, { userId });
      expect(answer.status, `${actor} ${String(userId)}`).toBe(status);
      if (status === 404) expect({ ...answer.body, requestId: '' }).toEqual({ ...absent, requestId: '' });
    }
    expect((await as(undefined, 'POST', `${path}/try`, { userId: pat }, {}, ['application:manage'])).status).toBe(404);
    expect((await as(undefined, 'POST', `${path}/try`, { userId: pat }, {}, ['application:manage', 'user:read'])).status).toBe(200);
  });

  it('a call that tries an expression is refused to those who only look', async () => {
    const auditor = await createAdministrator(context, 'try-auditor', 'auditor');
    const helpDesk = await createAdministrator(context, 'try-help-desk', 'help-desk');
    for (const actor of [auditor, helpDesk]) expect((await as(actor, 'POST', `${path}/try`, { userId: pat })).status).toBe(403);
    expect((await as(undefined, 'POST', `${path}/try`, { userId: pat }, {}, ['application:read', 'user:read'])).status).toBe(403);
  });

  it('an expression that is too much is refused at save or has no value, and the server goes on', async () => {
    const endless = 'user.groups.map(a, user.username.split("")).exists(x, x == x) ? roles : roles';
    const doubling = `${Array.from({ length: 18 }, (_, at) => `cel.bind(v${at + 1}, v${at} + v${at}, `).join('').replace(/^/, 'cel.bind(v0, roles + groups, ')}v18${')'.repeat(19)}`;
    const started = performance.now();
    expect((await attempt({ roleMapping: doubling })).body).toMatchObject({ roleMapping: { error: { message: expect.stringMatching(/^(It takes|A list gets)/) as string } } });
    expect((await attempt({ roleMapping: '('.repeat(2_000) })).body).toMatchObject({ roleMapping: { error: { position: { line: 1 } } } });
    expect((await attempt({ roleMapping: endless })).status).toBe(200);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect((await put({ roleMapping: `${'('.repeat(2_000)}roles${')'.repeat(2_000)}` })).status).toBe(400);
    expect((await put({ roleMapping: 'user.constructor' })).status).toBe(400);
  });
});
