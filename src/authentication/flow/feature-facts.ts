/** The facts that features add, by the name of the feature. */
import type { HookFacts } from '../hooks/feature.ts';
import type { ProfileFacts } from '../profile/feature.ts';
import type { RecoveryFacts } from '../recovery/feature.ts';
import type { RegistrationFacts } from '../registration/feature.ts';
import type { TermsFacts } from '../terms/feature.ts';
import type { OutsideIdentityFacts } from './outside-identity.ts';
import type { RiskFacts } from '../risk/feature.ts';
import type { SecondFactorFacts } from '../second-factor/facts.ts';

export interface FeatureFacts {
  readonly hooks: HookFacts;
  readonly registration: RegistrationFacts;
  readonly recovery: RecoveryFacts;
  readonly profile: ProfileFacts;
  readonly terms: TermsFacts;
  readonly risk: RiskFacts;
  /** Undefined on a server without federation/. */
  readonly federation?: OutsideIdentityFacts;
  readonly secondFactor: SecondFactorFacts;
}
