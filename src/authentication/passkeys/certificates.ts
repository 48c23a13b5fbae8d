/** Certificate paths (RFC 5280 §6), for attestation and for the file that says whom to trust. Nothing is fetched. */
import { X509Certificate } from 'node:crypto';

/** Reads DER; undefined where it is none. */
export function readCertificate(der: Uint8Array | string): X509Certificate | undefined {
  try {
    return new X509Certificate(typeof der === 'string' && !der.includes('BEGIN') ? Buffer.from(der, 'base64') : der);
  } catch {
    return undefined;
  }
}

/** Whether the path, leaf first, leads to one of the roots, each certificate in its time, each issuer allowed to issue. */
export function leadsTo(roots: readonly X509Certificate[], path: readonly X509Certificate[], now: Date): boolean {
  if (path.length === 0 || path.length > 10 || !path.every((certificate) => isInTime(certificate, now))) return false;
  for (const [index, certificate] of path.entries()) {
    if (roots.some((root) => isSame(root, certificate) || (isInTime(root, now) && issued(root, certificate)))) return true;
    const issuer = path[index + 1];
    if (!issuer || !issued(issuer, certificate)) return false;
  }
  return false;
}

const isSame = (one: X509Certificate, other: X509Certificate) => one.raw.equals(other.raw);
const isInTime = ({ validFromDate, validToDate }: X509Certificate, now: Date) => validFromDate <= now && now <= validToDate;
const issued = (issuer: X509Certificate, certificate: X509Certificate) => issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
