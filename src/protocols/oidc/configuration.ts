/** How oidc-provider is set up for one instance: features, hooks and limits. Wire format only; rules live in features. */
import type { Adapter, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { levels, sessionCookieName } from '../../authentication/index.ts';
import { cookieName } from '../../core/http/cookies.ts';
import type { InstanceContext, KeySet } from '../../tenancy/index.ts';
import { findAccount } from './accounts.ts';
import { type Client, isAllowedOrigin, isPkceRequired, applicationOf } from './clients.ts';
import { loadExistingGrant } from './consents.ts';
import { createFetch } from './fetch.ts';
import { interactionUrl } from './interactions.ts';
import { errors } from './library.ts';
import { isIntrospectable } from './introspection.ts';
import { createModelAdapter } from './models.ts';
import { mutualTls } from './mutual-tls.ts';
import { renderDeviceDone, renderError, renderUserCodeConfirm, renderUserCodeInput } from './pages.ts';
import { pairwiseSubject } from './pairwise.ts';
import { createPolicy, promptValues } from './policy.ts';
import { createClientAdapter, registration } from './registration.ts';
import { contextOf } from './request-context.ts';
import { defaultResource, getResourceServerInfo, useGrantedResource } from './resources.ts';
import { claimsByScope, oidcScopes } from './scopes.ts';
import { createSessionAdapter } from './session-adapter.ts';
import { extraTokenClaims, lifetimes } from './tokens.ts';

/** Below `{issuer}`. */
export const routes = {
  authorization: '/oauth2/authorize',
  code_verification: '/oauth2/device',
  device_authorization: '/oauth2/device_authorization',
  end_session: '/oauth2/logout',
  introspection: '/oauth2/introspect',
  jwks: '/oauth2/jwks',
  pushed_authorization_request: '/oauth2/par',
  registration: '/oauth2/register',
  revocation: '/oauth2/revoke',
  token: '/oauth2/token',
  userinfo: '/oauth2/userinfo',
} as const;

/** Client assertions may not live longer than this, in seconds: their ids are remembered as long. */
const longestAssertionSeconds = 3_600;
const signing = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;

const isSecure = ({ instance }: InstanceContext) => instance.issuer.startsWith('https:');

/** Of the cookies that need a path, which `__Host-` does not allow: they name an authorization under way. */
export const pathCookieName = (context: InstanceContext, purpose: 'interaction' | 'resume'): string =>
  `${isSecure(context) ? '__Secure-' : ''}${cookieName(purpose, context.instance.id, false)}`;

export function createConfiguration(instance: InstanceContext, keys: KeySet): Configuration {
  const { core } = instance;
  const secure = isSecure(instance);
  const cookies = { signed: false, httpOnly: true, sameSite: 'lax' as const, secure, overwrite: true };
  const settings: Configuration = {
    acrValues: [...levels, ...Object.keys(instance.instance.settings.acrNames)],
    adapter: (model) => createAdapter(instance, model),
    claims: { ...claimsByScope, sid: null, iss: null },
    clientBasedCORS: (_ctx, origin, client) => isAllowedOrigin(client as Client, origin),
    cookies: {
      names: { session: sessionCookieName(instance), interaction: pathCookieName(instance, 'interaction'), resume: pathCookieName(instance, 'resume') },
      // By name, not by path: a cookie's path is no boundary between instances. Unsigned: the value is 256 random bits.
      long: { ...cookies, path: '/' } as NonNullable<Configuration['cookies']>['long'],
      short: cookies,
    },
    discovery: { prompt_values_supported: promptValues(instance), ui_locales_supported: ['en', 'zh-CN'], service_documentation: `${core.config.publicUrl}/docs` },
    expiresWithSession: async (_ctx, source) => !(source as { scopes: Set<string> }).scopes.has('offline_access'),
    extraTokenClaims: (ctx, token) => extraTokenClaims(ctx, token as Parameters<typeof extraTokenClaims>[1]),
    features: {
      backchannelLogout: { enabled: true },
      claimsParameter: { enabled: true, assertClaimsParameter },
      clientCredentials: { enabled: true },
      deviceFlow: {
        enabled: true, charset: 'base-20', mask: '****-****', deviceInfo: () => ({}),
        userCodeInputSource: async (ctx, form, out, error) => renderUserCodeInput(ctx, form, out, error),
        userCodeConfirmSource: async (ctx, form, client, device, userCode) => renderUserCodeConfirm(ctx, form, client, device, userCode),
        successSource: async (ctx) => renderDeviceDone(ctx),
      },
      devInteractions: { enabled: false },
      dPoP: { enabled: true, nonceSecret: core.keyring.derive(`oidc-dpop-nonce/${instance.instance.id}`), requireNonce: () => false },
      introspection: { enabled: true, allowedPolicy: async (ctx, client, token) => isIntrospectable(contextOf(ctx), client as Client, token) },
      jwtIntrospection: { enabled: true },
      mTLS: mutualTls(core.config),
      pushedAuthorizationRequests: { enabled: true },
      requestObjects: { enabled: true, assertJwtClaimsAndHeader: async (_ctx, _claims, header) => rejectKeyHints(header, (detail) => new errors.InvalidRequestObject(detail)) },
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx, client, oneOf) => defaultResource(ctx, client as Client, oneOf as readonly string[] | undefined),
        getResourceServerInfo: (ctx, identifier, client) => getResourceServerInfo(ctx, identifier, client as Client),
        useGrantedResource,
      },
      revocation: { enabled: true, allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId },
      rpInitiatedLogout: { enabled: true },
      userinfo: { enabled: true },
      ...registration(instance),
    },
    fetch: createFetch(core),
    findAccount,
    interactions: { policy: createPolicy(), url: interactionUrl },
    // Refresh tokens for every application that may use them; without offline_access they end with the session.
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    jwks: { keys: keys.privateJwks as NonNullable<Configuration['jwks']>['keys'] },
    loadExistingGrant,
    pairwiseIdentifier: (ctx, userId, client) => pairwiseSubject(ctx ? contextOf(ctx) : instance, userId, client),
    pkce: { required: (_ctx, client) => isPkceRequired(client as Client) },
    renderError: async (ctx, out, error) => renderError(ctx, out, error),
    responseTypes: ['code'],
    rotateRefreshToken: (ctx) => ctx.oidc.client !== undefined && applicationOf(ctx.oidc.client as Client).settings.refreshRotation === 'rotate',
    routes: { ...routes },
    scopes: [...oidcScopes],
    sectorIdentifierUriValidate: () => false, // an administrator's word; what registers itself is checked (registration.ts)
    subjectTypes: ['public', 'pairwise'],
    ttl: lifetimes(instance),
    assertJwtClientAuthClaimsAndHeader: checkAssertion,
    clientAuthMethods: [
      'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'none',
      ...(core.config.mtlsCertificateHeader === undefined ? [] : ['tls_client_auth', 'self_signed_tls_client_auth'] as const),
    ],
    enabledJWA: {
      clientAuthSigningAlgValues: ['HS256', ...signing],
      requestObjectSigningAlgValues: [...signing],
      idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
      userinfoSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
      introspectionSigningAlgValues: ['RS256', 'ES256', 'EdDSA'],
      dPoPSigningAlgValues: ['ES256', 'EdDSA', 'RS256', 'PS256'],
    },
    clockTolerance: 5,
  };
  return settings;
}

