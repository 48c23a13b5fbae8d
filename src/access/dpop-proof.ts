/** Proofs of possession at our own APIs (RFC 9449 §4.3, §7): a bound token is worth nothing without its key. */
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { Problem } from '../core/errors.ts';
import { sha256 } from '../core/secrets.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { proofRefused } from './errors.ts';

/** Asymmetric only; what clients of our token endpoint may use. */
const proofAlgorithms = ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'];

/** A proof is for now; clocks may differ by as much. */
export const proofLifetimeSeconds = 60;
const longestProof = 8_192;

export interface ProofTarget {
  /** The access token (or flow) that it comes with; undefined: with none, at its beginning. */
  accessToken?: string;
  /** `cnf.jkt` of the token; undefined: any key, to be bound to. */
  thumbprint?: string;
  method: string;
  /** The address that the client called, without query and fragment. */
  url: string;
}

/**
 * Checks the proof and uses it up: it is taken once over all servers. Returns the thumbprint of its key (RFC 7638).
 * @throws Problem 401 invalid_dpop_proof
 */
export async function checkDpopProof(context: InstanceContext, proof: string | undefined, target: ProofTarget): Promise<string> {
  if (proof === undefined || proof.length > longestProof) throw proofRefused('no proof, or one that is too long');
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, { algorithms: proofAlgorithms, typ: 'dpop+jwt', requiredClaims: ['jti', 'htm', 'htu', 'iat', ...(target.accessToken === undefined ? [] : ['ath'])] });
    const { jwk } = protectedHeader;
    const thumbprint = jwk && !('d' in jwk) && !('k' in jwk) ? await calculateJwkThumbprint(jwk) : undefined;
    if (thumbprint === undefined || (target.thumbprint !== undefined && thumbprint !== target.thumbprint)) throw proofRefused('another key than the token is bound to');
    if (payload['htm'] !== target.method || !isSameAddress(payload['htu'], target.url)) throw proofRefused('made for another request');
    if (payload['ath'] !== (target.accessToken === undefined ? undefined : sha256(target.accessToken))) throw proofRefused('made for another token');
    const age = Math.abs(context.now().getTime() / 1000 - (payload.iat ?? 0));
    if (!(age <= proofLifetimeSeconds)) throw proofRefused('too old, or from the future');
    if (typeof payload.jti !== 'string' || payload.jti.length < 8 || payload.jti.length > 200) throw proofRefused('its jti is no unique name');
    await useUp(context, `${thumbprint}\n${payload.jti}`);
    return thumbprint;
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (isJoseError(error)) throw proofRefused(error.message);
    throw error;
  }
}

async function useUp(context: InstanceContext, name: string): Promise<void> {
  const { count } = await context.db.usedProof.createMany({
    data: [{ kind: 'dpop_api', hash: sha256(name), expiresAt: new Date(context.now().getTime() + 3 * proofLifetimeSeconds * 1000) }], skipDuplicates: true,
  });
  if (count === 0) throw proofRefused('used before');
}

function isSameAddress(given: unknown, expected: string): boolean {
  if (typeof given !== 'string' || !URL.canParse(given)) return false;
  const url = new URL(given);
  return `${url.origin}${url.pathname}` === expected;
}

const isJoseError = (error: unknown): error is Error => error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_J') || error instanceof TypeError;
