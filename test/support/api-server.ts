/**
 * The management and platform API on a database of its own, without protocols and pages, for tests of the features
 * below them. Access tokens are signed with the instance's own keys, so that a test can spoil one thing of them.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import formbody from '@fastify/formbody';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { SignJWT } from 'jose';
import { inject } from 'vitest';
import { access, authorize, managementAudience, managementScopes } from '../../src/access/index.ts';
import { applications, builtInResourceServers, createApplication, putResourceGrant } from '../../src/applications/index.ts';
import { loadConfig } from '../../src/config.ts';
import type { Core } from '../../src/core/core.ts';
import { requireRouteAccess } from '../../src/core/http/access.ts';
import { answerProblems } from '../../src/core/http/error-handler.ts';
import { readJsonStrictly } from '../../src/core/http/json-body.ts';
import { setSecurityHeaders } from '../../src/core/http/security-headers.ts';
import { newId } from '../../src/core/ids.ts';
import { createCore } from '../../src/create-core.ts';
import { directory } from '../../src/directory/index.ts';
import {
  createInstance, instanceContext, type InstanceContext, instanceScope, loadInstance, platform, type PlatformOptions, rewriteInstanceHost,
  signingKeyFor, type SigningAlgorithm, tenancy, withPrincipal,
} from '../../src/tenancy/index.ts';
import { createTestDatabase } from './database.ts';
import { freePort } from './free-port.ts';

export interface RawAnswer { status: number; headers: IncomingHttpHeaders; body: string; json: Record<string, never> }

export interface TokenOptions {
  instance?: string;
  algorithm?: SigningAlgorithm;
  scopes?: readonly string[];
  /** Replaces claims; undefined removes one. */
  claims?: Record<string, unknown>;
  header?: Record<string, unknown>;
}

export interface ApiServer {
  readonly core: Core;
  readonly app: FastifyInstance;
  readonly origin: string;
  /** The client of `token()`, in the instance `default`. */
  readonly clientId: string;
  readonly applicationId: string;
  context(instanceId?: string): Promise<InstanceContext>;
  /** An access token of the machine application for the management API. */
  token(options?: TokenOptions): Promise<string>;
  /** A request exactly as written: nothing is normalized, `target` may be anything. */
  send(method: string, target: string, options?: { headers?: Record<string, string | string[]>; body?: string | Buffer }): Promise<RawAnswer>;
  /** A JSON request with a token of all management scopes. */
  api(method: string, target: string, body?: unknown, headers?: Record<string, string>): Promise<RawAnswer>;
  setClock(time: Date | undefined): void;
  logLines(): string[];
  replica(): Promise<ApiServer>;
  close(): Promise<void>;
}

export interface ApiServerOptions {
  settings?: Record<string, string>;
  platform?: Omit<PlatformOptions, 'core'>;
  /** Adds routes before the server listens. */
  extend?: (app: FastifyInstance) => void;
  startJobs?: boolean;
}

export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const database = await createTestDatabase(inject('postgresUrl'));
  const directoryPath = await mkdtemp(path.join(tmpdir(), 'postern-api-'));
  const port = String(await freePort());
  const settings = { PORT: port, DATA_DIR: directoryPath, LOG_LEVEL: 'debug', DATABASE_POOL_SIZE: '6', ...options.settings };
  const server = await start(settings, database.url, options);
  return {
    ...server,
    async close() {
      await server.close();
      await database.drop();
      await rm(directoryPath, { recursive: true, force: true });
    },
  };
}

