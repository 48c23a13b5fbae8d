import { parsePhoneNumberFromString } from 'libphonenumber-js/max';

/** The region (ISO 3166) that a number in E.164 belongs to; null where its plan has none, or the number is no real one. */
export function phoneRegionOf(phone: string): string | null {
  return parsePhoneNumberFromString(phone)?.country ?? null;
}
