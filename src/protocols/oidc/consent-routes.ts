/** `/api/v1/users/{userId}/consents`: what a person allowed applications, and taking it back. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { notFound } from '../../core/errors.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { idPattern } from '../../core/ids.ts';
import { loadUser, userIdSchema } from '../../directory/index.ts';
import { withdrawConsent } from './grants.ts';

const params = z.object({ userId: userIdSchema });
const applicationParams = params.extend({ applicationId: z.string().regex(idPattern('app'), 'must be the id of an application') });

const consents = z.object({
  items: z.array(z.object({
    applicationId: z.string(),
    applicationName: z.string(),
    scopes: z.array(z.string()).describe('OpenID Connect scopes; `openid` needs no consent.'),
    claims: z.array(z.string()),
    resources: z.record(z.string(), z.array(z.string())).describe('Scopes by resource indicator (RFC 8707).'),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
  })),
}).meta({ id: 'Consents' });

const read: RouteAccess = { credential: 'bearer', scope: 'session:read', permission: 'authentication.sessions.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'session:manage', permission: 'authentication.sessions.manage' };

export async function consentRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('/api/v1/users/:userId/consents', {
    schema: {
      operationId: 'listConsents', tags: ['Users'], summary: 'List what a user allowed applications',
      description: 'First-party applications ask for no consent and are not listed.', params, response: answers({ 200: consents }),
    },
    config: { access: read },
  }, async ({ instanceContext: context, params: { userId } }) => {
    await loadUser(context, userId);
    const rows = await context.db.consent.findMany({ where: { userId }, orderBy: { applicationId: 'asc' } });
    const applications = await context.db.application.findMany({ where: { id: { in: rows.map(({ applicationId }) => applicationId) } }, select: { id: true, name: true } });
    const names = new Map(applications.map(({ id, name }) => [id, name]));
    return {
      items: rows.map(({ applicationId, scopes, claims, resources, createdAt, updatedAt }) => ({
        applicationId, applicationName: names.get(applicationId) ?? '', scopes, claims, resources: resources as Record<string, string[]>,
        createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString(),
      })),
    };
  });

  routes.delete('/api/v1/users/:userId/consents/:applicationId', {
    schema: {
      operationId: 'withdrawConsent', tags: ['Users'], summary: 'Take back what a user allowed an application',
      description: 'Its tokens for the user end at once, refresh tokens too; at the next sign-in it asks again.', params: applicationParams, response: answers({ 204: noContent }),
    },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { userId, applicationId } }, reply) => {
    await loadUser(context, userId);
    const hadAny = await withdrawConsent(context, userId, applicationId);
    if (!hadAny) throw notFound('consent');
    return reply.code(204).send();
  });
}
