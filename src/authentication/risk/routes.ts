/** `/api/v1/risk` and `/api/v1/address-lists`. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Core } from '../../core/core.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import type { RiskReplay } from '../../generated/prisma/client.ts';
import { applyRiskDraft } from '../../tenancy/index.ts';
import { listAssessments, purgeRisk } from './assessments.ts';
import { createList, deleteList, fetchList, fetchStaleLists, listLists, type ListRow, loadList, updateList } from './lists.ts';
import { loadReplay, registerReplayWorker, type ReplayRequest, type ReplayResult, startReplay } from './replay.ts';
import {
  assessmentPage, createListSchema, listAssessmentsQuery, listPage, listParams, listQuery, listSchema, replayAnswerSchema, replayParams, replaySchema, updateListSchema,
} from './schemas.ts';

const readAssessments: RouteAccess = { credential: 'bearer', scope: 'risk:read', permission: 'authentication.risk.read', limit: 'organizational-units' };
const read: RouteAccess = { credential: 'bearer', scope: 'risk:read', permission: 'authentication.risk.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'risk:manage', permission: 'authentication.risk.manage' };

export async function riskRoutes(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  core.jobs.schedule('authentication.risk-purge', '7 * * * *', () => purgeRisk(core));
  core.jobs.schedule('authentication.address-lists', '*/20 * * * *', () => fetchStaleLists(core));
  registerReplayWorker(core);
  await app.register(assessments, { prefix: '/risk' });
  await app.register(addressLists, { prefix: '/address-lists' });
}

async function assessments(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Risk'];

  routes.get('/assessments', {
    schema: { operationId: 'listRiskAssessments', summary: 'List assessments of sign-ins, newest first', tags, querystring: listAssessmentsQuery, response: answers({ 200: assessmentPage }) },
    config: { access: readAssessments },
  }, ({ instanceContext: context, query }) => listAssessments(context, query));

  routes.post('/replay', {
    schema: {
      operationId: 'startRiskReplay', summary: 'Try a draft of the risk policy on past sign-ins', tags, body: replaySchema, response: answers({ 200: replayAnswerSchema, 202: replayAnswerSchema }),
      description: 'Judges what was measured once more and says what would have been otherwise; changes nothing. Up to 5,000 sign-ins are answered at once, more become a job (202): read it at `Location`.',
    },
    config: { access: read },
  }, async ({ instanceContext: context, body }, reply) => {
    const row = await startReplay(context, { days: body.days, policy: applyRiskDraft(context.instance.settings.risk, body.policy) });
    return reply.code(row.status === 'queued' ? 202 : 200).header('location', `${context.instance.issuer}/api/v1/risk/replay/${row.id}`).send(viewReplay(row));
  });

  routes.get('/replay/:replayId', {
    schema: { operationId: 'getRiskReplay', summary: 'Read a replay of the risk policy', description: 'Kept for a week.', tags, params: replayParams, response: answers({ 200: replayAnswerSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params }) => viewReplay(await loadReplay(context, params.replayId)));
}

async function addressLists(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Risk'];
  const params = listParams;

  routes.get('', {
    schema: { operationId: 'listAddressLists', summary: 'List address lists, oldest first', tags, querystring: listQuery, response: answers({ 200: listPage }) },
    config: { access: read },
  }, async ({ instanceContext: context, query }) => {
    const page = await listLists(context, query);
    return { items: page.items.map(viewList), next: page.next };
  });

  routes.post('', {
    schema: { operationId: 'createAddressList', summary: 'Create an address list', tags, body: createListSchema, response: answers({ 201: listSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const list = await createList(context, body);
    return reply.code(201).headers({ location: `${context.instance.issuer}/api/v1/address-lists/${list.id}`, etag: entityTag(list.version) }).send(viewList(list));
  });

  routes.get('/:addressListId', {
    schema: { operationId: 'getAddressList', summary: 'Read an address list', tags, params, response: answers({ 200: listSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { addressListId } }, reply) => {
    const list = await loadList(context, addressListId);
    return reply.header('etag', entityTag(list.version)).send(viewList(list));
  });

  routes.patch('/:addressListId', {
    schema: { operationId: 'updateAddressList', summary: 'Change an address list', tags, params, headers: ifMatchHeader, body: updateListSchema, response: answers({ 200: listSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { addressListId }, body, headers }, reply) => {
    const list = await updateList(context, addressListId, body, headers['if-match']);
    return reply.header('etag', entityTag(list.version)).send(viewList(list));
  });

  routes.post('/:addressListId/fetch', {
    schema: { operationId: 'fetchAddressList', summary: 'Fetch an address list now', description: 'What cannot be fetched or read leaves the list as it was; `fetchError` says why.', tags, params, response: answers({ 200: listSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { addressListId } }, reply) => {
    await fetchList(context, addressListId);
    const list = await loadList(context, addressListId);
    return reply.header('etag', entityTag(list.version)).send(viewList(list));
  });

  routes.delete('/:addressListId', {
    schema: { operationId: 'deleteAddressList', summary: 'Delete an address list', tags, params, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { addressListId }, headers }, reply) => {
    await deleteList(context, addressListId, headers['if-match']);
    return reply.code(204).send();
  });
}

const viewList = ({ id, name, url, enabled, rangeCount, createdAt, updatedAt, fetchedAt, fetchError }: ListRow) => ({
  id, name, url, enabled, rangeCount, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString(), fetchedAt: fetchedAt?.toISOString() ?? null, fetchError });

function viewReplay({ id, status, createdAt, finishedAt, request, result }: RiskReplay) {
  const { days, policy } = request as unknown as ReplayRequest;
  return { id, status: status as 'queued' | 'done' | 'failed', createdAt: createdAt.toISOString(), finishedAt: finishedAt?.toISOString() ?? null, days, policy, result: result as unknown as ReplayResult | null } as never;
}
