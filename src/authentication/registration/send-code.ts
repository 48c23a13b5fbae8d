/** The code of a registration. Who has the address already gets another message instead; nothing else differs. */
import { foldIdentifier } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Refusal } from '../factors/factor.ts';
import type { FlowState } from '../flow/store.ts';
import { type Address, codeSeconds, sendAddressCode } from '../profile/address-codes.ts';

export async function sendRegistrationCode(context: InstanceContext, flow: FlowState, address: Address): Promise<Refusal | undefined> {
  const isOwned = await hasProvenOwner(context, address);
  return sendAddressCode(context, flow, {
    purpose: 'registration', address, to: address.value,
    template: isOwned ? 'registration_account_exists' : 'registration_code',
    variables: (code): Record<string, string> => (isOwned ? { link: `${context.instance.issuer}/` } : { code, minutes: String(codeSeconds / 60) }),
  });
}

/** Whether somebody was shown to own it. An address that nobody has proven keeps nobody from registering (unproven.ts). */
async function hasProvenOwner(context: InstanceContext, { channel, value }: Address): Promise<boolean> {
  const owner = await context.db.user.findFirst({
    where: channel === 'email' ? { emailKey: foldIdentifier(value), emailVerified: true } : { phone: value, phoneVerified: true }, select: { id: true } });
  return owner !== null;
}
