/**
 * Sign-out that an application asks for (OpenID Connect RP-Initiated Logout 1.0). Ours and not the provider's: a session
 * here has more participants than OAuth clients, and all of them are told. Without a valid hint a person decides.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type Provider from 'oidc-provider';
import { clearSessionCookie, findLiveSession, readBrowserCookies, sessions, type SessionView } from '../../authentication/index.ts';
import { invalidParameters, Problem } from '../../core/errors.ts';
import { sha256 } from '../../core/secrets.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { applicationOf, type Client } from './clients.ts';
import { sendPage } from './pages.ts';
import { pairwiseSubject } from './pairwise.ts';

const parameters = ['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state', 'logout_hint', 'ui_locales'] as const;
type LogoutRequest = Partial<Record<(typeof parameters)[number], string>>;

/** The end-session endpoint. `given` are the parameters, with a `decision` only from the form of our own page (POST). */
export async function endSession(request: FastifyRequest, reply: FastifyReply, provider: Provider, given: Record<string, unknown>): Promise<FastifyReply> {
  const context = request.instanceContext;
  const logout = readParameters(given);
  const { client, hint } = await readHint(provider, logout);
  const redirect = checkRedirect(client, logout);
  const { sessionToken, browserToken, clear } = readBrowserCookies(context, request.headers.cookie);
  for (const cookie of clear) reply.header('set-cookie', cookie);
  const session = await findLiveSession(context, sessionToken);

  if (!session) return leave(request, reply, redirect);
  const token = formTokenOf(context, session, logout, browserToken);
  const decision = request.method === 'POST' ? given['decision'] : undefined;
  if (decision !== undefined) {
    // Only our own page knows the token: no other site can sign somebody out by posting here.
    if (!token.verify(String(given['form_token']))) return ask(request, reply, logout, client, token.value);
    return decision === 'sign_out' ? signOut(request, reply, session, redirect) : stay(request, reply, redirect);
  }
  if (client && hint && await speaksOf(context, hint, session, client)) return signOut(request, reply, session, redirect);
  return ask(request, reply, logout, client, token.value);
}

/** @throws Problem 400 for a parameter that comes twice or is no text */
function readParameters(given: Record<string, unknown>): LogoutRequest {
  const read: LogoutRequest = {};
  for (const name of parameters) {
    const value = given[name];
    if (value === undefined || value === '') continue;
    if (typeof value !== 'string') throw invalidParameters([{ field: name, code: 'duplicate', detail: 'must not be provided twice' }]);
    read[name] = value;
  }
  return read;
}

interface Hint { readonly sub?: unknown; readonly sid?: unknown }

/** A hint is an ID token of ours, also an expired one. @throws Problem 400 for a client that is not ours, or that the hint is not for */
async function readHint(provider: Provider, logout: LogoutRequest): Promise<{ client: Client | undefined; hint: Hint | undefined }> {
  const { id_token_hint: token, client_id: clientId } = logout;
  const audience = token === undefined ? undefined : audienceOf(token);
  if (token !== undefined && (audience === undefined || (clientId !== undefined && clientId !== audience))) throw badHint();
  const client = await provider.Client.find(audience ?? clientId ?? '');
  if (!client) {
    if (audience !== undefined || clientId !== undefined) throw badHint();
    return { client: undefined, hint: undefined };
  }
  if (token === undefined) return { client, hint: undefined };
  try {
    const { payload } = await provider.IdToken.validate(token, client);
    return { client, hint: payload };
  } catch (cause) {
    throw badHint(cause);
  }
}

/** Unverified: only to find the client, whose keys and issuer the token is then checked with. */
function audienceOf(token: string): string | undefined {
  try {
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { aud?: unknown };
    return typeof payload.aud === 'string' ? payload.aud : undefined;
  } catch {
    return undefined;
  }
}

const badHint = (cause?: unknown) => new Problem({ status: 400, code: 'Params.Illegal', detail: 'id_token_hint or client_id is not valid here', cause });

/** Where to go afterwards: an address that this very client registered, or nowhere. @throws Problem 400 */
function checkRedirect(client: Client | undefined, logout: LogoutRequest): string | undefined {
  const { post_logout_redirect_uri: uri, state } = logout;
  if (uri === undefined) return undefined;
  if (!client?.postLogoutRedirectUriAllowed(uri)) {
    throw new Problem({ status: 400, code: 'Params.Illegal', detail: 'post_logout_redirect_uri is not registered for this client' });
  }
  const target = new URL(uri);
  if (state !== undefined) target.searchParams.set('state', state);
  return target.href;
}

/** Whether the hint is about this very session: an old token of another person must not end this one's. */
async function speaksOf(context: InstanceContext, hint: Hint, session: SessionView, client: Client): Promise<boolean> {
  const subject = client.subjectType === 'pairwise' ? await pairwiseSubject(context, session.userId, client) : session.userId;
  if (hint.sub !== subject) return false;
  const participant = session.participants.find(({ applicationId }) => applicationId === applicationOf(client).id);
  return hint.sid === undefined || hint.sid === participant?.sid;
}

function formTokenOf(context: InstanceContext, session: SessionView, logout: LogoutRequest, browserToken: string | undefined) {
  const { keyring } = context.core;
  const purpose = `oidc-logout/${context.instance.id}`;
  const about = JSON.stringify([session.id, sha256(browserToken ?? ''), parameters.map((name) => logout[name] ?? null)]);
  return { value: keyring.hmac(purpose, about), verify: (value: string) => keyring.verifyHmac(purpose, about, value) };
}

function ask(request: FastifyRequest, reply: FastifyReply, logout: LogoutRequest, client: Client | undefined, formToken: string): FastifyReply {
  const { ui_locales: locale, post_logout_redirect_uri: redirect } = logout;
  return sendPage(request, reply, 200, {
    page: 'sign_out', action: `${request.instanceContext.instance.issuer}/oauth2/logout`, fields: { ...logout, form_token: formToken },
    ...(client && { applicationName: applicationOf(client).name }), ...(redirect !== undefined && { formTargets: [redirect] }),
  }, locale);
}

async function signOut(request: FastifyRequest, reply: FastifyReply, session: SessionView, redirect: string | undefined): Promise<FastifyReply> {
  const context = request.instanceContext;
  await sessions.end(context, session.id, 'signed_out');
  reply.header('set-cookie', clearSessionCookie(context));
  return leave(request, reply, redirect);
}

function leave(request: FastifyRequest, reply: FastifyReply, redirect: string | undefined): FastifyReply {
  if (redirect !== undefined) return reply.header('cache-control', 'no-store').redirect(redirect, 303);
  return sendPage(request, reply, 200, { page: 'signed_out' });
}

/** Back to where the person came from, or to our own start page. */
function stay(request: FastifyRequest, reply: FastifyReply, redirect: string | undefined): FastifyReply {
  return reply.header('cache-control', 'no-store').redirect(redirect ?? `${request.instanceContext.instance.issuer}/`, 303);
}
