/** What an OpenID Connect or OAuth application is registered with. Names follow RFC 7591 §2 and its extensions, in camel case. */
import { z } from 'zod';
import { text } from '../core/http/text.ts';
import type { ApplicationKind } from './kinds.ts';
import { signInMethods } from '../tenancy/index.ts';

export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code';

const uri = z.string().max(2000);
const uris = z.array(uri).max(100).refine(areDifferent, 'must not name one twice');
const seconds = (minimum: number, maximum: number) => z.int().min(minimum).max(maximum).nullable().default(null);
const signatureAlgorithm = z.enum(['RS256', 'ES256', 'EdDSA']);
const listOf = <Value extends string>(values: z.ZodType<Value>) => z.array(values).max(50).refine(areDifferent, 'must not name one twice');

export const grantTypeSchema = z.enum(['authorization_code', 'refresh_token', 'client_credentials', deviceCodeGrant]);
export type GrantType = z.infer<typeof grantTypeSchema>;

export const tokenEndpointAuthMethodSchema = z.enum([
  'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth', 'none']);
export type TokenEndpointAuthMethod = z.infer<typeof tokenEndpointAuthMethodSchema>;

export const scopeSchema = z.enum(['openid', 'profile', 'email', 'phone', 'address', 'offline_access']);

export const jwkSetSchema = z.strictObject({ keys: z.array(z.record(z.string().max(100), z.union([z.string().max(10_000), z.number(), z.boolean(), z.array(z.string().max(20_000)).max(20)]))).min(1).max(20) });
export type JwkSet = z.infer<typeof jwkSetSchema>;

/** Complete settings, as they are stored and read. What depends on the kind of application has no default here. */
export const oidcSettingsSchema = z.strictObject({
  redirectUris: uris.default([]).describe('Where people come back to with a code; matched character by character (native loopback addresses: any port).'),
  postLogoutRedirectUris: uris.default([]).describe('Where people may be sent after signing out.'),
  grantTypes: listOf(grantTypeSchema),
  responseTypes: listOf(z.enum(['code'])),
  tokenEndpointAuthMethod: tokenEndpointAuthMethodSchema.describe('How the application authenticates itself; `none`: a public client.'),
  jwks: jwkSetSchema.nullable().default(null).describe('Public keys of the application (RFC 7517).'),
  jwksUri: uri.nullable().default(null).describe('Where its public keys are; https.'),
  requirePkce: z.boolean().default(true).describe('Off only for confidential applications whose software cannot do PKCE.'),
  allowedScopes: listOf(scopeSchema),
  subjectType: z.enum(['public', 'pairwise']).default('public').describe('`pairwise`: another `sub` for each sector, so that applications cannot compare.'),
  sectorIdentifierUri: uri.nullable().default(null).describe('Needed for pairwise when the redirect URIs have several hosts (OpenID Connect Core §8.1).'),
  idTokenSignedResponseAlg: signatureAlgorithm.default('RS256'),
  accessTokenSeconds: seconds(60, 86_400).describe('Null: the setting of the instance or of the resource server.'),
  refreshTokenSeconds: seconds(600, 31_536_000),
  idTokenSeconds: seconds(60, 86_400),
  refreshRotation: z.enum(['rotate', 'keep']).default('rotate').describe('`rotate`: each use gives a new refresh token, and a used one that comes back ends the whole grant.'),
  backchannelLogoutUri: uri.nullable().default(null),
  backchannelLogoutSessionRequired: z.boolean().default(true),
  requirePushedAuthorizationRequests: z.boolean().default(false),
  requireSignedRequestObject: z.boolean().default(false),
  requestObjectSigningAlg: z.enum(['RS256', 'PS256', 'ES256', 'EdDSA']).nullable().default(null).describe('Null: any that we know.'),
  dpopBoundAccessTokens: z.boolean().default(false),
  tlsClientCertificateBoundAccessTokens: z.boolean().default(false),
  tlsClientAuthSubjectDn: text(500).nullable().default(null).describe('Subject of the certificate for tls_client_auth (RFC 4514).'),
  allowedOrigins: uris.default([]).describe('Origins whose scripts may call token, userinfo and revocation endpoints (CORS).'),
  embeddedSignIn: z.strictObject({
    enabled: z.boolean(),
    allowedOrigins: uris.default([]).describe('Origins of the pages that may do so, exactly as browsers send them. They may call the token endpoint too.'),
  }).default({ enabled: false, allowedOrigins: [] }).describe('Whether the application may draw its own sign-in page and use the Authentication API.'),
  signInMethods: z.array(z.enum(signInMethods)).min(1).max(signInMethods.length).refine(areDifferent, 'must not name one twice').nullable().default(null)
    .describe('With which of the instance\'s methods people may sign in here (settings.methods.first); null: all of them.'),
  defaultAcrValues: z.array(text(200)).max(20).default([]),
  defaultMaxAge: z.int().min(0).max(31_536_000).nullable().default(null),
  initiateLoginUri: uri.nullable().default(null).describe('Where a sign-in that begins at us starts (OpenID Connect Core §4).'),
  introspectionSignedResponseAlg: signatureAlgorithm.nullable().default(null),
  introspectsResources: z.array(z.string().max(500).regex(/^[!-~]+$/, 'must be printable ASCII')).max(100).refine(areDifferent, 'must not name one twice').default([]).describe('Resource servers that this application is: it may introspect the tokens made for them (RFC 7662 §4).'),
});
export type OidcSettings = z.infer<typeof oidcSettingsSchema>;

