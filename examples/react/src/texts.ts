/** The words of this page. Names that are not here (a custom field, a step that came later) read as they are. */
const texts: Readonly<Record<string, string>> = {
  identify: 'Sign in', captcha: 'One moment', first_factor: 'Show that it is you', second_factor: 'One more step', enrol_factor: 'Protect your account',
  change_password: 'Choose a new password', consent: 'Allow access', accept_terms: 'Terms', complete_profile: 'About you', verify_email: 'Your e-mail address',
  recover: 'I cannot sign in', register: 'Create an account', restart: 'Use another account', skip: 'Not now', continue: 'Continue', cancel: 'Cancel',
  password: 'Password', otp_email: 'Code by e-mail', otp_sms: 'Code by text message', magic_link: 'Link by e-mail', totp: 'Authenticator app',
  webauthn: 'Passkey', recovery_code: 'Recovery code', identity_source: 'Another account', identifier: 'User name, e-mail or phone number',
  newPassword: 'New password', code: 'Code', decision: 'Decision', email: 'E-mail address', phone: 'Phone number', username: 'User name',
  profile: 'Your name', openid: 'That it is you', offline_access: 'Stay connected',
  account_disabled: 'This account is disabled.', account_locked: 'This account is locked.', account_expired: 'This account has expired.', not_assigned: 'This application is not for your account.',
  attempts_used_up: 'There were too many attempts.',
};

export const say = (name: string): string => texts[name] ?? name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ');
