import { phoneRegionOf } from './phone-region.ts';
import type { UpdateUser } from './schemas.ts';

/** The columns that are taken as they come; what is not named is left out. */
export function profileOf(user: UpdateUser) {
  const { givenName, familyName, email, phone, locale, timeZone, externalId, description, expiresAt } = user;
  const named = { givenName, familyName, email, phone, locale, timeZone, externalId, description };
  return {
    ...Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined)) as Partial<Record<keyof typeof named, string | null>>,
    ...(phone !== undefined && { phoneRegion: phone === null ? null : phoneRegionOf(phone) }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt === null ? null : new Date(expiresAt) }),
  };
}
