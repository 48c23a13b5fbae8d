/**
 * An address that an account has, and that nobody ever proved, is given up when its owner shows it: else whoever typed it
 * first would keep it from its owner for good, or be taken for its owner later.
 */
import { foldIdentifier, updateUser } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Pending } from '../flow/store.ts';

/** In the transaction that makes the account. Accounts whose username is the address keep it: that is a name of theirs. */
export async function giveUpUnproven(tx: InstanceContext, { user, proven }: NonNullable<Pending['newUser']>): Promise<void> {
  if (proven.emailVerified && user.email) {
    const holders = await tx.db.user.findMany({ where: { emailKey: foldIdentifier(user.email), emailVerified: false, recycledAt: null }, select: { id: true } });
    for (const { id } of holders) await updateUser(tx, id, { email: null });
  }
  if (proven.phoneVerified && user.phone) {
    const holders = await tx.db.user.findMany({ where: { phone: user.phone, phoneVerified: false, recycledAt: null }, select: { id: true } });
    for (const { id } of holders) await updateUser(tx, id, { phone: null });
  }
}
