/** Refusals of our own APIs (RFC 6750 §3, RFC 9449 §7.1) and of administrators. */
import { conflict, notFound, Problem } from '../core/errors.ts';

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

export const administratorNotFound = () => notFound('administrator');
export const lastOwnerStays = () => conflict('Operation.Failure.Administrator.Last', 'This is the last owner who can sign in; make somebody else an owner first.');
