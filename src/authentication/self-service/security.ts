/** The ways to sign in that a person has: seen, named and removed. Making one is a flow (flows.ts). */
import { enrolments, findEnrolment, listCredentials } from '../enrolments/index.ts';
import { findPassword } from '../passwords.ts';
import { enrolledMethods } from '../second-factor/rule.ts';
import { forgetDevices } from '../second-factor/remembered-devices.ts';
import { isFreshSession } from '../second-factor/sessions.ts';
import type { CredentialView, Method } from '../types.ts';
import type { Account } from './account.ts';
import { linkedAccountsOf, type LinkedAccount } from './linked-accounts.ts';

export interface SecurityView {
  readonly hasPassword: boolean;
  readonly credentials: readonly CredentialView[];
  readonly enrolable: readonly Method[];
  readonly linked: readonly LinkedAccount[];
  /** Whether what is changed now needs no proof before. */
  readonly isFresh: boolean;
}

export async function viewSecurity({ context, user, session }: Account): Promise<SecurityView> {
  const [password, credentials, isFresh, linked] = await Promise.all([
    findPassword(context, user.id), listCredentials(context, user.id), isFreshSession(context, session), linkedAccountsOf(context, user.id)]);
  return { hasPassword: password !== undefined, credentials, enrolable: enrolments.map(({ method }) => method), linked, isFresh };
}

export type Changed = 'done' | 'gone' | 'step_up_required' | 'last_factor' | 'invalid';

/** Removes a credential. Not the last one where everybody needs a second factor, and not on the strength of an old session. */
export async function removeCredential({ context, user, session }: Account, method: string, credentialId: string): Promise<Changed> {
  const enrolment = findEnrolment(method);
  if (!enrolment) return 'gone';
  if (!await isFreshSession(context, session)) return 'step_up_required';
  return context.transaction(async (tx) => {
    // One at a time for each person: two removals at once could each leave the other's credential as the last.
    await tx.db.$queryRaw`SELECT id FROM "User" WHERE "instanceId" = ${tx.instance.id} AND id = ${user.id} FOR UPDATE`;
    const factors = (await listCredentials(tx, user.id)).filter((credential) => enrolledMethods.includes(credential.method));
    const isLast = factors.length === 1 && factors[0]?.id === credentialId;
    if (isLast && tx.instance.settings.secondFactor.mode === 'required') return 'last_factor';
    if (isLast && await findPassword(tx, user.id) === undefined) return 'last_factor';
    if (!await enrolment.remove(tx, user.id, credentialId)) return 'gone';
    await forgetDevices(tx, user.id, 'factor_removed');
    return 'done';
  });
}

export async function renameCredential({ context, user }: Account, method: string, credentialId: string, name: string): Promise<Changed> {
  const enrolment = findEnrolment(method);
  const clean = name.trim();
  if (clean === '' || clean.length > 80 || /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(clean)) return 'invalid';
  const renamed = await context.transaction(async (tx) => await enrolment?.rename?.(tx, user.id, credentialId, clean) ?? false);
  return renamed ? 'done' : 'gone';
}
