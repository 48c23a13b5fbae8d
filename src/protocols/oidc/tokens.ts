/** Lifetimes of tokens, and what they say of the sign-in behind them. */
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { acrName, claimsFromHooks, type Level } from '../../authentication/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { applicationOf, type Client, requestApplication } from './clients.ts';
import { accessTokenClaims } from './own-claims.ts';
import { errors } from './library.ts';
import { contextOf } from './request-context.ts';
import { initialAccessTokenSeconds } from './registration.ts';

/** A page for people lives as long as its flow. */
const interactionSeconds = 3_600;
/** Longer than any session or refresh token: a grant ends with what it stands for. */
export const grantSeconds = 400 * 86_400;

interface ResourceBound { readonly resourceServer?: { readonly accessTokenTTL?: number | undefined } | undefined }

/** Lifetimes in seconds: the application's, else the API's, else the instance's. */
export function lifetimes(instance: InstanceContext): NonNullable<Configuration['ttl']> {
  const { tokens } = instance.instance.settings;
  const accessToken = (_ctx: unknown, token: ResourceBound, client: Client) =>
    token.resourceServer?.accessTokenTTL ?? applicationOf(client).settings.accessTokenSeconds ?? tokens.accessTokenSeconds;
  return {
    AccessToken: accessToken,
    ClientCredentials: accessToken,
    AuthorizationCode: tokens.authorizationCodeSeconds,
    DeviceCode: tokens.deviceCodeSeconds,
    Grant: grantSeconds,
    IdToken: (_ctx, _token, client) => applicationOf(client as Client).settings.idTokenSeconds ?? tokens.idTokenSeconds,
    Interaction: interactionSeconds,
    // Rotation does not prolong a public client's token for ever (RFC 9700 §2.2.2).
    RefreshToken: (ctx, token, client) => {
      const rotated = ctx.oidc.entities.RotatedRefreshToken;
      if (rotated && client.clientAuthMethod === 'none' && !token.isSenderConstrained()) return Math.max(1, rotated.remainingTTL);
      return applicationOf(client as Client).settings.refreshTokenSeconds ?? tokens.refreshTokenSeconds;
    },
    // Ours says when it ends; without an account there is only a form under way.
    Session: (_ctx, session) => (session.accountId !== undefined && session.exp ? Math.max(1, session.exp - Math.floor(Date.now() / 1000)) : interactionSeconds),
    InitialAccessToken: initialAccessTokenSeconds,
    RegistrationAccessToken: grantSeconds,
  };
}

/**
 * What access tokens say beside the standard's claims: how strong and how fresh the sign-in was (RFC 9068 §2.2.1,
 * RFC 9470), and what the application is let know of the user (RFC 9068 §2.2.3.1).
 */
export async function extraTokenClaims(ctx: KoaContextWithOIDC | undefined, token: { kind: string; scope?: string | undefined; accountId?: string | undefined; sessionUid?: string | undefined; expiresWithSession?: boolean | undefined; aud?: unknown }): Promise<Record<string, unknown> | undefined> {
  if (!ctx || token.kind !== 'AccessToken') return undefined;
  const source = ctx.oidc.entities.AuthorizationCode ?? ctx.oidc.entities.RefreshToken ?? ctx.oidc.entities.DeviceCode;
  if (!source) return undefined;
  return {
    ...(token.accountId !== undefined && await hookClaims(ctx, token.accountId, token)), // first: none of them replaces what we say
    ...(token.accountId !== undefined && await accessTokenClaims(ctx, token.accountId)),
    ...(source.acr !== undefined && { acr: source.acr }),
    ...(source.amr !== undefined && { amr: source.amr }),
    ...(source.authTime !== undefined && { auth_time: source.authTime }),
    // Our own APIs refuse a token when its session has ended; the id is worthless to anybody else.
    ...(token.expiresWithSession && token.sessionUid !== undefined && token.aud !== undefined && { sid: token.sessionUid }),
  };
}

/** What flow webhooks add. @throws InvalidGrant when one of them refuses the token */
async function hookClaims(ctx: KoaContextWithOIDC, userId: string, token: { scope?: string | undefined; aud?: unknown }): Promise<Readonly<Record<string, unknown>>> {
  const application = requestApplication(ctx);
  const claims = await claimsFromHooks(contextOf(ctx), {
    userId, application, scopes: token.scope?.split(' ') ?? [], audience: [token.aud].flat().filter((each) => typeof each === 'string'), grantType: String(ctx.oidc.params?.['grant_type'] ?? '') });
  if (!claims) throw new errors.InvalidGrant('the token was refused by a rule of the instance');
  return claims;
}

/** The level of the session in the words that the application asked with. */
export function requestedAcr(context: InstanceContext, level: string | undefined, acrValues: readonly string[]): string | undefined {
  return level === undefined ? undefined : acrName(context, level as Level, acrValues);
}
