/** The addresses of OAuth 2.0 and OpenID Connect below an issuer. All but sign-out are the provider's. */
import type { FastifyInstance, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify';
import { readBrowserCookies, storeCrossSitePost, takeCrossSitePost } from '../../authentication/index.ts';
import type { Core } from '../../core/core.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { readCookie } from '../../core/http/cookies.ts';
import { toProblem } from '../../core/http/error-handler.ts';
import { invalidParameters } from '../../core/errors.ts';
import { pathCookieName, routes } from './configuration.ts';
import { refusalOf, serverError } from './errors.ts';
import { endSession } from './logout.ts';
import { handOver, mountFor } from './mount.ts';
import { dropUntrustedCertificate } from './mutual-tls.ts';
import { errorText, prefillUserCode, sendErrorPage } from './pages.ts';

const page: RouteAccess = { credential: 'page' };
const protocol: RouteAccess = { credential: 'protocol' };
const open: RouteAccess = { credential: 'none' };

/** What the provider answers, by address. */
const provided: readonly { url: string; methods: HTTPMethods[]; access: RouteAccess }[] = [
  { url: `${routes.authorization}/:uid`, methods: ['GET'], access: page },
  { url: routes.code_verification, methods: ['POST'], access: page },
  { url: `${routes.code_verification}/:uid`, methods: ['GET'], access: page },
  { url: routes.token, methods: ['POST', 'OPTIONS'], access: protocol },
  { url: routes.introspection, methods: ['POST', 'OPTIONS'], access: protocol },
  { url: routes.revocation, methods: ['POST', 'OPTIONS'], access: protocol },
  { url: routes.pushed_authorization_request, methods: ['POST', 'OPTIONS'], access: protocol },
  { url: routes.device_authorization, methods: ['POST', 'OPTIONS'], access: protocol },
  { url: routes.userinfo, methods: ['GET', 'POST', 'OPTIONS'], access: protocol },
  { url: routes.registration, methods: ['POST'], access: protocol },
  { url: `${routes.registration}/:clientId`, methods: ['GET', 'PUT', 'DELETE'], access: protocol },
  { url: routes.jwks, methods: ['GET', 'OPTIONS'], access: open },
  { url: '/.well-known/openid-configuration', methods: ['GET', 'OPTIONS'], access: open },
  { url: '/.well-known/oauth-authorization-server', methods: ['GET', 'OPTIONS'], access: open },
];

/** Longer addresses carry nothing that a sign-in needs; what is long is pushed (RFC 9126). */
const longestQuery = 16_384;

export async function oauthRoutes(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  answerInOAuth(app);
  await app.register(async (raw) => {
    // Here the body stays unread: the provider reads it itself, with its own limits.
    raw.removeAllContentTypeParsers();
    raw.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const { url, methods, access } of provided) {
      raw.route({ url, method: methods, config: { access }, schema: { hide: true }, handler: (request, reply) => provide(core, request, reply) });
    }
    raw.get(routes.authorization, { config: { access: page }, schema: { hide: true } }, (request, reply) => authorize(core, request, reply));
    raw.get(routes.code_verification, { config: { access: page }, schema: { hide: true } }, (request, reply) => verifyDevice(core, request, reply));
  });

  const forms = { config: { access: page }, schema: { hide: true } };
  app.post(routes.authorization, forms, (request, reply) => keepPost(request, reply, routes.authorization));
  app.get(routes.end_session, forms, async (request, reply) => signOut(request, reply, await keptQuery(request, routes.end_session) ?? request.query));
  // An application's POST (RP-Initiated Logout §2) comes from another site; our own page's has the decision.
  app.post(routes.end_session, forms, (request, reply) =>
    (Object.hasOwn((request.body ?? {}) as object, 'decision') ? signOut(request, reply, request.body) : keepPost(request, reply, routes.end_session)));
}

async function signOut(request: FastifyRequest, reply: FastifyReply, parameters: unknown): Promise<FastifyReply> {
  const { provider } = await mountFor(request.instanceContext);
  return endSession(request, reply, provider, (parameters ?? {}) as Record<string, unknown>);
}

/** Hands the request to the provider of its instance. `query` replaces the one it came with. */
async function provide(core: Core, request: FastifyRequest, reply: FastifyReply, query = queryOf(request)): Promise<void> {
  const context = request.instanceContext;
  const { raw } = request;
  if (query.length > longestQuery) throw invalidParameters([{ field: 'query', code: 'too_long', detail: 'is longer than this server takes; push the request instead (RFC 9126)' }]);
  const mount = await mountFor(context);
  dropUntrustedCertificate(raw, core.config);
  dropPlantedCookies(request, reply);
  dropForeignResumption(request);
  reply.hijack();
  handOver(mount, context, raw, reply.raw, `${pathBelowIssuer(request)}${query === '' ? '' : `?${query}`}`);
}

