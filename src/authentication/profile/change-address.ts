/**
 * Another address or number, chosen by the person: it is proven first, and only then takes the place of the old one, whose
 * owner is told (hooks/, from the event). Who has the new one already is not said: they get another message.
 */
import { randomInt } from 'node:crypto';
import { Problem } from '../../core/errors.ts';
import { newId } from '../../core/ids.ts';
import { createUserSchema, foldIdentifier, updateUser, type User } from '../../directory/index.ts';
import type { AddressChange } from '../../generated/prisma/client.ts';
import { sendNotification } from '../../notifications/index.ts';
import { type InstanceContext, withPrincipal } from '../../tenancy/index.ts';
import { isDomainAllowed } from '../registration/domains.ts';
import { takeCodeAttempt, takeSend } from '../throttles.ts';
import type { Notice } from '../types.ts';
import { type Address, type AddressChannel, codeSeconds, maskAddress } from './address-codes.ts';

const methodOf = (channel: AddressChannel) => (channel === 'email' ? 'otp_email' : 'otp_sms');

/** Sends a code to the new address; what was begun before is void. */
export async function beginAddressChange(context: InstanceContext, user: User, channel: AddressChannel, typed: string): Promise<Notice | undefined> {
  const field = fieldOf(channel);
  const value = channel === 'email' ? typed.trim() : typed.replace(/[\s().-]/g, '');
  if (value === '') return { code: 'Params.Blank', field };
  if (!createUserSchema.shape[field].safeParse(value).success || value === user[field]) return { code: 'Params.Illegal', field };
  if (channel === 'email' && !isDomainAllowed(context, value)) return { code: 'Registration.Domain.Not.Allowed', field };
  const sending = await takeSend(context, { method: methodOf(channel), who: { userId: user.id } });
  if (!sending.allowed) return { code: 'Operation.Failure.Too.Many.Attempts', retryAt: sending.retryAt.toISOString() };
  const now = context.now();
  const id = newId('change', now.getTime());
  const code = String(randomInt(1_000_000)).padStart(6, '0');
  const isTaken = await hasOtherOwner(context, user, { channel, value });
  await context.transaction(async (tx) => {
    await tx.db.addressChange.updateMany({ where: { userId: user.id, channel, consumedAt: null }, data: { consumedAt: now } });
    await tx.db.addressChange.create({ data: {
      id, userId: user.id, channel, sealedValue: tx.core.keyring.seal(value, placeOf(tx, id)), codeHash: tx.core.keyring.hmac('address-change', textOf(tx, id, code)),
      createdAt: now, expiresAt: new Date(now.getTime() + codeSeconds * 1_000) } });
    await sendNotification(tx, { template: isTaken ? 'registration_account_exists' : 'verify_address', channel, to: value, locale: user.locale, whenLimited: 'drop',
      variables: isTaken ? { link: `${tx.instance.issuer}/` } : { code, minutes: String(codeSeconds / 60) } });
  });
  return undefined;
}

/** What waits for its code, masked. */
export async function findAddressChange(context: InstanceContext, userId: string, channel: AddressChannel): Promise<{ to: string } | undefined> {
  const change = await findOpen(context, userId, channel);
  return change && { to: maskAddress({ channel, value: valueOf(context, change) }) };
}

/** Takes the code: the address is the account's from now on, and proven. */
export async function confirmAddressChange(context: InstanceContext, user: User, channel: AddressChannel, typed: string): Promise<Notice | undefined> {
  const wrong: Notice = { code: 'Operation.Failure.Code.Invalid', field: 'code' };
  const attempt = await takeCodeAttempt(context, { method: methodOf(channel), who: { userId: user.id }, knownBrowserId: undefined });
  if (!attempt.allowed) return { code: 'Operation.Failure.Too.Many.Attempts', retryAt: attempt.retryAt.toISOString() };
  const change = await findOpen(context, user.id, channel);
  if (!change) return wrong;
  const open = { id: change.id, consumedAt: null, attemptsLeft: { gt: 0 } };
  const { count: paid } = await context.db.addressChange.updateMany({ where: open, data: { attemptsLeft: { decrement: 1 } } });
  if (paid !== 1 || !context.core.keyring.verifyHmac('address-change', textOf(context, change.id, typed.replace(/[\s-]/g, '')), change.codeHash)) return wrong;
  await attempt.giveBack();
  const field = fieldOf(channel);
  try {
    // As a person in a flow, who has proved it in other ways than by a role (access/authority.ts).
    return await withPrincipal(context, { kind: 'anonymous' }).transaction(async (tx) => {
      const { count } = await tx.db.addressChange.updateMany({ where: { id: change.id, consumedAt: null }, data: { consumedAt: tx.now() } });
      if (count !== 1) return wrong;
      await updateUser(tx, user.id, { [field]: valueOf(tx, change) }, channel === 'email' ? { emailVerified: true } : { phoneVerified: true });
      return undefined;
    });
  } catch (error) {
    if (error instanceof Problem && error.status === 409) return { code: 'Registration.Name.Taken', field };
    throw error;
  }
}

async function findOpen(context: InstanceContext, userId: string, channel: AddressChannel): Promise<AddressChange | undefined> {
  return await context.db.addressChange.findFirst({ where: { userId, channel, consumedAt: null, expiresAt: { gt: context.now() } }, orderBy: { id: 'desc' } }) ?? undefined;
}

async function hasOtherOwner(context: InstanceContext, { id }: User, { channel, value }: Address): Promise<boolean> {
  const owner = await context.db.user.findFirst({ where: { id: { not: id }, ...(channel === 'email' ? { emailKey: foldIdentifier(value) } : { phone: value }) }, select: { id: true } });
  return owner !== null;
}

const fieldOf = (channel: AddressChannel) => (channel === 'email' ? 'email' as const : 'phone' as const);
const placeOf = (context: InstanceContext, id: string) => `${context.instance.id}/AddressChange/${id}/value`;
const valueOf = (context: InstanceContext, { id, sealedValue }: AddressChange) => context.core.keyring.open(sealedValue, placeOf(context, id)).toString('utf8');
const textOf = (context: InstanceContext, id: string, code: string) => `${context.instance.id}\n${id}\n${code}`;
