/**
 * The WebAuthn library, with trust taken out of it: it checks signatures and statements, while who is trusted is said by
 * the metadata of the instance (attestation.ts). Left to itself it would follow addresses of revocation lists in
 * certificates, past core/outbound.
 */
import { SettingsService, verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
import { COSEALG, decodeAttestationObject, isoCBOR } from '@simplewebauthn/server/helpers';

for (const identifier of ['apple', 'android-key', 'android-safetynet'] as const) SettingsService.setRootCertificates({ identifier, certificates: [] });

/** EdDSA, ES256, RS256: what all authenticators know at least one of. */
export const algorithms: readonly number[] = [COSEALG.EdDSA, COSEALG.ES256, COSEALG.RS256];

/** The certificates of the file of the FIDO Alliance (GlobalSign), as PEM. */
export const metadataRoots = (): string[] => SettingsService.getRootCertificates({ identifier: 'mds' });

export { decodeAttestationObject, isoCBOR, verifyAuthenticationResponse, verifyRegistrationResponse };
