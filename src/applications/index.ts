/** Applications, their secrets, and the resource servers that they ask tokens for. */
export type { Application } from './application.ts';
export { viewApplication } from './application.ts';
export { createApplication, deleteApplication, disableApplication, enableApplication, findApplication, findApplicationByClientId, loadApplication, updateApplication, type ApplicationOrigin } from './applications.ts';
export { onApplicationChanged } from './application-cache.ts';
export { isCalledFromHere, isOpenFromHere } from './network-access.ts';
export { listApplications } from './list-applications.ts';
export { applicationKindSchema, type ApplicationKind } from './kinds.ts';
export { deviceCodeGrant, oidcSettingsSchema, usesClientSecret, type GrantType, type OidcSettings, type OidcSettingsChange, type TokenEndpointAuthMethod } from './oidc-settings.ts';
export { applicationIdSchema, createApplicationSchema, updateApplicationSchema, type CreateApplication, type UpdateApplication } from './schemas.ts';
export { isRegisteredRedirectUri } from './redirect-uris.ts';
export { addClientSecret, listClientSecrets, matchesClientSecret, openClientSecrets, removeClientSecret, secretPlace, type AddSecret, type ClientSecret, type NewClientSecret } from './client-secrets.ts';
export { builtInIdentifier, builtInResourceServers, defineBuiltInApi, type BuiltInApi, type ResourceScope, type ResourceServer } from './resource-server.ts';
export { createResourceServer, findResourceServer, loadResourceServer } from './resource-servers.ts';
export { grantedScopes, listResourceGrants, putResourceGrant, removeResourceGrant, type ResourceGrant } from './resource-grants.ts';
export { onOwnScopesGiven, type OwnScopesGuard } from './own-rights.ts';
export { configurationOf } from './configuration.ts';
export { applicationNotFound } from './errors.ts';
export { applications } from './routes.ts';
