/**
 * Names that an administrator cannot give a meaning: what verifiers decide by, what we say ourselves, and what libraries
 * in other languages trip over. Compared without capitals: some applications read them so.
 */
const reserved = new Set([
  // RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4, RFC 7800 §3, RFC 9396 §9.1
  'iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'typ', 'client_id', 'scope', 'scp', 'act', 'may_act', 'cnf', 'authorization_details', 'sub_id', 'events', 'txn', 'toe',
  // RFC 7662 §2.2
  'active', 'token_type',
  // OpenID Connect Core §2, §3.3.2.11, §5.6.2, §7; Front- and Back-Channel Logout
  'auth_time', 'nonce', 'acr', 'amr', 'azp', 'at_hash', 'c_hash', 's_hash', 'rt_hash', 'sub_jwk', '_claim_names', '_claim_sources', 'sid',
  // OpenID Connect Core §5.1: the directory's own word
  'name', 'given_name', 'family_name', 'middle_name', 'nickname', 'preferred_username', 'profile', 'picture', 'website', 'email', 'email_verified',
  'gender', 'birthdate', 'zoneinfo', 'locale', 'phone_number', 'phone_number_verified', 'address', 'updated_at', 'verified_claims',
  // Of programs
  'constructor', 'prototype', 'tostring', 'valueof', 'hasownproperty', 'then', 'tojson',
]);

export const isReservedClaim = (name: string): boolean => reserved.has(name.toLowerCase());
