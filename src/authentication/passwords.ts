/** Passwords of accounts: setting them, and what must happen with one. Checking them is factors/password.ts. */
import { append } from '../events/index.ts';
import type { User } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { passwordRefused } from './errors.ts';
import { breachedListUnavailable, passwordChanged } from './events.ts';
import { checkPasswordPolicy, isPasswordExpired, type PasswordVerdict } from './password-policy.ts';
import { forgetDevices } from './second-factor/remembered-devices.ts';
import { endAllOfUser } from './sessions.ts';

export interface SetPassword {
  password: string;
  /** The person must choose another one at the next sign-in. */
  mustChange?: boolean;
}

/**
 * Sets a password for somebody else and ends all sessions of that account.
 * @throws Problem 400 when it breaks the policy, 503 when the hashing queue is full
 */
export async function setPassword(context: InstanceContext, user: PasswordUser, { password, mustChange = false }: SetPassword): Promise<void> {
  const { verdict, hash } = await preparePasswordFor(context, user, password, 'administrator');
  if (verdict.faults.length > 0 || hash === undefined) throw passwordRefused(verdict.faults);
  await context.transaction(async (tx) => {
    if (verdict.breachedListUnavailable) await append(tx, breachedListUnavailable(user.id));
    await storePassword(tx, user.id, { hash, mustChange, by: 'administrator' });
    await endAllOfUser(tx, user.id, 'password_changed');
  });
}

/** The part of a user that the policy looks at. */
export type PasswordUser = Pick<User, 'id' | 'username' | 'displayName' | 'email' | 'phone' | 'givenName' | 'familyName'>;

/**
 * Checks a new password against the policy and hashes it: all that is slow, before a transaction is open. An
 * administrator may give an earlier password again; the person may not, and never the present one.
 */
export async function preparePasswordFor(context: InstanceContext, user: PasswordUser, password: string, by: 'user' | 'administrator'): Promise<{ verdict: PasswordVerdict; hash: string | undefined }> {
  const current = await context.db.password.findUnique({ where: passwordKey(context, user.id) });
  const { historyCount } = context.instance.settings.password;
  const words = [user.username, user.displayName, user.givenName, user.familyName, user.phone, ...(user.email?.split('@') ?? []), context.instance.name];
  const verdict = await checkPasswordPolicy(context, password, {
    words: words.flatMap((word) => (word === null ? [] : [word, ...word.split(/[\s._-]+/)])).filter((word) => word.length > 2),
    earlierHashes: current && by === 'user' ? [current.hash, ...current.history].slice(0, Math.max(1, historyCount)) : [],
  });
  return { verdict, hash: verdict.faults.length > 0 ? undefined : await context.core.passwordHasher.hash(password) };
}

/** Writes a password that was checked and hashed. */
export async function storePassword(tx: InstanceContext, userId: string, set: { hash: string; mustChange: boolean; by: 'user' | 'administrator' }): Promise<void> {
  const current = await tx.db.password.findUnique({ where: passwordKey(tx, userId) });
  const { historyCount } = tx.instance.settings.password;
  const history = current ? [current.hash, ...current.history].slice(0, historyCount) : [];
  const values = { hash: set.hash, mustChange: set.mustChange, changedAt: tx.now(), history };
  await tx.db.password.upsert({ where: passwordKey(tx, userId), create: { userId, ...values }, update: values });
  await append(tx, passwordChanged(userId, { mustChange: set.mustChange, by: set.by }));
  await forgetDevices(tx, userId, 'password_changed');
}

export interface PasswordState {
  readonly hash: string;
  /** Why another one must be chosen now. */
  readonly change: 'required' | 'expired' | undefined;
}

/** Asked for unknown names too, so that they cost the same. */
export async function findPassword(context: InstanceContext, userId: string | undefined): Promise<PasswordState | undefined> {
  const row = await context.db.password.findUnique({ where: passwordKey(context, userId ?? '') });
  if (!row) return undefined;
  return { hash: row.hash, change: row.mustChange ? 'required' : isPasswordExpired(context, row.changedAt) ? 'expired' : undefined };
}

/** Hashes with today's parameters, once the right password is at hand. */
export async function rehashPassword(context: InstanceContext, userId: string, oldHash: string, password: string): Promise<void> {
  const hash = await context.core.passwordHasher.hash(password);
  await context.db.password.updateMany({ where: { userId, hash: oldHash }, data: { hash } });
}

export const passwordKey = (context: InstanceContext, userId: string) => ({ instanceId_userId: { instanceId: context.instance.id, userId } });
