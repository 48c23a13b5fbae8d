import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { RouteAccess } from '../core/http/access.ts';
import { answers } from '../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../core/http/entity-tag.ts';
import { zoneIdSchema, zoneReferenceSchema } from '../tenancy/index.ts';
import { readCurrentApplication } from './applications.ts';
import { readNetworkAccess, setNetworkAccess } from './network-access.ts';
import { applicationIdSchema } from './schemas.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'application:read', permission: 'applications.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'application:manage', permission: 'applications.manage' };
const params = z.object({ applicationId: applicationIdSchema });

const zoneIds = z.array(zoneIdSchema).max(50);
const setSchema = z.strictObject({
  people: zoneIds.describe('From where people may open the application; empty: from everywhere.'),
  client: zoneIds.describe('From where the application itself may ask for tokens and call our APIs; empty: from everywhere.'),
}).meta({ id: 'SetApplicationNetworkZones', examples: [{ people: [], client: [] }] });
const accessSchema = z.object({ people: z.array(zoneReferenceSchema), client: z.array(zoneReferenceSchema) }).meta({ id: 'ApplicationNetworkZones' });
const query = z.strictObject({ allowLockOut: z.enum(['true', 'false']).optional().describe('`true`: also when the application that asks would shut itself out.') });

/** `/api/v1/applications/:applicationId/network-zones`. */
export async function networkAccessRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Applications'];

  routes.get('', {
    schema: { operationId: 'getApplicationNetworkZones', summary: 'From where an application may be used', tags, params, response: answers({ 200: accessSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId } }, reply) => {
    const application = await readCurrentApplication(context, applicationId);
    return reply.header('etag', entityTag(application.version)).send(await readNetworkAccess(context, application));
  });

  routes.put('', {
    schema: { operationId: 'setApplicationNetworkZones', summary: 'Say from where an application may be used', tags, params, querystring: query, headers: ifMatchHeader, body: setSchema, response: answers({ 200: accessSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId }, body, headers, query: { allowLockOut } }, reply) => {
    const application = await setNetworkAccess(context, applicationId, body, { ifMatch: headers['if-match'], allowLockOut: allowLockOut === 'true' });
    return reply.header('etag', entityTag(application.version)).send(await readNetworkAccess(context, application));
  });
}
