import { hash, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * SHA-256 as base64url. Enough for values with the entropy of `randomToken` (client secrets,
 * opaque tokens, set-up links); passwords need `password-hashing.ts`.
 */
export function sha256(value: string | Uint8Array): string {
  return hash('sha256', value, 'base64url');
}

/**
 * Compares without telling by its duration where two values differ. Values of unequal length are hashed first, so that
 * they neither throw nor answer sooner; that their lengths differ is no secret where secrets have one length.
 */
export function constantTimeEqual(left: string | Uint8Array, right: string | Uint8Array): boolean {
  const [first, second] = [Buffer.from(left), Buffer.from(right)];
  if (first.byteLength === second.byteLength) return timingSafeEqual(first, second);
  timingSafeEqual(hash('sha256', first, 'buffer'), hash('sha256', second, 'buffer'));
  return false;
}

/** A random base64url text of `bytes` bytes of entropy; 32 by default (RFC 6819 §5.1.4.2.2 asks for 16). */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}
