/** `{issuer}/account`: pages of a person about themselves. Rules are in authentication/self-service. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Account, type AccountSection, accountSections, accountUrl, clearSessionCookie, isAccountForm, type Notice, openAccount, selfService, sessions } from '../../authentication/index.ts';
import { notFound } from '../../core/errors.ts';
import { renderFrame } from '../document.ts';
import { html, type Markup } from '../html.ts';
import { chooseLocale, texts } from '../locale.ts';
import { cookiesOf, isSameSite, send, sendElsewhere, switchLanguage, textFields } from '../requests.ts';
import { actions, type Answer } from './actions.ts';
import { drawActivity, drawData } from './activity.ts';
import { drawApplications } from './applications.ts';
import { drawDevices } from './devices.ts';
import { type AccountDrawing, drawAccount } from './drawing.ts';
import { drawAddresses } from './address.ts';
import { drawProfile } from './profile.ts';
import { drawSecurity } from './security.ts';

const page = { access: { credential: 'page' } } as const;
const parameters = z.object({ section: z.enum(accountSections) });
const query = z.object({ language: z.string().max(20).optional(), done: z.string().max(40).optional() });

export async function accountRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', { schema: { hide: true }, config: page }, async (request, reply) => {
    rejectSwitchedOff(request);
    return reply.header('cache-control', 'no-store').redirect(accountUrl(request.instanceContext), 303);
  });

  routes.get('/:section', { schema: { hide: true, params: parameters, querystring: query }, config: page }, async (request, reply) => {
    rejectSwitchedOff(request);
    const { section } = request.params;
    if (switchLanguage(request, reply, request.query.language, `/account/${section}`)) return reply;
    const account = await openAccount(request.instanceContext, cookiesOf(request, reply));
    return account ? show(request, reply, { account, section, done: request.query.done }) : askToSignIn(request, reply, section);
  });

  routes.post('/:section', { schema: { hide: true, params: parameters }, config: page }, async (request, reply) => {
    rejectSwitchedOff(request);
    const { section } = request.params;
    const fields = textFields(request.body);
    const tokens = cookiesOf(request, reply);
    if (!isSameSite(request, request.instanceContext)) return sendElsewhere(request, reply, accountUrl(request.instanceContext, section));
    const account = await openAccount(request.instanceContext, tokens);
    if (!account) return askToSignIn(request, reply, section);
    // A form of another session, or of nobody: nothing of it is done.
    if (!isAccountForm(account, fields['formToken'] ?? '')) return sendElsewhere(request, reply, accountUrl(account.context, section));
    const verb = fields['do'] ?? '';
    if (verb === 'sign_out') return signOut(reply, account);
    const action = Object.hasOwn(actions[section], verb) ? actions[section][verb] : undefined;
    if (!action) return redirect(reply, accountUrl(account.context, section));
    return answer(request, reply, { account, section, fields, tokens }, await action(account, { fields, tokens }));
  });
}

interface Shown { account: Account; section: AccountSection; done?: string | undefined; notice?: Notice | undefined; typed?: Readonly<Record<string, string>> }

async function answer(request: FastifyRequest, reply: FastifyReply, { account, section, fields, tokens }: { account: Account; section: AccountSection; fields: Record<string, string>; tokens: Parameters<typeof openAccount>[1] }, given: Answer): Promise<FastifyReply> {
  switch (given.kind) {
    case 'done': return redirect(reply, `${accountUrl(account.context, section)}?done=${given.code}`);
    case 'notice': return show(request, reply, { account, section, notice: given.notice, typed: fields }, 400);
    case 'go': return redirect(reply, given.url, given.setCookies);
    case 'step up': {
      const started = await selfService.confirmIdentity(account.context, section, tokens);
      return redirect(reply, started.url, started.setCookies);
    }
    case 'file': return reply.header('cache-control', 'no-store').header('content-disposition', `attachment; filename="${given.name}"`).type('application/json; charset=utf-8')
      .serializer((text: unknown) => String(text)).send(given.content);
  }
}

async function show(request: FastifyRequest, reply: FastifyReply, { account, section, done, notice, typed }: Shown, status = 200): Promise<FastifyReply> {
  const { context, user, formToken } = account;
  const locale = chooseLocale(context, request.headers);
  const drawing: AccountDrawing = { text: texts[locale], locale, base: `${context.instance.issuer}/account`, section, formToken, displayName: user.displayName, done, notice };
  const body = await bodyOf(drawing, account, typed);
  return send(reply, renderFrame({ context, locale, ...drawAccount(drawing, body), wide: true, languageSwitch: accountUrl(context, section) }), status);
}

async function bodyOf(drawing: AccountDrawing, account: Account, typed: Readonly<Record<string, string>> | undefined): Promise<Markup> {
  switch (drawing.section) {
    case 'profile': return html`${drawProfile(drawing, await selfService.viewProfile(account), typed)}${drawAddresses(drawing, await selfService.viewAddressChanges(account))}`;
    case 'security': return drawSecurity(drawing, await selfService.viewSecurity(account));
    case 'devices': return drawDevices(drawing, await selfService.viewDevices(account));
    case 'applications': {
      const [open, consents] = await Promise.all([selfService.viewOwnApplications(account), selfService.listConsents(account)]);
      return drawApplications(drawing, { open, consents });
    }
    case 'activity': return drawActivity(drawing, await selfService.viewActivity(account, Object.keys(drawing.text.activityEvents)));
    case 'data': return drawData(drawing);
  }
}

async function askToSignIn(request: FastifyRequest, reply: FastifyReply, section: AccountSection): Promise<FastifyReply> {
  const started = await selfService.signInToAccount(request.instanceContext, section, cookiesOf(request, reply));
  return redirect(reply, started.url, started.setCookies);
}

async function signOut(reply: FastifyReply, { context, session }: Account): Promise<FastifyReply> {
  await sessions.end(context, session.id, 'signed_out');
  return redirect(reply, `${context.instance.issuer}/`, [clearSessionCookie(context)]);
}

function redirect(reply: FastifyReply, url: string, setCookies: readonly string[] = []): FastifyReply {
  for (const cookie of setCookies) reply.header('set-cookie', cookie);
  return reply.header('cache-control', 'no-store').redirect(url, 303);
}

function rejectSwitchedOff({ instanceContext: { instance } }: FastifyRequest): void {
  if (!instance.settings.selfService.enabled) throw notFound('page');
}
