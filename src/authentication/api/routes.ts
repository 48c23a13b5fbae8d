/** `/api/v1/auth`: sign-in drawn by an application of one's own (docs/authentication-api.md). */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { checkContentType } from '../../access/index.ts';
import type { Core } from '../../core/core.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { answerInEnvelopes } from './envelope.ts';
import { findCaller } from './caller.ts';
import { answerFlow, cancelFlow, restartFlow, startFlowOf, viewFlow } from './flows.ts';
import { programInputs, restartBody, toFields } from './inputs.ts';
import { flowViewSchema, startFlowSchema } from './schemas.ts';

const holder: RouteAccess = { credential: 'flow' };
const application: RouteAccess = { credential: 'protocol' };
const anybody: RouteAccess = { credential: 'none' };
const tags = ['Authentication'];

/** Register it after everything that brings factors and features: each of them gets its path here. */
export async function authenticationApi(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  await app.register(flows, { prefix: '/api/v1/auth', core, form: 'problems' });
  await app.register(flows, { prefix: '/api/v1/auth/compatible', core, form: 'envelopes' });
}

async function flows(app: FastifyInstance, { core, form }: { core: Core; form: 'problems' | 'envelopes' }): Promise<void> {
  letPagesRead(app);
  if (form === 'envelopes') answerInEnvelopes(app);
  // The second form is described in docs/authentication-api.md; in the reference each path stands once.
  const described = <Schema extends { response: object }>(schema: Schema): Schema => (form === 'problems' ? schema : { ...schema, hide: true, response: {} });
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.post('/flows', {
    onRequest: async (request) => { checkContentType(request); },
    schema: described({
      operationId: 'startFlow', summary: 'Start a flow', tags, body: startFlowSchema, response: answers({ 201: flowViewSchema }),
      description: 'For applications with `oidc.embeddedSignIn`. A confidential one authenticates with the header `Client-Authorization`; a page of a public one is known by its Origin. PKCE with S256, always.' }),
    config: { access: application },
  }, async (request, reply) => reply.code(201).send(await startFlowOf(request, reply, request.body)));

  routes.get('/flow', {
    schema: described({ operationId: 'getFlow', summary: 'See where a flow stands', tags, response: answers({ 200: flowViewSchema }, 410) }),
    config: { access: holder },
  }, async (request, reply) => viewFlow(await findCaller(request, reply, undefined)));

  routes.delete('/flow', {
    schema: described({ operationId: 'cancelFlow', summary: 'Give a flow up', tags, response: answers({ 204: noContent }, 410) }),
    config: { access: holder },
  }, async (request, reply) => {
    await cancelFlow(await findCaller(request, reply, undefined));
    return reply.code(204).send();
  });

  routes.post('/flow/restart', {
    schema: described({ operationId: 'restartFlow', summary: 'Begin the same request again', description: 'Also "not you?". The answer is another flow; this one is given up.', tags, body: restartBody, response: answers({ 201: flowViewSchema }) }),
    config: { access: holder },
  }, async (request, reply) => reply.code(201).send(await restartFlow(await findCaller(request, reply, request.body))));

  for (const input of programInputs(core)) {
    routes.post(`/flow/${input.path}`, {
      schema: described({ operationId: input.operationId, summary: input.summary, tags, body: input.body, response: answers({ 200: flowViewSchema }, 410) }),
      config: { access: holder },
    }, async (request, reply) => {
      const caller = await findCaller(request, reply, request.body);
      return answerFlow(caller, { do: input.do, version: request.body.version, fields: toFields(request.body) });
    });
  }

  for (const path of ['/flows', '/flow', '/flow/*']) {
    app.options(path, { schema: { hide: true }, config: { access: anybody } }, async (_request, reply) => reply.code(204).headers(preflight).send());
  }
}

const preflight = {
  'access-control-allow-methods': 'GET, POST, DELETE', 'access-control-allow-headers': 'authorization, content-type, dpop', 'access-control-max-age': '600',
};

/**
 * Answers may be read by any page, because nothing here is known by a cookie: a page learns no more than any program
 * could. Which origins may begin and hold a flow is checked before anything is done (caller.ts).
 */
function letPagesRead(app: FastifyInstance): void {
  app.addHook('onRequest', async (_request: FastifyRequest, reply) => {
    reply.headers({ 'access-control-allow-origin': '*', 'access-control-expose-headers': 'Retry-After', 'cache-control': 'no-store' });
  });
}
