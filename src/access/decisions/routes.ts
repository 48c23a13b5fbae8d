/** The OpenID AuthZEN Authorization API 1.0 below the issuer; docs/decisions-api.md says what it means here. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers } from '../../core/http/answers.ts';
import { judgeAll } from './evaluations.ts';
import { judge } from './judge.ts';
import {
  actionSearchSchema, actionsSchema, decisionSchema, decisionsSchema, entitiesSchema, evaluationSchema, evaluationsSchema, metadataSchema,
  resourceSearchSchema, subjectSearchSchema,
} from './schemas.ts';
import { searchActions, searchResources, searchSubjects } from './search.ts';

const ask: RouteAccess = { credential: 'bearer', scope: 'decision:read', ownScope: 'decision:own', permission: 'access.decisions.read' };
const base = '/access/v1';

export async function decisionRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Decisions'];
  const own = 'With `decision:own` instead an application asks about itself.';

  // §10.1.2: whoever sends a request id gets it back.
  app.addHook('onRequest', (request, reply, done) => {
    const id = requestIdOf(request);
    if (id !== undefined) reply.header('x-request-id', id);
    done();
  });

  routes.get('/.well-known/authzen-configuration', {
    schema: { operationId: 'getAuthzenConfiguration', summary: 'Where decisions are asked for (AuthZEN §9)', tags, response: { 200: metadataSchema } },
    config: { access: { credential: 'none' } },
  }, async ({ instanceContext: { instance } }) => ({
    policy_decision_point: instance.issuer,
    access_evaluation_endpoint: `${instance.issuer}${base}/evaluation`,
    access_evaluations_endpoint: `${instance.issuer}${base}/evaluations`,
    search_subject_endpoint: `${instance.issuer}${base}/search/subject`,
    search_resource_endpoint: `${instance.issuer}${base}/search/resource`,
    search_action_endpoint: `${instance.issuer}${base}/search/action`,
  }));

  routes.post(`${base}/evaluation`, {
    schema: { operationId: 'evaluateAccess', summary: 'May this person do that? (AuthZEN §6)', description: own, tags, body: evaluationSchema, response: answers({ 200: decisionSchema }) },
    config: { access: ask },
  }, ({ instanceContext: context, body }) => judge(context, body));

  routes.post(`${base}/evaluations`, {
    schema: { operationId: 'evaluateAccesses', summary: 'Several questions at once (AuthZEN §7)', description: own, tags, body: evaluationsSchema, response: answers({ 200: decisionsSchema }) },
    config: { access: ask },
  }, ({ instanceContext: context, body }) => judgeAll(context, body));

  routes.post(`${base}/search/subject`, {
    schema: { operationId: 'searchSubjects', summary: 'Who may do that? (AuthZEN §8.4)', description: own, tags, body: subjectSearchSchema, response: answers({ 200: entitiesSchema }) },
    config: { access: ask },
  }, ({ instanceContext: context, body }) => searchSubjects(context, body));

  routes.post(`${base}/search/resource`, {
    schema: { operationId: 'searchResources', summary: 'With which applications may this person do that? (AuthZEN §8.5)', description: own, tags, body: resourceSearchSchema, response: answers({ 200: entitiesSchema }) },
    config: { access: ask },
  }, ({ instanceContext: context, body }) => searchResources(context, body));

  routes.post(`${base}/search/action`, {
    schema: { operationId: 'searchActions', summary: 'What may this person do with the application? (AuthZEN §8.6)', description: own, tags, body: actionSearchSchema, response: answers({ 200: actionsSchema }) },
    config: { access: ask },
  }, ({ instanceContext: context, body }) => searchActions(context, body));
}

/** One of the caller's, if it can be a header of an answer. */
function requestIdOf({ headers }: FastifyRequest): string | undefined {
  const id = headers['x-request-id'];
  return typeof id === 'string' && /^[\x21-\x7e]{1,200}$/.test(id) ? id : undefined;
}
