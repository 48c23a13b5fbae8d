/** An instance with one of everything that has an address, so that a test can call every route that the server declares. */
import { randomBytes } from 'node:crypto';
import { builtInResourceServers, createResourceServer, putResourceGrant } from '../../src/applications/index.ts';
import { createSetupLink, sessionCookieName } from '../../src/authentication/index.ts';
import { newId } from '../../src/core/ids.ts';
import type { DeclaredRoute } from '../../src/core/http/access.ts';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import sharp from 'sharp';
import { type Browser, createBrowser } from './browser.ts';
import { completeParameters } from './complete-world.ts';
import { authorizeCode, authorizeUrl, createClient, createPerson, createPkce, type Person, post, type TestClient } from './oidc.ts';
import { type RawAnswer, sendRaw } from './raw-request.ts';
import type { TestServer } from './server.ts';

export interface World {
  readonly context: InstanceContext;
  readonly issuer: string;
  /** A machine application with every scope of the management API. */
  readonly machine: TestClient;
  readonly token: string;
  readonly client: TestClient;
  readonly person: Person;
  /** Signed in as `person`. */
  readonly browser: Browser;
  /** A value for each parameter that a route of the instance has in its path. */
  readonly parameters: Readonly<Record<string, string>>;
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<{ status: number; body: Record<string, unknown>; headers: Headers }>;
}

/** Limits that tests of everything at once do not meet. */
export const wideLimits = { rateLimit: { applicationPerSecond: 50_000, applicationBurst: 50_000, addressPerSecond: 50_000, addressBurst: 50_000 } };

