/**
 * A mail or text with which somebody takes an account back: a code for the page that waits, and in a mail a link besides.
 * It is for the account as it is: void once a newer one was asked for, once the address changed, and once it was used.
 * For a name that nobody has the same rows are written, and nobody gets anything.
 */
import { newId } from '../../core/ids.ts';
import { randomToken, sha256 } from '../../core/secrets.ts';
import { findUserByIdentifier, foldIdentifier, foldPhone, type User } from '../../directory/index.ts';
import { append } from '../../events/index.ts';
import type { Recovery } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import type { Refusal } from '../factors/factor.ts';
import type { FlowState } from '../flow/store.ts';
import { type Address, type AddressChannel, addressHash, checkAddressCode, findSentCode, sendAddressCode } from '../profile/address-codes.ts';
import { identifierHash } from '../throttles.ts';
import { recoveryAsked } from './events.ts';

/** The ways that this instance recovers accounts by. */
export const recoveryChannels = ({ instance: { settings } }: InstanceContext): AddressChannel[] =>
  [...(settings.recovery.email ? ['email'] as const : []), ...(settings.recovery.sms ? ['sms'] as const : [])];

/** Codes belong to the name as it was typed: that is all that may count before the proof. */
const typedAddress = (identifier: string, channel: AddressChannel): Address => ({ channel, value: `recovery:${foldPhone(identifier) ?? foldIdentifier(identifier)}` });

/** Sends a code (and a link) to the proven address of whoever is meant, if there is somebody. */
export async function sendRecovery(context: InstanceContext, flow: FlowState, { identifier, channel }: { identifier: string; channel: AddressChannel }): Promise<Refusal | undefined> {
  const { seconds } = context.instance.settings.recovery;
  const user = await findUserByIdentifier(context, identifier);
  const address = user && recoveryAddress(user, channel);
  const token = randomToken();
  const id = newId('recovery', context.now().getTime());
  return sendAddressCode(context, flow, {
    purpose: 'recovery', address: typedAddress(identifier, channel), template: 'recovery_code', to: address?.value,
    variables: (code) => ({ code, link: `${context.instance.issuer}/recover/${token}`, username: user?.username ?? '', minutes: String(Math.floor(Math.min(seconds, 600) / 60)) }),
  }, async (tx) => {
    const now = tx.now();
    await tx.db.recovery.updateMany({ where: { userId: user?.id ?? 'nobody', consumedAt: null, voidedAt: null }, data: { voidedAt: now } });
    await tx.db.recovery.create({ data: {
      id, flowId: flow.id, userId: address ? user.id : null, channel, addressHash: address ? addressHash(tx, address) : null, tokenHash: sha256(token),
      createdAt: now, expiresAt: new Date(now.getTime() + seconds * 1_000) } });
    await append(tx, recoveryAsked(identifierHash(tx, identifier), { flowId: flow.id, channel }));
  });
}

export const findRecoverySent = (context: InstanceContext, flow: FlowState, identifier: string, channel: AddressChannel) =>
  findSentCode(context, flow, { purpose: 'recovery', address: typedAddress(identifier, channel) });

/** Only an address that was proven, of an account that was set up. */
export function recoveryAddress(user: User, channel: AddressChannel): Address | undefined {
  if (user.status === 'pending') return undefined;
  if (channel === 'email') return user.email !== null && user.emailVerified ? { channel, value: user.email } : undefined;
  return user.phone !== null && user.phoneVerified ? { channel, value: user.phone } : undefined;
}

/** The recovery that a code belongs to. The code is checked for names that nobody has, too. */
export async function takeRecoveryCode(context: InstanceContext, flow: FlowState, identifier: string, channel: AddressChannel, code: string): Promise<{ recovery: Recovery; userId: string } | Refusal> {
  const refusal = await checkAddressCode(context, flow, { purpose: 'recovery', address: typedAddress(identifier, channel) }, code);
  const recovery = await context.db.recovery.findFirst({ where: { flowId: flow.id, channel }, orderBy: { id: 'desc' } });
  const user = recovery?.userId ? await context.db.user.findUnique({ where: key(context, recovery.userId) }) : null;
  if (refusal) return refusal;
  if (!recovery || !user || !isOpen(context, recovery) || !isStillTheirs(context, recovery, user)) return { code: 'Operation.Failure.Code.Invalid', field: 'code' };
  return { recovery, userId: user.id };
}

/** The recovery that a link opens. Undefined: unknown, used, too old, or overtaken. Spends nothing. */
export async function findRecoveryByToken(context: InstanceContext, token: string): Promise<Recovery | undefined> {
  const recovery = await context.db.recovery.findUnique({ where: { instanceId_tokenHash: { instanceId: context.instance.id, tokenHash: sha256(token) } } });
  if (!recovery?.userId || !isOpen(context, recovery)) return undefined;
  const user = await context.db.user.findUnique({ where: key(context, recovery.userId) });
  return user && user.recycledAt === null && isStillTheirs(context, recovery, user) ? recovery : undefined;
}

/** Whether what a flow has shown still holds. That the link has grown old meanwhile does not matter: it was shown in time. */
export async function isRecoveryValid(context: InstanceContext, recoveryId: string, user: Pick<User, 'id' | 'email' | 'emailVerified' | 'phone' | 'phoneVerified'>): Promise<boolean> {
  const recovery = await context.db.recovery.findUnique({ where: key(context, recoveryId) });
  return recovery?.userId === user.id && recovery.consumedAt === null && recovery.voidedAt === null && isStillTheirs(context, recovery, user);
}

/** Uses it up, once. */
export async function consumeRecovery(tx: InstanceContext, recoveryId: string): Promise<boolean> {
  const { count } = await tx.db.recovery.updateMany({ where: { id: recoveryId, consumedAt: null, voidedAt: null }, data: { consumedAt: tx.now() } });
  return count === 1;
}

const isOpen = (context: InstanceContext, { consumedAt, voidedAt, expiresAt }: Recovery) => consumedAt === null && voidedAt === null && expiresAt > context.now();

function isStillTheirs(context: InstanceContext, { channel, addressHash: sentTo }: Recovery, user: Pick<User, 'email' | 'emailVerified' | 'phone' | 'phoneVerified'>): boolean {
  const value = channel === 'email' ? (user.emailVerified ? user.email : null) : (user.phoneVerified ? user.phone : null);
  return value !== null && sentTo === addressHash(context, { channel: channel as AddressChannel, value });
}
