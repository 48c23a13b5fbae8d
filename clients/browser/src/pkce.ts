import { encode } from './base64url.ts';

/** RFC 7636: only who began the flow can exchange its code. Needs a secure context (https, or localhost). */
export async function createPkce(): Promise<{ verifier: string; challenge: string }> {
  const verifier = encode(crypto.getRandomValues(new Uint8Array(32)));
  return { verifier, challenge: encode(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))) };
}
