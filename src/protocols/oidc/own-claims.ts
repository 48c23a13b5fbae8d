/**
 * What an administrator lets an application know of users beside the claims of OpenID Connect (access/application-claims):
 * roles, groups, attributes, under names that only this application has. The library picks claims from one list for all
 * applications, so these go past it, under a symbol that no request can name.
 */
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { applicationClaims } from '../../access/index.ts';
import { requestApplication } from './clients.ts';
import { contextOf } from './request-context.ts';

const ownClaims = Symbol('claims of the application');
type Available = Record<string, unknown> & { [ownClaims]?: Readonly<Record<string, unknown>> };

/** For an access token, at issue: a JWT says them, and introspection of an opaque one. */
export const accessTokenClaims = (ctx: KoaContextWithOIDC, userId: string): Promise<Readonly<Record<string, unknown>> | undefined> =>
  applicationClaims(contextOf(ctx), requestApplication(ctx), userId, 'access_token');

/** Adds them to the claims of an account; the very same object where the application has none. */
export async function withOwnClaims<Claims extends object>(ctx: KoaContextWithOIDC, claims: Claims, use: string, userId: string): Promise<Claims> {
  if (use !== 'id_token' && use !== 'userinfo') return claims;
  const own = await applicationClaims(contextOf(ctx), requestApplication(ctx), userId, use);
  return own ? { ...claims, [ownClaims]: own } : claims;
}

/** Lets them pass the library's choice. A claim of the protocol always wins. */
export function letOwnClaimsPass(provider: Provider): void {
  const { prototype } = (provider as unknown as { Claims: { prototype: { available: Available; result(): Promise<Record<string, unknown>> } } }).Claims;
  const { result } = prototype;
  prototype.result = async function resultWithOwnClaims(this: typeof prototype) {
    const chosen = await result.call(this);
    const own = this.available[ownClaims];
    return own ? { ...own, ...chosen } : chosen;
  };
}