/** Fills an instance. */
export async function createWorld(server: TestServer, instance: InstanceContext): Promise<World> {
  const context = withPrincipal(instance, { kind: 'system' });
  const unique = randomBytes(4).toString('hex');
  const { issuer } = context.instance;
  const machine = await createClient(context, { kind: 'machine', name: 'Automation', firstParty: false });
  const [management] = builtInResourceServers(context);
  if (!management) throw new Error('no management API');
  await putResourceGrant(context, machine.application.id, management.id, management.scopes.map(({ name }) => name));
  const token = String((await post(issuer, 'token', { grant_type: 'client_credentials' }, machine)).body['access_token']);
  const api: World['api'] = async (method, path, body, headers = {}) => {
    const isBytes = Buffer.isBuffer(body);
    const answer = await fetch(`${issuer}/api/v1${path}`, {
      method, headers: { authorization: `Bearer ${token}`, ...(body !== undefined && !isBytes && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isBytes ? new Uint8Array(body) : JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown> };
  };
  await api('PATCH', '/settings', wideLimits);

  const person = await createPerson(context);
  await context.db.administratorAssignment.createMany({ data: [{ userId: person.user.id, role: 'owner' }], skipDuplicates: true });
  await context.db.user.updateMany({ where: { id: person.user.id }, data: { lastSignInAt: new Date() } });
  const client = await createClient(context);
  const resource = await createResourceServer(context, { identifier: `https://orders.${context.instance.id}.example.com/${unique}`, name: 'Orders', scopes: [{ name: 'orders:read', description: 'Read' }], accessTokenSeconds: 600, tokenFormat: 'jwt', signingAlgorithm: 'ES256' });
  await putResourceGrant(context, client.application.id, resource.id, ['orders:read']);
  const { browser } = await authorizeCode(context, { client, person });
  const session = await context.db.session.findFirstOrThrow({ where: { userId: person.user.id, endedAt: null } });
  const secret = await context.db.clientSecret.findFirstOrThrow({ where: { applicationId: client.application.id } });
  const event = await context.db.event.findFirstOrThrow({ orderBy: { sequence: 'asc' } });
  const key = await context.db.signingKey.findFirstOrThrow({ where: { status: 'next' } });
  const domain = await api('POST', '/domains', { hostname: `login-${unique}.${context.instance.id}.example.org` });
  const logo = await sharp({ create: { width: 8, height: 8, channels: 3, background: { r: context.instance.id.length, g: 2, b: 3 } } }).png().toBuffer();
  const branding = await api('PUT', '/branding/logo', logo, { 'content-type': 'image/png' });
  const waiting = createBrowser(server.origin);
  const page = await waiting.open(authorizeUrl(issuer, client, createPkce()));
  const resume = [...waiting.cookies].find(([name]) => name.includes('resume'))?.[1].path ?? '';
  const setup = await createSetupLink(context, person.user.id);
  const invitation = await api('POST', '/invitations', { email: `invited-${unique}@example.net` });

  const message = await context.db.notificationMessage.create({ data: { id: newId('msg'), template: 'test', channel: 'email', locale: 'en', status: 'sent', expiresAt: new Date(Date.now() + 60_000) } });
  // Made by people alone: one who registered, and one who has lost more than a password.
  const newcomer = await createPerson(context);
  await context.db.user.updateMany({ where: { id: newcomer.user.id }, data: { status: 'pending' } });
  const registration = await context.db.registrationRequest.create({ data: { id: newId('reg'), userId: newcomer.user.id } });
  // Not of the person who signs in: they would be asked for its code.
  const credential = await context.db.totpCredential.create({ data: { id: newId('totp'), userId: newcomer.user.id, name: 'Telephone', sealedSecret: 'sealed', lastStep: 0 } });
  const replay = await context.db.riskReplay.create({ data: { id: newId('replay'), status: 'done', request: {}, result: {} } });
  const request = await context.db.recoveryRequest.create({ data: { id: newId('request'), userId: person.user.id, kind: 'second_factor', expiresAt: new Date(Date.now() + 86_400_000) } });

  const parameters = await completeParameters(server.app.declaredRoutes, api, {
    messageId: message.id, template: 'test', channel: 'email', locale: 'en',
    userId: person.user.id, subjectId: person.user.id, applicationId: client.application.id, secretId: secret.id, resourceServerId: resource.id, sessionId: session.id,
    eventId: event.id, keyId: key.id, domainId: String(domain.body['id']), role: 'owner', instanceId: context.instance.id, instance: context.instance.id,
    credentialId: credential.id, replayId: replay.id, section: 'profile', linkToken: setup.token,
    registrationId: registration.id, requestId: request.id, recoveryToken: setup.token,
    flowId: new URL(page.url).pathname.split('/').at(-1) ?? '', token: setup.token, invitationId: String(invitation.body['id']), invitationToken: String(invitation.body['url']).split('/').at(-1) ?? '', file: `${String(branding.body['logoHash'])}.png`,
    uid: resume.split('/').at(-1) ?? '', clientId: client.clientId, colour: '0b5fff', month: new Date().toISOString().slice(0, 7), planId: 'free',
  });
  // It leads to nobody, and would keep everybody out.
  await api('PATCH', `/flow-hooks/${parameters['hookId'] ?? ''}`, { enabled: false });
  return { context, issuer, machine, token, client, person, browser, api, parameters };
}

/** The address of a route with these parameters, as a request target. */
export function targetOf(route: Pick<DeclaredRoute, 'url'>, parameters: Readonly<Record<string, string>>): string {
  return route.url.replace(/:([a-zA-Z]+)/g, (_all, name: string) => {
    const value = parameters[name];
    if (value === undefined) throw new Error(`${route.url}: there is no value for :${name}; add one to the world (test/support/world.ts)`);
    return encodeURIComponent(value);
  });
}

/** The names of a route's parameters. */
export const parametersOf = (route: Pick<DeclaredRoute, 'url'>): string[] => [...route.url.matchAll(/:([a-zA-Z]+)/g)].map(([, name = '']) => name);

/** Calls a route as it stands, at the server's own listener. */
export function call(server: TestServer, request: Parameters<typeof sendRaw>[2]): Promise<RawAnswer> {
  return sendRaw(Number(new URL(server.listener).port), new URL(server.origin).host, request);
}

/** The Cookie line of a signed-in browser. */
export function cookiesOf(world: World): string {
  const name = sessionCookieName(world.context);
  return [...world.browser.cookies].filter(([key]) => key.startsWith('postern_')).map(([key, { value }]) => `${key.split(' ')[0] ?? name}=${value}`).join('; ');
}
