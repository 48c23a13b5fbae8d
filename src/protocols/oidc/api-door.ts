/**
 * From a flow that a program drew to an authorization code (authentication/api/door.ts). Clients are authenticated, and
 * scopes and resources judged, by the very functions that the provider's own endpoints use.
 */
import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import { UnsecuredJWT } from 'jose';
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import als from 'oidc-provider/lib/helpers/als.js';
import clientAuthentication from 'oidc-provider/lib/shared/client_auth.js';
import { acrName, type ApiDoor, type FinishedFlow, flowRedirectUri } from '../../authentication/index.ts';
import type { Application } from '../../applications/index.ts';
import { invalidParameters, unauthenticated } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { ensureGrant } from './grants.ts';
import { errors } from './library.ts';
import { dropUntrustedCertificate } from './mutual-tls.ts';
import { rememberContext } from './request-context.ts';
import { getResourceServerInfo } from './resources.ts';
import { oidcScopes } from './scopes.ts';
import { grantSeconds } from './tokens.ts';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const pushedRequestPrefix = 'urn:ietf:params:oauth:request_uri:';
const pushedRequestSeconds = 60;

export function createApiDoor(providerOf: (context: InstanceContext) => Promise<Provider>): ApiDoor {
  return {
    async authenticate(context, application, request, authorization) {
      const [scheme = '', credential = '', ...rest] = (authorization ?? '').split(' ');
      const isAssertion = scheme.toLowerCase() === 'assertion';
      if (rest.length > 0) throw unauthenticated('Client-Authorization must be "Basic …" or "Assertion …".');
      const ctx = oauthContext(await providerOf(context), context, request, {
        parameters: { client_id: application.clientId, ...(isAssertion && { client_assertion: credential, client_assertion_type: assertionType }) },
        authorization: isAssertion ? undefined : authorization,
      });
      try {
        for (const step of clientAuthentication.slice(-1)) await als.run(ctx, () => step(ctx, async () => undefined));
      } catch (error) {
        if (error instanceof errors.OIDCProviderError) throw unauthenticated('The application did not show who it is.');
        throw error;
      }
    },

    async readScopes(context, application, request, { scope, resource }) {
      const provider = await providerOf(context);
      const asked = [...new Set((scope ?? '').split(' ').filter(Boolean))];
      const client = await provider.Client.find(application.clientId);
      if (!client) throw unauthenticated('The application is not known here.');
      const ctx = oauthContext(provider, context, request, { parameters: { client_id: application.clientId } });
      ctx.oidc.entity('Client', client);
      const resources = new Map<string, readonly string[]>();
      for (const identifier of resource) {
        const server = await als.run(ctx, () => getResourceServerInfo(ctx, identifier, client)).catch((error: unknown) => {
          if (error instanceof errors.OIDCProviderError) throw invalidParameters([{ field: 'resource', code: 'invalid_target', detail: 'names an API that is unknown, or that this application was not granted' }]);
          throw error;
        });
        const offered = server.scope.split(' ');
        resources.set(identifier, asked.filter((name) => offered.includes(name)));
      }
      const refused = asked.filter((name) => oidcScopes.has(name)
        ? !(application.settings.allowedScopes as readonly string[]).includes(name)
        : ![...resources.values()].some((scopes) => scopes.includes(name)));
      if (refused.length > 0) throw invalidParameters([{ field: 'scope', code: 'invalid_scope', detail: `must not have ${refused.slice(0, 10).join(' ')}: not allowed to this application, or of no resource that was named` }]);
      return {
        scopes: asked.filter((name) => oidcScopes.has(name)),
        ...(resources.size > 0 && { resources: Object.fromEntries(resources) }),
      };
    },

    issueCode: async (context, flow) => issueCode(context, await providerOf(context), flow),

    async pushRequest(context, application, { request, dpopJkt }) {
      const redirectUri = request.api?.redirectUri ?? application.settings.redirectUris[0];
      if (redirectUri === undefined) return undefined;
      const provider = await providerOf(context);
      const now = Math.floor(Date.now() / 1_000);
      const pushed = new provider.PushedAuthorizationRequest({
        request: new UnsecuredJWT(parametersOf(application, { ...request, redirectUri, dpopJkt })).setIssuer(application.clientId).setAudience(context.instance.issuer)
          .setIssuedAt(now).setNotBefore(now).setExpirationTime(now + pushedRequestSeconds).encode(),
        ...(dpopJkt !== undefined && { dpopJkt }),
        trusted: application.settings.tokenEndpointAuthMethod !== 'none',
      } as unknown as ConstructorParameters<Provider['PushedAuthorizationRequest']>[0]);
      const id = await pushed.save(pushedRequestSeconds);
      return { requestUri: `${pushedRequestPrefix}${id}`, redirectUri, expiresIn: pushedRequestSeconds };
    },
  };
}

