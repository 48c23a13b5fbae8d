/** Files of oidc-provider that we name one by one (library.ts, internals.ts); the version is pinned. */
declare module 'oidc-provider/lib/provider.js' {
  import Provider from 'oidc-provider';
  export { Provider };
}

declare module 'oidc-provider/lib/helpers/errors.js' {
  import { errors } from 'oidc-provider';
  export = errors;
}

declare module 'oidc-provider/lib/helpers/interaction_policy/index.js' {
  import { interactionPolicy } from 'oidc-provider';
  export = interactionPolicy;
}

declare module 'oidc-provider/lib/helpers/als.js' {
  import type { AsyncLocalStorage } from 'node:async_hooks';
  import type { KoaContextWithOIDC } from 'oidc-provider';
  const als: AsyncLocalStorage<KoaContextWithOIDC>;
  export default als;
}

declare module 'oidc-provider/lib/shared/client_auth.js' {
  import type { KoaContextWithOIDC } from 'oidc-provider';
  /** Refuses doubled parameters, writes the challenge, authenticates. */
  const clientAuthentication: readonly ((context: KoaContextWithOIDC, next: () => Promise<void>) => Promise<void>)[];
  export default clientAuthentication;
}

declare module 'oidc-provider/lib/helpers/weak_cache.js' {
  import type Provider from 'oidc-provider';
  import type { KoaContextWithOIDC } from 'oidc-provider';

  export interface ProviderInternals {
    grantTypeHandlers: Map<string, (context: KoaContextWithOIDC) => Promise<void>>;
    responseModes: Map<string, (context: KoaContextWithOIDC, redirectUri: string, payload: Record<string, unknown>) => unknown>;
  }
  export default function instance(provider: Provider): ProviderInternals;
}
