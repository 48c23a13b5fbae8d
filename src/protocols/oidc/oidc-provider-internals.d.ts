/** The part of oidc-provider's internals that we reach into (see internals.ts, which guards it). */
declare module 'oidc-provider/lib/helpers/weak_cache.js' {
  import type Provider from 'oidc-provider';
  import type { KoaContextWithOIDC } from 'oidc-provider';

  export interface ProviderInternals {
    grantTypeHandlers: Map<string, (context: KoaContextWithOIDC) => Promise<void>>;
    responseModes: Map<string, (context: KoaContextWithOIDC, redirectUri: string, payload: Record<string, unknown>) => unknown>;
  }
  export default function instance(provider: Provider): ProviderInternals;
}
