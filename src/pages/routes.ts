/** The addresses of the hosted pages. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findLiveSession, isSetUp, loadFlowView, openInvitationLink, openSetupLink, readBrowserCookies, submitFlow } from '../authentication/index.ts';
import { findApplication } from '../applications/index.ts';
import type { Core } from '../core/core.ts';
import { notFound, type Problem } from '../core/errors.ts';
import { sendProblem, toProblem } from '../core/http/error-handler.ts';
import { findUserById } from '../directory/index.ts';
import { firstInstanceId, hasInstanceContext, type InstanceContext, loadInstance } from '../tenancy/index.ts';
import { formTargetsOf, renderFrame, type RenderedPage } from './document.ts';
import { chooseLocale, rememberLocale } from './locale.ts';
import { type PageModel, renderPage, setupHint } from './messages.ts';
import { renderPlainError } from './plain.ts';
import { drawFlow } from './sign-in.ts';
import { brandStylesheet, script, stylesheet } from './stylesheets.ts';

const setupCommand = 'npm run postern -- setup-link';
const flowParameters = z.object({ flowId: z.string().max(100) });
const languageQuery = z.object({ language: z.string().max(20).optional() });
const page = { access: { credential: 'page' } } as const;
const asset = { access: { credential: 'none' } } as const;

export async function pages(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  app.setErrorHandler((error, request, reply) => sendErrorPage(request, reply, toProblem(error)));

  routes.get('/', { schema: { hide: true, querystring: languageQuery }, config: page }, async (request, reply) => {
    if (switchLanguage(request, reply, request.query.language, '/')) return reply;
    const context = request.instanceContext;
    if (!await isSetUp(context)) return send(reply, renderPage(context, request.headers, notSetUp(core, request)));
    const session = await findLiveSession(context, cookiesOf(request, reply).sessionToken);
    const user = session && await findUserById(context, session.userId);
    return send(reply, renderPage(context, request.headers, { page: 'home', signedInAs: user?.displayName }));
  });

  routes.get('/sign-in/:flowId', { schema: { hide: true, params: flowParameters, querystring: languageQuery }, config: page }, async (request, reply) => {
    const { flowId } = request.params;
    if (switchLanguage(request, reply, request.query.language, `/sign-in/${encodeURIComponent(flowId)}`)) return reply;
    const loaded = await loadFlowView(request.instanceContext, flowId, cookiesOf(request, reply));
    if (loaded.kind === 'elsewhere') return sendElsewhere(request, reply, loaded.restart);
    const { view } = loaded;
    const context = request.instanceContext;
    const locale = chooseLocale(context, request.headers, view.locale);
    const hint = view.purpose !== 'setup' && !await isSetUp(context) ? setupHint(locale, setupCommand) : undefined;
    const address = `${context.instance.issuer}/sign-in/${encodeURIComponent(flowId)}`;
    return send(reply, renderFrame({
      context, locale, ...drawFlow(view, address, locale), hint, languageSwitch: address,
      formTargets: view.application ? await targetsOf(context, view.application.id) : [],
    }), view.status === 'denied' ? 403 : 200);
  });

  routes.post('/sign-in/:flowId', { schema: { hide: true, params: flowParameters }, config: page }, async (request, reply) => {
    const context = request.instanceContext;
    const fields = textFields(request.body);
    const cookies = cookiesOf(request, reply);
    if (!isSameSite(request, context)) return sendElsewhere(request, reply, undefined);
    const result = await submitFlow(context, request.params.flowId, cookies.browserToken, {
      do: fields['do'] ?? '', version: Number(fields['version'] ?? Number.NaN), formToken: fields['formToken'] ?? '', fields, sessionToken: cookies.sessionToken,
    });
    if (result.kind === 'elsewhere') return sendElsewhere(request, reply, result.restart);
    for (const cookie of result.setCookies) reply.header('set-cookie', cookie);
    return result.kind === 'redirect'
      ? reply.header('cache-control', 'no-store').redirect(result.location, 303)
      : send(reply, renderPage(context, request.headers, { page: 'form_post', form: result.form }));
  });

  routes.get('/setup/:token', { schema: { hide: true, params: z.object({ token: z.string().max(200) }) }, config: page }, async (request, reply) => {
    const started = await openSetupLink(request.instanceContext, request.params.token, cookiesOf(request, reply));
    if (!started) return send(reply, renderPage(request.instanceContext, request.headers, { page: 'setup_link', command: setupCommand }), 410);
    for (const cookie of started.setCookies) reply.header('set-cookie', cookie);
    return reply.header('cache-control', 'no-store').redirect(started.url, 303);
  });

  routes.get('/invitation/:invitationToken', { schema: { hide: true, params: z.object({ invitationToken: z.string().max(200) }) }, config: page }, async (request, reply) => {
    const started = await openInvitationLink(request.instanceContext, request.params.invitationToken, cookiesOf(request, reply));
    if (!started) return send(reply, renderPage(request.instanceContext, request.headers, { page: 'invitation_link' }), 410);
    for (const cookie of started.setCookies) reply.header('set-cookie', cookie);
    return reply.header('cache-control', 'no-store').redirect(started.url, 303);
  });

  for (const file of [stylesheet, script]) {
    app.get(`/assets/${file.name}`, { schema: { hide: true }, config: asset }, async (_request, reply) => sendAsset(reply, file.type, file.body));
  }
  routes.get('/assets/brand-:colour.css', { schema: { hide: true, params: z.object({ colour: z.string() }) }, config: asset }, async (request, reply) => {
    if (!/^[0-9a-f]{6}$/.test(request.params.colour)) throw notFound('style sheet');
    return sendAsset(reply, stylesheet.type, brandStylesheet(request.params.colour));
  });
}

/** Leads people who open the server's own address to the first instance. */
export async function landing(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  app.get('/', { schema: { hide: true }, config: page, errorHandler: (error, request, reply) => { void sendErrorPage(request, reply, toProblem(error)); } }, async (_request, reply) => {
    const first = await loadInstance(core, firstInstanceId);
    if (!first) throw notFound('address');
    return reply.header('cache-control', 'no-store').redirect(`${first.issuer}/`, 303);
  });
}

