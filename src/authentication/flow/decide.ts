/** The next step of a flow, from its facts. Pure: the same facts always give the same answer. */
import type { StepName } from '../types.ts';
import type { Facts, Policy } from './facts.ts';
import { requirements } from './requirements.ts';
import { type Denied, denied, type Requirement, type Verdict } from './verdicts.ts';

export type Decision = { readonly kind: 'step'; readonly step: StepName } | { readonly kind: 'effect'; readonly effect: string } | Denied | { readonly kind: 'complete' };

/** The first requirement that is not met; with none left, the flow may complete. */
export function decide(facts: Facts, policy: Policy, list: readonly Requirement[] = requirements): Decision {
  const [first] = missing(facts, policy, list);
  if (first === undefined) return { kind: 'complete' };
  return first.verdict.kind === 'unmet' ? { kind: 'step', step: first.verdict.step } : first.verdict;
}

/**
 * What a page shows. Looking runs no effects, and a set-up begins with a proof before anything was posted: its effects
 * are passed over until they run with the first input, which may then lead elsewhere.
 */
export function decideToShow(facts: Facts, policy: Policy): Decision {
  const [first, ...more] = missing(facts, policy);
  if (first?.verdict.kind !== 'effect' || facts.purpose !== 'setup') return decide(facts, policy);
  const beyond = more.find(({ verdict }) => verdict.kind !== 'effect')?.verdict;
  if (beyond === undefined || beyond.kind === 'effect') return first.verdict;
  return beyond.kind === 'unmet' ? { kind: 'step', step: beyond.step } : beyond;
}

/** Everything that is not met. A requirement that throws denies: an error must never open a door. */
export function missing(facts: Facts, policy: Policy, list: readonly Requirement[] = requirements): { name: string; verdict: Exclude<Verdict, { kind: 'met' }> }[] {
  return list.flatMap((requirement) => {
    const verdict = checkSafely(requirement, facts, policy);
    return verdict.kind === 'met' ? [] : [{ name: requirement.name, verdict }];
  });
}

function checkSafely(requirement: Requirement, facts: Facts, policy: Policy): Verdict {
  try {
    return requirement.check(facts, policy);
  } catch {
    return denied('policy_error');
  }
}
