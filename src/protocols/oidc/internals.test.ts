/** Fails when an upgrade of oidc-provider moves what internals.ts, clients.ts and interactions.ts hold on to. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import als from 'oidc-provider/lib/helpers/als.js';
import clientAuthentication from 'oidc-provider/lib/shared/client_auth.js';
import internalsOf from 'oidc-provider/lib/helpers/weak_cache.js';
import { Provider } from './library.ts';

const folder = path.dirname(createRequire(import.meta.url).resolve('oidc-provider/package.json'));
const source = (file: string) => readFileSync(path.join(folder, 'lib', file), 'utf8');
const quietly = () => new Provider('https://id.example.com', {
  jwks: { keys: [{ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', x: 'ySK38C1jBdLwDsNWKzzBHqKYEE5Cgv-qjWvorUXk9fw', y: '_LeQBw07cf5t57Iavn4j-BqJsAD1dpoz8gokd3sBsOo', d: 'tM8a8Xt1iYOyYb7sYYrBrGnUN0o4B0yTfAG4hJ3zRQI' }] },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  adapter: () => ({ upsert: async () => undefined, find: async () => undefined, findByUid: async () => undefined, findByUserCode: async () => undefined, consume: async () => undefined, destroy: async () => undefined, revokeByGrantId: async () => undefined }),
  features: { devInteractions: { enabled: false }, clientCredentials: { enabled: true }, introspection: { enabled: true } },
});

describe('oidc-provider, as we know it', () => {
  it('is the version that was read', () => {
    expect((JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string }).version).toBe('9.13.3');
  });

  it('keeps grant handlers and response modes in maps that are read at each request', () => {
    const { grantTypeHandlers, responseModes } = internalsOf(quietly());
    expect([...grantTypeHandlers.keys()]).toEqual(expect.arrayContaining(['authorization_code', 'refresh_token', 'client_credentials']));
    expect(responseModes.has('form_post')).toBe(true);
    expect(source('actions/token.js')).toContain('await grantTypeHandlers.get(grantType)(ctx);');
    for (const file of ['actions/authorization/respond.js', 'shared/authorization_error_handler.js']) expect(source(file)).toMatch(/instance\((ctx\.oidc\.provider|provider)\)\.responseModes\.get\(/);
  });

  it('asks Client.find of the provider wherever it needs a client', () => {
    for (const file of ['shared/client_auth.js', 'actions/authorization/client.js', 'shared/access_token.js', 'actions/introspection.js']) expect(source(file)).toMatch(/provider\.Client\.find\(/);
  });

  it('authenticates clients in the last of three steps, which needs no more than a context made by hand', async () => {
    expect(clientAuthentication).toHaveLength(3);
    const provider = quietly() as unknown as { createContext: unknown; OIDCContext: unknown };
    expect([typeof provider.createContext, typeof provider.OIDCContext]).toEqual(['function', 'function']);
    expect(source('shared/client_auth.js')).toContain('export default [rejectClientAuthDupes, setWWWAuthenticateHeader, authenticateClient];');
    expect(source('helpers/oidc_context.js')).toContain('this.route = ctx._matchedRouteName;');
    expect(als.getStore()).toBeUndefined();
  });

  it('compares secrets through the client alone', () => {
    expect(source('shared/client_auth.js')).toContain('ctx.oidc.client.compareClientSecret(clientSecret)');
    expect(source('models/client.js')).toContain('constantEquals(this.clientSecret, actual, 1000)');
  });

  it('finds tokens through AccessToken.find before anything else at introspection and revocation', () => {
    expect(source('helpers/token_find.js').match(/provider\.AccessToken\.find\(tokenValue\)/g)).toHaveLength(3);
    for (const file of ['actions/introspection.js', 'actions/revocation.js']) expect(source(file)).toContain('await findToken(provider,');
  });

  it('checks one-time names through ReplayDetection.unique', () => {
    for (const file of ['shared/jwt_client_auth.js', 'helpers/validate_dpop.js']) expect(source(file)).toMatch(/ReplayDetection\.unique\(/);
  });

  it('reads the level of a session through one getter', () => {
    expect(source('helpers/oidc_context.js')).toContain('return this.session.acr;');
    expect(source('helpers/process_response_types.js')).toContain('acr: ctx.oidc.acr');
  });

  it('chooses claims in Claims.result, from what the account gave', () => {
    expect((quietly() as unknown as { Claims: { prototype: { result: unknown } } }).Claims.prototype.result).toBeTypeOf('function');
    expect(source('helpers/claims.js')).toContain('this.available = available;');
    for (const file of ['models/id_token.js', 'actions/userinfo.js']) expect(source(file)).toMatch(/new (ctx\.oidc\.)?provider\.Claims\(/);
    expect(source('helpers/account_claims.js')).toContain('...await ctx.oidc.account.claims(use, scope, claims, rejected)');
    expect(source('models/formats/jwt.js')).toMatch(/const tokenPayload = \{\s+\.\.\.extra,/);
  });

  it('resumes through Interaction.find, after the session was read', () => {
    expect(source('actions/authorization/resume.js')).toContain('await ctx.oidc.provider.Interaction.find(cookieId)');
    const stack = source('actions/authorization/index.js');
    expect(stack.indexOf('use(sessionMiddleware')).toBeLessThan(stack.indexOf('use(getResume'));
  });

  it('calls retire before it writes the new session token, and knows the old one', () => {
    expect(source('models/session.js')).toMatch(/if \(this\.oldId\) \{\s+await this\.adapter\.destroy\(this\.oldId\);/);
  });
});
