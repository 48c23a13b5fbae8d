/**
 * Recovery codes: ten for each person, shown once, each good for one sign-in. With 80 random bits nobody finds one from
 * its SHA-256, so it needs no slow hash; it must outlive a change of the master key, so it takes no keyed one.
 */
import { sha256 } from '../core/secrets.ts';
import type { InstanceContext } from '../tenancy/index.ts';

export const recoveryCodeCount = 10;
/** From here on the person is told that few are left. */
export const fewRecoveryCodes = 3;

// Crockford's base32: no letters that look like digits.
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** The codes of a set that is being made, `ABCD-EFGH-JKMN-PQRS`: of one flow, so that its page can be loaded again without a row. */
export function draftCodes(context: InstanceContext, flowId: string, userId: string): string[] {
  return Array.from({ length: recoveryCodeCount }, (_, index) => {
    const bytes = Buffer.from(context.core.keyring.hmac('recovery-code-draft', `${context.instance.id}\n${flowId}\n${userId}\n${index}`), 'base64url');
    // 256 is a multiple of 32: every character is equally likely.
    const characters = [...bytes.subarray(0, 16)].map((byte) => alphabet.charAt(byte & 31)).join('');
    return characters.replace(/(.{4})(?=.)/g, '$1-');
  });
}

/** As typed from paper: case, spaces and dashes do not matter, and letters that look like digits are those. */
export const hashCode = (context: InstanceContext, userId: string, typed: string): string => {
  const code = typed.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1');
  return sha256(`recovery-code\n${context.instance.id}\n${userId}\n${code}`);
};

export interface RecoveryCodeSet { readonly setId: string; readonly createdAt: Date; readonly left: number; readonly lastUsedAt: Date | null }

export async function findRecoveryCodes(context: InstanceContext, userId: string): Promise<RecoveryCodeSet | undefined> {
  const rows = await context.db.recoveryCode.findMany({ where: { userId }, select: { setId: true, createdAt: true, usedAt: true } });
  const [first] = rows;
  if (!first) return undefined;
  const used = rows.flatMap(({ usedAt }) => usedAt ?? []).sort((a, b) => a.getTime() - b.getTime());
  return { setId: first.setId, createdAt: first.createdAt, left: rows.length - used.length, lastUsedAt: used.at(-1) ?? null };
}

/** Uses a code up, once. Returns how many are left; undefined: it is wrong, or was used. */
export async function useRecoveryCode(tx: InstanceContext, userId: string, typed: string): Promise<number | undefined> {
  const { count } = await tx.db.recoveryCode.updateMany({ where: { userId, hash: hashCode(tx, userId, typed), usedAt: null }, data: { usedAt: tx.now() } });
  return count === 1 ? tx.db.recoveryCode.count({ where: { userId, usedAt: null } }) : undefined;
}
