/** `/api/v1/administrator-roles` and `/api/v1/administrator-permissions`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { pageQuery } from '../core/http/paging.ts';
import { type AdministratorRole, createAdministratorRole, deleteAdministratorRole, listAdministratorRoles, loadAdministratorRole, updateAdministratorRole } from './administrator-roles.ts';
import { administratorRolePage, administratorRoleParams, administratorRoleSchema, createAdministratorRoleSchema, permissionPage, updateAdministratorRoleSchema } from './administrator-schemas.ts';
import { knownPermissions } from './permissions.ts';

// The roles are the same for all: whoever gives them in a part of the tree reads what they are.
const read: RouteAccess = { credential: 'bearer', scope: 'administrator:read', permission: 'access.administrators.read', limit: 'organizational-units' };
// A role counts wherever somebody has it, so who changes it is not limited to a part.
const manage: RouteAccess = { credential: 'bearer', scope: 'administrator:manage', permission: 'access.administrators.manage', sensitive: true };

export async function administratorRoles(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Administrators'];
  const params = administratorRoleParams;
  const onePath = '/api/v1/administrator-roles/:administratorRoleId';

  routes.get('/api/v1/administrator-permissions', {
    schema: { operationId: 'listAdministratorPermissions', summary: 'List what roles can hold', tags, response: answers({ 200: permissionPage }) },
    config: { access: read },
  }, async ({ instanceContext: { core } }) => ({
    items: [...knownPermissions(core)].map(([name, scopes]) => ({ name, scopes: [...scopes].sort() })).sort((one, other) => (one.name < other.name ? -1 : 1)), next: null,
  }));

  routes.get('/api/v1/administrator-roles', {
    schema: { operationId: 'listAdministratorRoles', summary: 'List the roles that administrators can have, built-in ones first', tags, querystring: z.strictObject(pageQuery.shape), response: answers({ 200: administratorRolePage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listAdministratorRoles(context, query);
    return { items: page.items.map(viewRole), next: page.next };
  });

  routes.post('/api/v1/administrator-roles', {
    schema: { operationId: 'createAdministratorRole', summary: 'Make a role', description: 'Of permissions that you hold everywhere yourself.', tags, body: createAdministratorRoleSchema, response: answers({ 201: administratorRoleSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const role = await createAdministratorRole(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/administrator-roles/${role.id}`, etag: entityTag(role.version) }).send(viewRole(role));
  });

  routes.get(onePath, {
    schema: { operationId: 'getAdministratorRole', summary: 'Read a role', tags, params, response: answers({ 200: administratorRoleSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { administratorRoleId } }, reply) => {
    const role = await loadAdministratorRole(context, administratorRoleId);
    return reply.header('etag', entityTag(role.version)).send(viewRole(role));
  });

  routes.patch(onePath, {
    schema: { operationId: 'updateAdministratorRole', summary: 'Change a role', description: 'Counts at once for everybody who has it. You must hold both what it was and what it becomes.', tags, params, headers: ifMatchHeader, body: updateAdministratorRoleSchema, response: answers({ 200: administratorRoleSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { administratorRoleId }, body, headers }, reply) => {
    const role = await updateAdministratorRole(context, administratorRoleId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(role.version)).send(viewRole(role));
  });

  routes.delete(onePath, {
    schema: { operationId: 'deleteAdministratorRole', summary: 'Delete a role that nobody has', description: 'While somebody has it: 409 with `usedBy`.', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { administratorRoleId }, headers }, reply) => {
    await deleteAdministratorRole(context, administratorRoleId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });
}

const viewRole = ({ id, name, description, permissions, builtIn }: AdministratorRole) => ({ id, name, description, permissions: [...permissions], builtIn });
