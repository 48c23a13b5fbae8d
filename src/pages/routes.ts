/** The addresses of the hosted pages. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findLiveSession, isSetUp, loadFlowView, openInvitationLink, openRecoveryLink, openSetupLink, submitFlow } from '../authentication/index.ts';
import { findApplication } from '../applications/index.ts';
import type { Core } from '../core/core.ts';
import { notFound } from '../core/errors.ts';
import { toProblem } from '../core/http/error-handler.ts';
import { findUserById } from '../directory/index.ts';
import { firstInstanceId, type InstanceContext, loadInstance } from '../tenancy/index.ts';
import { accountRoutes } from './account/routes.ts';
import { formTargetsOf, renderFrame } from './document.ts';
import { chooseLocale } from './locale.ts';
import { type PageModel, renderPage, setupHint } from './messages.ts';
import { cookiesOf, isSameSite, send, sendElsewhere, sendErrorPage, switchLanguage, textFields } from './requests.ts';
import { drawFlow } from './sign-in.ts';
import { linkRoutes } from './link-routes.ts';
import { sourceRoutes } from './source-routes.ts';
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

  await app.register(sourceRoutes);
  await app.register(linkRoutes);

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

  routes.get('/recover/:recoveryToken', { schema: { hide: true, params: z.object({ recoveryToken: z.string().max(200) }) }, config: page }, async (request, reply) => {
    const started = await openRecoveryLink(request.instanceContext, request.params.recoveryToken, cookiesOf(request, reply));
    if (!started) return send(reply, renderPage(request.instanceContext, request.headers, { page: 'recovery_link' }), 410);
    for (const cookie of started.setCookies) reply.header('set-cookie', cookie);
    return reply.header('cache-control', 'no-store').redirect(started.url, 303);
  });

  await app.register(accountRoutes, { prefix: '/account' });

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

function notSetUp(core: Core, request: FastifyRequest): PageModel {
  const asked = `${request.protocol}://${request.host}`;
  return { page: 'not_set_up', command: setupCommand, publicUrl: asked === core.config.publicUrl ? undefined : core.config.publicUrl };
}

/** Applications' addresses change rarely and are cached. */
async function targetsOf(context: InstanceContext, applicationId: string): Promise<string[]> {
  const application = await findApplication(context, applicationId);
  return formTargetsOf(application?.settings.redirectUris ?? []);
}

const sendAsset = (reply: FastifyReply, type: string, body: string) =>
  reply.header('cache-control', 'public, max-age=31536000, immutable').type(type).serializer((text: unknown) => String(text)).send(body);
