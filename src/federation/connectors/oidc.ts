/** OpenID Connect, for any provider and as the base of vendors that speak it. The checks are openid-client's (OpenID Connect Core §3.1.3.7). */
import { LRUCache } from 'lru-cache';
import * as client from 'openid-client';
import { z } from 'zod';
import type { Outbound } from '../../core/outbound.ts';
import { need, shortCode, subject, withQuery } from './calls.ts';
import { type Arrival, type ConnectedSource, type Connector, ConnectorFailure, type Departure, type OutsideIdentity, type World } from './connector.ts';
import { address, identifier, scopes } from './fields.ts';

/** One provider, as openid-client wants to know it. */
export interface Provider {
  readonly issuer: string;
  readonly clientId: string;
  readonly secret: string | undefined;
  readonly authentication: 'client_secret_basic' | 'client_secret_post' | 'none';
  readonly scopes: readonly string[];
  readonly pkce: boolean;
}

export type Claims = Readonly<Record<string, unknown>>;

const discoveryTtlMs = 10 * 60_000;
const timeoutSeconds = 8;

/** Discovered providers, each outbound door its own: two servers share none. */
const known = new WeakMap<Outbound, LRUCache<string, Promise<client.Configuration>>>();

/** @throws ConnectorFailure */
async function configurationOf(world: World, source: ConnectedSource<unknown>, provider: Provider): Promise<client.Configuration> {
  let cache = known.get(world.outbound);
  if (!cache) known.set(world.outbound, cache = new LRUCache({ max: 500, ttl: discoveryTtlMs }));
  // A secret that is made anew each time (Apple) gets a configuration of its own.
  const key = `${source.id}/${source.version}/${provider.issuer}/${provider.clientId}`;
  const cached = cache.get(key);
  if (cached) return cached;
  const begun = discover(world, provider);
  cache.set(key, begun);
  begun.catch(() => { cache.delete(key); });
  return begun;
}

async function discover(world: World, provider: Provider): Promise<client.Configuration> {
  const authentication = provider.authentication === 'none' ? client.None()
    : provider.authentication === 'client_secret_post' ? client.ClientSecretPost(provider.secret ?? '') : client.ClientSecretBasic(provider.secret ?? '');
  // Plain http is for this computer only (fields.ts); the door out says what may be called.
  const isLocal = provider.issuer.startsWith('http:');
  try {
    return await client.discovery(new URL(provider.issuer), provider.clientId, { [client.clockTolerance]: 60 }, authentication, {
      [client.customFetch]: boundedFetch(world), timeout: timeoutSeconds,
      // The signature is checked although the token comes over TLS: its key is what others are refused by.
      execute: [client.enableNonRepudiationChecks, ...(isLocal ? [client.allowInsecureRequests] : [])],
    });
  } catch (error) {
    throw failureOf(error, 'discovery');
  }
}

const boundedFetch = (world: World): client.CustomFetch => {
  const fetchThroughDoor = world.outbound.asFetch('identity-source');
  return (url, options) => fetchThroughDoor(url, options as RequestInit);
};

export async function oidcAuthorizeUrl(world: World, source: ConnectedSource<unknown>, provider: Provider, departure: Departure, more: Readonly<Record<string, string | undefined>> = {}): Promise<URL> {
  const configuration = await configurationOf(world, source, provider);
  const endpoint = need(configuration.serverMetadata().authorization_endpoint, 'discovery', 'authorization_endpoint');
  return withQuery(endpoint, {
    client_id: provider.clientId, response_type: 'code', redirect_uri: departure.redirectUri, scope: provider.scopes.join(' '),
    state: departure.state, nonce: departure.nonce, login_hint: departure.loginHint, ui_locales: departure.locale,
    ...(provider.pkce && { code_challenge: departure.codeChallenge, code_challenge_method: 'S256' }), ...more });
}

