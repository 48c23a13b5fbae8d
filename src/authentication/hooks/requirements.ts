/** What flow webhooks ask of a flow; flow/requirements.ts says when. */
import type { Facts } from '../flow/facts.ts';
import { denied, effect, met, type Requirement, unmet, type Verdict } from '../flow/verdicts.ts';

/** After the first proof and the assessment: may this person sign in, or register? */
export const hookRequirement: Requirement = {
  name: 'hooks',
  check(facts) {
    if (facts.hooks.denied) return denied('webhook');
    return facts.hooks.entry === 'unasked' ? ask(facts, 'hooks.entry') : met;
  },
};

/** When everything that waits for the account is known: may it be changed so? */
export const profileHookRequirement: Requirement = {
  name: 'profile_hooks',
  check: (facts) => (facts.hooks.profile === 'unasked' ? ask(facts, 'hooks.profile') : met),
};

/** Where nothing was proven here nobody signs in, and a page that is looked at calls nobody. Without a session either, a proof is missing anyway. */
const ask = ({ proofs, session }: Facts, name: string): Verdict => (proofs.length > 0 ? effect(name) : session === undefined ? unmet('first_factor') : met);

/** For the policy of second factors. */
export const hookDemandsSecondFactor = ({ hooks }: Pick<Facts, 'hooks'>): boolean => hooks.secondFactor;
