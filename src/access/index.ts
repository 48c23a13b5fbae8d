/** Who may call what: access tokens at our own APIs, administrators, rate limits, idempotent POSTs. */
export { defineOwnApis, managementAudience, managementScopes, platformAudience, platformScopes, type ApiScope } from './scopes.ts';
export { assignRole, removeRole, type AssignOptions } from './administrators.ts';
export { listAdministrators } from './list-administrators.ts';
export { rejectActingOnHigher, rejectGrantBeyondOwn } from './authority.ts';
export { findRights, placesOfPermission, type Rights } from './rights.ts';
export { builtInRoleIds, builtInRoles, hasPermission, permissionsOfBuiltIn, type BuiltInRole } from './roles.ts';
export { knownPermissions } from './permissions.ts';
export { oauthRateLimited, rateLimited, takeForAddress, takeForApplication, takeForPublicApplication } from './rate-limit.ts';
export { checkDpopProof, type ProofTarget } from './dpop-proof.ts';
export { loadPrincipal, verifyAccessToken, type VerifiedToken } from './bearer.ts';
export { authorize } from './authorize.ts';
export { access } from './routes.ts';
