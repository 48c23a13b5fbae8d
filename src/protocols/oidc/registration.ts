/**
 * Dynamic registration (RFC 7591, RFC 7592): off unless the instance turns it on, and then by initial access token, one
 * registration each. What registers itself is a third party for people who sign in, with no API and no grant for
 * itself: more than that an administrator decides.
 */
import type { Adapter, AdapterPayload, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { type Application, createApplication, deleteApplication, deviceCodeGrant, findApplicationByClientId, type OidcSettingsChange, updateApplication } from '../../applications/index.ts';
import { Problem } from '../../core/errors.ts';
import { randomToken, sha256 } from '../../core/secrets.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { initialAccessTokenCreated } from './events.ts';
import { errors } from './library.ts';
import { currentContext, currentProviderContext, endpointOf } from './request-context.ts';

type Features = NonNullable<Configuration['features']>;

export const initialAccessTokenSeconds = 86_400;

export function registration(instance: InstanceContext): Pick<Features, 'registration' | 'registrationManagement'> {
  if (!instance.instance.settings.dynamicRegistration.enabled) return { registration: { enabled: false }, registrationManagement: { enabled: false } };
  return {
    registration: { enabled: true, initialAccessToken: true, idFactory: () => randomToken(16), secretFactory: async () => randomToken() },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
  };
}

/** Makes a token that allows one registration within a day; the library finds it as its own. */
export async function createInitialAccessToken(context: InstanceContext): Promise<{ token: string; expiresAt: Date }> {
  const token = randomToken();
  const now = Math.floor(Date.now() / 1000);
  const expiresAt = new Date((now + initialAccessTokenSeconds) * 1000);
  await context.transaction(async (tx) => {
    await tx.db.oidcRecord.create({ data: { model: 'InitialAccessToken', id: sha256(token), payload: { kind: 'InitialAccessToken', iat: now, exp: now + initialAccessTokenSeconds }, expiresAt } });
    await append(tx, initialAccessTokenCreated(tx.requestId));
  });
  return { token, expiresAt };
}

/** Where the library writes clients: they are applications. It never reads here (clients.ts). */
export function createClientAdapter(instance: InstanceContext): Adapter {
  return {
    async upsert(clientId, metadata) {
      const context = currentContext(instance);
      const known = await findApplicationByClientId(context, clientId);
      await asMetadataError(() => (known ? change(context, known, metadata) : register(context, clientId, metadata)));
    },
    async destroy(clientId) {
      const context = currentContext(instance);
      const known = await findApplicationByClientId(context, clientId);
      if (known) await deleteApplication(context, known.id);
    },
    find: async () => undefined,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    consume: async () => undefined,
    revokeByGrantId: async () => undefined,
  };
}

async function register(context: InstanceContext, clientId: string, metadata: AdapterPayload): Promise<void> {
  const allowance = currentProviderContext()?.oidc.entities.InitialAccessToken?.jti;
  await context.transaction(async (tx) => {
    // In one transaction: of two registrations with one token one is made, and a refused one does not cost the token.
    const { count } = await tx.db.oidcRecord.deleteMany({ where: { model: 'InitialAccessToken', id: sha256(allowance ?? '') } });
    if (count === 0) throw new errors.InvalidToken('initial access token was used');
    await createApplication(tx, {
      clientId, name: metadata.client_name ?? 'Registered application', kind: kindOf(metadata), homepageUri: metadata.client_uri ?? null, firstParty: false, oidc: settingsOf(metadata),
    }, { clientSecret: metadata.client_secret });
  });
}

async function change(context: InstanceContext, application: Application, metadata: AdapterPayload): Promise<void> {
  if (kindOf(metadata) !== application.kind) throw new errors.InvalidClientMetadata('application_type and token_endpoint_auth_method must go together as before');
  await updateApplication(context, application.id, { name: metadata.client_name ?? application.name, homepageUri: metadata.client_uri ?? null, oidc: settingsOf(metadata) });
}

function kindOf(metadata: AdapterPayload): 'native' | 'browser' | 'web' {
  if (metadata.application_type === 'native') return 'native';
  return metadata.token_endpoint_auth_method === 'none' ? 'browser' : 'web';
}

/** Grants for people only: no machine registers itself. */
const allowedGrants = new Set(['authorization_code', 'refresh_token', deviceCodeGrant]);

function settingsOf(metadata: AdapterPayload): OidcSettingsChange {
  const refused = metadata.grant_types?.find((grant) => !allowedGrants.has(grant));
  if (refused !== undefined) throw new errors.InvalidClientMetadata(`grant_types must not have ${refused}`);
  const settings = {
    redirectUris: metadata.redirect_uris, postLogoutRedirectUris: metadata.post_logout_redirect_uris, grantTypes: metadata.grant_types,
    tokenEndpointAuthMethod: metadata.token_endpoint_auth_method, jwks: metadata.jwks, jwksUri: metadata.jwks_uri,
    allowedScopes: metadata.scope?.split(' '), subjectType: metadata.subject_type, sectorIdentifierUri: metadata.sector_identifier_uri,
    idTokenSignedResponseAlg: metadata.id_token_signed_response_alg, introspectionSignedResponseAlg: metadata.introspection_signed_response_alg,
    requestObjectSigningAlg: metadata.request_object_signing_alg, requireSignedRequestObject: metadata.require_signed_request_object,
    requirePushedAuthorizationRequests: metadata.require_pushed_authorization_requests, dpopBoundAccessTokens: metadata.dpop_bound_access_tokens,
    defaultAcrValues: metadata.default_acr_values, defaultMaxAge: metadata.default_max_age, initiateLoginUri: metadata.initiate_login_uri,
    backchannelLogoutUri: metadata.backchannel_logout_uri,
  };
  // The library checked the values against what it supports; applications/ checks them once more, and how they go together.
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as OidcSettingsChange;
}

async function asMetadataError(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 400) throw error;
    const first = error.errors?.[0];
    // The library makes invalid_redirect_uri of a description that begins so (RFC 7591 §3.2.2).
    throw new errors.InvalidClientMetadata(first?.field.startsWith('oidc.redirectUris') ? `redirect_uris ${first.detail}` : error.detail);
  }
}

/** A read or change shows the registration without a secret: we know only its hash. */
export function hidePlaceholderSecret(ctx: KoaContextWithOIDC): void {
  const endpoint = endpointOf(ctx);
  if ((endpoint !== 'client' && endpoint !== 'client_update') || typeof ctx.body !== 'object' || ctx.body === null) return;
  ctx.body = { ...ctx.body, client_secret: undefined, client_secret_expires_at: undefined };
}
