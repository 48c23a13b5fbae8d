/** Applications, people and sign-ins for protocol tests: valid requests, of which a test spoils one thing. */
import { createHash, randomBytes } from 'node:crypto';
import { type Application, createApplication, type CreateApplication } from '../../src/applications/index.ts';
import { setPassword } from '../../src/authentication/index.ts';
import { createUser, type User } from '../../src/directory/index.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { type Browser, createBrowser, type Page } from './browser.ts';
import { startTestServer, type TestServer, type TestServerOptions } from './server.ts';

/** A server whose administrator has signed in once: until then its pages speak of nothing but set-up. */
export async function startProtocolServer(options: TestServerOptions = {}): Promise<{ server: TestServer; context: InstanceContext }> {
  const server = await startTestServer(options);
  const context = await server.context();
  await context.db.user.updateMany({ where: { username: server.administrator.username }, data: { lastSignInAt: new Date() } });
  return { server, context };
}

export const password = 'marmalade engine 47 violins';
export const redirectUri = 'https://app.example.com/callback';

export interface Person { readonly user: User; readonly username: string }

let people = 0;
/** A user who can sign in with `password`. */
export async function createPerson(context: InstanceContext, username = `person${(people += 1)}.${randomBytes(3).toString('hex')}`): Promise<Person> {
  const user = await createUser(context, { username, displayName: 'Pat Example', givenName: 'Pat', familyName: 'Example', email: `${username}@example.com` });
  await setPassword(context, user, { password });
  return { user, username };
}

export interface TestClient { readonly application: Application; readonly clientId: string; readonly secret: string }

/** A first-party web application with one redirect address, unless said otherwise. */
export async function createClient(context: InstanceContext, change: Partial<CreateApplication> & { oidc?: CreateApplication['oidc'] } = {}): Promise<TestClient> {
  const { oidc, ...rest } = change;
  const { application, clientSecret } = await createApplication(context, {
    name: 'Orders', kind: 'web', firstParty: true, ...rest,
    oidc: rest.kind === 'machine' ? { ...oidc } : { redirectUris: [redirectUri], postLogoutRedirectUris: ['https://app.example.com/'], ...oidc },
  });
  return { application, clientId: application.clientId, secret: clientSecret?.secret ?? '' };
}

export interface Pkce { readonly verifier: string; readonly challenge: string }
export function createPkce(): Pkce {
  const verifier = randomBytes(32).toString('base64url');
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/** The address of a valid authorization request; undefined parameters are left out. */
export function authorizeUrl(issuer: string, client: { clientId: string }, pkce: Pkce, change: Record<string, string | undefined> = {}): string {
  const url = new URL(`${issuer}/oauth2/authorize`);
  const parameters: Record<string, string | undefined> = {
    client_id: client.clientId, response_type: 'code', redirect_uri: redirectUri, scope: 'openid', state: 'a-state',
    code_challenge: pkce.challenge, code_challenge_method: 'S256', ...change,
  };
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) url.searchParams.set(name, value);
  return url.href;
}

/** Signs in on the hosted pages, from whatever page the browser shows, until it leaves for the application. */
export async function signIn(browser: Browser, page: Page, person: { username: string }, options: { password?: string; consent?: 'allow' | 'deny' } = {}): Promise<Page> {
  let current = page;
  for (let step = 0; step < 8; step += 1) {
    if (current.status >= 400 || !/\/sign-in\//.test(new URL(current.url).pathname)) return current;
    if (current.text.includes('name="identifier"')) current = await browser.submit(current, { identifier: person.username });
    else if (/type="password"/.test(current.text)) current = await browser.submit(current, { password: options.password ?? password });
    else if (current.text.includes('name="decision"')) current = await browser.submit(current, { decision: options.consent ?? 'allow' });
    else return current;
  }
  return current;
}

export interface SignedIn {
  readonly browser: Browser;
  readonly person: Person;
  readonly client: TestClient;
  readonly pkce: Pkce;
  /** The parameters that the application got back. */
  readonly callback: URLSearchParams;
  readonly code: string;
}

/** A person signs in to an application, up to the code. */
export async function authorizeCode(context: InstanceContext, options: {
  client?: TestClient; person?: Person; browser?: Browser; parameters?: Record<string, string | undefined>;
} = {}): Promise<SignedIn> {
  const { issuer } = context.instance;
  const client = options.client ?? await createClient(context);
  const person = options.person ?? await createPerson(context);
  const browser = options.browser ?? createBrowser(new URL(issuer).origin);
  const pkce = createPkce();
  const page = await signIn(browser, await browser.open(authorizeUrl(issuer, client, pkce, options.parameters)), person);
  const callback = new URL(page.url).searchParams;
  const code = callback.get('code');
  if (code === null) throw new Error(`no code came back: ${page.status} ${page.url} ${page.text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ').slice(0, 500)}`);
  return { browser, person, client, pkce, callback, code };
}

export interface TokenAnswer { readonly status: number; readonly headers: Headers; readonly body: Record<string, unknown> }

/** A POST to an OAuth endpoint, with HTTP Basic authentication when a client is given. */
export async function post(issuer: string, endpoint: string, parameters: Record<string, string | undefined>, client?: { clientId: string; secret: string }, headers: Record<string, string> = {}): Promise<TokenAnswer> {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) body.append(name, value);
  const answer = await fetch(`${issuer}/oauth2/${endpoint}`, {
    method: 'POST', body,
    headers: { ...(client && { authorization: `Basic ${Buffer.from(`${encodeURIComponent(client.clientId)}:${encodeURIComponent(client.secret)}`).toString('base64')}` }), ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: (text.startsWith('{') ? JSON.parse(text) : { text }) as Record<string, unknown> };
}

/** Exchanges the code of a sign-in. */
export function exchange(issuer: string, signedIn: Pick<SignedIn, 'client' | 'code' | 'pkce'>, change: Record<string, string | undefined> = {}, client = signedIn.client): Promise<TokenAnswer> {
  return post(issuer, 'token', { grant_type: 'authorization_code', code: signedIn.code, redirect_uri: redirectUri, code_verifier: signedIn.pkce.verifier, ...change }, client);
}

/** Pushes an authorization request (RFC 9126); valid unless `change` spoils it. */
export function push(issuer: string, client: TestClient, pkce: Pkce, change: Record<string, string | undefined> = {}, headers: Record<string, string> = {}): Promise<TokenAnswer> {
  return post(issuer, 'par', Object.fromEntries([...new URL(authorizeUrl(issuer, client, pkce, change)).searchParams]), client.secret === '' ? undefined : client, headers);
}