/** Refusals and faults as a page, for those who asked for one. */
function sendErrorPage(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (!(request.headers.accept ?? '').includes('text/html')) return sendProblem(request, reply, problem);
  if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, problem.logDetail ?? problem.detail);
  reply.headers(problem.headers);
  const words = { detail: problem.detail, requestId: request.id };
  return send(reply, hasInstanceContext(request) ? renderPage(request.instanceContext, request.headers, { page: 'error', ...words }) : renderPlainError(request.headers, words), problem.status);
}

/** The page of `model` for whatever address has no other answer for people; see `renderPage` for protocols. */
function sendElsewhere(request: FastifyRequest, reply: FastifyReply, restart: string | undefined): FastifyReply {
  const model: PageModel = { page: 'elsewhere', restart, noCookies: request.headers.cookie === undefined };
  return send(reply, renderPage(request.instanceContext, request.headers, model), 400);
}

function notSetUp(core: Core, request: FastifyRequest): PageModel {
  const asked = `${request.protocol}://${request.host}`;
  return { page: 'not_set_up', command: setupCommand, publicUrl: asked === core.config.publicUrl ? undefined : core.config.publicUrl };
}

/** Applications' addresses change rarely and are cached. */
async function targetsOf(context: InstanceContext, applicationId: string): Promise<string[]> {
  const application = await findApplication(context, applicationId);
  return formTargetsOf(application?.settings.redirectUris ?? []);
}

/** A choice of language is kept in a cookie and leads back to the page; nothing else changes. */
function switchLanguage(request: FastifyRequest, reply: FastifyReply, language: string | undefined, path: string): boolean {
  if (language === undefined) return false;
  const { issuer } = request.instanceContext.instance;
  const cookie = rememberLocale(language, issuer.startsWith('https:'));
  if (cookie !== undefined) reply.header('set-cookie', cookie);
  void reply.header('cache-control', 'no-store').redirect(`${issuer}${path}`, 303);
  return true;
}

/** Our cookies; a name that came twice counts as absent and is cleared. */
function cookiesOf(request: FastifyRequest, reply: FastifyReply): { browserToken: string | undefined; sessionToken: string | undefined } {
  const { clear, ...tokens } = readBrowserCookies(request.instanceContext, request.headers.cookie);
  for (const cookie of clear) reply.header('set-cookie', cookie);
  return tokens;
}

/** Origin and Fetch Metadata say that the form was on a page of ours; the form token says on which one. */
function isSameSite(request: FastifyRequest, context: InstanceContext): boolean {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  // "null" comes from our own pages too: they send no referrer (Fetch §3.2), and then Sec-Fetch-Site tells.
  const sameOrigin = origin === undefined || origin === new URL(context.instance.issuer).origin || (origin === 'null' && site === 'same-origin');
  return sameOrigin && (site === undefined || site === 'same-origin');
}

/** The fields of a form; a name that comes twice has no meaning here. */
function textFields(body: unknown): Record<string, string> {
  const entries = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

const send = (reply: FastifyReply, rendered: RenderedPage, status = 200) =>
  reply.code(status).headers(rendered.headers).serializer((text: unknown) => String(text)).send(rendered.html);

const sendAsset = (reply: FastifyReply, type: string, body: string) =>
  reply.header('cache-control', 'public, max-age=31536000, immutable').type(type).serializer((text: unknown) => String(text)).send(body);
