import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ApplicationKind } from './kinds.ts';
import { checkOidcSettings } from './oidc-rules.ts';
import { completeOidcSettings, deviceCodeGrant, oidcSettingsChangeSchema, type OidcSettingsChange } from './oidc-settings.ts';

const environment = { isOwnAddress: (url: URL) => url.host === 'id.example.com', hasClientCertificates: true };
const check = (kind: ApplicationKind, change: OidcSettingsChange, with_ = environment) => checkOidcSettings(kind, completeOidcSettings(kind, change), with_);
const redirectUris = ['https://app.example.com/callback'];
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicJwk: Record<string, string> = { ...(ec.publicKey.export({ format: 'jwk' }) as Record<string, string>), kid: 'one', use: 'sig' };
const jwks = { keys: [publicJwk] };

describe('defaults', () => {
  it('are a confidential web application with code, PKCE and refresh', () => {
    expect(completeOidcSettings('web', { redirectUris })).toMatchObject({
      grantTypes: ['authorization_code', 'refresh_token'], responseTypes: ['code'], tokenEndpointAuthMethod: 'client_secret_basic', requirePkce: true,
      allowedScopes: ['openid', 'profile', 'email', 'phone', 'address', 'offline_access'], subjectType: 'public', idTokenSignedResponseAlg: 'RS256', refreshRotation: 'rotate',
    });
  });
  it.each(['browser', 'native'] as const)('%s applications are public', (kind) => {
    expect(completeOidcSettings(kind, { redirectUris }).tokenEndpointAuthMethod).toBe('none');
  });
  it('a machine has client_credentials and nothing of a person', () => {
    expect(completeOidcSettings('machine', {})).toMatchObject({ grantTypes: ['client_credentials'], responseTypes: [], allowedScopes: [], redirectUris: [] });
  });
  it('null brings a default back, what is not named stays', () => {
    const current = completeOidcSettings('web', { redirectUris, requirePkce: false, accessTokenSeconds: 600, grantTypes: ['authorization_code'] });
    expect(current.allowedScopes).not.toContain('offline_access');
    const after = completeOidcSettings('web', { requirePkce: null, grantTypes: null }, current);
    expect(after).toMatchObject({ requirePkce: true, accessTokenSeconds: 600, grantTypes: ['authorization_code', 'refresh_token'], redirectUris });
  });
  it('answer types follow the grants', () => {
    const current = completeOidcSettings('native', { redirectUris });
    expect(completeOidcSettings('native', { grantTypes: [deviceCodeGrant], redirectUris: [] }, current).responseTypes).toEqual([]);
  });
});

describe('settings that go together', () => {
  it.each<[string, ApplicationKind, OidcSettingsChange]>([
    ['a web application', 'web', { redirectUris }],
    ['one whose software cannot do PKCE', 'web', { redirectUris, requirePkce: false }],
    ['a browser application', 'browser', { redirectUris, allowedOrigins: ['https://app.example.com', 'http://localhost:5173'] }],
    ['one that draws its own sign-in page', 'browser', { redirectUris, embeddedSignIn: { enabled: true, allowedOrigins: ['https://app.example.com'] } }],
    ['a server that does', 'web', { redirectUris, embeddedSignIn: { enabled: true, allowedOrigins: [] } }],
    ['a device without a browser', 'native', { grantTypes: [deviceCodeGrant, 'refresh_token'] }],
    ['a machine', 'machine', {}],
    ['a machine with a key', 'machine', { tokenEndpointAuthMethod: 'private_key_jwt', jwks }],
    ['a machine with a certificate', 'machine', { tokenEndpointAuthMethod: 'tls_client_auth', tlsClientAuthSubjectDn: 'CN=service,O=Example' }],
    ['signed requests', 'web', { redirectUris, requireSignedRequestObject: true, jwksUri: 'https://app.example.com/jwks' }],
    ['pairwise with one host', 'web', { redirectUris, subjectType: 'pairwise' }],
    ['pairwise with two hosts and a sector', 'web', { redirectUris: [...redirectUris, 'https://two.example.com/'], subjectType: 'pairwise', sectorIdentifierUri: 'https://app.example.com/sector.json' }],
    ['bound refresh tokens that stay', 'browser', { redirectUris, dpopBoundAccessTokens: true, refreshRotation: 'keep' }],
    ['a back-channel address in development', 'web', { redirectUris, backchannelLogoutUri: 'http://localhost:5000/logout' }],
  ])('%s', (_what, kind, change) => {
    expect(check(kind, oidcSettingsChangeSchema.parse(change))).toEqual([]);
  });
});

