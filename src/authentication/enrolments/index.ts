/** The one list of credentials that people can make. A new kind is a file and a line here. */
import type { InstanceContext } from '../../tenancy/index.ts';
import type { CredentialView } from '../types.ts';
import type { AnyEnrolment } from './enrolment.ts';
import { webauthnEnrolment } from '../passkeys/enrolment.ts';
import { recoveryCodesEnrolment } from './recovery-codes.ts';
import { totpEnrolment } from './totp.ts';

/** In the order in which people see them. */
export const enrolments: readonly AnyEnrolment[] = [webauthnEnrolment, totpEnrolment, recoveryCodesEnrolment];

export const findEnrolment = (method: string): AnyEnrolment | undefined => enrolments.find((enrolment) => enrolment.method === method);

/** Everything a user has, of all methods. */
export async function listCredentials(context: InstanceContext, userId: string): Promise<CredentialView[]> {
  return (await Promise.all(enrolments.map((enrolment) => enrolment.list(context, userId)))).flat();
}
