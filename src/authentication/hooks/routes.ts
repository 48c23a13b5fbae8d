/** `/api/v1/flow-hooks`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { viewHook } from './hook.ts';
import { createHook, deleteHook, listCalls, listHooks, readHook, rotateSecret, updateHook } from './hooks.ts';
import { callPage, callSchema, createHookSchema, hookPage, hookParams, hookSchema, hookWithSecretSchema, listQuery, rotateSchema, testSchema, updateHookSchema } from './schemas.ts';
import { testHook } from './test-hook.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'flow-hook:read', permission: 'authentication.flow-hooks.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'flow-hook:manage', permission: 'authentication.flow-hooks.manage' };

export async function hookRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Flow webhooks'];
  const params = hookParams;

  routes.get('', {
    schema: { operationId: 'listFlowHooks', summary: 'List flow webhooks, oldest first', tags, querystring: listQuery, response: answers({ 200: hookPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listHooks(context, query);
    return { items: page.items.map(viewHook), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createFlowHook', summary: 'Add a flow webhook', description: 'The answer shows the secret, this once.', tags, body: createHookSchema, response: answers({ 201: hookWithSecretSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const { hook, secret } = await createHook(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/flow-hooks/${hook.id}`, etag: entityTag(hook.version), 'cache-control': 'no-store' }).send({ ...viewHook(hook), secret });
  });

  routes.get('/:hookId', {
    schema: { operationId: 'getFlowHook', summary: 'Read a flow webhook', tags, params, response: answers({ 200: hookSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { hookId } }, reply) => {
    const hook = await readHook(context, hookId);
    return reply.header('etag', entityTag(hook.version)).send(viewHook(hook));
  });

  routes.patch('/:hookId', {
    schema: { operationId: 'updateFlowHook', summary: 'Change a flow webhook', tags, params, headers: ifMatchHeader, body: updateHookSchema, response: answers({ 200: hookSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { hookId }, body, headers }, reply) => {
    const hook = await updateHook(context, hookId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(hook.version)).send(viewHook(hook));
  });

  routes.delete('/:hookId', {
    schema: { operationId: 'deleteFlowHook', summary: 'Delete a flow webhook', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { hookId }, headers }, reply) => {
    await deleteHook(context, hookId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });

  routes.post('/:hookId/rotate-secret', {
    schema: { operationId: 'rotateFlowHookSecret', summary: 'Make a new secret', description: 'Requests carry both signatures for a while, so that the receiver can change over.', tags, params, headers: ifMatchHeader, body: rotateSchema, response: answers({ 200: hookWithSecretSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { hookId }, body: { overlapHours }, headers }, reply) => {
    const { hook, secret } = await rotateSecret(context, hookId, { overlapHours, ifMatch: headers['if-match'] });
    return reply.headers({ 'etag': entityTag(hook.version), 'cache-control': 'no-store' }).send({ ...viewHook(hook), secret });
  });

  routes.post('/:hookId/test', {
    schema: { operationId: 'testFlowHook', summary: 'Call a flow webhook with an example', description: 'Also when it is switched off. A failed call is answered with 200 too.', tags, params, body: testSchema, response: answers({ 200: callSchema }) },
    config: { access: manage },
  }, ({ instanceContext: context, params: { hookId }, body: { trigger } }) => testHook(context, hookId, trigger));

  routes.get('/:hookId/calls', {
    schema: { operationId: 'listFlowHookCalls', summary: 'List the last calls of a flow webhook, newest first', description: 'Of the last seven days; without what was sent and answered.', tags, params, querystring: listQuery, response: answers({ 200: callPage }) },
    config: { access: read },
  }, ({ instanceContext: context, params: { hookId }, query }) => listCalls(context, hookId, query));
}
