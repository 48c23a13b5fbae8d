/** Assembles the server: the order below is the table of contents of the product. */
import formbody from '@fastify/formbody';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import type { Core } from './core/core.ts';
import { requireRouteAccess } from './core/http/access.ts';
import { answerProblems } from './core/http/error-handler.ts';
import { health } from './core/http/health.ts';
import { readJsonStrictly } from './core/http/json-body.ts';
import { openApi } from './core/http/openapi.ts';
import { createRequestLog } from './core/http/request-log.ts';
import { requireNavigation, setSecurityHeaders } from './core/http/security-headers.ts';
import { newId } from './core/ids.ts';
import { createFirstAdministrator } from './bootstrap/index.ts';
import { createCore, type CoreOptions } from './create-core.ts';
import { access, authorize } from './access/index.ts';
import { applications } from './applications/index.ts';
import { authentication, authenticationApi } from './authentication/index.ts';
import { federation } from './federation/index.ts';
import { directory } from './directory/index.ts';
import { events, registerEventWorkers, startSealer } from './events/index.ts';
import { notifications, warnAboutOutboxes } from './notifications/index.ts';
import { landing, pages } from './pages/index.ts';
import { oidc } from './protocols/oidc/index.ts';
import { instanceScope, missingForSignIn, platform, rewriteInstanceHost, tenancy } from './tenancy/index.ts';

export interface Server {
  readonly app: FastifyInstance;
  readonly core: Core;
  /** Listens and starts the workers. Returns the port. */
  start(): Promise<number>;
  /** Stops taking requests, lets those in flight and running jobs finish, then closes everything. */
  stop(): Promise<void>;
}

/** Builds a server that does not listen yet. */
export async function buildServer(options: CoreOptions): Promise<Server> {
  const { core, close } = await createCore(options);
  const { config } = core;
  const app: FastifyInstance = Fastify({
    loggerInstance: core.log as FastifyBaseLogger,
    // One line per request only at debug: at info the log holds what somebody should read.
    logController: new LogController({ disableRequestLogging: true }),
    childLoggerFactory: createRequestLog,
    genReqId: () => newId('req'),
    trustProxy: config.trustedProxies.length > 0 ? [...config.trustedProxies] : false,
    bodyLimit: 1_048_576,
    rewriteUrl: rewriteInstanceHost(core),
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, maxParamLength: 200 },
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  requireRouteAccess(app);
  answerProblems(app);
  // Requests that arrived together are all parsed before the first goes on, as in protocols/oidc/mount.ts: a tenth less
  // CPU for each under load, 0.02 ms more for one alone.
  app.addHook('onRequest', (_request, _reply, done) => { setImmediate(done); });
  setSecurityHeaders(app, { https: config.publicUrl.startsWith('https:') });
  requireNavigation(app);
  app.addHook('onResponse', async (request, reply) => {
    core.metrics.observeHttp(request.routeOptions.url, request.method, reply.statusCode, reply.elapsedTime / 1000);
    request.log.debug({ req: request, res: reply, milliseconds: reply.elapsedTime }, 'answered');
  });
  readJsonStrictly(app);
  await app.register(formbody, { bodyLimit: 65_536 });
  await app.register(openApi, { core });
  await app.register(health, { core, missing: () => missingForSignIn(core) });

  await instanceScope(app, { core }); // from here on a request knows its instance
  await authorize(app, { core });
  await app.register(platform, { core, createFirstAdministrator });
  await app.register(landing, { core });
  await app.register(async (instance) => {
    await instance.register(tenancy, { core });
    await instance.register(events, { core });
    await instance.register(notifications, { core });
    await instance.register(directory, { core });
    await instance.register(applications, { core });
    await instance.register(access, { core });
    await instance.register(authentication, { core });
    await instance.register(federation, { core });
    await instance.register(pages, { core });
    await instance.register(oidc, { core });
    await instance.register(authenticationApi, { core }); // last: each factor and feature gets its path
  }, { prefix: '/t/:instance' });
  await app.ready();

  registerEventWorkers(core);
  const sealer = startSealer(core);
  return {
    app,
    core,
    async start() {
      await core.jobs.start();
      await app.listen({ host: config.host, port: config.port });
      await warnAboutOutboxes(core);
      const address = app.server.address();
      return typeof address === 'object' && address !== null ? address.port : config.port;
    },
    async stop() {
      // Who sends a request byte by byte would otherwise hold up the stop as long as they like.
      const patience = setTimeout(() => { app.server.closeAllConnections(); }, config.shutdownGraceSeconds * 1_000);
      // A connection whose last request ends meanwhile is kept open by both sides: nobody would close it.
      const idle = setInterval(() => { app.server.closeIdleConnections(); }, 50);
      await app.close().finally(() => {
        clearTimeout(patience);
        clearInterval(idle);
      });
      await core.jobs.stop(config.shutdownGraceSeconds);
      await sealer.stop();
      await close();
    },
  };
}
