/** What was proven at a source outside: facts that federation/ loads, and what they ask for. */
import { hasSecondFactor, isFreshHere } from '../second-factor/demands.ts';
import { denied, met, type Requirement, unmet } from './verdicts.ts';

export interface OutsideIdentityFacts {
  readonly applicationId: string | undefined;
  /** Where the application of a program takes the answer of a source. */
  readonly returnTo: string | undefined;
  /** Somebody of a source who is nobody here, and has not said yet whether they have an account. */
  readonly mustChoose: boolean;
  /** The source was closed, or its rules changed, since it was asked. */
  readonly isVoid: boolean;
  /** A connection with an account that was there before waits: it is a way in from then on. */
  readonly linksExisting: boolean;
  /** Of a flow for a connection: it waits for the end. */
  readonly hasLink: boolean;
}

export const outsideIdentity: Requirement = {
  name: 'outside_identity',
  check({ federation }) {
    if (federation?.isVoid) return denied('identity_source');
    return federation?.mustChoose ? unmet('link_account') : met;
  },
};

/** A new way in is opened by the strongest that the account has: a stolen password must not be enough to add one. */
export const outsideLink: Requirement = {
  name: 'outside_link',
  check(facts) {
    const { federation, purpose } = facts;
    if (purpose === 'link' && !isFreshHere(facts)) return unmet(hasSecondFactor(facts) ? 'second_factor' : 'first_factor');
    if (federation?.linksExisting && hasSecondFactor(facts) && !isFreshHere(facts)) return unmet('second_factor');
    return purpose === 'link' && !federation?.hasLink ? unmet('link_account') : met;
  },
};
