import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { pageQuery } from '../core/http/paging.ts';
import { readCurrentApplication } from './applications.ts';
import { listResourceGrants, putResourceGrant, removeResourceGrant, type ResourceGrant } from './resource-grants.ts';
import {
  createResourceServerSchema, putResourceGrantSchema, resourceGrantPage, resourceGrantSchema, resourceServerIdSchema, resourceServerPage,
  resourceServerSchema, updateResourceServerSchema,
} from './resource-server-schemas.ts';
import { viewResourceServer } from './resource-server.ts';
import { createResourceServer, deleteResourceServer, listResourceServers, loadResourceServer, updateResourceServer } from './resource-servers.ts';
import { applicationIdSchema } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'resource-server:read', permission: 'applications.resource-servers.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'resource-server:manage', permission: 'applications.resource-servers.manage' };

/** `/api/v1/resource-servers`, and what applications were granted of them. */
export async function resourceServers(app: FastifyInstance): Promise<void> {
  await app.register(resourceServerRoutes, { prefix: '/api/v1/resource-servers' });
  await app.register(grantRoutes, { prefix: '/api/v1/applications/:applicationId/resource-grants' });
}

async function resourceServerRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Resource servers'];
  const params = z.object({ resourceServerId: resourceServerIdSchema });

  routes.get('', {
    schema: { operationId: 'listResourceServers', summary: 'List resource servers', tags, querystring: z.strictObject(pageQuery.shape), response: answers({ 200: resourceServerPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listResourceServers(context, query);
    return { items: page.items.map(viewResourceServer), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createResourceServer', summary: 'Register a resource server', tags, body: createResourceServerSchema, response: answers({ 201: resourceServerSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const server = await createResourceServer(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/resource-servers/${server.id}`, etag: entityTag(server.version) }).send(viewResourceServer(server));
  });

  routes.get('/:resourceServerId', {
    schema: { operationId: 'getResourceServer', summary: 'Read a resource server', tags, params, response: answers({ 200: resourceServerSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { resourceServerId } }, reply) => {
    const server = await loadResourceServer(context, resourceServerId);
    return reply.header('etag', entityTag(server.version)).send(viewResourceServer(server));
  });

  routes.patch('/:resourceServerId', {
    schema: { operationId: 'updateResourceServer', summary: 'Change a resource server', tags, params, headers: ifMatchHeader, body: updateResourceServerSchema, response: answers({ 200: resourceServerSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { resourceServerId }, body, headers }, reply) => {
    const server = await updateResourceServer(context, resourceServerId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(server.version)).send(viewResourceServer(server));
  });

  routes.delete('/:resourceServerId', {
    schema: { operationId: 'deleteResourceServer', summary: 'Delete a resource server', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { resourceServerId }, headers }, reply) => {
    await deleteResourceServer(context, resourceServerId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });
}

const readGrants: RouteAccess = { credential: 'bearer', scope: 'application:read', permission: 'applications.read' };
const manageGrants: RouteAccess = { credential: 'bearer', scope: 'application:manage', permission: 'applications.manage' };
const viewGrant = ({ resourceServer, scopes }: ResourceGrant) => ({ resourceServerId: resourceServer.id, identifier: resourceServer.identifier, scopes: [...scopes] });

async function grantRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Applications'];
  const application = z.object({ applicationId: applicationIdSchema });
  const params = application.extend({ resourceServerId: resourceServerIdSchema });

  routes.get('', {
    schema: { operationId: 'listResourceGrants', summary: 'List what an application may ask of resource servers', tags, params: application, response: answers({ 200: resourceGrantPage }) },
    config: { access: readGrants },
  }, async ({ instanceContext: context, params: { applicationId } }) => {
    await readCurrentApplication(context, applicationId);
    return { items: (await listResourceGrants(context, applicationId)).map(viewGrant), next: null };
  });

  routes.put('/:resourceServerId', {
    schema: { operationId: 'putResourceGrant', summary: 'Say what an application may ask of a resource server', tags, params, body: putResourceGrantSchema, response: answers({ 200: resourceGrantSchema }) },
    config: { access: manageGrants },
  }, async ({ instanceContext: context, params: { applicationId, resourceServerId }, body }) =>
    viewGrant(await putResourceGrant(context, applicationId, resourceServerId, body.scopes)));

  routes.delete('/:resourceServerId', {
    schema: { operationId: 'deleteResourceGrant', summary: 'Take it back', tags, params, response: answers({ 204: noContent }) },
    config: { access: manageGrants },
  }, async ({ instanceContext: context, params: { applicationId, resourceServerId } }, reply) => {
    await removeResourceGrant(context, applicationId, resourceServerId);
    return reply.code(204).send();
  });
}
