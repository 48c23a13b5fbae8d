/** Which addresses may register. Depends on the text alone, so it is said openly. */
import { domainToASCII } from 'node:url';
import type { InstanceContext } from '../../tenancy/index.ts';

/** A domain in a list stands for itself and for those below it; a denial goes before a permission. */
export function isDomainAllowed({ instance: { settings } }: InstanceContext, email: string): boolean {
  const domain = domainToASCII(email.slice(email.lastIndexOf('@') + 1)).toLowerCase().replace(/\.$/, '');
  if (domain === '') return false;
  const isIn = (list: readonly string[]) => list.some((entry) => domain === entry || domain.endsWith(`.${entry}`));
  const { allowedDomains, deniedDomains } = settings.registration;
  return !isIn(deniedDomains) && (allowedDomains.length === 0 || isIn(allowedDomains));
}
