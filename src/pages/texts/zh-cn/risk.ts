/** The captcha, and refusals by address or risk. */
export const risk = {
  captchaTitle: '请稍候',
  captchaText: '浏览器会先做少量计算，让程序无法轻易地试密码。',
  captchaWorking: '正在计算……页面会自动继续。',
  captchaWait: (seconds: number) => `未启用 JavaScript：请等待 ${seconds} 秒，然后按下按钮。`,
  captchaNeedsScript: '请启用 JavaScript 并重新加载此页面，否则无法继续登录。',
};

export const riskNotices = {
  'Captcha.Too.Soon': '太早了。请按页面所说的时间等待，然后按下按钮。',
  'Captcha.Not.Solved': '没有成功，请再试一次。',
};

export const riskDenials = {
  sign_in_zone: '不能从您所在的网络登录。请联系管理员。',
  risk: '这次登录不同寻常，为了您的安全已被拒绝。请从常用的设备和地点重试，或联系管理员。',
};
