/** `/api/v1/users`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { bulkUsers } from './bulk/bulk-users.ts';
import { bulkAnswerSchema, bulkUsersSchema } from './bulk/schemas.ts';
import { rejectOutsideLimit } from './limits.ts';
import { countUsers, listUsers } from './list-users.ts';
import { deleteUser } from './recycle.ts';
import { countUsersQuery, createUserSchema, listUsersQuery, updateUserSchema, userCountSchema, userIdSchema, userPage, userSchema } from './schemas.ts';
import { viewUser } from './user.ts';
import { createUser, disableUser, enableUser, loadUser, lockUser, unlockUser, updateUser } from './users.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'user:read', permission: 'directory.users.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.manage', limit: 'organizational-units' };
/** Of the help desk, too. */
const unlock: RouteAccess = { ...manage, permission: 'directory.users.unlock' };
const params = z.object({ userId: userIdSchema });

/** A thousand users with everything that a user may have. */
const largestBulk = 4_194_304;

export async function users(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Users'];

  routes.get('', {
    schema: { operationId: 'listUsers', summary: 'List and search users', tags, querystring: listUsersQuery, response: answers({ 200: userPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listUsers(context, query);
    return { items: page.items.map((user) => viewUser(user, context.now())), next: page.next };
  });

  routes.get('/count', {
    schema: { operationId: 'countUsers', summary: 'Count users, up to ten thousand', tags, querystring: countUsersQuery, response: answers({ 200: userCountSchema }) },
    config: { access: read },
  }, ({ instanceContext: context, query }) => countUsers(context, query));

  routes.post('', {
    schema: { operationId: 'createUser', summary: 'Create a user', description: 'Without a password: set one, or invite the person instead (`/invitations`).', tags, body: createUserSchema, response: answers({ 201: userSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const user = await createUser(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/users/${user.id}`, etag: entityTag(user.version) }).send(viewUser(user, context.now()));
  });

  routes.post('/bulk', {
    bodyLimit: largestBulk,
    schema: { operationId: 'bulkUsers', summary: 'Create, change, enable, disable or delete up to 1,000 users', description: 'With an `Idempotency-Key` a repeated call does nothing and gets the first answer.', tags, body: bulkUsersSchema, response: answers({ 200: bulkAnswerSchema }) },
    config: { access: manage },
  }, ({ instanceContext: context, body }) => bulkUsers(context, body));

  routes.get('/:userId', {
    schema: { operationId: 'getUser', summary: 'Read a user', tags, params, response: answers({ 200: userSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { userId } }, reply) => {
    const user = await loadUser(context, userId);
    await rejectOutsideLimit(context, userId);
    return reply.header('etag', entityTag(user.version)).send(viewUser(user, context.now()));
  });

  routes.patch('/:userId', {
    schema: { operationId: 'updateUser', summary: 'Change a user', tags, params, headers: ifMatchHeader, body: updateUserSchema, response: answers({ 200: userSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId }, body, headers }, reply) => {
    const user = await updateUser(context, userId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(user.version)).send(viewUser(user, context.now()));
  });

  routes.delete('/:userId', {
    schema: { operationId: 'deleteUser', summary: 'Delete a user', description: 'Sessions and tokens end at once, and their applications are notified. For some days (`users.recycleDays` of the settings) the user can be restored (`/recycled-users`) and the names stay reserved; then everything of the user is erased but the event log. The last owner stays (409).', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId }, headers }, reply) => {
    await deleteUser(context, userId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });

  const verbs = {
    enable: { change: enableUser, summary: 'Enable a user', access: manage },
    disable: { change: disableUser, summary: 'Disable a user: sessions and tokens end', access: manage },
    lock: { change: lockUser, summary: 'Lock a user until somebody unlocks', access: manage },
    unlock: { change: unlockUser, summary: 'Unlock a locked user', access: unlock },
  };
  for (const [verb, { change, summary, access }] of Object.entries(verbs)) {
    routes.post(`/:userId/${verb}`, {
      schema: { operationId: `${verb}User`, summary, tags, params, headers: ifMatchHeader, response: answers({ 200: userSchema }, 412) },
      config: { access },
    }, async ({ instanceContext: context, params: { userId }, headers }, reply) => {
      const user = await change(context, userId, headers['if-match']);
      return reply.header('etag', entityTag(user.version)).send(viewUser(user, context.now()));
    });
  }
}
