/** Gateways, templates and messages as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { longText, text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';
import { aliyunSettings, gatewayKinds, type GatewayKind, httpSettings, smtpSettings, tencentSettings, twilioSettings } from './gateway-settings.ts';
import { channels, locales, templateNames } from './template-list.ts';

const gatewayId = z.string().regex(idPattern('gate'), 'must be the id of a gateway');
const kind = z.enum(Object.keys(gatewayKinds) as [GatewayKind, ...GatewayKind[]]);
const secret = longText(4_000).min(1).describe('Password, access key secret, secret key or auth token. Kept sealed; never shown again.');
const settings = z.record(z.string().max(60), z.unknown())
  .describe(`Depends on the kind. ${Object.entries({ smtp: smtpSettings, aliyun: aliyunSettings, tencent: tencentSettings, twilio: twilioSettings, http: httpSettings }).map(([name, schema]) => `${name}: ${Object.keys(schema.shape).join(', ')}.`).join(' ')}`);

const profile = {
  name: text(80), enabled: z.boolean(),
  prefixes: z.array(z.string().regex(/^\+[1-9]\d{0,6}$/, 'must be the beginning of a number, such as +86')).max(100).describe('SMS: the numbers that it is for; the longest beginning that fits wins. Empty: all that no other takes.'),
  costMicros: z.int().min(0).max(100_000_000).describe('What one message costs, in millionths of the currency.'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'must be a code such as CNY'),
};
export const createGatewaySchema = z.strictObject({ ...z.object(profile).partial().shape, name: profile.name, kind, settings, secret: secret.optional() })
  .meta({ id: 'CreateNotificationGateway', examples: [{ name: 'Mail', kind: 'smtp', settings: { host: 'smtp.example.com', port: 587, username: 'postern', from: 'postern@example.com' }, secret: 'from your mail provider' }] });
export type CreateGateway = z.infer<typeof createGatewaySchema>;
export const updateGatewaySchema = z.strictObject({ ...z.object(profile).partial().shape, settings: settings.optional(), secret: secret.nullable().optional() })
  .meta({ id: 'UpdateNotificationGateway', description: 'Only what is named changes, in `settings` too. A new host or URL needs the secret again.', examples: [{ enabled: false }] });
export type UpdateGateway = z.infer<typeof updateGatewaySchema>;
export const gatewaySchema = z.object({
  id: gatewayId, name: z.string(), channel: z.enum(channels), kind, enabled: z.boolean(), prefixes: z.array(z.string()), settings: z.record(z.string(), z.unknown()),
  hasSecret: z.boolean(), costMicros: z.int(), currency: z.string(), createdAt: z.string(), updatedAt: z.string(),
}).meta({ id: 'NotificationGateway' });
export const gatewayPage = pageOf(gatewaySchema).meta({ id: 'NotificationGatewayPage' });
export const gatewayParams = z.object({ gatewayId });
export const listQuery = z.strictObject({ ...pageQuery.shape });

const to = text(254).describe('One e-mail address, or one number such as +8613812345678.');
export const testGatewaySchema = z.strictObject({ to }).meta({ id: 'TestNotificationGateway' });
export const testAnswer = z.object({
  result: z.enum(['sent', 'throttled', 'temporary', 'invalid_recipient', 'configuration']), vendorId: z.string().nullable(), code: z.string().nullable(), detail: z.string().nullable(),
}).meta({ id: 'NotificationTest', description: 'What the service said. Also a failed test is answered with 200.' });

export const templateParams = z.object({ template: z.enum(templateNames), channel: z.enum(channels), locale: z.enum(locales) });
const subject = text(200).nullable().optional().describe('Mails only.');
const words = { subject, text: longText(10_000).min(1) };
export const saveTemplateSchema = z.strictObject(words).meta({ id: 'SaveNotificationTemplate', examples: [{ subject: '{{code}} is your code', text: 'Your code for {{instance}}: {{code}}' }] });
export const templateSchema = z.object({
  template: z.enum(templateNames), channel: z.enum(channels), locale: z.enum(locales), description: z.string(), variables: z.array(z.string()),
  subject: z.string().nullable(), text: z.string(), own: z.boolean().describe('False: the built-in words.'), updatedAt: z.string().nullable(),
}).meta({ id: 'NotificationTemplate' });
export const templateList = z.object({ items: z.array(templateSchema), next: z.null() }).meta({ id: 'NotificationTemplateList' });
export const previewSchema = z.strictObject({ subject, text: words.text.optional(), variables: z.record(z.string().max(40), longText(500)).optional().describe('Examples stand in for those that are left out.') })
  .meta({ id: 'PreviewNotificationTemplate' });
export const previewAnswer = z.object({ subject: z.string().nullable(), text: z.string(), html: z.string().nullable() }).meta({ id: 'NotificationPreview' });

const messageId = z.string().regex(idPattern('msg'), 'must be the id of a message');
export const messageStatus = z.enum(['queued', 'sent', 'outbox', 'failed', 'expired', 'limited', 'nobody']);
export const messageSchema = z.object({
  id: messageId, template: z.string(), channel: z.enum(channels), locale: z.string(),
  recipient: z.string().nullable().describe('Shortened.'), prefix: z.string().nullable().describe('Domain, or country code.'),
  status: messageStatus.describe('outbox: no gateway took it. limited: the address or number had too many. nobody: was for an account that does not exist.'),
  attempts: z.int(), gatewayId: z.string().nullable(), vendorId: z.string().nullable(), errorCode: z.string().nullable(), errorDetail: z.string().nullable(),
  createdAt: z.string(), expiresAt: z.string(), finishedAt: z.string().nullable(),
}).meta({ id: 'Notification' });
export const messageParams = z.object({ messageId });
export const messagePage = pageOf(messageSchema).meta({ id: 'NotificationPage' });
export const listMessagesQuery = z.strictObject({ ...pageQuery.shape, status: messageStatus.optional(), channel: z.enum(channels).optional(), template: z.enum(templateNames).optional(), gatewayId: gatewayId.optional() });
export const queuedAnswer = z.object({ messageId }).meta({ id: 'QueuedNotification' });

export const outboxPage = pageOf(z.object({
  id: messageId, template: z.string(), channel: z.enum(channels), locale: z.string(), to: z.string(), subject: z.string().nullable(), text: z.string(),
  variables: z.record(z.string(), z.string()), createdAt: z.string(),
})).meta({ id: 'OutboxPage' });

export const costQuery = z.strictObject({ month: z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month such as 2026-11').optional().describe('UTC; this month where it is left out.') });
export const costAnswer = z.object({ month: z.string(), items: z.array(z.object({
  channel: z.enum(channels), gatewayId: z.string(), prefix: z.string().describe('Country code; empty for mails.'), currency: z.string(), messages: z.int(), failures: z.int(), costMicros: z.int(),
})) }).meta({ id: 'NotificationCosts' });
