/** `/api/v1/network-zones`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { containingAnswer, containingQuery, createZoneSchema, listZonesQuery, updateZoneSchema, zonePage, zoneParams, zoneSchema, zoneUsesSchema } from './schemas.ts';
import { viewZone } from './zone.ts';
import { createZone, deleteZone, listZones, listZoneUses, readZone, updateZone, zonesContaining } from './zones.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'network-zone:read', permission: 'tenancy.network-zones.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'network-zone:manage', permission: 'tenancy.network-zones.manage' };

export async function networkZoneRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Network zones'];
  const params = zoneParams;

  routes.get('/api/v1/network-zones', {
    schema: { operationId: 'listNetworkZones', summary: 'List network zones, oldest first', tags, querystring: listZonesQuery, response: answers({ 200: zonePage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listZones(context, query);
    return { items: page.items.map(viewZone), next: page.next };
  });

  routes.post('/api/v1/network-zones', {
    schema: { operationId: 'createNetworkZone', summary: 'Create a network zone', tags, body: createZoneSchema, response: answers({ 201: zoneSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const zone = await createZone(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/network-zones/${zone.id}`, etag: entityTag(zone.version) }).send(viewZone(zone));
  });

  routes.get('/api/v1/network-zones/containing', {
    schema: { operationId: 'findNetworkZonesOfAddress', summary: 'Which zones an address is in', tags, querystring: containingQuery, response: answers({ 200: containingAnswer }) },
    config: { access: read },
  }, async ({ instanceContext: context, query: { address } }) => zonesContaining(context, address ?? context.address));

  routes.get('/api/v1/network-zones/:zoneId', {
    schema: { operationId: 'getNetworkZone', summary: 'Read a network zone', tags, params, response: answers({ 200: zoneSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { zoneId } }, reply) => {
    const zone = await readZone(context, zoneId);
    return reply.header('etag', entityTag(zone.version)).send(viewZone(zone));
  });

  routes.get('/api/v1/network-zones/:zoneId/uses', {
    schema: { operationId: 'listNetworkZoneUses', summary: 'What relies on a network zone', tags, params, response: answers({ 200: zoneUsesSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { zoneId } }) => ({ uses: await listZoneUses(context, zoneId) }));

  routes.patch('/api/v1/network-zones/:zoneId', {
    schema: {
      operationId: 'updateNetworkZone', summary: 'Change a network zone', tags, params, headers: ifMatchHeader, body: updateZoneSchema, response: answers({ 200: zoneSchema }, 412),
      description: 'Refused (409) when a policy that uses it would then lock every owner out.',
    },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { zoneId }, body, headers }, reply) => {
    const zone = await updateZone(context, zoneId, body, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(zone.version)).send(viewZone(zone));
  });

  routes.delete('/api/v1/network-zones/:zoneId', {
    schema: { operationId: 'deleteNetworkZone', summary: 'Delete a network zone', description: 'One that is in use stays (409, `uses` says by what).', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { zoneId }, headers }, reply) => {
    await deleteZone(context, zoneId, { ifMatch: headers['if-match'] });
    return reply.code(204).send();
  });
}
