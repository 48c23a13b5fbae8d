/**
 * Any service with an HTTP interface: settings say what is sent and how the answer is read. With a secret each request is
 * signed: `X-Postern-Signature: t={seconds},v1={hex HMAC-SHA256 of "{t}.{body}"}`.
 */
import { createHmac } from 'node:crypto';
import { parsePhoneNumberFromString } from 'libphonenumber-js/max';
import type { HttpSettings } from '../gateway-settings.ts';
import { failed } from '../outcome.ts';
import { jsonOf, memberAt, type SmsService, type TextMessage } from './text-message.ts';

export const sendByHttp: SmsService<HttpSettings> = async (context, settings, secret, message) => {
  const values: Record<string, string> = { ...message.variables, to: numberFor(settings, message), text: message.text, template: message.template, messageId: message.messageId, secret };
  const fill = (words: string) => words.replace(/\{\{([a-zA-Z]+)\}\}/g, (_match, name: string) => (Object.hasOwn(values, name) ? values[name] ?? '' : ''));
  const filled = Object.fromEntries(Object.entries(settings.body).map(([name, words]) => [name, fill(words)]));
  const body = settings.format === 'json' ? JSON.stringify(filled) : new URLSearchParams(filled).toString();
  const answer = await context.core.outbound.fetch(settings.url, {
    method: settings.method, body, purpose: 'sms', timeoutMs: settings.timeoutSeconds * 1_000,
    headers: {
      ...Object.fromEntries(Object.entries(settings.headers).map(([name, words]) => [name.toLowerCase(), fill(words)])),
      'content-type': settings.format === 'json' ? 'application/json' : 'application/x-www-form-urlencoded',
      'idempotency-key': message.messageId,
      ...(secret !== '' && { 'x-postern-signature': signHttp(secret, Math.floor(context.now().getTime() / 1_000), body) }),
    },
  });
  const json = jsonOf(answer.text());
  const { path, equals } = settings.success;
  const code = path === null ? undefined : memberAt(json, path.split('.'));
  const vendorId = settings.messageIdPath === null ? undefined : memberAt(json, settings.messageIdPath.split('.'));
  const fine = answer.status >= 200 && answer.status < 300;
  if (fine && (path === null || String(code) === (equals ?? ''))) return { result: 'sent', ...(vendorId !== undefined && { vendorId: String(vendorId) }) };
  const shown = code === undefined ? `http_${answer.status}` : String(code);
  if (answer.status === 429) return failed('throttled', shown, '');
  if (answer.status >= 500 || settings.retryCodes.includes(shown)) return failed('temporary', shown, '');
  return failed('configuration', shown, 'the service refused the message');
};

/** @param seconds of the signature: receivers refuse old ones */
export const signHttp = (secret: string, seconds: number, body: string): string =>
  `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;

function numberFor({ numberFormat }: HttpSettings, { to }: TextMessage): string {
  if (numberFormat === 'e164') return to;
  if (numberFormat === 'digits') return to.slice(1);
  return parsePhoneNumberFromString(to)?.nationalNumber ?? to.slice(1);
}
