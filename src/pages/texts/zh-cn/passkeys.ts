/** 通行密钥：登录与创建。 */
import type { passkeyNotices as englishNotices, passkeys as english } from '../en/passkeys.ts';

export const passkeys: typeof english = {
  passkeyUse: '使用通行密钥',
  passkeyNotUsed: '未使用通行密钥。请重试，或选择其他方式。',
  passkeyEnrolTitle: '通行密钥',
  passkeyEnrolText: '使用设备的指纹、面容或 PIN，或安全密钥登录。无需记忆，仿冒页面也无法窃取。',
  passkeyName: '名称，便于以后识别（可选）',
  passkeyMake: '创建通行密钥',
  passkeyNotMade: '未创建通行密钥。此设备可能已有该账号的通行密钥。',
  passkeyScript: '通行密钥需要 JavaScript，而此浏览器已将其关闭。',
};

export const passkeyNotices: typeof englishNotices = {
  'Passkey.Unknown': '此通行密钥不属于这里的任何账号，可能已被移除。请选择其他方式登录。',
  'Passkey.Not.Made': '无法验证此通行密钥，请重试。',
  'Passkey.Exists': '此通行密钥已属于某个账号。',
  'Passkey.Model.Not.Allowed': '这里不接受此类设备或安全密钥。请向管理员咨询可用的类型。',
  'Passkey.Not.Attested': '这里只接受由制造商证明的安全密钥。请向管理员咨询可用的类型。',
};