/** What a request names: any part. Null brings a setting back to its default (RFC 7396). */
export const oidcSettingsChangeSchema = z.strictObject(Object.fromEntries(
  Object.entries(oidcSettingsSchema.shape).map(([name, schema]) => [name, withDescriptionOf(schema, withoutDefault(schema).nullish())]),
) as { [Name in keyof OidcSettings]: z.ZodOptional<z.ZodNullable<z.ZodType<NonNullable<OidcSettings[Name]>, NonNullable<OidcSettings[Name]>>>> });
export type OidcSettingsChange = z.infer<typeof oidcSettingsChangeSchema>;

/** Applies a change to settings; what depends on other settings or on the kind is filled in. Not checked yet. */
export function completeOidcSettings(kind: ApplicationKind, change: OidcSettingsChange, current?: OidcSettings): OidcSettings {
  const named: Record<string, unknown> = { ...current, ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) };
  const given = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== null));
  const defaults = kindDefaults[kind];
  const grantTypes = (given['grantTypes'] as GrantType[] | undefined) ?? defaults.grantTypes;
  return oidcSettingsSchema.parse({
    ...defaults,
    responseTypes: grantTypes.includes('authorization_code') ? ['code'] : [],
    allowedScopes: kind === 'machine' ? [] : scopeSchema.options.filter((scope) => scope !== 'offline_access' || grantTypes.includes('refresh_token')),
    ...given,
    grantTypes,
    // Named with the grants, not with the earlier answer types: these follow.
    ...(change.grantTypes !== undefined && change.responseTypes === undefined && { responseTypes: grantTypes.includes('authorization_code') ? ['code'] : [] }),
  });
}

const kindDefaults: Record<ApplicationKind, Pick<OidcSettings, 'grantTypes' | 'tokenEndpointAuthMethod'>> = {
  web: { grantTypes: ['authorization_code', 'refresh_token'], tokenEndpointAuthMethod: 'client_secret_basic' },
  browser: { grantTypes: ['authorization_code', 'refresh_token'], tokenEndpointAuthMethod: 'none' },
  native: { grantTypes: ['authorization_code', 'refresh_token'], tokenEndpointAuthMethod: 'none' },
  machine: { grantTypes: ['client_credentials'], tokenEndpointAuthMethod: 'client_secret_basic' },
};

/** Whether the method needs a secret that we made. */
export function usesClientSecret(method: TokenEndpointAuthMethod): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post' || method === 'client_secret_jwt';
}

function withoutDefault(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodDefault ? (schema.unwrap() as z.ZodType) : schema;
}

function withDescriptionOf(described: z.ZodType, schema: z.ZodType): z.ZodType {
  return described.description === undefined ? schema : schema.describe(described.description);
}

function areDifferent(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}
