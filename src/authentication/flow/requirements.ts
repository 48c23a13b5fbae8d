/**
 * What a flow must meet, in order. Each looks at facts and policy and says: met, not met (and which step meets it), or
 * denied. What is missing is computed at every request, so no step can be forged, skipped or forgotten.
 */
import { hookRequirement, profileHookRequirement } from '../hooks/requirements.ts';
import { door, riskRequirement } from '../risk/requirements.ts';
import { completeProfile, verifyAddress } from '../profile/feature.ts';
import { recover, recoverPasskey } from '../recovery/feature.ts';
import { register } from '../registration/feature.ts';
import { acceptTerms } from '../terms/feature.ts';
import { enrolFactor, freshFactor, secondFactor } from '../second-factor/requirements.ts';
import type { Proof } from '../types.ts';
import { countedProofs, type Facts } from './facts.ts';
import { outsideIdentity, outsideLink } from './outside-identity.ts';
import { denied, met, type Requirement, unmet } from './verdicts.ts';

const identify: Requirement = {
  name: 'identify',
  check: (facts) => (facts.user !== undefined || facts.newUser || facts.identifier !== undefined ? met : unmet('identify')),
};

const firstFactor: Requirement = {
  name: 'first_factor',
  check(facts, policy) {
    const counts = firstFactorUses(facts);
    const proven = (facts.user !== undefined || facts.newUser)
      && countedProofs(facts, policy).some((proof) => counts.includes(proof.use) && proof.method !== 'remembered_device');
    return proven ? met : unmet('first_factor');
  },
};

/** Who sets up or recovers an account shows its link or code; who registers, the mailbox; everybody else a factor. */
function firstFactorUses({ purpose, newUser }: Facts): Proof['use'][] {
  if (purpose === 'setup' || purpose === 'recover') return ['sign_in', 'recovery'];
  return newUser ? ['sign_in', 'enrolment'] : ['sign_in'];
}

/** After a proof, so it can be said openly: nobody else learns it. */
const accountState: Requirement = {
  name: 'account_state',
  check: ({ user }) => (user === undefined || user.state === 'usable' ? met : denied(`account_${user.state}`)),
};

const application: Requirement = {
  name: 'application',
  check(facts, { access }) {
    if (facts.application === undefined) return met;
    if (!facts.application.enabled) return denied('application_disabled');
    if (!facts.application.openFromHere) return denied('network_zone');
    if (!facts.application.assigned) return denied('not_assigned');
    return access.decision === 'deny' ? { ...denied('access_policy'), policy: { id: access.policy?.id ?? null, name: access.policy?.name ?? null, because: access.because } } : met;
  },
};

const changePassword: Requirement = {
  name: 'change_password',
  check: (facts) => (facts.passwordChange === undefined || facts.newPasswordChosen ? met : unmet('change_password')),
};

const consent: Requirement = {
  name: 'consent',
  check(facts, policy) {
    if (policy.consent === undefined || facts.allowed) return met;
    if (policy.consent.always) return unmet('consent');
    return isCovered(policy.consent.asked, facts.consent) ? met : unmet('consent');
  },
};

/** Whether everything asked for was allowed before. */
export function isCovered(asked: { scopes: readonly string[]; claims: readonly string[]; resources: Readonly<Record<string, readonly string[]>> }, allowed: typeof asked | undefined): boolean {
  if (allowed === undefined) return false;
  const within = (wanted: readonly string[], given: readonly string[] = []) => wanted.every((name) => given.includes(name));
  return within(asked.scopes, allowed.scopes) && within(asked.claims, allowed.claims)
    && Object.entries(asked.resources).every(([resource, scopes]) => Object.hasOwn(allowed.resources, resource) && within(scopes, allowed.resources[resource]));
}

/** The order in which people meet them. Account state comes before anything that could change the account. */
export const requirements: readonly Requirement[] = [
  door, outsideIdentity, register, recover, identify, firstFactor, accountState, application, riskRequirement, hookRequirement, secondFactor, freshFactor, outsideLink, recoverPasskey, changePassword, enrolFactor, verifyAddress, completeProfile, profileHookRequirement, acceptTerms, consent,
];
