/** Everything that asks for a second factor in a flow, and what would meet it. Pure. */
import { countedProofs, type Facts, type Policy } from '../flow/facts.ts';
import { meetsSecondFactor, type SecondFactorRule } from '../levels.ts';
import { hookDemandsSecondFactor } from '../hooks/requirements.ts';
import { demandsSecondFactor, isRiskLow } from '../risk/requirements.ts';
import type { Method, Proof } from '../types.ts';
import { sensitiveSeconds } from './facts.ts';
import { isEnrolable, isFresh, isMetBy, isMetByDevice } from './rule.ts';

export interface Demand { readonly rule: SecondFactorRule; readonly from: 'instance' | 'policy' | 'risk' }

export function demandsOf(facts: Facts, { access }: Pick<Policy, 'access'>): Demand[] {
  const { mode, rule, enrolled } = facts.secondFactor;
  // What an administrator agreed is lost asks for nothing more.
  const instanceAsks = mode === 'required' || (mode === 'optional' && !facts.recovery.secondFactorWaived && enrolled.some((method) => rule.methods.includes(method)));
  return [
    ...(access.decision === 'second_factor' && access.secondFactor ? [{ rule: access.secondFactor, from: 'policy' as const }] : []),
    ...(demandsSecondFactor(facts) || hookDemandsSecondFactor(facts) || (mode === 'adaptive' && isRisky(facts)) ? [{ rule, from: 'risk' as const }] : []),
    ...(instanceAsks ? [{ rule, from: 'instance' as const }] : []),
  ];
}

/** Where nothing was proven here, the risk was judged when the session was made. */
const isRisky = (facts: Facts): boolean => !isRiskLow(facts) && !(facts.proofs.length === 0 && facts.session !== undefined);

/** Nothing speaks against trusting what is known of this browser or this person. */
export const isSafe = ({ risk: { assessment } }: Pick<Facts, 'risk'>): boolean => !(assessment?.actions ?? []).some((action) => action !== 'notify');

/** The remembered device, where it may stand for a second factor: never for a level, a step-up, a recovery, or at risk. */
export function usableDevice(facts: Pick<Facts, 'secondFactor' | 'purpose' | 'risk'>, { level }: Pick<Policy, 'level'>): Proof | undefined {
  const { secondFactor: { device, task }, purpose } = facts;
  const counts = isSafe(facts) && level === undefined && task === undefined && (purpose === 'sign_in' || purpose === 'link');
  return counts ? device : undefined;
}

export function isMet(facts: Facts, policy: Policy, { rule, from }: Demand): boolean {
  const proofs = countedProofs(facts, policy);
  if (from === 'policy' ? meetsSecondFactor(proofs, rule, facts.now) : isMetBy(proofs, rule, facts.now)) return true;
  if (facts.secondFactor.enrolling.some((method) => isEnrolable(method, rule)) || isEnrolledHere(proofs, rule, facts.now)) return true;
  const device = from === 'risk' ? undefined : usableDevice(facts, policy);
  return device !== undefined && isMetByDevice(device, rule, from === 'policy' ? 'policy' : 'instance', facts.now);
}

/** Nothing but the remembered device meets it. */
export const isMetByDeviceOnly = (facts: Facts, policy: Policy, demand: Demand): boolean =>
  isMet(facts, policy, demand) && !isMet({ ...facts, secondFactor: { ...facts.secondFactor, device: undefined } }, policy, demand);

/** The remembered device that this flow relies on: it goes into the session with the proofs. */
export function deviceReliedOn(facts: Facts, policy: Policy): Proof[] {
  const device = usableDevice(facts, policy);
  return device && demandsOf(facts, policy).some((demand) => isMetByDeviceOnly(facts, policy, demand)) ? [device] : [];
}

/** Set up in this session: who was asked for a factor and made one is not asked for it again at once. */
const isEnrolledHere = (proofs: readonly Proof[], rule: SecondFactorRule, now: Date) => proofs.some((proof) =>
  proof.use === 'enrolment' && isEnrolable(proof.method, rule) && now.getTime() - proof.provenAt.getTime() <= rule.intervalSeconds * 1_000);

/** What this person can show to meet a demand. A password counts where a mailbox or phone came first. */
export const waysTo = ({ secondFactor: { ways }, recovery }: Facts, { rule }: Demand): Method[] =>
  (recovery.secondFactorWaived ? [] : ways.filter((method) => method === 'password' || rule.methods.includes(method)));

export const isPutOff = ({ secondFactor: { skipped, graceEndsAt }, now }: Facts, { from }: Demand): boolean =>
  from === 'instance' && skipped && graceEndsAt !== undefined && graceEndsAt > now;

/** Whether what is there was shown a moment ago, as whatever changes it asks for. */
export const isFreshHere = (facts: Facts): boolean => isFresh([...facts.session?.proofs ?? [], ...facts.proofs], {
  hasSecondFactor: hasSecondFactor(facts), seconds: sensitiveSeconds, now: facts.now });

export const hasSecondFactor = ({ secondFactor: { enrolled, hasRecoveryCodes }, recovery }: Facts): boolean =>
  (enrolled.length > 0 || hasRecoveryCodes) && !recovery.secondFactorWaived;
