/** Another address or number of one's own: after the existing factor, shown a moment ago, and by a code to the new one. */
import { beginAddressChange, confirmAddressChange, findAddressChange } from '../profile/change-address.ts';
import { isFreshSession } from '../second-factor/sessions.ts';
import type { Notice } from '../types.ts';
import type { Account } from './account.ts';

export interface AddressChanges { readonly email: { readonly to: string } | undefined; readonly sms: { readonly to: string } | undefined }

export async function viewAddressChanges({ context, user }: Account): Promise<AddressChanges> {
  const [email, sms] = await Promise.all([findAddressChange(context, user.id, 'email'), findAddressChange(context, user.id, 'sms')]);
  return { email, sms };
}

/** Sends the code. */
export async function changeAddress({ context, user, session }: Account, channel: 'email' | 'sms', value: string): Promise<Notice | 'step_up_required' | undefined> {
  if (!await isFreshSession(context, session)) return 'step_up_required';
  return beginAddressChange(context, user, channel, value);
}

export const confirmAddress = ({ context, user }: Account, channel: 'email' | 'sms', code: string): Promise<Notice | undefined> =>
  confirmAddressChange(context, user, channel, code);