/** The query as it was sent, without its question mark. */
function queryOf(request: FastifyRequest): string {
  const { url = '' } = request.raw;
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start + 1);
}

/** From the route that matched and its parameters, not from the text that was sent: there is one reading of a path. */
function pathBelowIssuer(request: FastifyRequest): string {
  const parameters = request.params as Record<string, string>;
  const template = (request.routeOptions.url ?? '').slice('/t/:instance'.length);
  return !template.includes(':') ? template : template.replace(/:([a-zA-Z]+)/g, (_match, name: string) => encodeURIComponent(parameters[name] ?? ''));
}

/** A cookie of ours that comes twice is a sign of planting: the browser counts as a stranger, and both copies go. */
function dropPlantedCookies(request: FastifyRequest, reply: FastifyReply): void {
  const { cookie } = request.raw.headers;
  if (cookie === undefined) return;
  const { clear } = readBrowserCookies(request.instanceContext, cookie);
  if (clear.length === 0) return;
  reply.raw.setHeader('set-cookie', clear);
  const planted = new Set(clear.map((value) => value.slice(0, value.indexOf('='))));
  request.raw.headers.cookie = cookie.split(/; ?/).filter((part) => !planted.has(part.slice(0, part.indexOf('=')))).join('; ');
}

/** An authorization is resumed by the cookie that names the one in the address, and that comes once. */
function dropForeignResumption(request: FastifyRequest): void {
  const { uid } = request.params as Record<string, string | undefined>;
  const { cookie } = request.raw.headers;
  if (uid === undefined || cookie === undefined) return;
  const name = pathCookieName(request.instanceContext, 'resume');
  const resumption = readCookie(cookie, name);
  if (resumption.kind === 'value' && resumption.value === uid) return;
  request.raw.headers.cookie = cookie.split(/; ?/).filter((part) => part.slice(0, part.indexOf('=')) !== name).join('; ');
}

/** A cross-site POST carries no Lax cookie: it is kept, and comes back as a GET that does (OpenID Connect Core §3.1.2.1). */
async function keepPost(request: FastifyRequest, reply: FastifyReply, address: string): Promise<FastifyReply> {
  const context = request.instanceContext;
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries((request.body ?? {}) as Record<string, unknown>)) {
    for (const item of [value].flat()) if (typeof item === 'string') parameters.append(name, item);
  }
  const handle = await storeCrossSitePost(context, address, parameters.toString());
  return reply.header('cache-control', 'no-store').redirect(`${context.instance.issuer}${address}?posted=${handle}`, 303);
}

async function authorize(core: Core, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const kept = await takeKept(request, routes.authorization);
  return kept === undefined ? provide(core, request, reply) : provide(core, request, reply, kept);
}

/** The form that was posted to this address, taken once; undefined when the request names none. @throws Problem 400 when it is gone */
async function takeKept(request: FastifyRequest, address: string): Promise<string | undefined> {
  const { posted } = request.query as Record<string, unknown>;
  if (typeof posted !== 'string') return undefined;
  const kept = await takeCrossSitePost(request.instanceContext, address, posted);
  if (kept === undefined) throw invalidParameters([{ field: 'posted', code: 'expired', detail: 'the request is too old or was used already; start again at the application' }]);
  return kept;
}

/** The same as parameters; one that comes twice stays twice, to be refused. */
async function keptQuery(request: FastifyRequest, address: string): Promise<Record<string, unknown> | undefined> {
  const kept = await takeKept(request, address);
  if (kept === undefined) return undefined;
  const parameters = new URLSearchParams(kept);
  return Object.fromEntries([...parameters.keys()].map((name) => [name, parameters.getAll(name).length > 1 ? parameters.getAll(name) : parameters.get(name)]));
}

/** The code in the address is filled in and not submitted: the person compares it with the device first (RFC 8628 §3.3.1). */
async function verifyDevice(core: Core, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { user_code: userCode } = request.query as Record<string, unknown>;
  if (typeof userCode === 'string') prefillUserCode(request.raw, userCode);
  return provide(core, request, reply, '');
}

/** Refusals from before the provider, in its shape: a page for people, `error` and `error_description` for programs. */
function answerInOAuth(app: FastifyInstance): void {
  app.setErrorHandler((error: unknown, request, reply) => {
    const problem = toProblem(error);
    const refusal = problem.status === 500 ? undefined : refusalOf(problem);
    if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, 'An OAuth request failed');
    const { status, body, headers } = refusal ?? { status: 500, body: serverError, headers: {} };
    reply.headers(headers);
    if (request.routeOptions.config.access?.credential === 'page') return sendErrorPage(request, reply, status, errorText(body));
    return reply.code(status).header('cache-control', 'no-store').type('application/json').serializer((value: unknown) => JSON.stringify(value)).send(body);
  });
}
