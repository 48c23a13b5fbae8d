/** What a requirement says. */
import type { StepName } from '../types.ts';
import type { Facts, Policy } from './facts.ts';

export type Verdict =
  | { readonly kind: 'met' }
  | { readonly kind: 'unmet'; readonly step: StepName }
  /** Something must be found out first, outside of any transaction: `effects` of the feature that has it. */
  | { readonly kind: 'effect'; readonly effect: string }
  | Denied;

export interface Denied {
  readonly kind: 'denied';
  readonly reason: DenialReason;
  readonly error: 'access_denied' | 'unmet_authentication_requirements';
  /** The access policy that denied, and why; for the log. */
  readonly policy?: { readonly id: string | null; readonly name: string | null; readonly because: string };
}

export type DenialReason = 'account_disabled' | 'account_locked' | 'account_expired' | 'account_pending' | 'application_disabled' | 'not_assigned'
  | 'network_zone' | 'access_policy' | 'level_unreachable' | 'attempts_used_up' | 'setup_link_used' | 'registration_pending' | 'recovery_void' | 'recovery_waiting' | 'policy_error' | 'webhook'
  | 'no_second_factor' | 'sign_in_zone' | 'risk' | 'identity_source';

export interface Requirement {
  readonly name: string;
  check(facts: Facts, policy: Policy): Verdict;
}

export const met: Verdict = { kind: 'met' };
export const unmet = (step: StepName): Verdict => ({ kind: 'unmet', step });
export const effect = (name: string): Verdict => ({ kind: 'effect', effect: name });
export const denied = (reason: DenialReason, error: Denied['error'] = 'access_denied'): Denied => ({ kind: 'denied', reason, error });
