import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Core } from '../core/core.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { viewApplication } from './application.ts';
import { createApplication, deleteApplication, disableApplication, enableApplication, loadApplication, readCurrentApplication, updateApplication } from './applications.ts';
import { configurationOf } from './configuration.ts';
import { listApplications } from './list-applications.ts';
import { keepZonesOfApplications } from './network-access.ts';
import { networkAccessRoutes } from './network-access-routes.ts';
import { resourceServers } from './resource-server-routes.ts';
import {
  applicationIdSchema, applicationPage, applicationSchema, configurationSchema, createApplicationSchema, createdApplicationSchema,
  listApplicationsQuery, updateApplicationSchema,
} from './schemas.ts';
import { clientSecrets } from './secret-routes.ts';
import { viewSecret } from './secret-view.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'application:read', permission: 'applications.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'application:manage', permission: 'applications.manage' };
const params = z.object({ applicationId: applicationIdSchema });

/** `/api/v1/applications` and `/api/v1/resource-servers`. */
export async function applications(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  keepZonesOfApplications(core);
  await app.register(applicationRoutes, { prefix: '/api/v1/applications' });
  await app.register(clientSecrets, { prefix: '/api/v1/applications/:applicationId/secrets' });
  await app.register(networkAccessRoutes, { prefix: '/api/v1/applications/:applicationId/network-zones' });
  await app.register(resourceServers);
}

async function applicationRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Applications'];

  routes.get('', {
    schema: { operationId: 'listApplications', summary: 'List applications, oldest first', tags, querystring: listApplicationsQuery, response: answers({ 200: applicationPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listApplications(context, query);
    return { items: page.items.map(viewApplication), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createApplication', summary: 'Register an application', description: 'The first secret, where the application uses one, is in the answer and nowhere else.', tags, body: createApplicationSchema, response: answers({ 201: createdApplicationSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const { application, clientSecret } = await createApplication(context, body);
    return reply.code(201)
      .headers({ location: `${context.instance.issuer}/api/v1/applications/${application.id}`, etag: entityTag(application.version), 'cache-control': 'no-store' })
      .send({ ...viewApplication(application), clientSecret: clientSecret ? { ...viewSecret(clientSecret), secret: clientSecret.secret } : null });
  });

  routes.get('/:applicationId', {
    schema: { operationId: 'getApplication', summary: 'Read an application', tags, params, response: answers({ 200: applicationSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId } }, reply) => {
    const application = await readCurrentApplication(context, applicationId);
    return reply.header('etag', entityTag(application.version)).send(viewApplication(application));
  });

  routes.patch('/:applicationId', {
    schema: { operationId: 'updateApplication', summary: 'Change an application', tags, params, headers: ifMatchHeader, body: updateApplicationSchema, response: answers({ 200: applicationSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId }, body, headers }, reply) => {
    const application = await updateApplication(context, applicationId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(application.version)).send(viewApplication(application));
  });

  routes.delete('/:applicationId', {
    schema: { operationId: 'deleteApplication', summary: 'Delete an application', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId }, headers }, reply) => {
    await deleteApplication(context, applicationId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });

  for (const [verb, change, summary] of [
    ['enable', enableApplication, 'Enable an application'],
    ['disable', disableApplication, 'Disable an application: it gets no more tokens'],
  ] as const) {
    routes.post(`/:applicationId/${verb}`, {
      schema: { operationId: `${verb}Application`, summary, tags, params, response: answers({ 200: applicationSchema }) },
      config: { access: manage },
    }, async ({ instanceContext: context, params: { applicationId } }, reply) => {
      const application = await change(context, applicationId);
      return reply.header('etag', entityTag(application.version)).send(viewApplication(application));
    });
  }

  routes.get('/:applicationId/configuration', {
    schema: { operationId: 'getApplicationConfiguration', summary: 'What to enter in the application', tags, params, response: answers({ 200: configurationSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId } }) => configurationOf(context, await loadApplication(context, applicationId)));
}
