/** Sources outside: their buttons, and the first time. */
import type { federation as english } from '../en/federation.ts';

export const federation: typeof english = {
  continueWith: (name) => `使用${name}登录`,
  leavingTitle: (name) => `前往${name}`,
  leavingText: '浏览器将自动跳转。',
  leavingButton: '继续',
  connectTitle: '绑定其他账户',
  connectText: '绑定后即可用它登录。',
  linkTitle: (source) => `首次使用${source}登录`,
  linkText: (name) => `您在对方的名称是${name}。您在这里已有账户吗？`,
  linkExisting: '有：登录该账户并绑定',
  linkCreate: '没有：创建新账户',
};

export const federationNotices = {
  'Federation.Refused.By.Person': '您没有同意登录。请选择其他方式，或重试。',
  'Federation.Source.Unreachable': '对方服务暂时没有响应。请选择其他方式，或稍后重试。',
  'Federation.Source.Failed': '对方服务的答复无法接受。请重试；如仍然出现，请告知管理员。',
  'Federation.Not.Admitted': '您在对方服务的账户不能在此使用。请联系管理员。',
  'Federation.Identity.Unknown': '这里没有与您在对方服务的账户绑定的用户。请联系管理员。',
  'Federation.Other.Person': '您在对方服务的账户已属于这里的另一位用户。请点击“不是您？”以其他身份登录。',
};

export const federationDenials = {
  identity_source: '您使用的登录方式刚刚被关闭。请重新开始。',
};
