/** Refusals of our own APIs (RFC 6750 §3, RFC 9449 §7.1) and of administrators. */
import { conflict, denied, notFound, Problem } from '../core/errors.ts';

/** 401 without a code where no token was sent (RFC 6750 §3.1). */
export const tokenMissing = () => new Problem({
  status: 401, code: 'Operation.Denied', detail: 'Send an access token of this instance: Authorization: Bearer <token>.',
  headers: { 'www-authenticate': 'Bearer, DPoP algs="ES256 EdDSA RS256 PS256"' },
});

/** 401: one answer for every token that is not taken; why, is for the log. */
export const tokenRefused = (logDetail: string) => new Problem({
  status: 401, code: 'Operation.Denied', detail: 'The access token is not valid here, or not any more.', logDetail,
  headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
});

/** RFC 9470 §3: the client sends the person to sign in again with this `max_age`. */
export const authenticationTooOld = (maxAge: number) => new Problem({
  status: 401, code: 'Operation.Denied', detail: `This needs a sign-in that is at most ${maxAge} seconds old. Ask the person to sign in again (max_age=${maxAge}) and repeat the call with the new token.`,
  headers: { 'www-authenticate': `Bearer error="insufficient_user_authentication", error_description="A more recent sign-in is needed.", max_age="${maxAge}"` },
});

export const proofRefused = (logDetail: string) => new Problem({
  status: 401, code: 'Operation.Denied', detail: 'The DPoP proof does not fit the token, the key or this request (RFC 9449 §4.3).', logDetail,
  headers: { 'www-authenticate': 'DPoP error="invalid_dpop_proof", algs="ES256 EdDSA RS256 PS256"' },
});

export const scopeMissing = (scope: string) => new Problem({
  status: 403, code: 'Operation.Denied', detail: `The access token lacks the scope ${scope}.`,
  headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scope}"` },
});

export const permissionMissing = (permission: string) => new Problem({
  status: 403, code: 'Operation.Denied', detail: `This needs an administrator with the permission ${permission}.`,
});

/** 403: held in parts of the tree, and the route is not for parts. */
export const permissionLimited = (permission: string) => new Problem({
  status: 403, code: 'Operation.Denied', detail: `You have the permission ${permission} in some organizational units only, and this concerns the whole instance.`,
});

export const networkRefused = () => new Problem({
  status: 403, code: 'Operation.Denied', members: { reason: 'network_zone' }, detail: 'This application may not be used from this network.',
});

/** 403, and which of the wanted permissions those are. */
export const beyondOwnRights = (permissions: readonly string[]) => denied(
  `This would give permissions that you do not hold yourself there: ${permissions.slice(0, 10).map((name) => (name === '*' ? 'all (owner)' : name)).join(', ')}${permissions.length > 10 ? ' …' : ''}.`);

/** 403. What the other one holds is not said. */
export const higherAdministrator = () => denied('This user is an administrator who holds more than you do.');

export const administratorNotFound = () => notFound('administrator');
export const administratorRoleNotFound = () => notFound('administrator role');
export const lastOwnerStays = () => conflict('Operation.Failure.Administrator.Last', 'This is the last owner who can sign in; make somebody else an owner first.');
export const roleNameTaken = () => conflict('Operation.Failure.Administrator.Role.Already.Exist', 'Another administrator role has this name, or one that looks the same.', [{ field: 'name', code: 'taken', detail: 'is the name of another role' }]);
export const tooManyRoles = (most: number) => conflict('Operation.Failure.Administrator.Role.Too.Many', `There are ${most} roles already, the most that an instance has; delete one first.`);
export const builtInRoleStays = () => conflict('Operation.Failure.Administrator.Role.Built.In', 'This role is part of the product: make one of your own instead.');

/** 409, and who has the role: the first of them. */
export const roleInUse = (count: number, userIds: readonly string[]) => new Problem({
  status: 409, code: 'Operation.Failure.Administrator.Role.In.Use', members: { usedBy: { count, userIds } },
  detail: `${count === 1 ? 'One administrator has' : `${count} administrators have`} this role; take it back from them first: ${userIds.join(', ')}${count > userIds.length ? ' …' : ''}.`,
});
