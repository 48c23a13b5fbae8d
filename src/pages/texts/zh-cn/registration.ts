import type { registration as english, registrationDenials as englishDenials, registrationNotices as englishNotices } from '../en/registration.ts';

export const registration: typeof english = {
  registerTitle: '创建账户',
  optional: '（选填）',
  choose: '请选择…',
  withoutPassword: '可以留空，以后用验证码登录。',
  signInInstead: '我已有账户',
  fields: {
    username: '用户名', displayName: '姓名', givenName: '名', familyName: '姓', email: '电子邮箱', phone: '手机号（含国家代码，如 +86）',
    locale: '语言（如 en 或 zh-CN）', timeZone: '时区（如 Asia/Shanghai）', password: '密码', code: '验证码', identifier: '用户名、电子邮箱或手机号',
  },

  lookAtMailbox: '请查看您的邮箱',
  lookAtPhone: '请查看您的手机',
  proveMailbox: '验证您的电子邮箱',
  provePhone: '验证您的手机号',
  codeSentTo: (to) => `我们已向 ${to} 发送了一条消息，请输入其中的验证码。`,
  sendCodeTo: (to) => `我们将向 ${to} 发送验证码。`,
  changeEmail: '更换电子邮箱',
  changePhone: '更换手机号',
  sendCode: '发送验证码',
  sendCodeAgain: '重新发送',
  editRegistration: '修改填写的内容',

  recoverTitle: '找回账户',
  recoverText: '我们会向您已验证的邮箱或手机号发送验证码，消息中也会写明您的用户名。',
  recoverBy: '如何联系您？',
  byMail: '电子邮件',
  byText: '短信',
  recoverySentMail: (name) => `如果 ${name} 对应的账户有已验证的邮箱，邮件已发出。请输入验证码，或打开邮件中的链接。`,
  recoverySentText: (name) => `如果 ${name} 对应的账户有已验证的手机号，短信已发出。请输入验证码。`,
  recoveryLinkText: '该链接已使用、已被新的链接取代、邮箱已更改或已过期。请在登录页面重新获取。',
  linkOpened: '您打开了一个发送给您的链接。',
  editRecovery: '换一个名称或方式',
  askApprover: '这个我也丢失了',

  profileTitle: '还需要一些信息',
  profileText: '继续之前需要填写以下内容。',
  termsTitle: '请阅读并同意',
  termsText: '每个版本只会询问一次。',
  termsAccept: (title) => (title === '' ? '我同意：' : `我同意：${title}`),
};

export const registrationNotices: typeof englishNotices = {
  'Operation.Failure.Code.Invalid': '验证码错误、已使用或已过期。请检查，或重新获取。',
  'Registration.Domain.Not.Allowed': '不能使用该域名的邮箱注册。',
  'Registration.Username.Is.Address': '用户名不能是他人的邮箱地址。',
  'Registration.Name.Taken': '已被占用，或与已有的过于相似。请换一个；如果账户是您的，请直接登录。',
  'Terms.Not.Accepted': '如果同意请勾选，否则无法继续。',
  'Recovery.Approver.Asked': '已请求管理员协助。管理员会核实您的身份；同意之后，请刷新此页面或重新开始。',
};

export const registrationDenials: typeof englishDenials = {
  registration_pending: '谢谢。您的账户正在等待管理员审批，结果会通过邮件通知您。',
  recovery_void: '该验证码或链接已被新的取代，或已使用。请重新开始。',
  recovery_waiting: '通行密钥是进入此账户的唯一方式，因此需要等待一段时间才能设置新的。刚发送的邮件写明了时间，请届时重新开始。',
};
