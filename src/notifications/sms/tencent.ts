/** Tencent Cloud SMS (2021-01-11), signed by TC3-HMAC-SHA256. */
import { createHash, createHmac } from 'node:crypto';
import type { TencentSettings } from '../gateway-settings.ts';
import { failed, type Outcome } from '../outcome.ts';
import { approvedTemplate, jsonOf, memberAt, noApprovedTemplate, type SmsService } from './text-message.ts';

/** In the signature byte by byte as it is sent. */
const contentType = 'application/json; charset=utf-8';

export const sendByTencent: SmsService<TencentSettings> = async (context, settings, secret, message) => {
  const approved = approvedTemplate(settings.templates, message);
  if (!approved) return noApprovedTemplate(message);
  const url = new URL(settings.endpoint);
  const body = JSON.stringify({
    PhoneNumberSet: [message.to], SmsSdkAppId: settings.sdkAppId, TemplateId: approved.id, SignName: settings.signName ?? '',
    TemplateParamSet: approved.parameters.map((name) => message.variables[name] ?? ''), SessionContext: message.messageId,
  });
  const timestamp = Math.floor(context.now().getTime() / 1_000);
  const answer = await context.core.outbound.fetch(url, {
    method: 'POST', body, purpose: 'sms', timeoutMs: 10_000,
    headers: {
      'content-type': contentType, 'x-tc-action': 'SendSms', 'x-tc-version': '2021-01-11', 'x-tc-region': settings.region, 'x-tc-timestamp': String(timestamp),
      'authorization': signTencent({ host: url.host, service: 'sms', body, timestamp, secretId: settings.secretId, secret }).authorization,
    },
  });
  return readTencent(answer.status, jsonOf(answer.text()));
};

/** Errors come as HTTP 200; a request that was taken can still hold a refused number. */
function readTencent(status: number, body: unknown): Outcome {
  const error = memberAt(body, ['Response', 'Error']);
  const of = error ?? memberAt(body, ['Response', 'SendStatusSet', 0]);
  const code = memberAt(of, ['Code']);
  const detail = memberAt(of, ['Message']);
  if (error === undefined && code === 'Ok') return { result: 'sent', vendorId: String(memberAt(of, ['SerialNo']) ?? '') };
  if (typeof code !== 'string') return failed(status >= 400 && status < 500 && status !== 429 ? 'configuration' : 'temporary', `http_${status}`, 'the answer has no Code');
  if (/^(LimitExceeded|RequestLimitExceeded)/.test(code)) return failed('throttled', code, detail);
  if (/IncorrectPhoneNumber|PhoneNumberInBlacklist/.test(code)) return failed('invalid_recipient', code, detail);
  if (/^InternalError/.test(code)) return failed('temporary', code, detail);
  return failed('configuration', code, detail);
}

/** "Signature v3". `timestamp` in seconds. */
export function signTencent({ host, service, body, timestamp, secretId, secret }: { host: string; service: string; body: string; timestamp: number; secretId: string; secret: string }): { authorization: string; signature: string } {
  const date = new Date(timestamp * 1_000).toISOString().slice(0, 10);
  const scope = `${date}/${service}/tc3_request`;
  const canonical = ['POST', '/', '', `content-type:${contentType}`, `host:${host}`, '', 'content-type;host', sha256(body)].join('\n');
  const key = hmac(hmac(hmac(`TC3${secret}`, date), service), 'tc3_request');
  const signature = hmac(key, ['TC3-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n')).toString('hex');
  return { signature, authorization: `TC3-HMAC-SHA256 Credential=${secretId}/${scope}, SignedHeaders=content-type;host, Signature=${signature}` };
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
