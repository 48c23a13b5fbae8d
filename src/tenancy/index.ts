/** Instances: who is served where, with which keys, settings and domains. */
export { isOwnAddress } from './own-address.ts';
export { createContext, key, withPrincipal, type ContextOptions, type Instance, type InstanceContext, type Principal } from './context.ts';
export { instanceSettingsSchema, brandingSchema, type Branding, type InstanceSettings } from './settings.ts';
export { issuerOf, roleOfHost, instanceSlug, type HostRole } from './addresses.ts';
export { createInstance, firstInstanceId, forEachInstance, instanceContext, loadInstance, touchInstance, type NewInstance } from './instances.ts';
export { prepareNewInstances } from './new-instances.ts';
export { hasInstanceContext, instanceScope } from './instance-scope.ts';
export { rewriteInstanceHost } from './request-address.ts';
export { loadKeySet, longestTokenSeconds, signingKeyFor, verificationKey, type KeySet, type KeyStatus } from './signing-keys.ts';
export { signingAlgorithms, type SigningAlgorithm } from './key-material.ts';
export { privateKeyPlace } from './new-instance-keys.ts';
export { rotateSigningKeys, retireSigningKey } from './key-rotation.ts';
export { missingForSignIn } from './readiness.ts';
export { platform, type PlatformOptions } from './platform-routes.ts';
export type { FirstAdministrator } from './schemas.ts';
export { tenancy } from './routes.ts';
