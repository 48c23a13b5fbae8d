/** What is known about second factors in a flow. */
import type { Level, Method, Proof } from '../types.ts';
import type { SecondFactorRule } from '../levels.ts';

export type SecondFactorMode = 'off' | 'optional' | 'required' | 'adaptive';

/** What a flow was begun for by the person's own account page. */
export type Task = { readonly kind: 'password' } | { readonly kind: 'enrol'; readonly method: Method } | { readonly kind: 'confirm' };

export interface SecondFactorFacts {
  readonly mode: SecondFactorMode;
  /** What the instance itself asks for, where its mode asks at all. */
  readonly rule: SecondFactorRule;
  /** What this person can show in addition to what was shown, each alone enough to make two factors of it. */
  readonly ways: readonly Method[];
  /** Set up on purpose: what `optional` asks for. */
  readonly enrolled: readonly Method[];
  readonly hasRecoveryCodes: boolean;
  /** With everything that this person could show. */
  readonly reachable: Level;
  /** This browser was remembered by this person: stands for the second factors that were shown then. */
  readonly device: Proof | undefined;
  /** New credentials that wait for the end of the flow. */
  readonly enrolling: readonly Method[];
  /** What can be set up here at all. */
  readonly enrolable: readonly Method[];
  readonly enrolAtSignIn: boolean;
  /** Until then the instance's demand can be put off; undefined: not at all. */
  readonly graceEndsAt: Date | undefined;
  readonly skipped: boolean;
  /** Recovery codes were offered beside a first factor, and declined. */
  readonly codesDeclined: boolean;
  readonly task: Task | undefined;
}

/** How old proof may be for what could shut the owner out: enrolling and removing factors, changing the password. */
export const sensitiveSeconds = 300;
