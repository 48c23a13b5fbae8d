/** Whether the maker of an authenticator vouches for it, and whether the policy of the instance takes it. */
import type { InstanceContext } from '../../tenancy/index.ts';
import { leadsTo, readCertificate } from './certificates.ts';
import { decodeAttestationObject, isoCBOR } from './library.ts';
import { findModel, type Model } from './metadata.ts';

/** Statements whose trust can be decided by their certificates alone. */
const checkable = new Set(['packed', 'tpm', 'apple', 'fido-u2f']);

/** Reported of models that must not be trusted any more (FIDO MDS §3.1.4). */
const compromised = new Set(['USER_VERIFICATION_BYPASS', 'ATTESTATION_KEY_COMPROMISE', 'USER_KEY_REMOTE_COMPROMISE', 'USER_KEY_PHYSICAL_COMPROMISE', 'REVOKED']);

export interface Statement {
  /** To be checked in its place. */
  readonly attestationObject: string;
  /** DER, leaf first; empty: nobody vouches. */
  readonly certificates: readonly Uint8Array[];
}

/**
 * What is to be checked of an attestation object. Where nobody asked for a statement, or it is of a kind that proves
 * nothing to us, it is left out as browsers do (WebAuthn §5.1.3, "none"). @throws when it is no attestation object
 */
export function readStatement(context: InstanceContext, attestationObject: string): Statement {
  const decoded = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, 'base64url')));
  const isAsked = context.instance.settings.passkeys.attestation !== 'none';
  if (isAsked && checkable.has(decoded.get('fmt'))) return { attestationObject, certificates: decoded.get('attStmt').get('x5c') ?? [] };
  const bare = isoCBOR.encode(new Map<string, string | Uint8Array | Map<string, string>>([['fmt', 'none'], ['attStmt', new Map<string, string>()], ['authData', decoded.get('authData')]]));
  return { attestationObject: Buffer.from(bare).toString('base64url'), certificates: [] };
}

export type Judgement = { readonly attested: boolean; readonly model: Model | undefined } | { readonly refused: string };

/** What the policy says of a model, given a statement whose signature was checked. */
export async function judgeModel(context: InstanceContext, aaguid: string, { certificates }: Statement): Promise<Judgement> {
  const { attestation, allowedAaguids } = context.instance.settings.passkeys;
  if (allowedAaguids.length > 0 && !allowedAaguids.includes(aaguid)) return { refused: 'Passkey.Model.Not.Allowed' };
  const model = await findModel(context, aaguid);
  if (model?.statuses.some((status) => compromised.has(status))) return { refused: 'Passkey.Model.Not.Allowed' };
  const path = certificates.flatMap((der) => readCertificate(der) ?? []);
  const roots = (model?.roots ?? []).flatMap((der) => readCertificate(der) ?? []);
  const attested = path.length === certificates.length && leadsTo(roots, path, context.now());
  return attestation === 'direct' && !attested ? { refused: 'Passkey.Not.Attested' } : { attested, model };
}
