/** `/platform/v1/plans`, and plan, quotas and statements of an instance: for the operator of the server, who bills. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Core } from '../../core/core.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import type { InstanceContext } from '../context.ts';
import { instanceParams } from '../schemas.ts';
import { type Assignment, assignPlan, readAssignment } from './assignment.ts';
import { builtInPlans } from './plan.ts';
import { createPlan, deletePlan, listPlanRows, readAnyPlan, updatePlan } from './plans.ts';
import { assignmentSchema, assignPlanSchema, createPlanSchema, listPlansQuery, listStatementsQuery, planPage, planParams, planSchema, quotasSchema, statementPage, statementParams, statementSchema, updatePlanSchema } from './schemas.ts';
import { listStatements, readStatement } from './statements.ts';
import { readQuotas } from './usage.ts';
import { viewPlan, viewQuotas, viewStatement, viewStatements } from './view.ts';

export interface PlanRoutesOptions {
  core: Core;
  /** The operator in an instance. @throws Problem 404 */
  contextOf: (request: FastifyRequest, instanceId: string) => Promise<InstanceContext>;
}

const read: RouteAccess = { credential: 'platform', scope: 'instance:read' };
const manage: RouteAccess = { credential: 'platform', scope: 'instance:manage' };

export async function planRoutes(app: FastifyInstance, { core, contextOf }: PlanRoutesOptions): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Platform'];
  const path = '/platform/v1/plans';
  const instancePath = '/platform/v1/instances/:instanceId';
  const ofInstance = `${instancePath}/plan`;
  const scope = 'platform/plans';

  routes.get(path, {
    schema: { operationId: 'listPlans', summary: 'List plans, the built-in ones first', tags, querystring: listPlansQuery, response: answers({ 200: planPage }) },
    config: { access: read },
  }, async ({ query: { limit, cursor } }) => {
    const after = decodeCursor(core.keyring, scope, cursor)?.[0];
    const made = await listPlanRows(core, { limit: limit + 1, ...(after !== undefined && { after: String(after) }) });
    const page = pageFrom(core.keyring, scope, made, limit, ({ id }) => [id]);
    return { items: [...after === undefined ? builtInPlans : [], ...page.items].map(viewPlan), next: page.next };
  });

  routes.post(path, {
    schema: { operationId: 'createPlan', summary: 'Create a plan', tags, body: createPlanSchema, response: answers({ 201: planSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, body }, reply) => {
    const plan = await createPlan(context, body);
    return reply.code(201).headers({ location: `${core.config.consoleUrl}${path}/${plan.id}`, etag: entityTag(plan.version) }).send(viewPlan(plan));
  });

  routes.get(`${path}/:planId`, {
    schema: { operationId: 'getPlan', summary: 'Read a plan', tags, params: planParams, response: answers({ 200: planSchema }) },
    config: { access: read },
  }, async ({ params }, reply) => {
    const plan = await readAnyPlan(core, params.planId);
    return reply.header('etag', entityTag(plan.version)).send(viewPlan(plan));
  });

  routes.patch(`${path}/:planId`, {
    schema: {
      operationId: 'updatePlan', summary: 'Change a plan', tags, params: planParams, headers: ifMatchHeader, body: updatePlanSchema, response: answers({ 200: planSchema }, 412),
      description: 'For every instance that has it, within a second. What is there already stays, also above a new limit; nothing is added until there is room.',
    },
    config: { access: manage },
  }, async ({ instanceContext: context, params, body, headers }, reply) => {
    const plan = await updatePlan(context, params.planId, body, headers['if-match']);
    return reply.header('etag', entityTag(plan.version)).send(viewPlan(plan));
  });

  routes.delete(`${path}/:planId`, {
    schema: { operationId: 'deletePlan', summary: 'Delete a plan', description: 'One that an instance has stays (409).', tags, params: planParams, headers: ifMatchHeader, response: answers({ 204: noContent }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params, headers }, reply) => {
    await deletePlan(context, params.planId, headers['if-match']);
    return reply.code(204).send();
  });

  routes.get(ofInstance, {
    schema: { operationId: 'getInstancePlan', summary: 'Read the plan of an instance', tags, params: instanceParams, response: answers({ 200: assignmentSchema }) },
    config: { access: read },
  }, async (request, reply) => {
    const assignment = await readAssignment(await contextOf(request, request.params.instanceId));
    return reply.header('etag', entityTag(assignment.version)).send(viewAssignment(assignment));
  });

  routes.put(ofInstance, {
    schema: {
      operationId: 'assignPlan', summary: 'Give an instance a plan', tags, params: instanceParams, headers: ifMatchHeader, body: assignPlanSchema, response: answers({ 200: assignmentSchema }, 412),
      description: 'In force within a second. A smaller plan is allowed also where more is in use: that stays, and nothing is added until there is room.',
    },
    config: { access: manage },
  }, async (request, reply) => {
    const assignment = await assignPlan(await contextOf(request, request.params.instanceId), request.body.planId, request.headers['if-match']);
    return reply.header('etag', entityTag(assignment.version)).send(viewAssignment(assignment));
  });

  routes.get(`${instancePath}/quotas`, {
    schema: { operationId: 'listQuotasOfInstance', summary: 'What the plan of an instance allows and what is used', tags, params: instanceParams, response: answers({ 200: quotasSchema }) },
    config: { access: read },
  }, async (request) => viewQuotas(await readQuotas(await contextOf(request, request.params.instanceId))));

  routes.get(`${instancePath}/statements`, {
    schema: { operationId: 'listStatementsOfInstance', summary: 'List monthly statements of an instance, latest first', tags, params: instanceParams, querystring: listStatementsQuery, response: answers({ 200: statementPage }) },
    config: { access: read },
  }, async (request) => viewStatements(await listStatements(await contextOf(request, request.params.instanceId), request.query)));

  routes.get(`${instancePath}/statements/:month`, {
    schema: { operationId: 'getStatementOfInstance', summary: 'Read the statement of a month of an instance', tags, params: z.object({ ...instanceParams.shape, ...statementParams.shape }), response: answers({ 200: statementSchema }) },
    config: { access: read },
  }, async (request) => viewStatement(await readStatement(await contextOf(request, request.params.instanceId), request.params.month)));
}

const viewAssignment = ({ plan, since }: Assignment) => ({ plan: viewPlan(plan), since: since?.toISOString() ?? null });
