/** The page of a mailed sign-in link. Opening it changes nothing: mail scanners open it too. Its button acts. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { openMagicLink, showLinkCode } from '../authentication/index.ts';
import { renderPage } from './messages.ts';
import { cookiesOf, isSameSite, send, sendElsewhere } from './requests.ts';

const params = z.object({ linkToken: z.string().max(200) });
const page = { access: { credential: 'page' } } as const;

export async function linkRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('/link/:linkToken', { schema: { hide: true, params }, config: page }, async (request, reply) => {
    const { instanceContext: context, params: { linkToken: token } } = request;
    const opened = await openMagicLink(context, token, cookiesOf(request, reply));
    if (!opened) return send(reply, renderPage(context, request.headers, { page: 'link_gone' }), 410);
    if (opened.kind === 'elsewhere') return send(reply, renderPage(context, request.headers, { page: 'link_elsewhere', action: addressOf(context.instance.issuer, token) }));
    const { flowId, version, formToken, identifier, account } = opened.view;
    return send(reply, renderPage(context, request.headers, {
      page: 'link_here', name: account?.username ?? identifier ?? '', action: `${context.instance.issuer}/sign-in/${encodeURIComponent(flowId)}`,
      fields: { do: 'magic_link.verify', version: String(version), formToken, token } }));
  });

  routes.post('/link/:linkToken', { schema: { hide: true, params }, config: page }, async (request, reply) => {
    const { instanceContext: context, params: { linkToken: token } } = request;
    if (!isSameSite(request, context)) return sendElsewhere(request, reply, undefined);
    const code = await showLinkCode(context, token);
    return code === undefined
      ? send(reply, renderPage(context, request.headers, { page: 'link_gone' }), 410)
      : send(reply, renderPage(context, request.headers, { page: 'link_code', code }));
  });
}

const addressOf = (issuer: string, token: string) => `${issuer}/link/${encodeURIComponent(token)}`;
