/** What the instance asks for, and whether proofs meet it. */
import { areTwoFactors, type SecondFactorRule } from '../levels.ts';
import type { Method, Proof } from '../types.ts';
import type { InstanceContext } from '../../tenancy/index.ts';

/** Methods that people set up on purpose: who has one is asked for it. */
export const enrolledMethods: readonly Method[] = ['totp', 'webauthn'];

export function instanceRule({ instance }: Pick<InstanceContext, 'instance'>): SecondFactorRule {
  const { methods, intervalSeconds } = instance.settings.secondFactor;
  return { methods: [...methods, 'recovery_code'], intervalSeconds };
}

const isYoung = (proof: Proof, seconds: number, now: Date) => now.getTime() - proof.provenAt.getTime() <= seconds * 1_000;
const isShown = (proof: Proof) => proof.use === 'sign_in' && proof.method !== 'remembered_device';

/**
 * Whether one of the methods was shown in time, as a second factor beside (or within) what else was shown. Who has just
 * set one up has shown it: it would be asked for twice in a minute. That raises no level (levels.ts).
 */
export function isMetBy(proofs: readonly Proof[], rule: SecondFactorRule, now: Date): boolean {
  const shown = proofs.filter(isShown);
  if (shown.length === 0) return false;
  return areTwoFactors(shown) && shown.some((proof) => rule.methods.includes(proof.method) && isYoung(proof, rule.intervalSeconds, now))
    || proofs.some((proof) => proof.use === 'enrolment' && isEnrolable(proof.method, rule) && isYoung(proof, rule.intervalSeconds, now));
}

/** Whether setting it up answers a demand. Codes on paper are a way back in, never the first factor of an account. */
export const isEnrolable = (method: Method, rule: SecondFactorRule): boolean => method !== 'recovery_code' && rule.methods.includes(method);

/** Whether a remembered device stands for one of the methods. The instance's own interval is that of the device. */
export function isMetByDevice(device: Proof, rule: SecondFactorRule, from: 'instance' | 'policy', now: Date): boolean {
  return (device.standsFor ?? []).some((method) => rule.methods.includes(method)) && (from === 'instance' || isYoung(device, rule.intervalSeconds, now));
}

/** Whether a second factor of this session, or of this flow, was shown a moment ago; where there is none, any factor. */
export function isFresh(proofs: readonly Proof[], { hasSecondFactor, seconds, now }: { hasSecondFactor: boolean; seconds: number; now: Date }): boolean {
  const shown = proofs.filter(isShown);
  const young = shown.filter((proof) => isYoung(proof, seconds, now));
  if (!hasSecondFactor) return young.length > 0;
  return areTwoFactors(shown) && young.some((proof) => proof.method !== 'password' && proof.method !== 'identity_source');
}
