/** UTF-8 bytes; longer ones are refused before any work is spent on them. */
export const maximumPasswordBytes = 1024;

/** Why a text can be no password. */
export type PasswordFault = 'empty' | 'too long' | 'not text';

/**
 * Prepares a password for hashing or comparison by the OpaqueString profile (RFC 8265 §4.2): spaces
 * outside ASCII become a plain space, then NFC, so that one password typed on two keyboards is one
 * byte string. Case, width and length stay as they are (no NFKC: it would fold different passwords).
 *
 * Of the FreeformClass (RFC 8264 §4.3) the stable part is enforced: no control characters, no lone
 * surrogates, no noncharacters. Unassigned code points pass, since the set differs between Unicode
 * versions and a password must outlive an upgrade.
 */
export function preparePassword(password: string): { text: string } | { fault: PasswordFault } {
  // UTF-8 never has fewer bytes than UTF-16 has units: a megabyte is refused without being encoded.
  if (password.length > maximumPasswordBytes || Buffer.byteLength(password) > maximumPasswordBytes) {
    return { fault: 'too long' };
  }
  if (password === '') return { fault: 'empty' };
  if (/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(password)) return { fault: 'not text' };
  return { text: password.replace(/\p{Zs}/gu, ' ').normalize('NFC') };
}
