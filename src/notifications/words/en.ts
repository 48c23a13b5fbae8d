import type { WordList } from '../template-list.ts';

const notYou = 'If this was not you, change your password now and tell your administrator.';
const where = 'When: {{time}}\nFrom: {{device}}, {{address}}';
const noShare = 'Never give this code to anybody, whoever asks.';

export const en: WordList = {
  sign_in_code: { subject: '{{code}} is your code for {{instance}}', text: 'Your code to sign in to {{instance}}:\n\n{{code}}\n\nIt works for {{minutes}} minutes. {{instance}} will never ask you for it by telephone.\n\n' + noShare, sms: '{{code}} is your code for {{instance}}, good for {{minutes}} minutes. ' + noShare },
  magic_link: { subject: 'Sign in to {{instance}}', text: 'Open this link to sign in to {{instance}}:\n\n{{link}}\n\nIt works once, for {{minutes}} minutes. If you did not ask for it, leave it alone: nothing happens.' },
  verify_address: { subject: '{{code}} confirms your address at {{instance}}', text: 'Your code to confirm this address at {{instance}}:\n\n{{code}}\n\nIt works for {{minutes}} minutes.\n\n' + noShare, sms: '{{code}} confirms your number at {{instance}}, good for {{minutes}} minutes. ' + noShare },
  registration_code: { subject: '{{code}} is your code for {{instance}}', text: 'Welcome to {{instance}}. Your code to go on:\n\n{{code}}\n\nIt works for {{minutes}} minutes. If you did not register, leave this mail alone.', sms: '{{code}} is your code to register at {{instance}}, good for {{minutes}} minutes. ' + noShare },
  registration_account_exists: { subject: 'You have an account at {{instance}}', text: 'Somebody, probably you, wanted to register at {{instance}} with this address. There is an account for it already. Sign in here:\n\n{{link}}\n\nIf this was not you, nothing needs to be done.', sms: 'You have an account at {{instance}} already. Sign in: {{link}}' },
  registration_received: { subject: 'Your registration at {{instance}}', text: 'Hello {{displayName}},\n\nthank you for registering at {{instance}}. Somebody will look at it; we write again then.' },
  registration_approved: { subject: 'Welcome to {{instance}}', text: 'Hello {{displayName}},\n\nyour registration at {{instance}} was approved. Sign in here:\n\n{{link}}' },
  registration_rejected: { subject: 'Your registration at {{instance}}', text: 'Hello {{displayName}},\n\nyour registration at {{instance}} was not approved. Please ask who runs it.' },
  recovery_code: { subject: '{{code}} is your code for {{instance}}', text: 'Your code to set a new password at {{instance}}:\n\n{{code}}\n\nIt works for {{minutes}} minutes. If you did not ask for it, leave this mail alone: your password stays.\n\n' + noShare, sms: '{{code}} is your code for a new password at {{instance}}, good for {{minutes}} minutes. ' + noShare },
  recovery_link: { subject: 'A new password for {{instance}}', text: 'Open this link to set a new password at {{instance}}:\n\n{{link}}\n\nIt works once, for {{minutes}} minutes. If you did not ask for it, leave it alone: your password stays.' },
  recovery_not_possible: { subject: 'Your account at {{instance}}', text: 'Somebody, probably you, wanted to recover an account at {{instance}} with this address. There is none that can be recovered so. If you need help, ask your administrator.', sms: 'There is no account at {{instance}} that can be recovered by this number.' },
  invitation: { subject: 'You are invited to {{instance}}', text: 'Hello {{displayName}},\n\nan account was made for you at {{instance}}. Open this link to set it up:\n\n{{link}}\n\nIt works once, for {{days}} days.', sms: 'An account was made for you at {{instance}}. Set it up within {{days}} days: {{link}}' },
  password_reset: { subject: 'A new password for {{instance}}', text: 'Hello {{displayName}},\n\nopen this link to set a new password at {{instance}}:\n\n{{link}}\n\nIt works once, for {{hours}} hours.' },
  password_changed: { subject: 'Your password at {{instance}} was changed', text: 'Hello {{displayName}},\n\nyour password at {{instance}} was changed.\n\n' + where + '\n\n' + notYou },
  factor_added: { subject: 'A way to sign in to {{instance}} was added', text: 'Hello {{displayName}},\n\na way to sign in to your account at {{instance}} was added: {{method}}.\n\n' + where + '\n\n' + notYou },
  factor_removed: { subject: 'A way to sign in to {{instance}} was removed', text: 'Hello {{displayName}},\n\na way to sign in to your account at {{instance}} was removed: {{method}}.\n\n' + where + '\n\n' + notYou },
  new_device: { subject: 'Sign-in to {{instance}} from a new device', text: 'Hello {{displayName}},\n\nyour account at {{instance}} was signed in to from a browser that was not used before.\n\n' + where + '\n\n' + notYou },
  email_changed: { subject: 'Your address at {{instance}} was changed', text: 'Hello {{displayName}},\n\nthe e-mail address of your account at {{instance}} is now {{newAddress}}. This is the last mail to the old one.\n\n' + where + '\n\n' + notYou },
  phone_changed: { subject: 'Your telephone number at {{instance}} was changed', text: 'Hello {{displayName}},\n\nthe telephone number of your account at {{instance}} was changed.\n\n' + where + '\n\n' + notYou },
  account_recovered: { subject: 'Your account at {{instance}} was recovered', text: 'Hello {{displayName}},\n\nyour account at {{instance}} was recovered and has a new password or passkey.\n\n' + where + '\n\n' + notYou },
  recovery_codes_changed: { subject: 'New recovery codes at {{instance}}', text: 'Hello {{displayName}},\n\nthe recovery codes of your account at {{instance}} were made anew; the old ones work no more.\n\n' + where + '\n\n' + notYou },
  risk_notice: { subject: 'An unusual sign-in to {{instance}}', text: 'Hello {{displayName}},\n\nyour account at {{instance}} was signed in to in an unusual way: {{reason}}.\n\n' + where + '\n\n' + notYou },
  test: { subject: 'Test message from {{instance}}', text: 'This is a test message from {{instance}}. It arrived.', sms: 'Test message from {{instance}}: it arrived.' },
};
