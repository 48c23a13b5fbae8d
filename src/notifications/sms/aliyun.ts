/** Alibaba Cloud SMS (Dysmsapi 2017-05-25), signed by ACS3-HMAC-SHA256. */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import type { AliyunSettings } from '../gateway-settings.ts';
import { omit } from '../../core/omit.ts';
import { failed, type Outcome } from '../outcome.ts';
import { approvedTemplate, jsonOf, memberAt, noApprovedTemplate, type SmsService } from './text-message.ts';

export const sendByAliyun: SmsService<AliyunSettings> = async (context, settings, secret, message) => {
  const approved = approvedTemplate(settings.templates, message);
  if (!approved) return noApprovedTemplate(message);
  const parameters = Object.fromEntries(Object.entries(approved.parameters).map(([theirs, ours]) => [theirs, message.variables[ours] ?? '']));
  const url = new URL(settings.endpoint);
  const query = {
    PhoneNumbers: message.to, SignName: settings.signName, TemplateCode: approved.id, TemplateParam: JSON.stringify(parameters), OutId: message.messageId,
  };
  const { headers, search } = signAliyun({ url, query, accessKeyId: settings.accessKeyId, secret, action: 'SendSms', version: '2017-05-25', now: context.now(), nonce: randomUUID() });
  url.search = search;
  const answer = await context.core.outbound.fetch(url, { method: 'POST', headers, purpose: 'sms', timeoutMs: 10_000 });
  return readAliyun(answer.status, jsonOf(answer.text()));
};

/** Refusals of the business come as HTTP 200 with a Code that is not OK. */
function readAliyun(status: number, body: unknown): Outcome {
  const code = memberAt(body, ['Code']);
  const detail = memberAt(body, ['Message']);
  if (code === 'OK') return { result: 'sent', vendorId: String(memberAt(body, ['BizId']) ?? '') };
  if (typeof code !== 'string') return failed(status >= 500 || status === 429 || status < 400 ? 'temporary' : 'configuration', `http_${status}`, 'the answer has no Code');
  if (/LIMIT_CONTROL$|^Throttling/.test(code)) return failed('throttled', code, detail);
  if (/MOBILE_NUMBER_ILLEGAL|DOMESTIC_NUMBER_NOT_SUPPORTED|BLACK_KEY/.test(code)) return failed('invalid_recipient', code, detail);
  if (/^isp\.SYSTEM_ERROR$|^ServiceUnavailable|^InternalError|SignatureNonceUsed/.test(code) || status >= 500) return failed('temporary', code, detail);
  return failed('configuration', code, detail);
}

interface SignedRequest {
  readonly url: URL; readonly query: Readonly<Record<string, string>>; readonly accessKeyId: string; readonly secret: string;
  readonly action: string; readonly version: string; readonly now: Date; readonly nonce: string;
}

/** "V3 request structure and signature": everything that is sent is under the signature. The body is empty. */
export function signAliyun({ url, query, accessKeyId, secret, action, version, now, nonce }: SignedRequest): { headers: Record<string, string>; search: string } {
  const search = Object.entries(query).map(([name, value]) => `${escape(name)}=${escape(value)}`).sort().join('&');
  const bodyHash = sha256('');
  const signed: Record<string, string> = {
    'host': url.host, 'x-acs-action': action, 'x-acs-content-sha256': bodyHash, 'x-acs-date': now.toISOString().replace(/\.\d+Z$/, 'Z'),
    'x-acs-signature-nonce': nonce, 'x-acs-version': version,
  };
  const names = Object.keys(signed).sort();
  const canonical = ['POST', url.pathname, search, ...names.map((name) => `${name}:${signed[name]?.trim() ?? ''}`), '', names.join(';'), bodyHash].join('\n');
  const signature = createHmac('sha256', secret).update(`ACS3-HMAC-SHA256\n${sha256(canonical)}`).digest('hex');
  return { search, headers: { ...omit(signed, 'host'), authorization: `ACS3-HMAC-SHA256 Credential=${accessKeyId},SignedHeaders=${names.join(';')},Signature=${signature}` } };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
/** RFC 3986: what encodeURIComponent leaves of the reserved characters goes too. */
const escape = (text: string): string => encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
