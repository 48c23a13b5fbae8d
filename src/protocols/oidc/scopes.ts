/** OpenID Connect scopes and the claims behind them (OpenID Connect Core §5.4). */
export const claimsByScope = {
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale', 'zoneinfo', 'updated_at'],
  email: ['email', 'email_verified'],
  phone: ['phone_number', 'phone_number_verified'],
  address: ['address'],
} as const;

export const oidcScopes: ReadonlySet<string> = new Set([...Object.keys(claimsByScope), 'offline_access']);
