/** Users as the subject of tokens: who may still use theirs, and the claims of OpenID Connect Core §5.1. */
import type { Account, ClaimsParameterMember, KoaContextWithOIDC } from 'oidc-provider';
import { isAssigned } from '../../authentication/index.ts';
import { findUserById, isUserUsable, type User } from '../../directory/index.ts';
import { requestApplication } from './clients.ts';
import { withOwnClaims } from './own-claims.ts';
import { contextOf } from './request-context.ts';
import { mayHaveTokens, type TokenSource } from './token-access.ts';

/** Finds the account of a session or token. Undefined (every door refuses): gone, disabled, locked or expired, or shut out of the application. */
export async function findAccount(ctx: KoaContextWithOIDC, userId: string, token?: unknown): Promise<Account | undefined> {
  const context = contextOf(ctx);
  if (!(await isUserUsable(context, userId))) return undefined;
  if (ctx.oidc.route === 'token' && !(await mayHaveTokens(ctx, userId, token as TokenSource | undefined))) return undefined;
  if (ctx.oidc.route === 'userinfo' && !(await isAssigned(context, requestApplication(ctx).id, userId))) return undefined;
  return {
    accountId: userId,
    async claims(use: string, scope: string, claims: Record<string, ClaimsParameterMember | null>) {
      const user = needsUser(ctx, use, scope, Object.keys(claims)) ? await findUserById(context, userId) : undefined;
      return withOwnClaims(ctx, { sub: userId, ...(user && userClaims(user)) }, use, userId);
    },
  };
}

/**
 * An ID token beside an access token for userinfo carries no profile (OpenID Connect Core §5.4), unless claims were
 * asked for by name: then the directory need not be read.
 */
function needsUser(ctx: KoaContextWithOIDC, use: string, scope: string, claims: string[]): boolean {
  if (claims.some((claim) => !['sub', 'acr', 'amr', 'auth_time', 'sid'].includes(claim))) return true;
  const accessToken = ctx.oidc.entities.AccessToken;
  if (use === 'id_token' && accessToken && accessToken.aud === undefined) return false;
  return scope.split(' ').some((name) => name !== 'openid' && name !== 'offline_access');
}

/** The claims of a user; what is not known is left out. */
export function userClaims(user: User): Record<string, unknown> {
  const claims: Record<string, unknown> = {
    name: user.displayName,
    given_name: user.givenName,
    family_name: user.familyName,
    preferred_username: user.username,
    locale: user.locale,
    zoneinfo: user.timeZone,
    updated_at: Math.floor(user.updatedAt.getTime() / 1000),
    email: user.email,
    email_verified: user.email === null ? null : user.emailVerified,
    phone_number: user.phone,
    phone_number_verified: user.phone === null ? null : user.phoneVerified,
  };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null && value !== undefined));
}
