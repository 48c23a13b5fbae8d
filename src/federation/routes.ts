/** `/api/v1/identity-sources`, and the connections of a user. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { rejectActingOnHigher } from '../access/index.ts';
import { registerFactor, registerFlowFeature, registerLinkedAccounts } from '../authentication/index.ts';
import type { Core } from '../core/core.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { registerProofKinds } from '../core/proof-registry.ts';
import { loadUser, rejectChangeOutsideLimit, rejectOutsideLimit } from '../directory/index.ts';
import { logoRoutes } from './logo-routes.ts';
import { identitySourceFactor } from './factor.ts';
import { federationFeature } from './feature.ts';
import { linkNotFound } from './errors.ts';
import { listLinkedIdentities, unlinkIdentity } from './linked-identities.ts';
import { federationProofKinds, purgeTrips } from './trips.ts';
import { ownLinks } from './own-links.ts';
import { createSourceSchema, linkedIdentitiesSchema, linkParams, listSourcesQuery, sourcePage, sourceParams, sourceSchema, updateSourceSchema, userParams } from './schemas.ts';
import { viewSource } from './source.ts';
import { createSource, deleteSource, listSources, readSource, updateSource } from './sources.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'identity-source:read', permission: 'federation.identity-sources.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'identity-source:manage', permission: 'federation.identity-sources.manage' };
const readLinks: RouteAccess = { credential: 'bearer', scope: 'user:read', permission: 'directory.users.read', limit: 'organizational-units' };
const manageLinks: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.manage', limit: 'organizational-units' };

export async function federation(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  registerProofKinds(core, ...federationProofKinds);
  registerFactor(core, identitySourceFactor);
  registerFlowFeature(core, federationFeature);
  registerLinkedAccounts(core, ownLinks);
  core.jobs.schedule('federation.purge', '*/10 * * * *', () => purgeTrips(core));
  await app.register(logoRoutes, { access: manage });
  await app.register(sources, { prefix: '/api/v1/identity-sources' });
  await app.register(links, { prefix: '/api/v1/users/:userId/linked-identities' });
}

async function sources(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Identity sources'];
  const params = sourceParams;

  routes.get('', {
    schema: { operationId: 'listIdentitySources', summary: 'List identity sources, oldest first', tags, querystring: listSourcesQuery, response: answers({ 200: sourcePage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listSources(context, query);
    return { items: page.items.map((source) => viewSource(context, source)), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createIdentitySource', summary: 'Create an identity source', description: 'Register `callbackUrl` of the answer at the source.', tags, body: createSourceSchema, response: answers({ 201: sourceSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const source = await createSource(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/identity-sources/${source.id}`, etag: entityTag(source.version) }).send(viewSource(context, source));
  });

  routes.get('/:sourceId', {
    schema: { operationId: 'getIdentitySource', summary: 'Read an identity source', tags, params, response: answers({ 200: sourceSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { sourceId } }, reply) => {
    const source = await readSource(context, sourceId);
    return reply.header('etag', entityTag(source.version)).send(viewSource(context, source));
  });

  routes.patch('/:sourceId', {
    schema: { operationId: 'updateIdentitySource', summary: 'Change an identity source', tags, params, headers: ifMatchHeader, body: updateSourceSchema, response: answers({ 200: sourceSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { sourceId }, body, headers }, reply) => {
    const source = await updateSource(context, sourceId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(source.version)).send(viewSource(context, source));
  });

  routes.delete('/:sourceId', {
    schema: { operationId: 'deleteIdentitySource', summary: 'Delete an identity source', description: 'With the connections of people; their accounts stay.', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { sourceId }, headers }, reply) => {
    await deleteSource(context, sourceId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });
}

async function links(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Identity sources'];

  routes.get('', {
    schema: { operationId: 'listLinkedIdentities', summary: 'With which sources a user is connected', tags, params: userParams, response: answers({ 200: linkedIdentitiesSchema }) },
    config: { access: readLinks },
  }, async ({ instanceContext: context, params: { userId } }) => {
    await loadUser(context, userId);
    await rejectOutsideLimit(context, userId);
    return { items: await listLinkedIdentities(context, userId) };
  });

  routes.delete('/:sourceId', {
    schema: { operationId: 'unlinkIdentity', summary: 'Take a connection away', description: 'The user no longer signs in by this source. Sessions stay; end them apart.', tags, params: linkParams, response: answers({ 204: noContent }) },
    config: { access: manageLinks },
  }, async ({ instanceContext: context, params: { userId, sourceId } }, reply) => {
    await loadUser(context, userId);
    await rejectChangeOutsideLimit(context, [userId], linkNotFound);
    await rejectActingOnHigher(context, [userId]);
    await unlinkIdentity(context, userId, sourceId);
    return reply.code(204).send();
  });
}
