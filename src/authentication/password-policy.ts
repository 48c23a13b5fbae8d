/** Whether a new password is good enough for its instance. */
import { preparePassword } from '../core/password-text.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { isBreached } from './breached-passwords.ts';
import { estimateStrength } from './password-strength.ts';

export type PasswordFaultCode = 'Password.Empty' | 'Password.Too.Long' | 'Password.Not.Text' | 'Password.Too.Short' | 'Password.Too.Weak'
  | 'Password.Used.Before' | 'Password.Breached';

export interface PasswordOwner {
  /** Names and addresses of the account: a password made of them is weak. */
  readonly words: readonly string[];
  /** Hashes that may not come back: the present one and earlier ones, as many as the policy remembers. */
  readonly earlierHashes: readonly string[];
}

export interface PasswordVerdict {
  readonly faults: readonly PasswordFaultCode[];
  /** The breached list was asked and did not answer; the password passed without it. */
  readonly breachedListUnavailable: boolean;
}

/**
 * Checks length, strength, history and the breached list, the cheap ones first. Comparing with the history costs one
 * hash for each earlier password. @throws ServiceBusy when the hashing queue is full
 */
export async function checkPasswordPolicy(context: InstanceContext, password: string, owner: PasswordOwner): Promise<PasswordVerdict> {
  const policy = context.instance.settings.password;
  const refused = (fault: PasswordFaultCode): PasswordVerdict => ({ faults: [fault], breachedListUnavailable: false });
  const prepared = preparePassword(password);
  if ('fault' in prepared) return refused(({ 'empty': 'Password.Empty', 'too long': 'Password.Too.Long', 'not text': 'Password.Not.Text' } as const)[prepared.fault]);
  // Counted as people count: a family emoji is one (NIST SP 800-63B §3.1.1.2 counts code points; ours is stricter).
  if ([...new Intl.Segmenter('und').segment(prepared.text)].length < policy.minimumLength) return refused('Password.Too.Short');
  if (await estimateStrength(prepared.text, owner.words) < policy.minimumStrength) return refused('Password.Too.Weak');
  for (const hash of owner.earlierHashes) {
    if (await context.core.passwordHasher.verify(hash, password)) return refused('Password.Used.Before');
  }
  const breach = await isBreached(context, prepared.text);
  return { faults: breach === 'listed' ? ['Password.Breached'] : [], breachedListUnavailable: breach === 'unavailable' };
}

/** Whether a password of this age must be changed now. */
export function isPasswordExpired(context: InstanceContext, changedAt: Date): boolean {
  const { maximumAgeDays } = context.instance.settings.password;
  return maximumAgeDays > 0 && context.now().getTime() - changedAt.getTime() > maximumAgeDays * 86_400_000;
}
