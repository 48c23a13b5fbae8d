/** `/api/v1/notifications`, `/notification-costs` and `/outbox`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers } from '../core/http/answers.ts';
import { listMessages, listOutbox, readCosts, readMessage } from './log.ts';
import { costAnswer, costQuery, listMessagesQuery, listQuery, messagePage, messageParams, messageSchema, outboxPage } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'notification:read', permission: 'notifications.messages.read' };
/** Codes and links are in it: who reads it can sign in as others. So it is not among what auditors read. */
const reveal: RouteAccess = { credential: 'bearer', scope: 'outbox:read', permission: 'notifications.outbox.reveal' };

export async function logRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Notifications'];

  routes.get('/api/v1/notifications', {
    schema: { operationId: 'listNotifications', summary: 'List messages and how they went, newest first', description: 'Kept for 30 days; without what was in them.', tags, querystring: listMessagesQuery, response: answers({ 200: messagePage }) },
    config: { access: read },
  }, ({ instanceContext: context, query }) => listMessages(context, query));

  routes.get('/api/v1/notifications/:messageId', {
    schema: { operationId: 'getNotification', summary: 'Read how a message went', tags, params: messageParams, response: answers({ 200: messageSchema }) },
    config: { access: read },
  }, ({ instanceContext: context, params: { messageId } }) => readMessage(context, messageId));

  routes.get('/api/v1/notification-costs', {
    schema: { operationId: 'getNotificationCosts', summary: 'What was sent in a month and what it cost, by gateway and country', tags, querystring: costQuery, response: answers({ 200: costAnswer }) },
    config: { access: read },
  }, ({ instanceContext: context, query: { month } }) => readCosts(context, month ?? context.now().toISOString().slice(0, 7)));

  routes.get('/api/v1/outbox', {
    schema: { operationId: 'listOutbox', summary: 'Messages that no gateway takes, as they would arrive, with their codes', description: 'For trying things out before there is a mail server or an SMS service. A message is erased after a day.', tags, querystring: listQuery, response: answers({ 200: outboxPage }) },
    config: { access: reveal },
  }, ({ instanceContext: context, query }) => listOutbox(context, query));
}
