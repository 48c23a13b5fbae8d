/** The one list of features. A new one is a folder, a line here, one in feature-facts.ts, and its place in requirements.ts. */
import type { Core } from '../../core/core.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { hooks } from '../hooks/feature.ts';
import { risk } from '../risk/feature.ts';
import { profile } from '../profile/feature.ts';
import { recovery } from '../recovery/feature.ts';
import { registration } from '../registration/feature.ts';
import { terms } from '../terms/feature.ts';
import { secondFactorFeature } from '../second-factor/feature.ts';
import type { FeatureFacts } from './feature-facts.ts';
import { type FlowFeature, type Loading, registeredFeatures } from './feature.ts';

const features: readonly FlowFeature[] = [hooks, risk, registration, recovery, profile, terms, secondFactorFeature];

export const featuresOf = (core: Core): readonly FlowFeature[] => [...features, ...registeredFeatures(core)];

export async function loadFeatureFacts(context: InstanceContext, loading: Loading): Promise<FeatureFacts> {
  const loaded = await Promise.all(featuresOf(context.core).map(async (feature) => [feature.name, await feature.load(context, loading)] as const));
  return Object.fromEntries(loaded) as unknown as FeatureFacts;
}
