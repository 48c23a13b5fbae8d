/** Where messages go: one address or number, checked before it is stored, and how the log shows it. */
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { invalidParameters } from '../core/errors.ts';
import type { Channel } from './template-list.ts';

/**
 * One plain mailbox (RFC 5321 §4.1.2, dot-string and domain only): no quoted local part, comment, group or second
 * address, of which mail programs and servers read different things.
 */
const mailbox = /^(?=.{3,254}$)(?=.{1,64}@)[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const number = /^\+[1-9]\d{6,14}$/;

export const isRecipient = (channel: Channel, to: string): boolean => (channel === 'email' ? mailbox : number).test(to);

/** @throws Problem 400 when it is not exactly one address (a number in E.164) */
export function checkRecipient(channel: Channel, to: string, field = 'to'): void {
  if (isRecipient(channel, to)) return;
  throw invalidParameters([{ field, code: 'invalid', detail: channel === 'email'
    ? 'must be one plain e-mail address such as name@example.com, without quotes, comments, names or line breaks'
    : 'must be one telephone number in the form +8613812345678' }]);
}

/** Domain of an address; country code of a number, `+86`. */
export function prefixOf(channel: Channel, to: string): string {
  if (channel === 'email') return to.slice(to.lastIndexOf('@') + 1).toLowerCase();
  const code = parsePhoneNumberFromString(to)?.countryCallingCode;
  return code === undefined ? to.slice(0, 4) : `+${code}`;
}

/** Enough for who knows the address to find it again. */
export function maskRecipient(channel: Channel, to: string): string {
  if (channel === 'email') return `${to.slice(0, 1)}…${to.slice(to.lastIndexOf('@'))}`;
  const prefix = prefixOf('sms', to);
  const rest = to.slice(prefix.length);
  return `${prefix} ${rest.slice(0, 2)}…${rest.slice(-2)}`;
}
