/**
 * What each built-in role may do: every route, asked as an administrator with that role, and the answer written down in
 * docs/administrator-roles.md. A route that is not in the table, or answers otherwise, fails. Once the difference is what
 * was meant, write the table anew: npx vitest run test/attacks/role-matrix.test.ts -u
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type BuiltInRole, builtInRoleIds, builtInRoles, knownPermissions, managementScopes, permissionsOfBuiltIn, platformAudience, platformScopes } from '../../src/access/index.ts';
import { findApplicationByClientId } from '../../src/applications/index.ts';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { createAdministrator, createUnit, signAccessToken } from '../support/administrators.ts';
import { grantOwnApis } from '../support/api-server.ts';
import { smallestQueryOf } from '../support/schemas.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { call, wideLimits } from '../support/world.ts';

// Hundreds of requests in one test: on a busy machine they take their time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

let server: TestServer;
let context: InstanceContext;
let routes: readonly DeclaredRoute[];
/** Users by role; `limited` has the same in one organizational unit only. */
const holders = new Map<BuiltInRole, { everywhere: string; limited: string | undefined }>();
let nobody: string;

beforeAll(async () => {
  server = await startTestServer();
  context = withPrincipal(await server.context(), { kind: 'system' });
  await server.api('PATCH', '/settings', wideLimits);
  routes = server.app.declaredRoutes.filter(({ access, method }) => method !== 'HEAD' && (access.credential === 'bearer' || access.credential === 'platform'))
    .toSorted((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
  const machine = await findApplicationByClientId(context, server.machine.clientId);
  await grantOwnApis(context, machine?.id ?? '');
  const unit = await createUnit(context, 'Part');
  for (const role of builtInRoleIds) {
    holders.set(role, { everywhere: await createAdministrator(context, `whole.${role}`, role), limited: role === 'owner' ? undefined : await createAdministrator(context, `part.${role}`, role, unit) });
  }
  nobody = (await createAdministrator(context, 'nobody', 'auditor'));
  await context.db.administratorAssignment.deleteMany({ where: { userId: nobody } });
});
afterAll(() => server.close());

const shortUrl = ({ url }: DeclaredRoute) => url.replace('/t/:instance/api/v1', '').replace(/:(\w+)/g, '{$1}');
const keyOf = (route: DeclaredRoute) => `${shortUrl(route)} ${route.method}`;
const nameOf = (route: DeclaredRoute) => `${route.method} ${shortUrl(route)}`;
const keepsToParts = ({ access }: DeclaredRoute) => access.credential === 'bearer' && access.limit === 'organizational-units';

/** Whether the route lets the user in. What is asked for was never there and the body cannot be read: nothing comes of it. */
async function admits(route: DeclaredRoute, subject: string, scopes?: readonly string[]): Promise<boolean> {
  const isPlatform = route.access.credential === 'platform';
  const token = await signAccessToken(context, server.machine.clientId, {
    subject, scopes: scopes ?? (isPlatform ? platformScopes : managementScopes).map(({ name }) => name), ...(isPlatform && { audience: platformAudience(server.core.config.consoleUrl) }) });
  const type = (route.schema as { consumes?: string[] } | undefined)?.consumes?.[0] ?? 'application/json';
  const target = route.url.replace(':instance', 'default').replace(/:(\w+)/g, 'x_00000000000000000000000000');
  const answer = await call(server, {
    method: route.method, target: `${target}${smallestQueryOf(route)}`,
    headers: [['Authorization', `Bearer ${token}`], ...(route.method === 'GET' ? [] : [['Content-Type', type] as const])], ...(route.method !== 'GET' && { body: '{' }) });
  expect([nameOf(route), [200, 400, 403, 404, 409, 415].includes(answer.status), answer.status, answer.status >= 500 && answer.body]).toEqual([nameOf(route), true, answer.status, false]);
  return answer.status !== 403;
}

describe('attack: admin.role-matrix', () => {
  it('each route admits the roles that stand beside it in docs/administrator-roles.md, and no others', async () => {
    const rows: string[] = [];
    for (const route of routes) {
      const cells: string[] = [];
      for (const [role, { everywhere, limited }] of holders) {
        const admitted = await admits(route, everywhere);
        const inPart = limited !== undefined && await admits(route, limited);
        // Who has a role in a part gets in where the role does and the route keeps to parts.
        expect([nameOf(route), role, inPart]).toEqual([nameOf(route), role, admitted && limited !== undefined && keepsToParts(route)]);
        cells.push(inPart ? 'yes, also in a part' : admitted ? 'yes' : '');
      }
      const { access } = route;
      rows.push(`| ${nameOf(route)} | ${'scope' in access ? access.scope : ''} | ${access.credential === 'bearer' ? access.permission : '(owner of the first instance)'} | ${cells.join(' | ')} |`);
    }
    expect(rows.length).toBeGreaterThan(100);
    await expect(document(rows)).toMatchFileSnapshot('../../docs/administrator-roles.md');
  });

  it('no route admits a user without a role, or with one that this version does not know', async () => {
    await context.db.administratorAssignment.create({ data: { userId: nobody, role: 'superuser' } });
    for (const route of routes) expect([nameOf(route), await admits(route, nobody)]).toEqual([nameOf(route), false]);
  });

  it('each route admits an owner whose token has its scope alone, and nobody by another scope', async () => {
    const owner = holders.get('owner')?.everywhere ?? '';
    for (const route of routes) {
      const scope = 'scope' in route.access ? route.access.scope : '';
      const all = (route.access.credential === 'platform' ? platformScopes : managementScopes).map(({ name }) => name as string);
      expect([nameOf(route), await admits(route, owner, [scope])]).toEqual([nameOf(route), true]);
      expect([nameOf(route), await admits(route, owner, all.filter((name) => name !== scope))]).toEqual([nameOf(route), false]);
    }
  });

  it('every permission belongs to a role or to the owner alone, knowingly: it is in the table', () => {
    const known = [...knownPermissions(server.core).keys()];
    const declared = new Set(routes.flatMap(({ access }) => (access.credential === 'bearer' ? [access.permission] : [])));
    expect(known.toSorted()).toEqual([...declared].toSorted());
    for (const role of builtInRoleIds.filter((name) => name !== 'owner')) {
      const named: readonly string[] = builtInRoles[role].permissions;
      for (const pattern of named) expect([role, pattern, pattern.includes('*') || declared.has(pattern)]).toEqual([role, pattern, true]);
      expect(permissionsOfBuiltIn(role, known)).not.toContain('access.administrators.manage');
    }
    for (const permission of permissionsOfBuiltIn('auditor', known)) expect(permission).toMatch(/\.read$/);
  });
});

function document(rows: readonly string[]): string {
  const known = [...knownPermissions(server.core).keys()].toSorted();
  const held = new Map(builtInRoleIds.map((role) => [role, new Set(permissionsOfBuiltIn(role, known))]));
  return `# What administrator roles may do

Written by test/attacks/role-matrix.test.ts from what the server answered; it fails when the server answers otherwise.
How roles are given and limited: [administrators.md](administrators.md).

${builtInRoleIds.map((role) => `- \`${role}\`: ${builtInRoles[role].description}`).join('\n')}

## Permissions

| Permission | ${builtInRoleIds.join(' | ')} |
|---|${builtInRoleIds.map(() => '---').join('|')}|
${known.map((permission) => `| ${permission} | ${builtInRoleIds.map((role) => (held.get(role)?.has('*') || held.get(role)?.has(permission) ? 'yes' : '')).join(' | ')} |`).join('\n')}

## Routes

"Also in a part": an administrator who has the role in some organizational units only gets in, too, and reaches what lies within.

| Route | Scope | Permission | ${builtInRoleIds.join(' | ')} |
|---|---|---|${builtInRoleIds.map(() => '---').join('|')}|
${rows.join('\n')}
`;
}
