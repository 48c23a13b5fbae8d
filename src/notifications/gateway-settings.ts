/** What each kind of gateway needs to know, without its secret; and where that secret goes. */
import { z } from 'zod';
import { longText, text } from '../core/http/text.ts';
import type { Channel } from './template-list.ts';
import { templateNames } from './template-list.ts';
import { isRecipient } from './recipients.ts';

const address = z.string().max(254).refine((value) => isRecipient('email', value), 'must be one plain e-mail address, such as postern@example.com');
const httpUrl = z.url({ protocol: /^https?$/ }).max(500);
const templateKey = z.string().regex(/^[a-z_]+(\.(en|zh-CN))?$/).refine((name) => templateNames.some((known) => known === name.split('.')[0]), 'must be the name of a template, with or without a language: sign_in_code, sign_in_code.en');
const variableName = text(40).regex(/^[a-zA-Z]+$/);

/** Services in China send only texts that they approved: by number, with values for their places. */
const approved = <Parameters extends z.ZodType>(parameters: Parameters) => z.record(templateKey, z.strictObject({ id: text(64), parameters }))
  .describe('The approved template for each of ours; `sign_in_code.en` for one language.');

export const smtpSettings = z.strictObject({
  host: text(253).describe('Name or address of the mail server.'),
  port: z.int().min(1).max(65_535).default(587),
  security: z.enum(['starttls', 'tls', 'none']).default('starttls').describe('tls: from the first byte (465). none: without encryption, and then without a password.'),
  username: text(256).nullable().default(null),
  from: address.describe('The address that mails come from.'),
  replyTo: address.nullable().default(null),
  certificateAuthority: longText(20_000).nullable().default(null).describe('PEM of the authority that signed the certificate of the server, where the public ones did not.'),
});
export type SmtpSettings = z.infer<typeof smtpSettings>;

export const aliyunSettings = z.strictObject({
  endpoint: httpUrl.default('https://dysmsapi.aliyuncs.com/'),
  accessKeyId: text(128), signName: text(64).describe('The approved signature.'),
  templates: approved(z.record(text(40), variableName).describe('Their name: ours, such as {"code": "code"}.')),
});
export type AliyunSettings = z.infer<typeof aliyunSettings>;

export const tencentSettings = z.strictObject({
  endpoint: httpUrl.default('https://sms.tencentcloudapi.com/'), region: text(40).default('ap-guangzhou'),
  secretId: text(128), sdkAppId: text(32), signName: text(64).nullable().default(null),
  templates: approved(z.array(variableName).max(10).describe('Our variables, in the order of their places.')),
});
export type TencentSettings = z.infer<typeof tencentSettings>;

export const twilioSettings = z.strictObject({
  endpoint: httpUrl.default('https://api.twilio.com/'),
  accountSid: text(64).regex(/^[A-Za-z0-9]+$/), apiKeySid: text(64).nullable().default(null).describe('The secret is that of this key; null: the auth token of the account.'),
  from: text(32).nullable().default(null), messagingServiceSid: text(64).nullable().default(null),
}).refine((value) => (value.from === null) !== (value.messagingServiceSid === null), { path: ['from'], message: 'give either from or messagingServiceSid' });
export type TwilioSettings = z.infer<typeof twilioSettings>;

const path = text(100).regex(/^[\w-]+(\.[\w-]+)*$/, 'must be a path such as Response.SendStatusSet.0.Code');
export const httpSettings = z.strictObject({
  url: httpUrl,
  method: z.enum(['POST', 'PUT']).default('POST'),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]{1,60}$/), text(500)).default({}).describe('`{{secret}}` stands for the secret.'),
  format: z.enum(['json', 'form']).default('json'),
  body: z.record(text(60), text(1_000)).describe('Member: value; `{{to}}`, `{{text}}`, `{{template}}`, `{{messageId}}`, `{{secret}}` and the variables of templates, such as `{{code}}`, are filled in.'),
  numberFormat: z.enum(['e164', 'digits', 'national']).default('e164'),
  success: z.strictObject({ path: path.nullable().default(null), equals: text(60).nullable().default(null) }).prefault({})
    .describe('The member of the answer that says how it went, and what it is when it went well. Without it, the status alone (2xx).'),
  messageIdPath: path.nullable().default(null),
  retryCodes: z.array(text(60)).max(50).default([]).describe('Values of that member after which it is tried again.'),
  timeoutSeconds: z.int().min(1).max(30).default(10),
});
export type HttpSettings = z.infer<typeof httpSettings>;

interface Kind {
  readonly channel: Channel;
  readonly schema: z.ZodType<Record<string, unknown>>;
  /** The settings that say where the secret goes, and how safely. */
  readonly place: readonly string[];
  readonly needsSecret: boolean;
}

export const gatewayKinds = {
  smtp: { channel: 'email', schema: smtpSettings, place: ['host', 'port', 'security', 'certificateAuthority'], needsSecret: false },
  aliyun: { channel: 'sms', schema: aliyunSettings, place: ['endpoint'], needsSecret: true },
  tencent: { channel: 'sms', schema: tencentSettings, place: ['endpoint'], needsSecret: true },
  twilio: { channel: 'sms', schema: twilioSettings, place: ['endpoint'], needsSecret: true },
  http: { channel: 'sms', schema: httpSettings, place: ['url'], needsSecret: false },
} as const satisfies Record<string, Kind>;

export type GatewayKind = keyof typeof gatewayKinds;
export const kindOf = (kind: GatewayKind): Kind => gatewayKinds[kind];