function createAdapter(instance: InstanceContext, model: string): Adapter {
  switch (model) {
    case 'Session': return createSessionAdapter(instance);
    case 'Client': return createClientAdapter(instance);
    default: return createModelAdapter(instance, model);
  }
}

/** The issuer alone is the audience (draft-ietf-oauth-rfc7523bis §4): an assertion made for another server is worth nothing here. */
async function checkAssertion(ctx: KoaContextWithOIDC, claims: Record<string, unknown>, header: Record<string, unknown>): Promise<void> {
  rejectKeyHints(header, (detail) => new errors.InvalidClientAuth(detail));
  if (claims['aud'] !== ctx.oidc.issuer) throw new errors.InvalidClientAuth('the audience of the client assertion must be the issuer identifier and nothing else');
  if (claims['sub'] !== claims['iss']) throw new errors.InvalidClientAuth('iss and sub of the client assertion must be the client_id');
  if (typeof claims['exp'] !== 'number' || claims['exp'] > Date.now() / 1000 + longestAssertionSeconds) throw new errors.InvalidClientAuth('the client assertion lives too long');
}

/** Header parameters that name or carry keys, or change how a token is read (RFC 8725 §3.10): keys come from registration alone. */
function rejectKeyHints(header: Record<string, unknown>, refusal: (detail: string) => Error): void {
  const strange = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip'].find((name) => Object.hasOwn(header, name));
  if (strange !== undefined) throw refusal(`the JWT header must not have ${strange}`);
}

/** Members are null or objects; a value that is neither would be ignored silently (OpenID Connect Core §5.5.1). */
async function assertClaimsParameter(_ctx: unknown, claims: { userinfo?: object | undefined; id_token?: object | undefined }): Promise<void> {
  for (const [container, members] of Object.entries({ userinfo: claims.userinfo, id_token: claims.id_token })) {
    for (const value of Object.values(members ?? {})) {
      if (value !== null && (typeof value !== 'object' || Array.isArray(value))) throw new errors.InvalidRequest(`claims.${container} members must be null or objects`);
    }
  }
}
