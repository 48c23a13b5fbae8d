/** Users: who they are, by which names they are found, whether they may act. */
export { createUser, deleteUser, disableUser, enableUser, findUserById, findUserByIdentifier, loadUser, loadUserForUpdate, lockUser, noteSignIn, unlockUser, updateUser, type Proven } from './users.ts';
export { isUsable, viewUser, type User } from './user.ts';
export { isUserUsable, onUserChanged } from './user-status.ts';
export { onUserClosing, type UserClosing } from './closing.ts';
export { guardUsers, onUserGuarded, type UserGuard } from './guards.ts';
export { beyondLimit, isWithinLimit, limitPathsOf, pathWithin, rejectChangeOutsideLimit, rejectOutsideLimit, rejectUnitOutsideLimit, unitsWithinLimit, usersWithinLimit, userWithinLimit } from './limits.ts';
export { foldIdentifier, foldPhone } from './identifiers.ts';
export { userIdSchema, type CreateUser, type UpdateUser, type UserStatus } from './schemas.ts';
export { userNotFound } from './errors.ts';
export { loadMemberships, onMembershipsChanged, type GroupMembership, type Memberships, type MembershipsListener, type OrganizationalUnitMembership } from './memberships.ts';
export { rootOrganizationalUnitId } from './organizational-units/root.ts';
export { directory } from './routes.ts';
