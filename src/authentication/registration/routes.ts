/** `/api/v1/registrations`: who waits for an administrator. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import type { RegistrationRequest } from '../../generated/prisma/client.ts';
import { approveRegistration, listRegistrations, loadRegistration, refuseRegistration } from './approvals.ts';
import { listRegistrationsQuery, refuseSchema, registrationIdSchema, registrationPage, registrationSchema } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'registration:read', permission: 'authentication.registrations.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'registration:manage', permission: 'authentication.registrations.manage', limit: 'organizational-units' };
const params = z.object({ registrationId: registrationIdSchema });
const tags = ['Registrations'];

export async function registrationRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listRegistrations', summary: 'List registrations that an administrator decides, newest first', tags, querystring: listRegistrationsQuery, response: answers({ 200: registrationPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const { items, next } = await listRegistrations(context, query);
    return { items: items.map(view), next };
  });

  routes.get('/:registrationId', {
    schema: { operationId: 'getRegistration', summary: 'Read a registration', tags, params, response: answers({ 200: registrationSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { registrationId } }, reply) => {
    const request = await loadRegistration(context, registrationId);
    return reply.headers(tagOf(request)).send(view(request));
  });

  routes.post('/:registrationId/approve', {
    schema: { operationId: 'approveRegistration', summary: 'Approve a registration', description: 'The account is enabled, and its owner gets a mail.', tags, params, headers: ifMatchHeader, response: answers({ 200: registrationSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { registrationId }, headers }, reply) => {
    const request = await approveRegistration(context, registrationId, headers['if-match']);
    return reply.headers(tagOf(request)).send(view(request));
  });

  routes.post('/:registrationId/refuse', {
    schema: { operationId: 'refuseRegistration', summary: 'Refuse a registration', description: 'The account is deleted; its owner gets a mail with the reason.', tags, params, headers: ifMatchHeader, body: refuseSchema, response: answers({ 200: registrationSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { registrationId }, body, headers }, reply) => {
    const request = await refuseRegistration(context, registrationId, body.reason, headers['if-match']);
    return reply.headers(tagOf(request)).send(view(request));
  });
}

const tagOf = ({ version }: RegistrationRequest) => ({ etag: entityTag(version) });

const view = ({ id, userId, state, reason, createdAt, decidedAt, decidedBy }: RegistrationRequest) => ({
  id, userId, state: state as 'pending' | 'approved' | 'refused', reason, createdAt: createdAt.toISOString(), decidedAt: decidedAt?.toISOString() ?? null, decidedBy });
