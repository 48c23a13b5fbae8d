import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Core } from '../core/core.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { prepareNewInstances } from '../tenancy/index.ts';
import { listUsers } from './list-users.ts';
import { createRootOrganizationalUnit } from './organizational-units/root.ts';
import { createUserSchema, listUsersQuery, updateUserSchema, userIdSchema, userPage, userSchema } from './schemas.ts';
import { viewUser } from './user.ts';
import { createUser, deleteUser, disableUser, enableUser, loadUser, lockUser, unlockUser, updateUser } from './users.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'user:read', permission: 'directory.users.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.manage' };
const params = z.object({ userId: userIdSchema });

/** `/api/v1/users`, `/api/v1/organizational-units` and `/api/v1/groups`. */
export async function directory(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  prepareNewInstances(core, createRootOrganizationalUnit);
  await app.register(users, { prefix: '/api/v1/users' });
}

async function users(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Users'];

  routes.get('', {
    schema: { operationId: 'listUsers', summary: 'List users, oldest first', tags, querystring: listUsersQuery, response: answers({ 200: userPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listUsers(context, query);
    return { items: page.items.map((user) => viewUser(user, context.now())), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createUser', summary: 'Create a user', description: 'Without a password: set one, or send a set-up link.', tags, body: createUserSchema, response: answers({ 201: userSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const user = await createUser(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/users/${user.id}`, etag: entityTag(user.version) }).send(viewUser(user, context.now()));
  });

  routes.get('/:userId', {
    schema: { operationId: 'getUser', summary: 'Read a user', tags, params, response: answers({ 200: userSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { userId } }, reply) => {
    const user = await loadUser(context, userId);
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
    schema: { operationId: 'deleteUser', summary: 'Delete a user', description: 'With everything of the user but the event log. Sessions end first, and their applications are notified. The last owner stays (409).', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId }, headers }, reply) => {
    await deleteUser(context, userId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });

  const verbs = {
    enable: { change: enableUser, summary: 'Enable a user' },
    disable: { change: disableUser, summary: 'Disable a user: sessions and tokens end' },
    lock: { change: lockUser, summary: 'Lock a user until somebody unlocks' },
    unlock: { change: unlockUser, summary: 'Unlock a locked user' },
  };
  for (const [verb, { change, summary }] of Object.entries(verbs)) {
    routes.post(`/:userId/${verb}`, {
      schema: { operationId: `${verb}User`, summary, tags, params, response: answers({ 200: userSchema }) },
      config: { access: manage },
    }, async ({ instanceContext: context, params: { userId } }, reply) => {
      const user = await change(context, userId);
      return reply.header('etag', entityTag(user.version)).send(viewUser(user, context.now()));
    });
  }
}
