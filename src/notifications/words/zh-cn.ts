import type { WordList } from '../template-list.ts';

const notYou = '如果不是您本人操作，请立即修改密码并联系管理员。';
const where = '时间：{{time}}\n来源：{{device}}，{{address}}';
const noShare = '请勿将验证码告知任何人。';

export const zhCn: WordList = {
  sign_in_code: { subject: '{{instance}} 登录验证码：{{code}}', text: '您登录 {{instance}} 的验证码：\n\n{{code}}\n\n{{minutes}} 分钟内有效。{{instance}} 的工作人员不会通过电话向您索要验证码。\n\n' + noShare, sms: '{{code}} 是您登录 {{instance}} 的验证码，{{minutes}} 分钟内有效。' + noShare },
  magic_link: { subject: '登录 {{instance}}', text: '打开以下链接登录 {{instance}}：\n\n{{link}}\n\n链接仅可使用一次，{{minutes}} 分钟内有效。如果不是您本人请求，忽略此邮件即可。' },
  verify_address: { subject: '{{instance}} 邮箱验证码：{{code}}', text: '您在 {{instance}} 验证此邮箱的验证码：\n\n{{code}}\n\n{{minutes}} 分钟内有效。\n\n' + noShare, sms: '{{code}} 是您在 {{instance}} 验证手机号的验证码，{{minutes}} 分钟内有效。' + noShare },
  registration_code: { subject: '{{instance}} 注册验证码：{{code}}', text: '欢迎使用 {{instance}}。您的注册验证码：\n\n{{code}}\n\n{{minutes}} 分钟内有效。如果您没有注册，忽略此邮件即可。', sms: '{{code}} 是您注册 {{instance}} 的验证码，{{minutes}} 分钟内有效。' + noShare },
  registration_account_exists: { subject: '您已有 {{instance}} 账户', text: '有人（可能是您本人）使用此邮箱注册 {{instance}}，但该邮箱已有账户。请在此登录：\n\n{{link}}\n\n如果不是您本人操作，无需处理。', sms: '您已有 {{instance}} 账户，请直接登录：{{link}}' },
  registration_received: { subject: '您在 {{instance}} 的注册申请', text: '{{displayName}}，您好：\n\n感谢您注册 {{instance}}。申请正在等待审核，结果将另行通知。' },
  registration_waiting: { subject: '{{instance}} 有新的注册待审批', text: '{{displayName}} 在 {{instance}} 提交了注册申请，正在等待您审批。' },
  registration_approved: { subject: '欢迎使用 {{instance}}', text: '{{displayName}}，您好：\n\n您在 {{instance}} 的注册申请已通过。请在此登录：\n\n{{link}}' },
  registration_rejected: { subject: '您在 {{instance}} 的注册申请', text: '{{displayName}}，您好：\n\n您在 {{instance}} 的注册申请未通过，如有疑问请联系管理员。\n\n{{reason}}' },
  recovery_code: { subject: '{{instance}} 重置密码验证码：{{code}}', text: '您在 {{instance}} 重置密码的验证码：\n\n{{code}}\n\n或者打开此链接：\n\n{{link}}\n\n您的用户名是 {{username}}。验证码和链接只能使用一次，{{minutes}} 分钟内有效。如果不是您本人请求，忽略此邮件即可，密码不会改变。\n\n' + noShare, sms: '{{code}} 是您在 {{instance}} 重置密码的验证码，{{minutes}} 分钟内有效。' + noShare },
  recovery_link: { subject: '重置 {{instance}} 密码', text: '打开以下链接设置新密码：\n\n{{link}}\n\n链接仅可使用一次，{{minutes}} 分钟内有效。如果不是您本人请求，忽略此邮件即可，密码不会改变。' },
  recovery_not_possible: { subject: '您的 {{instance}} 账户', text: '有人（可能是您本人）尝试用此邮箱找回 {{instance}} 账户，但没有可以这样找回的账户。如需帮助，请联系管理员。', sms: '没有可以用此号码找回的 {{instance}} 账户。' },
  invitation: { subject: '邀请您使用 {{instance}}', text: '{{displayName}}，您好：\n\n已为您创建 {{instance}} 账户。请打开以下链接完成设置：\n\n{{link}}\n\n链接仅可使用一次，{{days}} 天内有效。', sms: '已为您创建 {{instance}} 账户，请在 {{days}} 天内完成设置：{{link}}' },
  password_reset: { subject: '设置 {{instance}} 新密码', text: '{{displayName}}，您好：\n\n请打开以下链接设置 {{instance}} 的新密码：\n\n{{link}}\n\n链接仅可使用一次，{{hours}} 小时内有效。' },
  password_changed: { subject: '您的 {{instance}} 密码已修改', text: '{{displayName}}，您好：\n\n您在 {{instance}} 的密码已修改。\n\n' + where + '\n\n' + notYou },
  factor_added: { subject: '{{instance}} 新增了登录方式', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户新增了登录方式：{{method}}。\n\n' + where + '\n\n' + notYou },
  factor_removed: { subject: '{{instance}} 移除了登录方式', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户移除了登录方式：{{method}}。\n\n' + where + '\n\n' + notYou },
  new_device: { subject: '{{instance}} 新设备登录', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户在未使用过的浏览器上登录。\n\n' + where + '\n\n' + notYou },
  email_changed: { subject: '您的 {{instance}} 邮箱已更换', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户邮箱已更换为 {{newAddress}}。这是发往旧邮箱的最后一封邮件。\n\n' + where + '\n\n' + notYou },
  phone_changed: { subject: '您的 {{instance}} 手机号已更换', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户手机号已更换。\n\n' + where + '\n\n' + notYou },
  recovery_waits: { subject: '有人请求找回您的 {{instance}} 账户', text: '{{displayName}}，您好：\n\n有人通过此邮箱请求为您的 {{instance}} 账户设置新的通行密钥，{{time}} 之后即可进行。\n\n如果是您本人，请届时重新开始找回流程；如果不是，请用您的通行密钥登录一次，该请求即被取消。' },
  account_recovered: { subject: '您的 {{instance}} 账户已找回', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户已找回，并设置了新的密码或通行密钥。\n\n' + where + '\n\n' + notYou },
  recovery_codes_low: { subject: '{{instance}} 恢复码所剩不多', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户使用了一个恢复码，还剩 {{left}} 个。请在用完之前重新生成。\n\n' + where + '\n\n' + notYou },
  recovery_codes_changed: { subject: '{{instance}} 恢复码已更新', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户恢复码已重新生成，旧恢复码失效。\n\n' + where + '\n\n' + notYou },
  risk_notice: { subject: '{{instance}} 异常登录提醒', text: '{{displayName}}，您好：\n\n您的 {{instance}} 账户出现异常登录：{{reason}}。\n\n' + where + '\n\n' + notYou },
  test: { subject: '来自 {{instance}} 的测试消息', text: '这是来自 {{instance}} 的测试消息，您已成功收到。', sms: '来自 {{instance}} 的测试消息，您已成功收到。' },
};
