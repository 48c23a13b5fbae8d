/** Puts hosted pages into the provider's answers. What they look like is in pages/. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { type PageModel, renderPage, renderPlainError } from '../../pages/index.ts';
import { hasInstanceContext } from '../../tenancy/index.ts';
import { requestApplication } from './clients.ts';
import { refusalOf, serverError } from './errors.ts';
import { contextOf } from './request-context.ts';

function show(ctx: KoaContextWithOIDC, model: PageModel): void {
  const locale = ctx.oidc.params?.['ui_locales'];
  const page = renderPage(contextOf(ctx), ctx.req.headers, model, typeof locale === 'string' ? locale : undefined);
  ctx.set(page.headers);
  ctx.body = page.html;
}

/** The same in an answer that Fastify gives. */
export function sendPage(request: FastifyRequest, reply: FastifyReply, status: number, model: PageModel, locale?: string): FastifyReply {
  const page = renderPage(request.instanceContext, request.headers, model, locale);
  return reply.code(status).headers(page.headers).serializer((body: unknown) => String(body)).send(page.html);
}

/** A refusal from before the provider; also where the instance is not known, or cannot be loaded. */
export function sendErrorPage(request: FastifyRequest, reply: FastifyReply, status: number, detail: string): FastifyReply {
  if (hasInstanceContext(request)) return sendPage(request, reply, status, { page: 'error', detail, requestId: request.id });
  const page = renderPlainError(request.headers, { detail, requestId: request.id });
  return reply.code(status).headers(page.headers).serializer((body: unknown) => String(body)).send(page.html);
}

/** A refusal that is not sent back to an application (OpenID Connect Core §3.1.2.6: no redirect to an unchecked address). */
export function renderError(ctx: KoaContextWithOIDC, out: { error: string; error_description?: string | undefined }, error: Error): void {
  const refusal = refusalOf(error);
  const body = refusal?.body ?? (out.error === 'server_error' ? serverError : out);
  if (refusal) {
    ctx.status = refusal.status;
    ctx.set(refusal.headers);
  }
  const { status } = ctx;
  show(ctx, { page: 'error', detail: errorText(body), requestId: contextOf(ctx).requestId });
  ctx.status = status;
}

/** For people, with the specification's code for whoever helps them. */
export const errorText = (body: { error: string; error_description?: string | undefined }): string =>
  (body.error_description === undefined ? body.error : `${body.error_description} (${body.error})`);

/** Response mode form_post: the action is an address that the application registered. */
export function answerByFormPost(ctx: KoaContextWithOIDC, redirectUri: string, payload: Record<string, unknown>): void {
  const fields = Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, String(value)]));
  const status = 'error' in payload ? 400 : 200;
  show(ctx, { page: 'form_post', form: { action: redirectUri, fields } });
  ctx.status = status;
}

const actionOf = (ctx: KoaContextWithOIDC) => ctx.oidc.urlFor('code_verification');
const formToken = (ctx: KoaContextWithOIDC): string => String(ctx.oidc.session?.state?.['secret'] ?? '');

/** The code that an address brought along (verification_uri_complete): only filled in, the person still confirms it. */
const prefilled = new WeakMap<object, string>();
export function prefillUserCode(request: object, userCode: string): void {
  prefilled.set(request, userCode.slice(0, 20));
}

export function renderUserCodeInput(ctx: KoaContextWithOIDC, _form: string, _out?: unknown, error?: Error): void {
  if (error?.name === 'AbortedError') return show(ctx, { page: 'device_done', allowed: false });
  // Without a session there is no secret that a form could come back with.
  if (error && ctx.oidc.session?.exp === undefined) return renderError(ctx, errorBodyOf(error), error);
  const refusal = error && refusalOf(error);
  // The provider has set the status of an error; without one there is none yet.
  const status = error ? ctx.status : 200;
  const userCode = prefilled.get(ctx.req);
  const notice = noticeOf(error);
  show(ctx, {
    page: 'device_code', action: actionOf(ctx), fields: { xsrf: formToken(ctx) },
    ...(userCode !== undefined && { userCode }), ...(notice !== undefined && { notice }),
  });
  ctx.status = refusal?.status ?? status;
  if (refusal) ctx.set(refusal.headers);
}

function errorBodyOf(error: Error): { error: string; error_description?: string | undefined } {
  return 'error' in error && typeof error.error === 'string' ? { error: error.error, error_description: 'error_description' in error ? String(error.error_description) : undefined } : serverError;
}

function noticeOf(error: Error | undefined): string | undefined {
  if (!error) return undefined;
  return error.name === 'ExpiredError' ? 'Device.Code.Expired' : 'Device.Code.Invalid';
}

export function renderUserCodeConfirm(ctx: KoaContextWithOIDC, _form: string, _client: unknown, _device: unknown, userCode: string): void {
  show(ctx, {
    page: 'device_confirm', action: actionOf(ctx), userCode, applicationName: requestApplication(ctx).name,
    fields: { xsrf: formToken(ctx), user_code: userCode },
  });
}

export function renderDeviceDone(ctx: KoaContextWithOIDC): void {
  show(ctx, { page: 'device_done', allowed: true });
}
