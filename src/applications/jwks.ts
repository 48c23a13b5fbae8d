/** Public keys that applications register. */
import { createPublicKey, type JsonWebKeyInput } from 'node:crypto';
import type { JwkSet } from './oidc-settings.ts';

/** Members that only a private or shared key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1; RFC 8037 §2). */
const secretMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'];

/** Says what is wrong with a key set; undefined: all are public keys that signatures can be checked with. */
export function rejectPublicKeys({ keys }: JwkSet): string | undefined {
  const ids = keys.flatMap((key) => key['kid'] ?? []);
  if (new Set(ids).size < ids.length) return 'must not have two keys with one kid';
  for (const [place, jwk] of keys.entries()) {
    const secret = secretMembers.find((member) => Object.hasOwn(jwk, member));
    if (secret) return `must hold public keys only, but key ${place} has the member "${secret}": it may be known to others now, make a new one`;
    const wrong = rejectPublicKey(jwk as JsonWebKeyInput['key']);
    if (wrong) return `key ${place} ${wrong}`;
  }
  return undefined;
}

function rejectPublicKey(jwk: JsonWebKeyInput['key']): string | undefined {
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig' && jwk['use'] !== 'enc') return 'has a use other than sig or enc';
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const bits = key.asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < 2048 ? `has ${bits} bits; RSA keys need 2048 (RFC 7518 §3.3)` : undefined;
  } catch {
    return 'is not an RSA, EC or OKP key (RFC 7517)';
  }
}
