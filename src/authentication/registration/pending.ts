/** What waits for the end of a registration: what was typed, and the address that must be proven. */
import { z } from 'zod';
import type { Pending } from '../flow/store.ts';
import type { Address } from '../profile/address-codes.ts';

const registrationSchema = z.object({
  address: z.object({ channel: z.enum(['email', 'sms']), value: z.string() }).optional(),
  /** As typed, never a password: drawn again when something was refused. */
  draft: z.record(z.string(), z.string()).default({}),
});
export type PendingRegistration = z.infer<typeof registrationSchema>;

export const registrationOf = ({ features }: Pending): PendingRegistration => registrationSchema.parse(features?.['registration'] ?? {});

/** The address of the registration under way. */
export const addressOf = (pending: Pending): Address | undefined => registrationOf(pending).address;

/** The account that is about to be made, with the address shown to be the person's own. */
export function markProven({ newUser }: Pending, { channel }: Address): Partial<Pending> {
  return newUser ? { newUser: { ...newUser, proven: { ...newUser.proven, ...(channel === 'email' ? { emailVerified: true } : { phoneVerified: true }) } } } : {};
}
