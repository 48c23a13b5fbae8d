/** What a flow must meet about second factors: showing one, and setting one up. Pure; placed by flow/requirements.ts. */
import { countedProofs, type Facts, type Policy } from '../flow/facts.ts';
import { denied, met, type Requirement, unmet, type Verdict } from '../flow/verdicts.ts';
import { isAtLeast, levelOf } from '../levels.ts';
import { isEnrolable } from './rule.ts';
import { type Demand, demandsOf, hasSecondFactor, isFreshHere, isMet, isPutOff, isSafe, waysTo } from './demands.ts';

const noSecondFactor = denied('no_second_factor', 'unmet_authentication_requirements');

export const secondFactor: Requirement = {
  name: 'second_factor',
  check(facts, policy) {
    for (const demand of demandsOf(facts, policy)) {
      if (isMet(facts, policy, demand)) continue;
      const verdict = checkDemand(facts, policy, demand);
      if (verdict.kind !== 'met') return verdict;
    }
    return checkLevel(facts, policy);
  },
};

/** What a demand that is not met asks for. `met`: it is left to `enrolFactor`. */
function checkDemand(facts: Facts, policy: Policy, demand: Demand): Verdict {
  if (demand.from === 'policy' && !policy.secondFactorOffered) return denied('level_unreachable', 'unmet_authentication_requirements');
  if (waysTo(facts, demand).length > 0) return unmet('second_factor');
  if (!mayEnrol(facts, demand)) return noSecondFactor;
  // Whoever has another one shows it first: a stolen password must not be enough to add a factor.
  return hasSecondFactor(facts) && !isFreshHere(facts) ? unmet('second_factor') : met;
}

/** Trust on first use: never from a sign-in that looks risky. */
const mayEnrol = (facts: Facts, { rule, from }: Demand): boolean => {
  const { enrolAtSignIn, enrolable } = facts.secondFactor;
  return enrolAtSignIn && isSafe(facts) && from !== 'risk' && enrolable.some((method) => isEnrolable(method, rule));
};

function checkLevel(facts: Facts, policy: Policy): Verdict {
  const { level } = policy;
  if (level === undefined) return met;
  const unreachable = denied('level_unreachable', 'unmet_authentication_requirements');
  if (level === 'unreachable') return unreachable;
  if (isAtLeast(levelOf(countedProofs(facts, policy), facts.now), level)) return met;
  if (!policy.reachable.some((reachable) => isAtLeast(reachable, level))) return unreachable;
  return isAtLeast(facts.secondFactor.reachable, level) ? unmet('second_factor') : noSecondFactor;
}

/** What the account page was asked to change: only after the existing second factor, shown within five minutes. */
export const freshFactor: Requirement = {
  name: 'fresh_factor',
  check(facts) {
    if (facts.secondFactor.task === undefined || isFreshHere(facts)) return met;
    return unmet(hasSecondFactor(facts) ? 'second_factor' : 'first_factor');
  },
};

export const enrolFactor: Requirement = {
  name: 'enrol_factor',
  check: (facts, policy) => (enrolmentOf(facts, policy) === undefined ? met : unmet('enrol_factor')),
};

/** What has to be set up, and why; undefined: nothing. */
export function enrolmentOf(facts: Facts, policy: Policy): { reason: 'required' | 'chosen' | 'recovery_codes'; methods: readonly string[] } | undefined {
  const { secondFactor: { task, enrolling, enrolable, hasRecoveryCodes, codesDeclined } } = facts;
  if (facts.purpose === 'recover' && facts.recovery.passkeyOnly && !facts.recovery.newPasskeyMade) return { reason: 'required', methods: ['webauthn'] };
  if (task?.kind === 'enrol' && !enrolling.includes(task.method)) return { reason: 'chosen', methods: [task.method] };
  const demand = demandsOf(facts, policy).find((each) => !isMet(facts, policy, each) && waysTo(facts, each).length === 0 && !isPutOff(facts, each));
  if (demand) return { reason: 'required', methods: enrolable.filter((method) => isEnrolable(method, demand.rule)) };
  // Without them, who loses the one factor is shut out.
  const isFirst = enrolling.some((method) => method !== 'recovery_code') && !hasRecoveryCodes && !enrolling.includes('recovery_code');
  return isFirst && facts.user !== undefined && !codesDeclined && enrolable.includes('recovery_code') ? { reason: 'recovery_codes', methods: ['recovery_code'] } : undefined;
}

/** Whether the step to set one up can be left for later. */
export function canSkip(facts: Facts, policy: Policy): boolean {
  const enrolment = enrolmentOf(facts, policy);
  if (enrolment?.reason === 'recovery_codes') return true;
  if (facts.recovery.passkeyOnly) return false;
  const { graceEndsAt } = facts.secondFactor;
  if (enrolment?.reason !== 'required' || graceEndsAt === undefined || graceEndsAt <= facts.now) return false;
  // A policy or the risk cannot be put off: only where nothing but the instance asks.
  return demandsOf(facts, policy).every((demand) => demand.from === 'instance' || isMet(facts, policy, demand));
}

/** The methods that help at the step second_factor; undefined: all that the person has. */
export function methodsThatHelp(facts: Facts, policy: Policy): readonly string[] | undefined {
  const demand = demandsOf(facts, policy).find((each) => !isMet(facts, policy, each));
  const ways = demand && waysTo(facts, demand);
  if (ways === undefined || ways.length === 0) return undefined;
  return demand?.from === 'policy' ? ways : [...ways, 'recovery_code'];
}