describe('settings that do not', () => {
  it.each<[string, ApplicationKind, OidcSettingsChange, string]>([
    ['code without a redirect URI', 'web', {}, 'redirectUris'],
    ['a sign-in page of nobody', 'browser', { redirectUris, embeddedSignIn: { enabled: true, allowedOrigins: [] } }, 'embeddedSignIn.allowedOrigins'],
    ['one on an origin that is none', 'browser', { redirectUris, embeddedSignIn: { enabled: true, allowedOrigins: ['https://app.example.com/'] } }, 'embeddedSignIn.allowedOrigins.0'],
    ['a sign-in to a machine', 'machine', { embeddedSignIn: { enabled: true, allowedOrigins: [] } }, 'embeddedSignIn.enabled'],
    ['a redirect URI without code', 'native', { grantTypes: [deviceCodeGrant], redirectUris }, 'redirectUris'],
    ['a redirect URI at our address', 'web', { redirectUris: ['https://id.example.com/t/other/cb'] }, 'redirectUris.0'],
    ['the second of two redirect URIs', 'web', { redirectUris: [...redirectUris, 'javascript:alert(1)'] }, 'redirectUris.1'],
    ['a sign-out address at our address', 'web', { redirectUris, postLogoutRedirectUris: ['https://id.example.com/'] }, 'postLogoutRedirectUris.0'],
    ['a machine with a redirect URI', 'machine', { redirectUris }, 'redirectUris'],
    ['a machine with a person\'s scopes', 'machine', { allowedScopes: ['openid'] }, 'allowedScopes'],
    ['a machine with code', 'machine', { grantTypes: ['authorization_code', 'client_credentials'], redirectUris }, 'grantTypes'],
    ['a public machine', 'machine', { tokenEndpointAuthMethod: 'none' }, 'tokenEndpointAuthMethod'],
    ['no grant', 'web', { grantTypes: [] }, 'grantTypes'],
    ['refresh alone', 'web', { grantTypes: ['refresh_token'] }, 'grantTypes'],
    ['offline_access without refresh', 'web', { redirectUris, grantTypes: ['authorization_code'], allowedScopes: ['openid', 'offline_access'] }, 'allowedScopes'],
    ['code without its answer type', 'web', { redirectUris, responseTypes: [] }, 'responseTypes'],
    ['a browser application with a secret', 'browser', { redirectUris, tokenEndpointAuthMethod: 'client_secret_post' }, 'tokenEndpointAuthMethod'],
    ['a public client without PKCE', 'native', { redirectUris, requirePkce: false }, 'requirePkce'],
    ['a public client whose refresh tokens stay', 'browser', { redirectUris, refreshRotation: 'keep' }, 'refreshRotation'],
    ['client_credentials of a public client', 'native', { redirectUris, grantTypes: ['authorization_code', 'client_credentials'], allowedScopes: ['openid'] }, 'tokenEndpointAuthMethod'],
    ['private_key_jwt without keys', 'web', { redirectUris, tokenEndpointAuthMethod: 'private_key_jwt' }, 'jwks'],
    ['signed requests without keys', 'web', { redirectUris, requireSignedRequestObject: true }, 'jwks'],
    ['keys twice', 'web', { redirectUris, jwks, jwksUri: 'https://app.example.com/jwks' }, 'jwksUri'],
    ['a private key', 'web', { redirectUris, jwks: { keys: [{ ...(ec.privateKey.export({ format: 'jwk' }) as Record<string, string>) }] } }, 'jwks'],
    ['a shared key', 'web', { redirectUris, jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, 'jwks'],
    ['a key that is none', 'web', { redirectUris, jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }] } }, 'jwks'],
    ['one kid twice', 'web', { redirectUris, jwks: { keys: [publicJwk, publicJwk] } }, 'jwks'],
    ['a small RSA key', 'web', { redirectUris, jwks: { keys: [{ ...(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' }) as Record<string, string>) }] } }, 'jwks'],
    ['keys over plain http', 'web', { redirectUris, jwksUri: 'http://app.example.com/jwks' }, 'jwksUri'],
    ['a subject without its method', 'web', { redirectUris, tlsClientAuthSubjectDn: 'CN=x' }, 'tlsClientAuthSubjectDn'],
    ['a method without its subject', 'machine', { tokenEndpointAuthMethod: 'tls_client_auth' }, 'tlsClientAuthSubjectDn'],
    ['two ways of binding', 'web', { redirectUris, dpopBoundAccessTokens: true, tlsClientCertificateBoundAccessTokens: true }, 'dpopBoundAccessTokens'],
    ['pairwise with two hosts', 'web', { redirectUris: [...redirectUris, 'https://two.example.com/'], subjectType: 'pairwise' }, 'sectorIdentifierUri'],
    ['pairwise devices', 'native', { grantTypes: [deviceCodeGrant], subjectType: 'pairwise' }, 'subjectType'],
    ['an origin with a path', 'browser', { redirectUris, allowedOrigins: ['https://app.example.com/'] }, 'allowedOrigins.0'],
    ['the null origin', 'browser', { redirectUris, allowedOrigins: ['null'] }, 'allowedOrigins.0'],
    ['every origin', 'browser', { redirectUris, allowedOrigins: ['*'] }, 'allowedOrigins.0'],
    ['a back-channel address over plain http', 'web', { redirectUris, backchannelLogoutUri: 'http://app.example.com/logout' }, 'backchannelLogoutUri'],
    ['a back-channel address with a user name', 'web', { redirectUris, backchannelLogoutUri: 'https://u@app.example.com/logout' }, 'backchannelLogoutUri'],
    ['a start address with a dangerous scheme', 'web', { redirectUris, initiateLoginUri: 'javascript:alert(1)' }, 'initiateLoginUri'],
  ])('%s', (_what, kind, change, field) => {
    expect(check(kind, change).map((error) => error.field)).toContain(`oidc.${field}`);
  });

  it.each<OidcSettingsChange>([
    { tokenEndpointAuthMethod: 'self_signed_tls_client_auth', jwks }, { tlsClientCertificateBoundAccessTokens: true },
  ])('client certificates where no proxy hands them over: %j', (change) => {
    expect(check('web', { redirectUris, ...change }, { ...environment, hasClientCertificates: false })).toHaveLength(1);
  });

  it('says all of it at once', () => {
    expect(check('browser', { redirectUris: ['http://app.example.com/'], requirePkce: false, allowedOrigins: ['x'] })).toHaveLength(3);
  });
});