/** The claims of the ID token, with those of userinfo where it lacks an address. @throws ConnectorFailure */
export async function oidcClaims(world: World, source: ConnectedSource<unknown>, provider: Provider, arrival: Arrival, options: { userinfo?: boolean; exchange?: Readonly<Record<string, string>> } = {}): Promise<Claims> {
  const { error } = arrival.parameters;
  if (error !== undefined) throw new ConnectorFailure(['access_denied', 'user_cancelled_authorize'].includes(error) ? 'refused_by_person' : 'answer', shortCode(error));
  const configuration = await configurationOf(world, source, provider);
  const answer = withQuery(arrival.redirectUri, Object.fromEntries(['code', 'state', 'iss'].map((name) => [name, arrival.parameters[name]])));
  try {
    const tokens = await client.authorizationCodeGrant(configuration, answer, {
      expectedState: arrival.state, expectedNonce: arrival.nonce, idTokenExpected: true, ...(provider.pkce && { pkceCodeVerifier: arrival.codeVerifier }),
    }, options.exchange);
    const claims = tokens.claims();
    if (!claims || textClaim(claims, 'sub') === undefined) throw new ConnectorFailure('id_token', 'missing');
    const asks = options.userinfo === true && claims['email'] === undefined && configuration.serverMetadata().userinfo_endpoint !== undefined;
    // openid-client refuses an answer about another subject (OpenID Connect Core §5.3.2).
    return asks ? { ...await client.fetchUserInfo(configuration, tokens.access_token, claims.sub), ...claims } : claims;
  } catch (error) {
    throw failureOf(error, 'id_token');
  }
}

function failureOf(error: unknown, check: 'discovery' | 'id_token'): unknown {
  if (error instanceof ConnectorFailure) return error;
  if (error instanceof client.ResponseBodyError) return new ConnectorFailure('code_exchange', shortCode(error.error));
  if (error instanceof client.AuthorizationResponseError) return new ConnectorFailure('answer', shortCode(error.error));
  if (!(error instanceof Error)) return error;
  // What the door out said lies under what the library made of it.
  for (let cause: unknown = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1) {
    if (cause.name === 'OutboundBlocked') return new ConnectorFailure('unreachable', 'address_blocked');
    if (cause.name === 'OutboundFailed' && 'failure' in cause) return new ConnectorFailure('unreachable', String(cause.failure).replaceAll(' ', '_'));
    if (cause.name === 'TimeoutError') return new ConnectorFailure('unreachable', 'timeout');
  }
  const code = 'code' in error && typeof error.code === 'string' ? shortCode(error.code) : 'unknown';
  return new ConnectorFailure(check, code);
}

export const textClaim = (claims: Claims, name: string): string | undefined => {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof value === 'string' && value !== '' && value.length <= 1_000 ? value : undefined;
};

/** Absent is not verified. Some print the boolean as text; any other value, or other case, says nothing. */
export const isTrue = (value: unknown): boolean => value === true || value === 'true';

/** OpenID Connect Core §5.1. */
export function standardIdentity(claims: Claims, key: string): OutsideIdentity {
  const email = textClaim(claims, 'email');
  const phone = textClaim(claims, 'phone_number');
  const amr = claims['amr'];
  return {
    subjects: [key],
    username: textClaim(claims, 'preferred_username'), displayName: textClaim(claims, 'name'),
    givenName: textClaim(claims, 'given_name'), familyName: textClaim(claims, 'family_name'), locale: textClaim(claims, 'locale'),
    email: email === undefined ? undefined : { address: email, verified: isTrue(claims['email_verified']) },
    phone: phone === undefined ? undefined : { number: phone, verified: isTrue(claims['phone_number_verified']) },
    acr: textClaim(claims, 'acr'),
    amr: Array.isArray(amr) ? amr.filter((value): value is string => typeof value === 'string').slice(0, 20) : undefined,
  };
}

const settings = z.strictObject({
  issuer: address.describe('Its configuration is read from `{issuer}/.well-known/openid-configuration`.'),
  clientId: identifier,
  authentication: z.enum(['client_secret_basic', 'client_secret_post', 'none']).default('client_secret_basic'),
  scopes: scopes.default(['openid', 'profile', 'email']).refine((list) => list.includes('openid'), 'must have openid'),
  pkce: z.boolean().default(true),
});
type Settings = z.infer<typeof settings>;

const providerOf = ({ settings: { issuer, clientId, authentication, scopes: wanted, pkce }, secret }: ConnectedSource<Settings>): Provider =>
  ({ issuer, clientId, secret, authentication, scopes: wanted, pkce });

export const oidc: Connector<Settings> = {
  kind: 'oidc', label: 'OpenID Connect', settings, secret: 'optional',
  secretIsFor: ({ issuer, clientId, authentication }) => [issuer, clientId, authentication],
  authorizeUrl: (world, source, departure) => oidcAuthorizeUrl(world, source, providerOf(source), departure),
  async identify(world, source, arrival) {
    const claims = await oidcClaims(world, source, providerOf(source), arrival, { userinfo: true });
    return standardIdentity(claims, subject('sub', need(textClaim(claims, 'sub'), 'subject', 'sub')));
  },
};
