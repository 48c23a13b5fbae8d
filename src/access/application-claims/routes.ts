/** `/api/v1/applications/{applicationId}/claims`: what tokens say of users. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { loadApplication } from '../../applications/index.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { ofApplication } from '../application-access/schemas.ts';
import { viewSettings } from './events.ts';
import { claimsSchema, putClaimsSchema, triedClaimsSchema, tryClaimsSchema } from './schemas.ts';
import { putClaimSettings, readClaimSettings } from './settings.ts';
import { tryClaims } from './try-claims.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'application:read', permission: 'applications.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'application:manage', permission: 'applications.manage' };
const tags = ['Application claims'];

export async function applicationClaimRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'getApplicationClaims', summary: 'Read what tokens for an application say of users', tags, params: ofApplication, response: answers({ 200: claimsSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId } }, reply) => {
    await loadApplication(context, applicationId);
    const settings = await readClaimSettings(context, applicationId);
    return reply.header('etag', entityTag(settings.version)).send(viewSettings(settings));
  });

  routes.put('', {
    schema: {
      operationId: 'putApplicationClaims', summary: 'Say what tokens for an application say of users', tags, params: ofApplication, headers: ifMatchHeader, body: putClaimsSchema, response: answers({ 200: claimsSchema }, 412),
      description: 'Takes the place of what was there. Expressions are type-checked: `errors` tells line and column, `positions` the same by field.',
    },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId }, body, headers }, reply) => {
    const settings = await putClaimSettings(context, applicationId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(settings.version)).send(viewSettings(settings));
  });

  routes.post('/try', {
    schema: {
      operationId: 'tryApplicationClaims', summary: 'Try a role mapping and claims on a user', tags, params: ofApplication, body: tryClaimsSchema, response: answers({ 200: triedClaimsSchema }),
      description: 'Saves nothing. The user must be one that the caller may read (`user:read`, `directory.users.read`), else 404. A role mapping that does not compile is answered with the place of its error.',
    },
    config: { access: { ...manage, limit: 'organizational-units' } },
  }, ({ instanceContext: context, params: { applicationId }, body }) => tryClaims(context, applicationId, body));
}
