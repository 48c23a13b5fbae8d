/** `/api/v1/administrators` and the roles that they have, and the names of our own APIs and their scopes. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { onOwnScopesGiven } from '../applications/index.ts';
import type { Core } from '../core/core.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { onOrganizationalUnitUse, onUserClosing, onUserGuarded, rejectOutsideLimit } from '../directory/index.ts';
import { administratorRoles } from './administrator-role-routes.ts';
import { applicationAccess } from './application-access/plugin.ts';
import { applicationClaimRoutes } from './application-claims/routes.ts';
import { applicationRoles } from './application-roles/plugin.ts';
import { administratorPage, administratorParams, administratorSchema, assignAdministratorRoleSchema, listAdministratorsQuery } from './administrator-schemas.ts';
import { administratorsAmong, type Assignment, assignRole, keepLastOwner, loadAssignment, removeRole } from './administrators.ts';
import { rejectActingOnHigher, rejectScopesBeyondOwn } from './authority.ts';
import { describeCustomFieldUses } from './custom-field-uses.ts';
import { administratorNotFound } from './errors.ts';
import { listAdministrators } from './list-administrators.ts';
import { decisionRoutes } from './decisions/routes.ts';
import { accessPolicyRoutes } from './policies/routes.ts';
import { defineOwnApis } from './scopes.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'administrator:read', permission: 'access.administrators.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'administrator:manage', permission: 'access.administrators.manage', limit: 'organizational-units', sensitive: true };

export async function access(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  defineOwnApis(core);
  onUserGuarded(core, rejectActingOnHigher);
  onUserClosing(core, (tx, before) => rejectActingOnHigher(tx, [before.id]), administratorsAmong);
  onUserClosing(core, keepLastOwner, administratorsAmong);
  onOwnScopesGiven(core, rejectScopesBeyondOwn);
  onOrganizationalUnitUse(core, async (tx, organizationalUnitId) => [{ kind: 'administrators limited to it', count: await tx.db.administratorLimit.count({ where: { organizationalUnitId } }) }]);
  describeCustomFieldUses(core);
  await app.register(administrators, { prefix: '/api/v1/administrators' });
  await app.register(administratorRoles);
  await app.register(accessPolicyRoutes, { core });
  await app.register(decisionRoutes);
  await app.register(applicationAccess, { core });
  await app.register(applicationClaimRoutes, { prefix: '/api/v1/applications/:applicationId/claims' });
  await app.register(applicationRoles, { core });
}

async function administrators(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Administrators'];
  const params = administratorParams;
  const onePath = '/:userId/roles/:role';

  routes.get('', {
    schema: { operationId: 'listAdministrators', summary: 'List administrators and their roles', tags, querystring: listAdministratorsQuery, response: answers({ 200: administratorPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listAdministrators(context, query);
    return { items: page.items.map(viewAssignment), next: page.next };
  });

  routes.get(onePath, {
    schema: { operationId: 'getAdministratorRoleAssignment', summary: 'Read where a role of an administrator counts', tags, params, response: answers({ 200: administratorSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { userId, role } }, reply) => {
    await rejectOutsideLimit(context, userId, administratorNotFound);
    const assignment = await loadAssignment(context, userId, role);
    return reply.header('etag', entityTag(assignment.version)).send(viewAssignment(assignment));
  });

  routes.put(onePath, {
    schema: {
      operationId: 'assignAdministratorRole', summary: 'Make a user an administrator', tags, params, headers: ifMatchHeader, body: assignAdministratorRoleSchema, response: answers({ 204: noContent }, 412),
      description: 'Everywhere, or in the subtrees of some organizational units; again, to change that. Only what you hold yourself, there. An owner owns everything.',
    },
    // Nothing sent says the same as nothing named: everywhere.
    preValidation: async (request) => { if (request.headers['content-type'] === undefined) request.body = {}; },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId, role }, body, headers }, reply) => {
    const { version } = await assignRole(context, userId, role, { organizationalUnitIds: body.organizationalUnitIds, ifMatch: headers['if-match'] });
    reply.header('etag', entityTag(version));
    return reply.code(204).send();
  });

  routes.delete(onePath, {
    schema: { operationId: 'removeAdministratorRole', summary: 'Take a role back', description: 'The last owner stays. Not from an administrator who holds more than you do.', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId, role }, headers }, reply) => {
    await removeRole(context, userId, role, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });
}

function viewAssignment({ userId, role, organizationalUnitIds, createdAt }: Assignment) {
  return { userId, role, organizationalUnitIds: organizationalUnitIds && [...organizationalUnitIds], createdAt: createdAt.toISOString() };
}
