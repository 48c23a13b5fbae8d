import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * SHA-256 as base64url. Enough for values with the entropy of `randomToken` (client secrets,
 * opaque tokens, set-up links); passwords need `password-hashing.ts`.
 */
export function sha256(value: string | Uint8Array): string {
  return createHash('sha256').update(value).digest('base64url');
}

/**
 * Compares without telling by its duration where two values differ. Both sides are hashed first,
 * so that unequal lengths neither throw nor answer sooner.
 */
export function constantTimeEqual(left: string | Uint8Array, right: string | Uint8Array): boolean {
  return timingSafeEqual(
    createHash('sha256').update(left).digest(),
    createHash('sha256').update(right).digest(),
  );
}

/** A random base64url text of `bytes` bytes of entropy; 32 by default (RFC 6819 §5.1.4.2.2 asks for 16). */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url');
}
