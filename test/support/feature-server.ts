/** The REST routes of some features on a database of their own, with a principal that is set instead of a token: for tests of a feature alone. */
import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { requireRouteAccess } from '../../src/core/http/access.ts';
import { answerProblems } from '../../src/core/http/error-handler.ts';
import { readJsonStrictly } from '../../src/core/http/json-body.ts';
import { openApi } from '../../src/core/http/openapi.ts';
import { newId } from '../../src/core/ids.ts';
import { hasInstanceContext, instanceScope, rewriteInstanceHost, withPrincipal, type InstanceContext, type Principal } from '../../src/tenancy/index.ts';
import { bareInstance, startTestCore, type TestCore } from './core.ts';

export interface FeatureAnswer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | number | undefined>;
  /** The parsed body, as the test expects it. */
  readonly body: never;
}

export interface FeatureServer extends TestCore {
  readonly app: FastifyInstance;
  /** Of the instance `default`. */
  readonly context: InstanceContext;
  /** Who acts in the requests that follow. */
  actAs(principal: Principal): void;
  /** Calls `/t/default/api/v1{path}`. */
  api(method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE', path: string, body?: unknown, headers?: Record<string, string>): Promise<FeatureAnswer>;
}

export async function startFeatures(register: (app: FastifyInstance, options: { core: TestCore['core'] }) => Promise<void>, settings: Record<string, string> = {}): Promise<FeatureServer> {
  const started = await startTestCore({ PUBLIC_URL: 'http://localhost:3000', ...settings });
  const { core } = started;
  let principal: Principal = { kind: 'system' };
  const app = Fastify({ genReqId: () => newId('req'), rewriteUrl: rewriteInstanceHost(core) });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  requireRouteAccess(app);
  answerProblems(app);
  readJsonStrictly(app);
  await app.register(openApi, { core });
  await instanceScope(app, { core });
  app.addHook('onRequest', async (request) => {
    if (hasInstanceContext(request)) request.instanceContext = withPrincipal(request.instanceContext, principal);
  });
  await app.register((instance) => register(instance, { core }), { prefix: '/t/:instance' });
  await app.ready();
  const context = await bareInstance(core, 'default');
  return {
    ...started, app, context,
    actAs(other) { principal = other; },
    async api(method, path, body, headers = {}) {
      const answer = await app.inject({
        method, url: `/t/default/api/v1${path}`, headers: { host: new URL(core.config.publicUrl).host, ...headers },
        ...(body !== undefined && { payload: JSON.stringify(body), headers: { host: new URL(core.config.publicUrl).host, 'content-type': 'application/json', ...headers } }),
      });
      return { status: answer.statusCode, headers: answer.headers, body: (answer.body === '' ? undefined : JSON.parse(answer.body)) as never };
    },
    async close() {
      await app.close();
      await started.close();
    },
  };
}
