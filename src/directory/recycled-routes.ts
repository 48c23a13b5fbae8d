/** `/api/v1/recycled-users`: deleted users until they are erased. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { pageQuery } from '../core/http/paging.ts';
import { rejectOutsideLimit } from './limits.ts';
import { eraseUser, listRecycledUsers, loadRecycledUser, restoreUser } from './recycle.ts';
import { viewRecycledUser } from './recycled-view.ts';
import { recycledUserPage, recycledUserSchema, userIdSchema, userSchema } from './schemas.ts';
import { viewUser } from './user.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'user:read', permission: 'directory.users.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.manage', limit: 'organizational-units' };
const params = z.object({ userId: userIdSchema });

export async function recycledUsers(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Users'];

  routes.get('', {
    schema: { operationId: 'listRecycledUsers', summary: 'List deleted users, those erased first come first', tags, querystring: pageQuery.strict(), response: answers({ 200: recycledUserPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listRecycledUsers(context, query);
    return { items: page.items.map(viewRecycledUser), next: page.next };
  });

  routes.get('/:userId', {
    schema: { operationId: 'getRecycledUser', summary: 'Read a deleted user', tags, params, response: answers({ 200: recycledUserSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { userId } }, reply) => {
    const recycled = await loadRecycledUser(context, userId);
    await rejectOutsideLimit(context, userId);
    return reply.header('etag', entityTag(recycled.user.version)).send(viewRecycledUser(recycled));
  });

  routes.post('/:userId/restore', {
    schema: { operationId: 'restoreUser', summary: 'Restore a deleted user', description: 'As before the deletion, with units, groups and roles. Sessions, tokens and invitations do not come back.', tags, params, headers: ifMatchHeader, response: answers({ 200: userSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId }, headers }, reply) => {
    const user = await restoreUser(context, userId, headers['if-match']);
    return reply.header('etag', entityTag(user.version)).send(viewUser(user, context.now()));
  });

  routes.delete('/:userId', {
    schema: { operationId: 'eraseUser', summary: 'Erase a deleted user now', description: 'Everything of the user but the event log; the names are free.', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId }, headers }, reply) => {
    await eraseUser(context, userId, headers['if-match']);
    return reply.code(204).send();
  });
}
