/** Which OpenID Connect settings go together. Each rule says where, what was wrong and what would be right. */
import type { FieldError } from '../core/errors.ts';
import { rejectPublicKeys } from './jwks.ts';
import type { ApplicationKind } from './kinds.ts';
import { deviceCodeGrant, type OidcSettings } from './oidc-settings.ts';
import { rejectRedirectUri } from './redirect-uris.ts';
import { rejectHttpsUri, rejectOrigin, rejectWebAddress } from './web-addresses.ts';

export interface RuleEnvironment {
  /** Whether an address is one of this server. */
  isOwnAddress: (url: URL) => boolean;
  /** Whether a trusted proxy hands over client certificates (RFC 8705). */
  hasClientCertificates: boolean;
}

/** Returns all errors; none: the settings may be saved. */
export function checkOidcSettings(kind: ApplicationKind, settings: OidcSettings, environment: RuleEnvironment): FieldError[] {
  const errors: FieldError[] = [];
  const refuse: Refuse = (field, detail, code = 'invalid') => {
    errors.push({ field: `oidc.${field}`, code, detail });
  };
  checkAddresses(kind, settings, environment, refuse);
  checkGrants(kind, settings, refuse);
  checkClientAuthentication(kind, settings, environment, refuse);
  checkSubject(settings, refuse);
  checkEmbeddedSignIn(kind, settings, refuse);
  return errors;
}

type Refuse = (field: keyof OidcSettings | `${keyof OidcSettings}.${number}` | `embeddedSignIn.${string}`, detail: string, code?: string) => void;

function checkAddresses(kind: ApplicationKind, settings: OidcSettings, { isOwnAddress }: RuleEnvironment, refuse: Refuse): void {
  for (const name of ['redirectUris', 'postLogoutRedirectUris'] as const) {
    settings[name].forEach((uri, place) => {
      const wrong = rejectRedirectUri(uri, { kind, isOwnAddress });
      if (wrong) refuse(`${name}.${place}`, wrong, 'invalid_redirect_uri');
    });
  }
  settings.allowedOrigins.forEach((origin, place) => {
    const wrong = rejectOrigin(origin);
    if (wrong) refuse(`allowedOrigins.${place}`, wrong);
  });
  settings.embeddedSignIn.allowedOrigins.forEach((origin, place) => {
    const wrong = rejectOrigin(origin);
    if (wrong) refuse(`embeddedSignIn.allowedOrigins.${place}`, wrong);
  });
  for (const [name, reject] of [
    ['jwksUri', rejectHttpsUri], ['sectorIdentifierUri', rejectHttpsUri], ['backchannelLogoutUri', rejectWebAddress], ['initiateLoginUri', rejectHttpsUri],
  ] as const) {
    const wrong = settings[name] === null ? undefined : reject(settings[name]);
    if (wrong) refuse(name, wrong);
  }
}

function checkGrants(kind: ApplicationKind, settings: OidcSettings, refuse: Refuse): void {
  const grants = new Set(settings.grantTypes);
  if (grants.size === 0) refuse('grantTypes', 'must name at least one grant');
  if (kind === 'machine') {
    if (grants.size !== 1 || !grants.has('client_credentials')) refuse('grantTypes', 'of a machine is client_credentials and nothing else: no person signs in to it');
    for (const name of ['redirectUris', 'postLogoutRedirectUris', 'responseTypes', 'allowedScopes', 'allowedOrigins'] as const) {
      if (settings[name].length > 0) refuse(name, 'must be empty for a machine: no person signs in to it');
    }
    return;
  }
  const code = grants.has('authorization_code');
  if (code && settings.redirectUris.length === 0) refuse('redirectUris', 'must name at least one address for the grant authorization_code', 'invalid_redirect_uri');
  if (!code && settings.redirectUris.length > 0) refuse('redirectUris', 'must be empty without the grant authorization_code', 'invalid_redirect_uri');
  if (code !== settings.responseTypes.includes('code')) refuse('responseTypes', 'must be ["code"] with the grant authorization_code, and empty without it');
  if (grants.has('refresh_token') && !code && !grants.has(deviceCodeGrant)) refuse('grantTypes', 'has refresh_token without a grant that gives refresh tokens (authorization_code or device_code)');
  if (settings.allowedScopes.includes('offline_access') && !grants.has('refresh_token')) refuse('allowedScopes', 'has offline_access, which needs the grant refresh_token');
  // A stolen refresh token of a public client must show itself (RFC 9700 §4.14.2).
  if (settings.refreshRotation === 'keep' && settings.tokenEndpointAuthMethod === 'none' && !settings.dpopBoundAccessTokens) {
    refuse('refreshRotation', 'must be "rotate" for a public client, unless its tokens are bound to a key (dpopBoundAccessTokens)');
  }
}

