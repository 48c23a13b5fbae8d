/** `/api/v1/recovery-requests`: recoveries that cannot go on at once. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import type { RecoveryRequest } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { decideRequest, listRequests, loadRequest } from './requests.ts';
import { listRecoveryRequestsQuery, recoveryRequestIdSchema, recoveryRequestPage, recoveryRequestSchema } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'user:read', permission: 'directory.users.read', limit: 'organizational-units' };
const reset: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.reset', limit: 'organizational-units' };
const params = z.object({ requestId: recoveryRequestIdSchema });
const tags = ['Recovery'];

export async function recoveryRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listRecoveryRequests', summary: 'List recoveries that wait, newest first', tags, querystring: listRecoveryRequestsQuery, response: answers({ 200: recoveryRequestPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const { items, next } = await listRequests(context, query);
    return { items: items.map((request) => view(context, request)), next };
  });

  routes.get('/:requestId', {
    schema: { operationId: 'getRecoveryRequest', summary: 'Read a recovery that waits', tags, params, response: answers({ 200: recoveryRequestSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { requestId } }, reply) => {
    const request = await loadRequest(context, requestId);
    return reply.header('etag', entityTag(request.version)).send(view(context, request));
  });

  for (const [verb, state, summary, description] of [
    ['approve', 'approved', 'Vouch for who lost the second factor', 'Ask the person who they are first, in another way than by mail. Their next recovery goes on without the second factor, and what they have lost is removed. For an administrator it also needs the scope administrator:manage.'],
    ['refuse', 'refused', 'Stop a recovery', 'Also one of a passkey, while its time runs.'],
  ] as const) {
    routes.post(`/:requestId/${verb}`, {
      schema: { operationId: `${verb}RecoveryRequest`, summary, description, tags, params, headers: ifMatchHeader, response: answers({ 200: recoveryRequestSchema }, 412) },
      config: { access: reset },
    }, async ({ instanceContext: context, params: { requestId }, headers }, reply) => {
      const request = await decideRequest(context, requestId, state, headers['if-match']);
      return reply.header('etag', entityTag(request.version)).send(view(context, request));
    });
  }
}

function view(context: InstanceContext, { id, userId, kind, state, availableAt, expiresAt, createdAt, decidedAt, decidedBy }: RecoveryRequest) {
  const isOpen = state === 'pending' || state === 'approved';
  return {
    id, userId, kind: kind as 'second_factor' | 'passkey', state: isOpen && expiresAt <= context.now() ? 'expired' as const : state as 'pending' | 'approved' | 'refused' | 'used',
    availableAt: availableAt?.toISOString() ?? null, expiresAt: expiresAt.toISOString(), createdAt: createdAt.toISOString(), decidedAt: decidedAt?.toISOString() ?? null, decidedBy };
}
