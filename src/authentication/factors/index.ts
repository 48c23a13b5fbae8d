/** The one list of factors. A new one is a file and a line here; federation, which stands above, registers its own. */
import { type Core, perCore } from '../../core/core.ts';
import type { AnyFactor } from './factor.ts';
import { magicLink } from './magic-link.ts';
import { password } from './password.ts';
import { recoveryCode } from './recovery-code.ts';
import { otpEmail, otpSms } from './sent-codes.ts';
import { totp } from './totp.ts';
import { webauthn } from '../passkeys/factor.ts';

const factors: readonly AnyFactor[] = [password, webauthn, totp, otpSms, otpEmail, magicLink, recoveryCode];

const registeredOf = perCore((): AnyFactor[] => []);

/** Call it when the folder of the factor is registered. */
export function registerFactor(core: Core, factor: AnyFactor): void {
  registeredOf(core).push(factor);
}

/** In the order in which people see them. */
export const factorsOf = (core: Core): readonly AnyFactor[] => [...factors, ...registeredOf(core)];

export const findFactor = (core: Core, method: string): AnyFactor | undefined => factorsOf(core).find((factor) => factor.method === method);
