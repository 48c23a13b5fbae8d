/** The facts that features add, by the name of the feature. */
export type FeatureFacts = object;
