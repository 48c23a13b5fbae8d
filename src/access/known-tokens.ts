/**
 * Tokens whose signature was checked a moment ago. A caller sends the same one with each request, and checking it again
 * costs more than all else of a decision (ES256: about 100 µs, a third of the request). Kept by the whole text, so another
 * signature or claim is another token; what can change meanwhile (time, keys, addresses) is asked each time.
 */
import { LRUCache } from 'lru-cache';
import { perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { VerifiedToken } from './bearer.ts';

export interface KnownToken {
  readonly verified: VerifiedToken;
  readonly instanceId: string;
  readonly issuer: string;
  readonly audience: string;
  readonly keyId: string;
  readonly algorithm: string;
  /** The very key that verified it: keys that are read anew are other ones. */
  readonly key: CryptoKey;
  /** Seconds since 1970 (RFC 7519 §4.1.4, §4.1.5). */
  readonly expiresAt: number;
  readonly notBefore: number;
}

/** A token takes about 1.5 KB. */
const tokensOf = perCore(() => new LRUCache<string, KnownToken>({ max: 2_000 }));

/** What is known of the token at this audience and time; whether its key still holds is for the caller to ask. */
export function findKnownToken({ core, instance, now }: InstanceContext, token: string, audience: string): KnownToken | undefined {
  const known = tokensOf(core).get(token);
  if (!known || known.instanceId !== instance.id || known.issuer !== instance.issuer || known.audience !== audience) return undefined;
  const seconds = Math.floor(now().getTime() / 1_000);
  return seconds < known.expiresAt && seconds >= known.notBefore ? known : undefined;
}

export function rememberToken({ core }: InstanceContext, token: string, known: KnownToken): void {
  tokensOf(core).set(token, known);
}
