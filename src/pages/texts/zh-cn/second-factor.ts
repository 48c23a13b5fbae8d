import type { secondFactor as english } from '../en/second-factor.ts';

export const secondFactor: typeof english = {
  enrolTitle: '保护您的账号',
  enrolRequired: '在此登录除密码外还需要第二种验证方式。请现在设置，只需一分钟。',
  enrolChosen: '再设置一种证明身份的方式。',
  enrolCodes: '恢复码',
  enrolCodesText: '没有恢复码，丢失设备就会失去账号。请将恢复码与设备分开保管。',
  skipUntil: (date) => `您可以推迟到 ${date}。`,
  rememberDevice: '在此浏览器上不再询问',
  changeChosen: '更改密码',
  changeChosenText: '您的其他设备将退出登录。',
  nothingHelps: '您已设置的方式在此均不被接受，请联系管理员。',
};

export const secondFactorDenials = {
  no_second_factor: '此操作需要第二种验证方式，而您的账号尚未设置。请在账号页面中设置，或联系管理员。',
};
