/** Registration, recovery, what an account must have, and terms. */
export const registration = {
  registerTitle: 'Create your account',
  optional: '(optional)',
  choose: 'Choose …',
  withoutPassword: 'You can leave it out and sign in by a code instead.',
  signInInstead: 'I have an account',
  fields: {
    username: 'Username', displayName: 'Name', givenName: 'Given name', familyName: 'Family name', email: 'E-mail address', phone: 'Phone number, with country code (+86 …)',
    locale: 'Language (for example en or zh-CN)', timeZone: 'Time zone (for example Asia/Shanghai)', password: 'Password', code: 'Code', identifier: 'Username, e-mail address or phone number',
  } as Readonly<Record<string, string>>,

  lookAtMailbox: 'Look at your mailbox',
  lookAtPhone: 'Look at your phone',
  proveMailbox: 'Confirm your e-mail address',
  provePhone: 'Confirm your phone number',
  codeSentTo: (to: string) => `We have sent a message to ${to}. Enter the code that is in it.`,
  sendCodeTo: (to: string) => `We send a code to ${to}.`,
  changeEmail: 'Change your e-mail address',
  changePhone: 'Change your phone number',
  sendCode: 'Send a code',
  sendCodeAgain: 'Send another one',
  editRegistration: 'Change what I entered',

  recoverTitle: 'Get back into your account',
  recoverText: 'We send a code to the address or number that you have confirmed. The message names your username, too.',
  recoverBy: 'How shall we reach you?',
  byMail: 'By e-mail',
  byText: 'By text message',
  recoverySentMail: (name: string) => `If there is an account for ${name} with a confirmed address, a mail is on its way to it. Enter the code, or open the link.`,
  recoverySentText: (name: string) => `If there is an account for ${name} with a confirmed number, a text message is on its way to it. Enter the code.`,
  recoveryLinkText: 'It was used already, a newer one took its place, your address changed, or it is too old. Ask for a new one from the sign-in page.',
  linkOpened: 'You opened a link that was sent to you.',
  editRecovery: 'Use another name or way',
  askApprover: 'I have lost this, too',

  profileTitle: 'A few more details',
  profileText: 'These are needed before you go on.',
  termsTitle: 'Please read and accept',
  termsText: 'You are asked once for each version.',
  termsAccept: (title: string) => (title === '' ? 'I accept:' : `I accept: ${title}`),
};

export const registrationNotices = {
  'Operation.Failure.Code.Invalid': 'This code is wrong, was used already, or is too old. Check it, or ask for another one.',
  'Registration.Domain.Not.Allowed': 'You cannot register with an address of this domain.',
  'Registration.Username.Is.Address': 'A username cannot be somebody else’s e-mail address.',
  'Registration.Name.Taken': 'This is taken, or looks like one that is. Choose another one, or sign in if the account is yours.',
  'Terms.Not.Accepted': 'Tick the box if you accept; you cannot go on without it.',
  'Recovery.Approver.Asked': 'An administrator was asked. They will want to know that it is you; once they have agreed, load this page again or start again.',
};

export const registrationDenials = {
  registration_pending: 'Thank you. Your account waits for an administrator; you will get a mail.',
  recovery_void: 'A newer code or link took the place of this one, or it was used already. Start again.',
  recovery_waiting: 'Your passkey was the only way into this account, so some time must pass before a new one is made. The mail that we have just sent says when; start again then.',
};
