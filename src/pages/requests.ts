/** What the routes of all hosted pages share: cookies, forms, where a form came from, and how a page is sent. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readBrowserCookies } from '../authentication/index.ts';
import type { Problem } from '../core/errors.ts';
import { sendProblem } from '../core/http/error-handler.ts';
import { hasInstanceContext, type InstanceContext } from '../tenancy/index.ts';
import type { RenderedPage } from './document.ts';
import { rememberLocale } from './locale.ts';
import { type PageModel, renderPage } from './messages.ts';
import { renderPlainError } from './plain.ts';

/** Refusals and faults as a page, for those who asked for one. */
export function sendErrorPage(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (!(request.headers.accept ?? '').includes('text/html')) return sendProblem(request, reply, problem);
  if (problem.status >= 500) request.log.error({ err: problem.cause ?? problem }, problem.logDetail ?? problem.detail);
  reply.headers(problem.headers);
  const words = { detail: problem.detail, requestId: request.id };
  return send(reply, hasInstanceContext(request) ? renderPage(request.instanceContext, request.headers, { page: 'error', ...words }) : renderPlainError(request.headers, words), problem.status);
}

/** The page of `model` for whatever address has no other answer for people; see `renderPage` for protocols. */
export function sendElsewhere(request: FastifyRequest, reply: FastifyReply, restart: string | undefined): FastifyReply {
  const model: PageModel = { page: 'elsewhere', restart, noCookies: request.headers.cookie === undefined };
  return send(reply, renderPage(request.instanceContext, request.headers, model), 400);
}

/** A choice of language is kept in a cookie and leads back to the page; nothing else changes. */
export function switchLanguage(request: FastifyRequest, reply: FastifyReply, language: string | undefined, path: string): boolean {
  if (language === undefined) return false;
  const { issuer } = request.instanceContext.instance;
  const cookie = rememberLocale(language, issuer.startsWith('https:'));
  if (cookie !== undefined) reply.header('set-cookie', cookie);
  void reply.header('cache-control', 'no-store').redirect(`${issuer}${path}`, 303);
  return true;
}

/** Our cookies; a name that came twice counts as absent and is cleared. */
export function cookiesOf(request: FastifyRequest, reply: FastifyReply): { browserToken: string | undefined; sessionToken: string | undefined } {
  const { clear, ...tokens } = readBrowserCookies(request.instanceContext, request.headers.cookie);
  for (const cookie of clear) reply.header('set-cookie', cookie);
  return tokens;
}

/** Origin and Fetch Metadata say that the form was on a page of ours; the form token says on which one. */
export function isSameSite(request: FastifyRequest, context: InstanceContext): boolean {
  const { origin } = request.headers;
  const site = request.headers['sec-fetch-site'];
  // "null" comes from our own pages too: they send no referrer (Fetch §3.2), and then Sec-Fetch-Site tells.
  const sameOrigin = origin === undefined || origin === new URL(context.instance.issuer).origin || (origin === 'null' && site === 'same-origin');
  return sameOrigin && (site === undefined || site === 'same-origin');
}

/** The fields of a form; a name that comes twice has no meaning here. */
export function textFields(body: unknown): Record<string, string> {
  const entries = typeof body === 'object' && body !== null ? Object.entries(body) : [];
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** A rendered page. */
export const send = (reply: FastifyReply, rendered: RenderedPage, status = 200) =>
  reply.code(status).headers(rendered.headers).serializer((text: unknown) => String(text)).send(rendered.html);
