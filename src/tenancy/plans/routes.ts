/** `/api/v1/quotas` and `/api/v1/statements`: what the instance may use, has used, and what that costs. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Core } from '../../core/core.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers } from '../../core/http/answers.ts';
import { closeMonths } from './close-months.ts';
import { reconcileAll, reconcileById, reconcileJob } from './reconcile.ts';
import { listStatementsQuery, quotasSchema, statementPage, statementParams, statementSchema } from './schemas.ts';
import { listStatements, readStatement } from './statements.ts';
import { readQuotas } from './usage.ts';
import { usageMeter } from './usage-meter.ts';
import { viewQuotas, viewStatement, viewStatements } from './view.ts';

const quotasAccess: RouteAccess = { credential: 'bearer', scope: 'quota:read', permission: 'tenancy.quotas.read' };
const statementsAccess: RouteAccess = { credential: 'bearer', scope: 'quota:read', permission: 'tenancy.statements.read' };

export async function quotaRoutes(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Quotas'];

  routes.get('/api/v1/quotas', {
    schema: { operationId: 'listQuotas', summary: 'What the plan allows and what is used', tags, response: answers({ 200: quotasSchema }) },
    config: { access: quotasAccess },
  }, async ({ instanceContext: context }) => viewQuotas(await readQuotas(context)));

  routes.get('/api/v1/statements', {
    schema: { operationId: 'listStatements', summary: 'List monthly statements, latest first', tags, querystring: listStatementsQuery, response: answers({ 200: statementPage }) },
    config: { access: statementsAccess },
  }, async ({ instanceContext: context, query }) => viewStatements(await listStatements(context, query)));

  routes.get('/api/v1/statements/:month', {
    schema: { operationId: 'getStatement', summary: 'Read the statement of a month', tags, params: statementParams, response: answers({ 200: statementSchema }) },
    config: { access: statementsAccess },
  }, async ({ instanceContext: context, params: { month } }) => viewStatement(await readStatement(context, month)));

  core.jobs.work(reconcileJob, (job) => reconcileById(core, job.instanceId));
  core.jobs.schedule('tenancy.reconcile-all-quotas', '17 * * * *', () => reconcileAll(core));
  core.jobs.schedule('tenancy.close-months', '7 * * * *', () => closeMonths(core));
  app.addHook('onClose', () => usageMeter(core).stop());
}
