/** Passkeys as rows, keyed by instance, RP id and credential. */
import { createHash } from 'node:crypto';
import type { Passkey } from '../../generated/prisma/client.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { passkeyCounterRegressed } from './events.ts';
import { rpIdOf } from './relying-party.ts';

/** How many one person may have; all of them are named when a second factor is asked for. */
export const mostPasskeys = 20;

export const listPasskeys = (context: InstanceContext, userId: string): Promise<Passkey[]> =>
  context.db.passkey.findMany({ where: { userId }, orderBy: { id: 'asc' } });

/** Those that work at the present RP id. */
export const usablePasskeys = (context: InstanceContext, userId: string): Promise<Passkey[]> =>
  context.db.passkey.findMany({ where: { userId, rpId: rpIdOf(context) }, orderBy: { id: 'asc' } });

export const findPasskey = (context: InstanceContext, credentialId: string): Promise<Passkey | null> =>
  context.db.passkey.findUnique({ where: { instanceId_rpId_credentialId: { instanceId: context.instance.id, rpId: rpIdOf(context), credentialId } } });

/** As browsers want them named (PublicKeyCredentialDescriptorJSON). */
export const descriptor = ({ credentialId, transports }: Passkey) => ({ type: 'public-key' as const, id: credentialId, ...(transports.length > 0 && { transports }) });

/** The user handle (WebAuthn §5.4.3): the same for all passkeys of a person, saying nothing about them. */
export const userHandleOf = (context: InstanceContext, userId: string): string =>
  createHash('sha256').update(`postern passkey user\n${context.instance.id}\n${userId}`).digest('base64url');

/**
 * Notes a use. Authenticators that count never repeat a number (WebAuthn §6.1.1), so one that goes back hints at a copy:
 * it is told to the log. Returns whether the policy lets it pass.
 */
export async function noteUse(context: InstanceContext, passkey: Passkey, seen: { readonly counter: number; readonly backedUp: boolean }): Promise<boolean> {
  const counter = BigInt(seen.counter);
  return context.transaction(async (tx) => {
    const isCounting = seen.counter > 0 || passkey.signCount > 0n;
    const { count } = await tx.db.passkey.updateMany({
      where: { id: passkey.id, ...(isCounting && { signCount: { lt: counter } }) },
      data: { signCount: counter, backedUp: seen.backedUp, lastUsedAt: tx.now() } });
    if (count === 1) return true;
    const now = await tx.db.passkey.findFirst({ where: { id: passkey.id, userId: passkey.userId } });
    if (!now) return false;
    const refused = tx.instance.settings.passkeys.onCounterRegression === 'refuse';
    await append(tx, passkeyCounterRegressed(passkey.userId, { id: passkey.id, name: passkey.name, stored: Number(now.signCount), seen: seen.counter, refused }));
    if (!refused) await tx.db.passkey.updateMany({ where: { id: passkey.id }, data: { backedUp: seen.backedUp, lastUsedAt: tx.now() } });
    return !refused;
  });
}
