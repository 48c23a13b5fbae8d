/** What is known in a flow, and what is asked of it: all that `decide` looks at. */
import type { AccessDecision } from '../../access/index.ts';
import type { Channel, GrantedConsent, Level, Proof, Purpose } from '../types.ts';
import type { FeatureFacts } from './feature-facts.ts';

export type AccountState = 'usable' | 'disabled' | 'locked' | 'expired' | 'pending';

export interface Facts extends FeatureFacts {
  readonly flowId: string;
  readonly channel: Channel;
  readonly purpose: Purpose;
  readonly now: Date;
  readonly browserId: string | undefined;
  /** What was typed or chosen, by nobody proven. */
  readonly identifier: string | undefined;
  /** Who it is: by a proof in this flow, by the session it goes on from, or by the set-up link. Never by a typed name. */
  readonly user: { readonly id: string; readonly username: string; readonly state: AccountState } | undefined;
  /** Nobody yet: an account that is made when the flow completes (registration, the first sign-in from outside). */
  readonly newUser: boolean;
  /** Given in this flow. */
  readonly proofs: readonly Proof[];
  /** The browser's live session, where the flow goes on from it. */
  readonly session: { readonly id: string; readonly proofs: readonly Proof[] } | undefined;
  readonly application: {
    readonly enabled: boolean; readonly assigned: boolean;
    /** By its network zones, from the address of this request. */
    readonly openFromHere: boolean;
    /** With which of the instance's methods people may sign in there; undefined: all. */
    readonly signInMethods?: readonly string[] | undefined;
  } | undefined;
  readonly passwordChange: 'required' | 'expired' | 'setup' | 'recovery' | 'chosen' | undefined;
  /** A new password was accepted and waits for the end of the flow. */
  readonly newPasswordChosen: boolean;
  /** What the person allowed this application before. */
  readonly consent: GrantedConsent | undefined;
  readonly allowed: boolean;
}

export interface Policy {
  /** From acr_values; `unreachable`: we know none of the names. */
  readonly level: Level | 'unreachable' | undefined;
  /** Seconds. */
  readonly maxAge: number | undefined;
  /** prompt=login: what was proven before this flow does not count. */
  readonly freshProof: boolean;
  /** Levels that the methods offered here can lead to, given what is proven. */
  readonly reachable: readonly Level[];
  /** What the access policies say of this person, application and address. */
  readonly access: Pick<AccessDecision, 'decision' | 'policy' | 'because' | 'secondFactor'>;
  /** Whether one of the methods of its second factor is offered here. */
  readonly secondFactorOffered: boolean;
  /** Undefined: no consent is needed (a first-party application, or none). */
  readonly consent: { readonly always: boolean; readonly asked: GrantedConsent } | undefined;
}

/** Minutes are short here: who left the desk comes back to a page that asks again. */
export const proofSeconds = 600;

/**
 * The proofs that count now: those of this flow while they are young, and those of the session unless the request says
 * otherwise. A set-up link counts as long as its flow lives.
 */
export function countedProofs(facts: Facts, policy: Policy): Proof[] {
  const age = (proof: Proof) => (facts.now.getTime() - proof.provenAt.getTime()) / 1_000;
  const own = facts.proofs.filter((proof) => proof.method === 'setup_link' || age(proof) <= proofSeconds);
  // A forced change of the password asks for the present one, whatever the session knows.
  const fresh = policy.freshProof || facts.passwordChange === 'required' || facts.passwordChange === 'expired';
  const kept = fresh ? [] : (facts.session?.proofs ?? []).filter((proof) => policy.maxAge === undefined || age(proof) <= policy.maxAge);
  return [...kept, ...own];
}
