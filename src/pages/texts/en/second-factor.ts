/** Second factors: showing one, setting one up, remembering a browser. */
export const secondFactor = {
  enrolTitle: 'Protect your account',
  enrolRequired: 'Signing in here takes a second proof besides your password. Set one up now; it takes a minute.',
  enrolChosen: 'Set up another way to prove that it is you.',
  enrolCodes: 'Recovery codes',
  enrolCodesText: 'Without them, losing your device means losing your account. Keep them where your device is not.',
  skipUntil: (date: string) => `You can put this off until ${date}.`,
  rememberDevice: 'Do not ask for this again in this browser',
  changeChosen: 'Change your password',
  changeChosenText: 'Your other devices will be signed out.',
  nothingHelps: 'None of what you have set up is accepted here. Ask your administrator.',
};

export const secondFactorDenials = {
  no_second_factor: 'This needs a second proof that your account does not have. Set one up in your account, or ask your administrator.',
};
