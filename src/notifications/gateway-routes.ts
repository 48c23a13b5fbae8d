/** `/api/v1/notification-gateways`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { viewGateway } from './gateway.ts';
import { createGateway, deleteGateway, listGateways, readGateway, updateGateway } from './gateways.ts';
import { createGatewaySchema, gatewayPage, gatewayParams, gatewaySchema, listQuery, testAnswer, testGatewaySchema, updateGatewaySchema } from './schemas.ts';
import { testGateway } from './test-gateway.ts';

export const readAccess: RouteAccess = { credential: 'bearer', scope: 'notification:read', permission: 'notifications.settings.read' };
export const manageAccess: RouteAccess = { credential: 'bearer', scope: 'notification:manage', permission: 'notifications.settings.manage' };

export async function gatewayRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Notifications'];
  const params = gatewayParams;

  routes.get('/api/v1/notification-gateways', {
    schema: { operationId: 'listNotificationGateways', summary: 'List gateways, oldest first', tags, querystring: listQuery, response: answers({ 200: gatewayPage }) },
    config: { access: readAccess },
  }, async ({ instanceContext: context, query }) => {
    const page = await listGateways(context, query);
    return { items: page.items.map(viewGateway), next: page.next };
  });

  routes.post('/api/v1/notification-gateways', {
    schema: { operationId: 'createNotificationGateway', summary: 'Add a mail server or an SMS service', tags, body: createGatewaySchema, response: answers({ 201: gatewaySchema }) },
    config: { access: manageAccess },
  }, async ({ instanceContext: context, body }, reply) => {
    const gateway = await createGateway(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/notification-gateways/${gateway.id}`, etag: entityTag(gateway.version) }).send(viewGateway(gateway));
  });

  routes.get('/api/v1/notification-gateways/:gatewayId', {
    schema: { operationId: 'getNotificationGateway', summary: 'Read a gateway', tags, params, response: answers({ 200: gatewaySchema }) },
    config: { access: readAccess },
  }, async ({ instanceContext: context, params: { gatewayId } }, reply) => {
    const gateway = await readGateway(context, gatewayId);
    return reply.header('etag', entityTag(gateway.version)).send(viewGateway(gateway));
  });

  routes.patch('/api/v1/notification-gateways/:gatewayId', {
    schema: { operationId: 'updateNotificationGateway', summary: 'Change a gateway', tags, params, headers: ifMatchHeader, body: updateGatewaySchema, response: answers({ 200: gatewaySchema }, 412) },
    config: { access: manageAccess },
  }, async ({ instanceContext: context, params: { gatewayId }, body, headers }, reply) => {
    const gateway = await updateGateway(context, gatewayId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(gateway.version)).send(viewGateway(gateway));
  });

  routes.delete('/api/v1/notification-gateways/:gatewayId', {
    schema: { operationId: 'deleteNotificationGateway', summary: 'Delete a gateway', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manageAccess },
  }, async ({ instanceContext: context, params: { gatewayId }, headers }, reply) => {
    await deleteGateway(context, gatewayId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });

  routes.post('/api/v1/notification-gateways/:gatewayId/test', {
    schema: { operationId: 'testNotificationGateway', summary: 'Send a test message through a gateway, and say what the service answered', tags, params, body: testGatewaySchema, response: answers({ 200: testAnswer }) },
    config: { access: manageAccess },
  }, ({ instanceContext: context, params: { gatewayId }, body: { to } }) => testGateway(context, gatewayId, to));
}