/** What the provider's functions read of a request, without handing the request over. */
function oauthContext(provider: Provider, context: InstanceContext, request: IncomingMessage, { parameters, authorization }: { parameters: Record<string, string>; authorization?: string | undefined }): KoaContextWithOIDC {
  dropUntrustedCertificate(request, context.core.config);
  const { host } = new URL(context.instance.issuer);
  const headers = { ...request.headers, authorization, host, 'x-forwarded-host': host, 'x-forwarded-proto': new URL(context.instance.issuer).protocol.slice(0, -1) };
  const asked = Object.create(request, { headers: { value: headers } }) as IncomingMessage;
  rememberContext(asked, context);
  const library = provider as unknown as { createContext(request: IncomingMessage, response: ServerResponse): KoaContextWithOIDC; OIDCContext: new (ctx: KoaContextWithOIDC) => KoaContextWithOIDC['oidc'] };
  const ctx = library.createContext(asked, new ServerResponse(asked));
  (ctx as unknown as { _matchedRouteName: string })._matchedRouteName = 'token';
  Object.defineProperty(ctx, 'oidc', { value: new library.OIDCContext(ctx) });
  Object.assign(ctx.oidc, { params: parameters });
  return ctx;
}

async function issueCode(context: InstanceContext, provider: Provider, { application, request, session, consent, dpopJkt, code, completedAt }: FinishedFlow): Promise<{ expiresIn: number } | undefined> {
  const lifetime = context.instance.settings.tokens.authorizationCodeSeconds;
  const expiresIn = lifetime - Math.ceil((context.now().getTime() - completedAt.getTime()) / 1_000);
  if (expiresIn <= 0) return undefined;
  if (await provider.AuthorizationCode.find(code, { ignoreExpiration: true, ignoreSessionBinding: true } as object)) return { expiresIn };
  const client = await provider.Client.find(application.clientId);
  const grant = await ensureGrant(context, {
    sessionId: session.id, userId: session.userId, applicationId: application.id, clientId: application.clientId, allowed: consent, lifetimeSeconds: grantSeconds });
  if (!client || !grant || !request.api) return undefined;
  const scopes = new Set([...consent.scopes, ...Object.values(consent.resources).flat()]);
  const resource = Object.keys(consent.resources);
  const made = new provider.AuthorizationCode({
    jti: code, client, accountId: session.userId, grantId: grant.grantId, sessionUid: session.id, ...(client.includeSid() && { sid: grant.sid }),
    // As the application named the levels that it asked for.
    acr: acrName(context, session.acr, request.acrValues), amr: [...session.amr], authTime: Math.floor(session.authTime.getTime() / 1_000),
    codeChallenge: request.api.codeChallenge, codeChallengeMethod: 'S256', redirectUri: flowRedirectUri,
    scope: [...scopes].join(' '), expiresIn,
    ...(request.api.nonce !== undefined && { nonce: request.api.nonce }), ...(dpopJkt !== undefined && { dpopJkt }),
    ...(resource.length > 0 && { resource: resource.length === 1 ? resource[0] : resource }),
    ...(!scopes.has('offline_access') && { expiresWithSession: true }),
  } as unknown as ConstructorParameters<Provider['AuthorizationCode']>[0]);
  await made.save();
  return { expiresIn };
}

function parametersOf(application: Application, { scopes, resources, acrValues, maxAge, loginHint, locale, api, redirectUri, dpopJkt }: FinishedFlow['request'] & { redirectUri: string; dpopJkt: string | undefined }): Record<string, unknown> {
  const scope = [...new Set([...scopes ?? [], ...Object.values(resources ?? {}).flat()])].join(' ');
  const parameters: Record<string, unknown> = {
    client_id: application.clientId, response_type: 'code', redirect_uri: redirectUri, scope: scope || undefined,
    code_challenge: api?.codeChallenge, code_challenge_method: 'S256', nonce: api?.nonce, dpop_jkt: dpopJkt,
    acr_values: acrValues?.join(' '), max_age: maxAge, login_hint: loginHint, ui_locales: locale, resource: resources && Object.keys(resources),
  };
  return Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
}
