/**
 * Where we reach into oidc-provider, whose version is pinned for this reason: internals.test.ts fails when any of it
 * moves. All else goes through its public interface.
 */
import type Provider from 'oidc-provider';
import type { KoaContextWithOIDC } from 'oidc-provider';
import { decodeProtectedHeader } from 'jose';
import internalsOf from 'oidc-provider/lib/helpers/weak_cache.js';
import { sha256 } from '../../core/secrets.ts';
import { recordsOf } from './adapter.ts';
import { answerByFormPost } from './pages.ts';
import { requestedAcrValues } from './policy.ts';
import { letOwnClaimsPass } from './own-claims.ts';
import { limitApplication } from './rate-limit.ts';
import { rejectForeignNetwork } from './token-access.ts';
import { contextOf, currentProviderContext } from './request-context.ts';
import { requestedAcr } from './tokens.ts';
import type { InstanceContext } from '../../tenancy/index.ts';

export function adaptInternals(provider: Provider, instance: InstanceContext): void {
  limitGrants(provider);
  limitTokenLookups(provider);
  useProofsOnce(provider, instance);
  nameLevels(provider);
  takeIdTokensOnly(provider);
  keepNothingOfStrangers(provider);
  letOwnClaimsPass(provider);
  internalsOf(provider).responseModes.set('form_post', answerByFormPost);
}

/** A grant handler is the first code of the token endpoint after client authentication. */
function limitGrants(provider: Provider): void {
  const { grantTypeHandlers } = internalsOf(provider);
  for (const [grantType, handle] of grantTypeHandlers) {
    grantTypeHandlers.set(grantType, async (ctx) => {
      await limitApplication(ctx);
      await rejectForeignNetwork(ctx);
      return handle(ctx);
    });
  }
}

/** The same for introspection and revocation: both begin with a look-up. */
function limitTokenLookups(provider: Provider): void {
  const { AccessToken } = provider;
  const find = AccessToken.find.bind(AccessToken) as (...args: unknown[]) => Promise<never>;
  AccessToken.find = (async (...args: unknown[]) => {
    const ctx = currentProviderContext();
    if (ctx?.oidc.route === 'introspection' || ctx?.oidc.route === 'revocation') {
      await limitApplication(ctx);
      await rejectForeignNetwork(ctx);
    }
    return find(...args);
  }) as typeof AccessToken.find;
}

/** The library looks and then writes; two servers would both find nothing. Inserting is using. */
function useProofsOnce(provider: Provider, instance: InstanceContext): void {
  const records = recordsOf(instance.core);
  const { ReplayDetection } = provider as unknown as { ReplayDetection: { unique(issuer: string, jti: string, exp: number): Promise<boolean> } };
  ReplayDetection.unique = (issuer, jti, exp) => records.useProof({
    instanceId: instance.instance.id, kind: 'jti', hash: sha256(JSON.stringify([issuer, jti])), expiresAt: new Date(exp * 1000),
  });
}

/** Sessions know our levels; an application hears its own name for them. */
function nameLevels(provider: Provider): void {
  const { OIDCContext } = provider as unknown as { OIDCContext: { prototype: object } };
  Object.defineProperty(OIDCContext.prototype, 'acr', {
    configurable: true,
    get(this: KoaContextWithOIDC['oidc'] & { ctx: KoaContextWithOIDC }) {
      return requestedAcr(contextOf(this.ctx), this.session?.acr, requestedAcrValues(this.ctx));
    },
  });
}

/**
 * A hint is an ID token (OpenID Connect Core §3.1.2.1). Logout tokens have the same issuer, audience, subject and key,
 * and lie at applications for longer than a moment: only their type tells them apart (RFC 8725 §3.11).
 */
function takeIdTokensOnly(provider: Provider): void {
  const { IdToken } = provider as unknown as { IdToken: { validate(token: string, client: unknown): Promise<{ payload: Record<string, unknown> }> } };
  const validate = IdToken.validate.bind(IdToken);
  IdToken.validate = async (token, client) => {
    const { typ = 'JWT' } = decodeProtectedHeader(token);
    if (typ.toUpperCase() !== 'JWT') throw new Error('not an ID token');
    return validate(token, client);
  };
}

/**
 * An error at the device page puts a form secret into a session that was never saved when the browser came without
 * one, and the library then fails to save it. There is nothing to keep: pages.ts shows no form there.
 */
function keepNothingOfStrangers(provider: Provider): void {
  const { prototype } = provider.Session as unknown as { prototype: { exp?: number; persist(): Promise<unknown> } };
  const { persist } = prototype;
  prototype.persist = async function persistIfKnown(this: typeof prototype) {
    return typeof this.exp === 'number' ? persist.call(this) : undefined;
  };
}