function checkClientAuthentication(kind: ApplicationKind, settings: OidcSettings, environment: RuleEnvironment, refuse: Refuse): void {
  const { tokenEndpointAuthMethod: method, jwks, jwksUri } = settings;
  const isPublic = method === 'none';
  if (kind === 'browser' && !isPublic) refuse('tokenEndpointAuthMethod', 'must be "none": a page in a browser cannot keep a secret');
  if (isPublic && settings.grantTypes.includes('client_credentials')) refuse('tokenEndpointAuthMethod', 'must not be "none" with the grant client_credentials: anybody could be this application');
  if (isPublic && !settings.requirePkce) refuse('requirePkce', 'must be true for a public client (RFC 9700 §2.1.1)');
  if (jwks && jwksUri) refuse('jwksUri', 'must not be there together with jwks');
  const wrongKeys = jwks && rejectPublicKeys(jwks);
  if (wrongKeys) refuse('jwks', wrongKeys);
  const needsKeys = method === 'private_key_jwt' || method === 'self_signed_tls_client_auth' || settings.requireSignedRequestObject || settings.requestObjectSigningAlg !== null;
  if (needsKeys && !jwks && !jwksUri) refuse('jwks', 'is needed, or jwksUri: signatures or certificates of the application are checked with its keys');
  if ((method === 'tls_client_auth') !== (settings.tlsClientAuthSubjectDn !== null)) {
    refuse('tlsClientAuthSubjectDn', 'belongs to the method tls_client_auth, which needs it');
  }
  const usesCertificates = method === 'tls_client_auth' || method === 'self_signed_tls_client_auth' || settings.tlsClientCertificateBoundAccessTokens;
  if (usesCertificates && !environment.hasClientCertificates) {
    refuse(settings.tlsClientCertificateBoundAccessTokens ? 'tlsClientCertificateBoundAccessTokens' : 'tokenEndpointAuthMethod',
      'needs client certificates: the operator sets MTLS_CERTIFICATE_HEADER behind a trusted proxy');
  }
  if (settings.dpopBoundAccessTokens && settings.tlsClientCertificateBoundAccessTokens) {
    refuse('dpopBoundAccessTokens', 'must not be there together with tlsClientCertificateBoundAccessTokens: a token is bound in one way');
  }
}

function checkEmbeddedSignIn(kind: ApplicationKind, { embeddedSignIn, grantTypes }: OidcSettings, refuse: Refuse): void {
  if (!embeddedSignIn.enabled) return;
  if (!grantTypes.includes('authorization_code')) refuse('embeddedSignIn.enabled', 'must be false without the grant authorization_code: a sign-in ends in a code');
  if (kind === 'browser' && embeddedSignIn.allowedOrigins.length === 0) refuse('embeddedSignIn.allowedOrigins', 'must name at least one origin: a page in a browser is known by its origin alone');
}

function checkSubject(settings: OidcSettings, refuse: Refuse): void {
  if (settings.subjectType !== 'pairwise') return;
  const hosts = new Set(settings.redirectUris.flatMap((uri) => URL.parse(uri)?.host ?? []));
  const usesDevices = settings.grantTypes.includes(deviceCodeGrant);
  if (settings.sectorIdentifierUri === null && (hosts.size > 1 || (usesDevices && hosts.size > 0))) {
    refuse('sectorIdentifierUri', 'is needed for pairwise subjects when redirect URIs have several hosts, or with the device grant');
  }
  // Without a redirect URI the sector comes from where the keys are, which must then be proven.
  if (usesDevices && (settings.jwksUri === null || !['private_key_jwt', 'self_signed_tls_client_auth'].includes(settings.tokenEndpointAuthMethod))) {
    refuse('subjectType', 'with the device grant needs jwksUri and the method private_key_jwt or self_signed_tls_client_auth');
  }
}
