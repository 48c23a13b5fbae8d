/** `/api/v1/ciam/applications/{applicationId}/role-batches`: uploads of up to a million lines, and how they get on. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { applicationIdSchema, loadApplication } from '../../applications/index.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers } from '../../core/http/answers.ts';
import { batchErrorPage, batchIdSchema, batchPage, batchSchema, createBatchQuery, listBatchesQuery } from './batch-schemas.ts';
import { longestLine, mostBytes, mostLines, receiveBatch } from './batch-upload.ts';
import { cancelBatch, exportBatchErrors, listBatchErrors, listBatches, loadBatch, viewBatch } from './batches.ts';
import { batchUnreadable } from './errors.ts';

// For the whole instance only: what lines of a file name is not known before they are worked.
const read: RouteAccess = { credential: 'bearer', scope: 'role:read', permission: 'access.role-assignments.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'role:manage', permission: 'access.role-assignments.manage' };
const ofApplication = z.object({ applicationId: applicationIdSchema });
const ofBatch = ofApplication.extend({ batchId: batchIdSchema });
const tags = ['CIAM roles'];
const mediaType = 'application/x-ndjson';

export async function roleBatchRoutes(app: FastifyInstance): Promise<void> {
  await app.register(upload);
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'listRoleBatches', summary: 'List uploads of role changes, newest first', tags, params: ofApplication, querystring: listBatchesQuery, response: answers({ 200: batchPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId }, query }) => {
    await loadApplication(context, applicationId);
    const page = await listBatches(context, applicationId, query);
    return { items: page.items.map(viewBatch), next: page.next };
  });

  routes.get('/:batchId', {
    schema: { operationId: 'getRoleBatch', summary: 'Read how an upload gets on', tags, params: ofBatch, response: answers({ 200: batchSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId, batchId } }) => viewBatch(await loadBatch(context, applicationId, batchId)));

  routes.get('/:batchId/errors', {
    schema: { operationId: 'listRoleBatchErrors', summary: 'List the lines that could not be applied', tags, params: ofBatch, querystring: listBatchesQuery, response: answers({ 200: batchErrorPage }) },
    config: { access: read },
  }, ({ instanceContext: context, params: { applicationId, batchId }, query }) => listBatchErrors(context, applicationId, batchId, query));

  routes.get('/:batchId/errors.ndjson', {
    schema: {
      operationId: 'exportRoleBatchErrors', summary: 'All lines that could not be applied, as lines of JSON', tags, params: ofBatch,
      produces: [mediaType], response: answers({ 200: z.string().describe('Lines of JSON, each with `line`, `code` and `detail`.') }),
    },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId, batchId } }, reply) => {
    await loadBatch(context, applicationId, batchId);
    return reply.header('content-type', mediaType).header('cache-control', 'no-store').send(Readable.from(exportBatchErrors(context, batchId)) as unknown as string);
  });

  routes.post('/:batchId/cancel', {
    schema: { operationId: 'cancelRoleBatch', summary: 'Stop an upload that is not finished', description: 'Lines that were worked stay applied.', tags, params: ofBatch, response: answers({ 200: batchSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId, batchId } }) => viewBatch(await cancelBatch(context, applicationId, batchId)));
}

/** Its own context: only here does a body arrive as a stream. */
async function upload(app: FastifyInstance): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(mediaType, (_request, payload, done) => { done(null, payload); });
  app.withTypeProvider<ZodTypeProvider>().post('', {
    schema: {
      operationId: 'createRoleBatch', summary: 'Upload role changes as lines of JSON', tags, params: ofApplication, querystring: createBatchQuery, consumes: [mediaType],
      description: `One row a line, as in the calls for a thousand; at most ${mostLines} lines of ${longestLine} bytes, ${mostBytes / 1_048_576} MB in all, also with Content-Encoding: gzip. `
        + 'Nothing is applied before all has arrived; then lines are worked in their order, and each that cannot be applied is kept as an error.',
      response: answers({ 202: batchSchema }),
    },
    config: { access: manage, takesGzip: true },
  }, async ({ instanceContext: context, params: { applicationId }, query, headers, body, raw }, reply) => {
    // A refusal leaves the rest of the body unread: another request on this connection would wait behind it for ever.
    reply.header('connection', 'close');
    await loadApplication(context, applicationId);
    if (!(body instanceof Readable)) throw batchUnreadable('Send the lines as application/x-ndjson.');
    const batch = await receiveBatch(context, applicationId, query.operation, { body, gzip: headers['content-encoding'] === 'gzip' });
    if (raw.complete) reply.removeHeader('connection');
    return reply.code(202).header('location', `${context.instance.issuer}/api/v1/ciam/applications/${applicationId}/role-batches/${batch.id}`).send(viewBatch(batch));
  });
}
