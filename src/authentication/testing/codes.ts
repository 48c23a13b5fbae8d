/** What people do with codes: read a message, look at an authenticator app, take a recovery code off a list. */
import { Secret, TOTP } from 'otpauth';
import { openContent } from '../../notifications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { recoveryCodesEnrolment } from '../enrolments/recovery-codes.ts';
import { totpEnrolment } from '../enrolments/totp.ts';
import { draftCodes } from '../recovery-codes.ts';
import type { Setting } from './sign-in.ts';

/** The newest message of the instance: where it goes and what is secret in it. */
export async function newestMessage(context: InstanceContext): Promise<{ to: string | null; code: string; link: string; template: string }> {
  const row = await context.db.notificationMessage.findFirstOrThrow({ orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] });
  const { to, variables } = openContent(context, row.id, row.sealedContent ?? '');
  return { to, code: variables['code'] ?? '', link: variables['link'] ?? '', template: row.template };
}

/** Gives somebody an address of their own, or an authenticator app, or recovery codes, without a page. */
export async function giveAddress(context: InstanceContext, userId: string, { email, phone }: { email?: string; phone?: string }): Promise<void> {
  await context.db.user.updateMany({ where: { id: userId }, data: {
    ...(email && { email, emailKey: email.toLowerCase(), emailVerified: true }), ...(phone && { phone, phoneVerified: true }) } });
}

export async function giveTotp(setting: Setting, userId: string, secret = new Secret().base32): Promise<{ id: string; secret: string }> {
  const id = `totp_${String(Date.now()).padEnd(26, '0').slice(0, 26)}`;
  await setting.context.transaction((tx) => totpEnrolment.store(tx, userId, { id, name: 'Phone', secret, step: 0 }));
  return { id, secret };
}

export async function giveRecoveryCodes(setting: Setting, userId: string): Promise<string[]> {
  const codes = draftCodes(setting.context, `flow-of-${userId}-${Date.now()}`, userId);
  await setting.context.transaction((tx) => recoveryCodesEnrolment.store(tx, userId, { id: 'rcodes_00000000000000000000000001', codes }));
  return codes;
}

/** The code that an app shows `steps` steps from now. */
export const totpCode = (setting: Setting, secret: string, steps = 0): string =>
  TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: setting.context.now().getTime() + steps * 30_000 });
