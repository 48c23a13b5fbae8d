/** Sources outside: their buttons, and the first time. */
export const federation = {
  continueWith: (name: string) => `Continue with ${name}`,
  leavingTitle: (name: string) => `On to ${name}`,
  leavingText: 'Your browser goes on by itself.',
  leavingButton: 'Continue',
  connectTitle: 'Connect another account',
  connectText: 'You can sign in with it from then on.',
  linkTitle: (source: string) => `First time with ${source}`,
  linkText: (name: string) => `You are ${name} there. Do you have an account here already?`,
  linkExisting: 'Yes: sign in to it and connect it',
  linkCreate: 'No: create a new account',
};

export const federationNotices = {
  'Federation.Refused.By.Person': 'You did not allow the sign-in there. Choose another way, or try again.',
  'Federation.Source.Unreachable': 'The other service does not answer at the moment. Choose another way, or try again later.',
  'Federation.Source.Failed': 'The other service gave an answer that we cannot accept. Try again; if it happens again, tell your administrator.',
  'Federation.Not.Admitted': 'Your account at the other service may not be used here. Ask your administrator.',
  'Federation.Identity.Unknown': 'Nobody here is connected with your account at the other service. Ask your administrator.',
  'Federation.Other.Person': 'Your account at the other service belongs to somebody else here. Use “Not you?” to sign in as another person.',
};

export const federationDenials = {
  identity_source: 'The way you signed in was closed meanwhile. Start again.',
};
