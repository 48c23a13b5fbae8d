import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { pageOf } from '../core/http/paging.ts';
import { readCurrentApplication } from './applications.ts';
import { addClientSecret, listClientSecrets, removeClientSecret } from './client-secrets.ts';
import { applicationIdSchema, clientSecretSchema, createSecretSchema, newClientSecretSchema, secretIdSchema } from './schemas.ts';
import { viewSecret } from './secret-view.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'application:read', permission: 'applications.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'application:manage', permission: 'applications.manage' };
const params = z.object({ applicationId: applicationIdSchema });
const tags = ['Applications'];

/** `/api/v1/applications/:applicationId/secrets`. */
export async function clientSecrets(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listClientSecrets', summary: 'List the secrets of an application, without the secrets', tags, params, response: answers({ 200: pageOf(clientSecretSchema) }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId } }) => {
    await readCurrentApplication(context, applicationId);
    return { items: (await listClientSecrets(context, applicationId)).map(viewSecret), next: null };
  });

  routes.post('', {
    schema: { operationId: 'createClientSecret', summary: 'Add a secret, or rotate with an overlap', description: 'The secret is in this answer and nowhere else.', tags, params, body: createSecretSchema, response: answers({ 201: newClientSecretSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId }, body }, reply) => {
    const added = await addClientSecret(context, applicationId, {
      expiresAt: body.expiresAt ? new Date(body.expiresAt) : null, overlapSeconds: body.overlapSeconds });
    return reply.code(201)
      .headers({ location: `${context.instance.issuer}/api/v1/applications/${applicationId}/secrets/${added.id}`, 'cache-control': 'no-store' })
      .send({ ...viewSecret(added), secret: added.secret });
  });

  routes.delete('/:secretId', {
    schema: { operationId: 'deleteClientSecret', summary: 'Delete a secret: it stops working at once', tags, params: params.extend({ secretId: secretIdSchema }), response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId, secretId } }, reply) => {
    await removeClientSecret(context, applicationId, secretId);
    return reply.code(204).send();
  });
}
