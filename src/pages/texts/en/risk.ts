/** The captcha, and refusals by address or risk. */
export const risk = {
  captchaTitle: 'One moment',
  captchaText: 'Your browser does a little work first, so that programs cannot try passwords cheaply.',
  captchaWorking: 'Working… The page goes on by itself.',
  captchaWait: (seconds: number) => `Without JavaScript: wait ${seconds} seconds, then press the button.`,
  captchaNeedsScript: 'Please switch JavaScript on and load this page again: sign-in cannot go on without it.',
};

export const riskNotices = {
  'Captcha.Too.Soon': 'That was too soon. Wait as long as the page says, then press the button.',
  'Captcha.Not.Solved': 'That did not work. Please try once more.',
};

export const riskDenials = {
  sign_in_zone: 'You cannot sign in from your network. Ask your administrator.',
  risk: 'This sign-in looked unusual and was refused for your safety. Try from a device and place that you normally use, or ask your administrator.',
};
