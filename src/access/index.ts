/** Who may call what: access tokens at our own APIs, administrators, rate limits, idempotent POSTs. */
export { defineOwnApis, managementAudience, managementScopes, platformAudience, platformScopes, type ApiScope } from './scopes.ts';
export { assignRole, findPermissions, listAdministrators, rejectTakeOverOfAdministrator, removeRole } from './administrators.ts';
export { builtInRoles, hasPermission, type BuiltInRole } from './roles.ts';
export { oauthRateLimited, rateLimited, takeForAddress, takeForApplication, takeForPublicApplication } from './rate-limit.ts';
export { checkDpopProof, type ProofTarget } from './dpop-proof.ts';
export { loadPrincipal, verifyAccessToken, type VerifiedToken } from './bearer.ts';
export { authorize } from './authorize.ts';
export { access } from './routes.ts';
