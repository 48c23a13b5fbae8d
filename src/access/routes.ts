/** `/api/v1/administrators`, and the names of our own APIs and their scopes. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Core } from '../core/core.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { onUserClosing } from '../directory/index.ts';
import { assignRole, keepLastOwner, listAdministrators, removeRole } from './administrators.ts';
import type { BuiltInRole } from './roles.ts';
import { administratorPage, administratorParams } from './schemas.ts';
import { defineOwnApis } from './scopes.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'administrator:read', permission: 'access.administrators.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'administrator:manage', permission: 'access.administrators.manage' };

export async function access(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  defineOwnApis(core);
  onUserClosing(core, keepLastOwner);

  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Administrators'];
  const onePath = '/api/v1/administrators/:userId/roles/:role';

  routes.get('/api/v1/administrators', {
    schema: { operationId: 'listAdministrators', summary: 'List administrators and their roles', tags, response: answers({ 200: administratorPage }) },
    config: { access: read },
  }, async ({ instanceContext: context }) => ({
    items: (await listAdministrators(context)).map(({ userId, role, createdAt }) => ({ userId, role: role as BuiltInRole, createdAt: createdAt.toISOString() })), next: null,
  }));

  routes.put(onePath, {
    schema: { operationId: 'assignAdministratorRole', summary: 'Make a user an administrator', tags, params: administratorParams, response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId, role } }, reply) => {
    await assignRole(context, userId, role);
    return reply.code(204).send();
  });

  routes.delete(onePath, {
    schema: { operationId: 'removeAdministratorRole', summary: 'Take a role back', description: 'The last owner stays.', tags, params: administratorParams, response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId, role } }, reply) => {
    await removeRole(context, userId, role);
    return reply.code(204).send();
  });
}
