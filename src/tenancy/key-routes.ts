/** `/api/v1/keys`: the signing keys of the instance. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers } from '../core/http/answers.ts';
import type { SigningKey as SigningKeyRow } from '../generated/prisma/client.ts';
import type { SigningAlgorithm } from './key-material.ts';
import { listSigningKeys, retireSigningKey, rotateSigningKeys } from './key-rotation.ts';
import { keyParams, rotatedKeys, rotateKeysBody, signingKeyList, signingKeySchema } from './schemas.ts';
import type { KeyStatus } from './signing-keys.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'key:read', permission: 'tenancy.keys.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'key:manage', permission: 'tenancy.keys.manage', sensitive: true };

export async function keyRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Keys'];

  routes.get('/api/v1/keys', {
    schema: { operationId: 'listKeys', summary: 'List signing keys, newest first', tags, response: answers({ 200: signingKeyList }) },
    config: { access: read },
  }, async ({ instanceContext: context }) => ({ items: (await listSigningKeys(context)).map(viewKey), next: null }));

  routes.post('/api/v1/keys/rotate', {
    schema: {
      operationId: 'rotateKeys', summary: 'Let the next keys sign', tags, body: rotateKeysBody, response: answers({ 200: rotatedKeys }),
      description: 'The key that signed stays published until its last token has ended.',
    },
    config: { access: manage },
  }, async ({ instanceContext: context, body }) => ({ rotated: await rotateSigningKeys(context, body.algorithm, { urgent: body.urgent }) }));

  routes.post('/api/v1/keys/:keyId/retire', {
    schema: {
      operationId: 'retireKey', summary: 'Take a key out of use now', tags, params: keyParams, response: answers({ 200: signingKeySchema }),
      description: 'Every token that it signed is refused from here on. For a key that leaked: rotate it urgently, then retire it.',
    },
    config: { access: manage },
  }, async ({ instanceContext: context, params }) => viewKey(await retireSigningKey(context, params.keyId)));
}

function viewKey(row: SigningKeyRow) {
  return {
    id: row.id, algorithm: row.algorithm as SigningAlgorithm, status: row.status as KeyStatus, publicJwk: row.publicJwk as Record<string, unknown>,
    createdAt: row.createdAt.toISOString(), activatedAt: row.activatedAt?.toISOString() ?? null, retiresAt: row.retiresAt?.toISOString() ?? null,
  };
}
