/** A server of which a test knows only its address and a machine's credentials: everything goes over HTTP. */
import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { type Browser, createBrowser } from './browser.ts';
import { authorizeUrl, createPkce, password, type Pkce, redirectUri, signIn, type TokenAnswer } from './oidc.ts';

export interface ApiAnswer { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> }
export interface RemoteClient { readonly id: string; readonly clientId: string; readonly secret: string }
export interface RemotePerson { readonly id: string; readonly username: string }
export interface RemoteSignIn { readonly browser: Browser; readonly pkce: Pkce; readonly code: string }

export interface Remote {
  /** Calls the management API (path below /api/v1). Answers with a status of 0 when no answer came. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiAnswer>;
  /** Calls the platform API (path below /platform/v1). */
  platform(method: string, path: string, body?: unknown): Promise<ApiAnswer>;
  /** A POST to an OAuth endpoint. Answers with a status of 0 when no answer came. */
  oauth(endpoint: string, parameters: Record<string, string>, client?: RemoteClient): Promise<Omit<TokenAnswer, 'headers'> & { headers?: Headers }>;
  /** A machine without an API of its own: its tokens are opaque. */
  createMachine(): Promise<RemoteClient>;
  /** A first-party web application. */
  createWebClient(oidc?: Record<string, unknown>): Promise<RemoteClient>;
  createPerson(): Promise<RemotePerson>;
  /** Signs a person in on the pages, up to the code. Throws when that does not work. */
  signIn(client: RemoteClient, person: RemotePerson, browser?: Browser): Promise<RemoteSignIn>;
  exchange(client: RemoteClient, signedIn: RemoteSignIn): ReturnType<Remote['oauth']>;
}

interface RemoteOptions {
  readonly issuer: string;
  /** Where requests go, if that is not the issuer's own origin: one of several servers of one address. */
  readonly listener?: string;
  readonly machine: { clientId: string; clientSecret: string };
  /** Milliseconds until a request counts as hung; it then throws. */
  readonly patienceMs?: number;
}

/** Prepares calls to a server. It need not run yet. */
export function remoteServer({ issuer, listener, machine, patienceMs = 20_000 }: RemoteOptions): Remote {
  const { origin, host, pathname } = new URL(issuer);
  const base = `${listener ?? origin}${pathname}`;
  const hostHeader = { host };
  const tokens = new Map<string | undefined, Promise<string>>();

  /** Not by fetch: that lets nobody name the host, which for one of several servers is not the one that is called. */
  function send(url: string, { method, headers, body = '' }: { method: string; headers: Record<string, string>; body?: string }): Promise<{ status: number; headers: Headers; text: string }> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`no answer within ${patienceMs} ms from ${method} ${url}`));
        request.destroy();
      }, patienceMs);
      const request = httpRequest(url, { method, headers: { ...hostHeader, ...headers, 'content-length': String(Buffer.byteLength(body)) } }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', none);
        answer.on('end', () => {
          clearTimeout(timer);
          const received = new Headers();
          for (const [name, values] of Object.entries(answer.headersDistinct)) for (const value of values ?? []) received.append(name, value);
          resolve({ status: answer.statusCode ?? 0, headers: received, text: Buffer.concat(chunks).toString('utf8') });
        });
      });
      function none(): void {
        clearTimeout(timer);
        resolve({ status: 0, headers: new Headers(), text: '' });
      }
      request.on('error', none);
      request.end(body);
    });
  }

  async function mintToken(resource?: string): Promise<string> {
    const answer = await oauth('token', { grant_type: 'client_credentials', ...(resource !== undefined && { resource }) }, { id: '', clientId: machine.clientId, secret: machine.clientSecret });
    if (typeof answer.body['access_token'] !== 'string') throw new Error(`no management token: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body['access_token'];
  }

  function tokenFor(resource?: string): Promise<string> {
    const token = tokens.get(resource) ?? mintToken(resource);
    tokens.set(resource, token);
    token.catch(() => tokens.delete(resource));
    return token;
  }

  async function call(method: string, url: string, token: string, body: unknown, headers: Record<string, string>): Promise<ApiAnswer> {
    const answer = await send(url, {
      method, headers: { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, headers: answer.headers, body: parse(answer.text) };
  }

  const api: Remote['api'] = async (method, path, body, headers = {}) => call(method, `${base}/api/v1${path}`, await tokenFor(), body, headers);

  async function oauth(endpoint: string, parameters: Record<string, string>, client?: RemoteClient): ReturnType<Remote['oauth']> {
    const answer = await send(`${base}/oauth2/${endpoint}`, {
      method: 'POST', body: new URLSearchParams(parameters).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(client && { authorization: `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}` }) },
    });
    return { status: answer.status, headers: answer.headers, body: parse(answer.text) };
  }

  async function create(path: string, body: unknown): Promise<Record<string, unknown>> {
    const answer = await api('POST', path, body);
    if (answer.status !== 201) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async function createApplication(body: Record<string, unknown>): Promise<RemoteClient> {
    const made = await create('/applications', { name: 'Orders', rateLimitPerSecond: 10_000, rateLimitBurst: 10_000, ...body });
    const secret = (made['clientSecret'] as { secret: string } | null)?.secret ?? '';
    return { id: String(made['id']), clientId: String(made['clientId']), secret };
  }

  return {
    api, oauth,
    platform: async (method, path, body) => call(method, `${listener ?? origin}/platform/v1${path}`, await tokenFor(`${origin}/platform/v1`), body, {}),
    createMachine: () => createApplication({ kind: 'machine' }),
    createWebClient: (oidc = {}) => createApplication({ kind: 'web', firstParty: true, oidc: { redirectUris: [redirectUri], ...oidc } }),
    async createPerson() {
      const username = `person.${randomBytes(4).toString('hex')}`;
      const { id } = await create('/users', { username });
      const answer = await api('PUT', `/users/${String(id)}/password`, { password });
      if (answer.status !== 204) throw new Error(`no password: ${answer.status} ${JSON.stringify(answer.body)}`);
      return { id: String(id), username };
    },
    async signIn(client, person, browser = createBrowser(origin)) {
      const pkce = createPkce();
      const page = await signIn(browser, await browser.open(authorizeUrl(issuer, client, pkce)), person);
      const code = new URL(page.url).searchParams.get('code');
      if (code === null) throw new Error(`no code came back: ${page.status} ${page.url} ${page.text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').slice(0, 300)}`);
      return { browser, pkce, code };
    },
    exchange: (client, { code, pkce }) => oauth('token', { grant_type: 'authorization_code', code, redirect_uri: redirectUri, code_verifier: pkce.verifier }, client),
  };
}

/** Limits out of the way of a test that makes many requests from one address. */
export async function raiseLimits(remote: Remote): Promise<void> {
  const rateLimit = { applicationPerSecond: 100_000, applicationBurst: 100_000, addressPerSecond: 100_000, addressBurst: 100_000 };
  const answer = await remote.api('PATCH', '/settings', { rateLimit, tokens: { authorizationCodeSeconds: 600 } });
  if (answer.status !== 200) throw new Error(`limits were not raised: ${answer.status} ${JSON.stringify(answer.body)}`);
}

function parse(text: string): Record<string, unknown> {
  return text.startsWith('{') ? JSON.parse(text) as Record<string, unknown> : { text };
}