async function start(settings: Record<string, string>, databaseUrl: string, options: ApiServerOptions): Promise<ApiServer> {
  const config = loadConfig(settings);
  const lines: string[] = [];
  let clock: Date | undefined;
  const logStream = new Writable({ write(chunk: Buffer, _encoding, done) { lines.push(chunk.toString()); done(); } });
  const { core, close } = await createCore({ config, connectionString: databaseUrl, logStream, now: () => clock ?? new Date() });
  const app = await assemble(core, options);
  if (options.startJobs) await core.jobs.start();
  const { applicationId, clientId } = await prepare(core);
  await app.listen({ host: '127.0.0.1', port: config.port });
  const host = new URL(config.publicUrl).host;

  const context = async (instanceId = 'default') => {
    const found = await instanceContext(core, instanceId);
    if (!found) throw new Error(`no instance ${instanceId}`);
    return found;
  };
  const token = async ({ instance = 'default', algorithm = 'ES256', scopes = managementScopes.map(({ name }) => name), claims = {}, header = {} }: TokenOptions = {}) => {
    const issuing = await context(instance);
    const { kid, key } = await signingKeyFor(issuing, algorithm);
    const { issuer } = issuing.instance;
    const now = Math.floor(core.now().getTime() / 1000);
    return new SignJWT({ iss: issuer, aud: managementAudience(issuer), sub: clientId, client_id: clientId, jti: randomUUID(), iat: now, exp: now + 300, scope: scopes.join(' '), ...claims })
      .setProtectedHeader({ alg: algorithm, typ: 'at+jwt', kid, ...header }).sign(key);
  };
  const send: ApiServer['send'] = (method, target, { headers = {}, body } = {}) => new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port: config.port, method, path: target, headers: { host, ...headers }, setHost: false, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text, json: (answer.headers['content-type']?.includes('json') && !answer.headers['content-type'].includes('ndjson') ? JSON.parse(text) : {}) as Record<string, never> });
      });
    });
    sent.on('error', reject).end(body);
  });

  return {
    core, app, origin: config.publicUrl, clientId, applicationId, context, token, send,
    async api(method, target, body, headers = {}) {
      return send(method, target, {
        headers: { authorization: `Bearer ${await token()}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    },
    setClock: (time) => { clock = time; },
    logLines: () => lines,
    replica: async () => start({ ...settings, PORT: String(await freePort()), PUBLIC_URL: config.publicUrl }, databaseUrl, options),
    async close() {
      await app.close();
      await core.jobs.stop(0);
      await close();
    },
  };
}

async function assemble(core: Core, options: ApiServerOptions): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({ loggerInstance: core.log as FastifyBaseLogger, logController: new LogController({ disableRequestLogging: true }), genReqId: () => newId('req'), rewriteUrl: rewriteInstanceHost(core) });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  requireRouteAccess(app);
  answerProblems(app);
  setSecurityHeaders(app, { https: false });
  readJsonStrictly(app);
  await app.register(formbody);
  await instanceScope(app, { core });
  await authorize(app, { core });
  options.extend?.(app);
  await app.register(platform, { core, ...options.platform });
  await app.register(async (instance) => {
    await instance.register(tenancy, { core });
    await instance.register(directory, { core });
    await instance.register(applications, { core });
    await instance.register(access, { core });
  }, { prefix: '/t/:instance' });
  await app.ready();
  return app;
}

/** Grants an application every scope of the product's own APIs. */
export async function grantOwnApis(context: InstanceContext, applicationId: string): Promise<void> {
  const system = withPrincipal(context, { kind: 'system' });
  for (const api of builtInResourceServers(system)) await putResourceGrant(system, applicationId, api.id, api.scopes.map(({ name }) => name));
}

/** The instance `default` with a machine application of fixed client_id. */
async function prepare(core: Core): Promise<{ applicationId: string; clientId: string }> {
  const clientId = 'api-tests';
  if (!await loadInstance(core, 'default')) {
    const context = await createInstance(core, { id: 'default', name: 'Default' }, { principal: { kind: 'system' } });
    const { application } = await createApplication(context, { name: 'API tests', kind: 'machine', clientId, oidc: { tokenEndpointAuthMethod: 'client_secret_basic' } });
    await grantOwnApis(context, application.id);
  }
  const row = await core.database.application.findFirstOrThrow({ where: { instanceId: 'default', clientId } });
  return { applicationId: row.id, clientId };
}
