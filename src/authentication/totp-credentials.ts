/** Authenticator apps (RFC 6238): SHA-1, six digits, 30 seconds, which is what all of them know. */
import { Secret, TOTP } from 'otpauth';
import type { InstanceContext } from '../tenancy/index.ts';
import type { TotpCredential } from '../generated/prisma/client.ts';

const period = 30;
const digits = 6;
const algorithm = 'SHA1';
/** A clock may be wrong by one step (RFC 6238 §5.2). */
const window = 1;

/** How many apps one person may have. */
export const mostTotpCredentials = 5;

/** The time step that a code belongs to; undefined: it is wrong. The caller stores the step, for a code works once (RFC 6238 §5.2). */
export function findStep(secret: string, typed: string, now: Date): number | undefined {
  const token = typed.replace(/[\s-]/g, '');
  if (!/^\d{6}$/.test(token)) return undefined;
  const timestamp = now.getTime();
  const delta = TOTP.validate({ token, secret: Secret.fromBase32(secret), algorithm, digits, period, timestamp, window });
  return delta === null ? undefined : TOTP.counter({ period, timestamp }) + delta;
}

/** What the QR code says: `otpauth://totp/…`. */
export const keyUri = (context: InstanceContext, username: string, secret: string): string =>
  new TOTP({ issuer: context.instance.branding.displayName ?? context.instance.name, label: username, secret: Secret.fromBase32(secret), algorithm, digits, period }).toString();

/**
 * The secret of a credential that is being made: of one flow and person, so that the page can be loaded again without a
 * row, and shows the same. It leaves no trace when it is not used.
 */
export function draftSecret(context: InstanceContext, flowId: string, userId: string, place: number): string {
  const bytes = Buffer.from(context.core.keyring.hmac('totp-draft', `${context.instance.id}\n${flowId}\n${userId}\n${place}`), 'base64url').subarray(0, 20);
  return new Secret({ buffer: new Uint8Array(bytes).buffer }).base32;
}

export const sealSecret = (context: InstanceContext, id: string, secret: string) => context.core.keyring.seal(secret, place(context, id));
const openSecret = (context: InstanceContext, { id, sealedSecret }: Pick<TotpCredential, 'id' | 'sealedSecret'>) => context.core.keyring.open(sealedSecret, place(context, id)).toString('utf8');
const place = (context: InstanceContext, id: string) => `${context.instance.id}/TotpCredential/${id}/secret`;

export const listTotpCredentials = (context: InstanceContext, userId: string): Promise<TotpCredential[]> =>
  context.db.totpCredential.findMany({ where: { userId }, orderBy: { id: 'asc' } });

export type TotpAnswer = { readonly credentialId: string } | 'wrong' | 'used';

/** Tries a code on all apps of a user and uses up its time step; of many at once one wins. */
export async function useTotpCode(context: InstanceContext, userId: string, typed: string): Promise<TotpAnswer> {
  const now = context.now();
  for (const credential of await listTotpCredentials(context, userId)) {
    const step = findStep(openSecret(context, credential), typed, now);
    if (step === undefined) continue;
    const { count } = await context.db.totpCredential.updateMany({ where: { id: credential.id, lastStep: { lt: step } }, data: { lastStep: step, lastUsedAt: now } });
    return count === 1 ? { credentialId: credential.id } : 'used';
  }
  return 'wrong';
}
