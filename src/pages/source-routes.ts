/** The way to an identity source and back: `{issuer}/sign-in/sources/{sourceId}/…`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { browserOf, loadFlowView, readBrowserCookies, storeCrossSitePost, submitFlow, takeCrossSitePost } from '../authentication/index.ts';
import { answerRefused, findSource, returnTrip, whereTo } from '../federation/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { renderPage } from './messages.ts';

const params = z.object({ sourceId: z.string().max(100) });
const page = { access: { credential: 'page' } } as const;
const handleName = 'posted';

export async function sourceRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  // A redirect right after the form would need every source's address in the policy of the page.
  routes.get('/sign-in/sources/:sourceId/go', { schema: { hide: true, params, querystring: z.object({ trip: z.string().max(200) }) }, config: page }, async (request, reply) => {
    const { instanceContext: context, params: { sourceId }, query: { trip } } = request;
    const browser = await browserOf(context, readBrowserCookies(context, request.headers.cookie).browserToken);
    const source = await findSource(context, sourceId);
    const address = browser && source && await whereTo(context, sourceId, trip, browser.id);
    if (address === undefined) throw answerRefused();
    const rendered = renderPage(context, request.headers, { page: 'leaving', sourceName: source?.name ?? '', address });
    return reply.headers({ ...rendered.headers, refresh: `0; url=${address}` }).serializer((text: unknown) => String(text)).send(rendered.html);
  });

  routes.get('/sign-in/sources/:sourceId/callback', { schema: { hide: true, params }, config: page }, async (request, reply) => {
    const { instanceContext: context, params: { sourceId } } = request;
    const query = onceEach(new URL(request.url, 'http://localhost').searchParams);
    const handle = query[handleName];
    const posted = handle === undefined ? undefined : await takeCrossSitePost(context, targetOf(sourceId), handle);
    if (handle !== undefined && posted === undefined) throw answerRefused();
    return arrive(request, reply, sourceId, posted === undefined ? query : onceEach(new URLSearchParams(posted)));
  });

  // From the page of another site, without our cookies: kept for a moment, and taken by the GET that brings them.
  routes.post('/sign-in/sources/:sourceId/callback', { schema: { hide: true, params }, config: page }, async (request, reply) => {
    const { instanceContext: context, params: { sourceId }, body } = request;
    if (!await findSource(context, sourceId)) throw answerRefused();
    const entries = typeof body === 'object' && body !== null ? Object.entries(body) : [];
    const form = new URLSearchParams(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
    if (!form.has('state')) throw answerRefused();
    const handle = await storeCrossSitePost(context, targetOf(sourceId), form.toString());
    return reply.header('cache-control', 'no-store').redirect(`${context.instance.issuer}/sign-in/sources/${sourceId}/callback?${handleName}=${handle}`, 303);
  });
}

const targetOf = (sourceId: string) => `federation/${sourceId}`;

/** A name that comes twice has two meanings: whoever reads it after us might take the other one. */
function onceEach(query: URLSearchParams): Record<string, string> {
  const names = [...query.keys()];
  if (new Set(names).size !== names.length) throw answerRefused();
  return Object.fromEntries(query);
}

async function arrive(request: FastifyRequest, reply: FastifyReply, sourceId: string, parameters: Record<string, string>): Promise<FastifyReply> {
  const context: InstanceContext = request.instanceContext;
  const { browserToken, sessionToken } = readBrowserCookies(context, request.headers.cookie);
  const browser = await browserOf(context, browserToken);
  const returned = await returnTrip(context, sourceId, parameters, browser?.id);
  if (!returned) throw answerRefused();
  if (returned.kind === 'application') return reply.header('cache-control', 'no-store').redirect(returned.location, 303);
  const { flowId, sourceCode } = returned;
  const leave = (location: string) => reply.header('cache-control', 'no-store').redirect(location, 303);
  const loaded = await loadFlowView(context, flowId, { browserToken, sessionToken });
  if (loaded.kind === 'elsewhere') return leave(`${context.instance.issuer}/sign-in/${flowId}`);
  // The state stood for the form: it was made for this flow, in this browser, and came back once.
  const { version, formToken } = loaded.view;
  const result = await submitFlow(context, flowId, browserToken, { do: 'identity_source.verify', version, formToken, fields: { sourceCode }, sessionToken });
  if (result.kind === 'elsewhere') return leave(`${context.instance.issuer}/sign-in/${flowId}`);
  for (const cookie of result.setCookies) reply.header('set-cookie', cookie);
  if (result.kind === 'redirect') return leave(result.location);
  const rendered = renderPage(context, request.headers, { page: 'form_post', form: result.form });
  return reply.headers(rendered.headers).serializer((text: unknown) => String(text)).send(rendered.html);
}
