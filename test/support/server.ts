/** A whole Postern on a database of its own, listening on a free loopback port, for tests over real HTTP. */
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { inject } from 'vitest';
import { bootstrap } from '../../src/bootstrap/index.ts';
import { loadConfig } from '../../src/config.ts';
import type { Core } from '../../src/core/core.ts';
import { buildServer, type Server } from '../../src/server.ts';
import { instanceContext, type ContextOptions, type InstanceContext } from '../../src/tenancy/index.ts';
import { createTestDatabase } from './database.ts';
import { freePort } from './free-port.ts';

export interface TestServer {
  readonly core: Core;
  readonly app: Server['app'];
  /** `http://localhost:{port}` */
  readonly origin: string;
  /** Where this very server listens: other than `origin` for a replica. */
  readonly listener: string;
  /** Of the instance `default`. */
  readonly issuer: string;
  readonly databaseUrl: string;
  readonly administrator: { username: string; password: string };
  readonly machine: { clientId: string; clientSecret: string };
  /** All log lines so far. */
  logLines(): string[];
  /** Moves this server's clock; `undefined` goes back to the real one. */
  setClock(time: Date | undefined): void;
  /** An access token of the bootstrap client for the management API (or the given resource). */
  managementToken(resource?: string): Promise<string>;
  /** Calls the management API of `default` (path below /api/v1) with that token and a JSON body. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<{ status: number; headers: Headers; body: never }>;
  context(instanceId?: string, options?: ContextOptions): Promise<InstanceContext>;
  /** A second process's worth of server on the same database and keys, on another port but with the same addresses. */
  replica(): Promise<TestServer>;
  close(): Promise<void>;
}

export interface TestServerOptions {
  /** Further environment settings. */
  settings?: Record<string, string>;
}

/** Starts a server with an administrator and a machine application. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const database = await createTestDatabase(inject('postgresUrl'));
  const dataDirectory = await mkdtemp(path.join(tmpdir(), 'postern-data-'));
  const port = await freePort();
  const environment = {
    HOST: '127.0.0.1', PORT: String(port), DATA_DIR: dataDirectory, LOG_LEVEL: 'debug', DATABASE_POOL_SIZE: '8',
    SHUTDOWN_GRACE_SECONDS: '2', SAMPLE_APPLICATION_PORT: '0',
    BOOTSTRAP_ADMIN_USERNAME: 'admin', BOOTSTRAP_ADMIN_PASSWORD: 'correct horse battery staple',
    BOOTSTRAP_CLIENT_ID: 'automation', BOOTSTRAP_CLIENT_SECRET: 'automation-secret-for-tests-only',
    ...options.settings,
  };
  const started = await startOn(environment, database.url);
  return {
    ...started,
    async close() {
      await started.close();
      await database.drop();
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

async function startOn(environment: Record<string, string>, databaseUrl: string): Promise<TestServer> {
  const config = loadConfig(environment);
  const lines: string[] = [];
  let clock: Date | undefined;
  const logStream = new Writable({ write(chunk: Buffer, _encoding, done) { lines.push(chunk.toString()); done(); } });
  const server = await buildServer({ config, connectionString: databaseUrl, logStream, now: () => clock ?? new Date() });
  await bootstrap(server.core);
  await server.start();
  const { publicUrl: origin } = config;
  const issuer = `${origin}/t/default`;
  const machine = { clientId: environment['BOOTSTRAP_CLIENT_ID'] ?? '', clientSecret: environment['BOOTSTRAP_CLIENT_SECRET'] ?? '' };
  // The addresses of a replica are those of the first server, so its own listener is called by its port.
  const base = `http://127.0.0.1:${config.port}`;

  async function managementToken(resource?: string): Promise<string> {
    const answer = await send(`${base}/t/default/oauth2/token`, 'POST', {
      host: new URL(origin).host, 'content-type': 'application/x-www-form-urlencoded', authorization: `Basic ${Buffer.from(`${machine.clientId}:${machine.clientSecret}`).toString('base64')}`,
    }, new URLSearchParams({ grant_type: 'client_credentials', ...(resource && { resource }) }).toString());
    if (answer.status !== 200) throw new Error(`no management token: ${answer.status} ${answer.text}`);
    return (JSON.parse(answer.text) as { access_token: string }).access_token;
  }

  let token: string | undefined;
  return {
    core: server.core, app: server.app, origin, listener: base, issuer, databaseUrl, machine,
    administrator: { username: environment['BOOTSTRAP_ADMIN_USERNAME'] ?? '', password: environment['BOOTSTRAP_ADMIN_PASSWORD'] ?? '' },
    logLines: () => lines,
    setClock: (time) => { clock = time; },
    managementToken,
    async api(method, apiPath, body, headers = {}) {
      token ??= await managementToken();
      const answer = await send(`${base}/t/default/api/v1${apiPath}`, method, {
        host: new URL(origin).host, authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers,
      }, body === undefined ? undefined : JSON.stringify(body));
      const { text } = answer;
      return { status: answer.status, headers: answer.headers, body: (text === '' ? undefined : JSON.parse(text)) as never };
    },
    async context(instanceId = 'default', contextOptions = {}) {
      const context = await instanceContext(server.core, instanceId, contextOptions);
      if (!context) throw new Error(`no instance ${instanceId}`);
      return context;
    },
    replica: async () => startOn({ ...environment, PORT: String(await freePort()), PUBLIC_URL: origin }, databaseUrl),
    close: () => server.stop(),
  };
}

interface Sent { status: number; headers: Headers; text: string }

/** Not by fetch: that lets nobody name the host, which for a replica is not the one that is called. */
function send(url: string, method: string, headers: Record<string, string>, body: string | undefined): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const received = new Headers();
        for (const [name, values] of Object.entries(answer.headersDistinct)) for (const value of values ?? []) received.append(name, value);
        resolve({ status: answer.statusCode ?? 0, headers: received, text: Buffer.concat(chunks).toString('utf8') });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
