export { createContext, key, withPrincipal, type ContextOptions, type Instance, type InstanceContext, type Principal } from './context.ts';
export { instanceSettingsSchema, brandingSchema, type Branding, type InstanceSettings } from './settings.ts';
export { issuerOf, roleOfHost, instanceSlug, type HostRole } from './addresses.ts';
