/** OAuth 2.0 with an address that tells who the token is for: for providers without OpenID Connect. */
import { z } from 'zod';
import { call, codeOf, need, oauthError, subject, textOf, withQuery, type Body } from './calls.ts';
import type { Connector } from './connector.ts';
import { address, identifier, scopes } from './fields.ts';

const path = z.string().regex(/^[\w-]+(\.[\w-]+){0,4}$/, 'must be names with dots between them: data.user.id');

const settings = z.strictObject({
  clientId: identifier,
  authorizationEndpoint: address, tokenEndpoint: address, userinfoEndpoint: address,
  authentication: z.enum(['client_secret_basic', 'client_secret_post']).default('client_secret_post'),
  scopes: scopes.default([]),
  pkce: z.boolean().default(true),
  fields: z.strictObject({
    subject: path.default('sub'), username: path.default('preferred_username'), displayName: path.default('name'), email: path.default('email'),
    emailVerified: path.nullable().default(null).describe('Where the source says that it has verified the address; null: it does not.'),
  }).prefault({}),
});
type Settings = z.infer<typeof settings>;

export const oauth2: Connector<Settings> = {
  kind: 'oauth2', label: 'OAuth 2.0', settings, secret: 'required',
  secretIsFor: ({ clientId, authorizationEndpoint, tokenEndpoint, userinfoEndpoint }) => [clientId, authorizationEndpoint, tokenEndpoint, userinfoEndpoint],
  async authorizeUrl(_world, { settings: { clientId, authorizationEndpoint, scopes: wanted, pkce } }, { state, redirectUri, codeChallenge }) {
    return withQuery(authorizationEndpoint, {
      client_id: clientId, response_type: 'code', redirect_uri: redirectUri, scope: wanted.length > 0 ? wanted.join(' ') : undefined, state,
      ...(pkce && { code_challenge: codeChallenge, code_challenge_method: 'S256' }) });
  },
  async identify(world, { settings: { clientId, tokenEndpoint, userinfoEndpoint, authentication, pkce, fields }, secret }, arrival) {
    const basic = authentication === 'client_secret_basic';
    const credentials = { client_id: clientId, client_secret: need(secret, 'configuration', 'secret') };
    // RFC 6749 §2.3.1: both are encoded as in a form before they are joined.
    const header = Buffer.from(Object.values(credentials).map(formEncode).join(':')).toString('base64');
    const tokens = await call(world, tokenEndpoint, {
      check: 'code_exchange', errorIn: oauthError, ...(basic && { headers: { authorization: `Basic ${header}` } }),
      form: {
        grant_type: 'authorization_code', code: codeOf(arrival, 'code'), redirect_uri: arrival.redirectUri,
        ...(pkce && { code_verifier: arrival.codeVerifier }), ...(!basic && credentials),
      } });
    const person = await call(world, userinfoEndpoint, {
      check: 'profile', errorIn: oauthError, headers: { authorization: `Bearer ${need(textOf(tokens, 'access_token'), 'code_exchange', 'access_token')}` } });
    const email = textAt(person, fields.email);
    const verified = fields.emailVerified === null ? undefined : valueAt(person, fields.emailVerified);
    return {
      subjects: [subject('sub', need(textAt(person, fields.subject), 'subject', 'subject'))],
      username: textAt(person, fields.username), displayName: textAt(person, fields.displayName),
      email: email === undefined ? undefined : { address: email, verified: verified === true || verified === 'true' },
    };
  },
};

const formEncode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);

function valueAt(body: Body, where: string): unknown {
  return where.split('.').reduce<unknown>((value, name) => (typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Body)[name] : undefined), body);
}

const textAt = (body: Body, where: string) => textOf({ value: valueAt(body, where) }, 'value');
