/** Twilio Messages (2010-04-01): a form with Basic authentication. */
import type { TwilioSettings } from '../gateway-settings.ts';
import { failed, type Outcome } from '../outcome.ts';
import { jsonOf, memberAt, type SmsService } from './text-message.ts';

export const sendByTwilio: SmsService<TwilioSettings> = async (context, settings, secret, message) => {
  const url = new URL(`2010-04-01/Accounts/${settings.accountSid}/Messages.json`, settings.endpoint);
  const form = new URLSearchParams({ To: message.to, Body: message.text });
  if (settings.messagingServiceSid !== null) form.set('MessagingServiceSid', settings.messagingServiceSid);
  if (settings.from !== null) form.set('From', settings.from);
  const credentials = Buffer.from(`${settings.apiKeySid ?? settings.accountSid}:${secret}`).toString('base64');
  const answer = await context.core.outbound.fetch(url, {
    method: 'POST', body: form.toString(), purpose: 'sms', timeoutMs: 10_000,
    headers: { 'authorization': `Basic ${credentials}`, 'content-type': 'application/x-www-form-urlencoded' },
  });
  return readTwilio(answer.status, jsonOf(answer.text()));
};

function readTwilio(status: number, body: unknown): Outcome {
  const sid = memberAt(body, ['sid']);
  const code = memberAt(body, ['error_code']) ?? memberAt(body, ['code']);
  const detail = memberAt(body, ['error_message']) ?? memberAt(body, ['message']);
  if (status === 201 && typeof sid === 'string' && (code === null || code === undefined)) return { result: 'sent', vendorId: sid };
  if (status === 429) return failed('throttled', code ?? 'http_429', detail);
  if (status >= 500 || status < 300) return failed('temporary', code ?? `http_${status}`, detail);
  // Twilio splits its codes ever finer: only what is about the number itself is told apart.
  const aboutNumber = [21211, 21214, 21217, 21408, 21610, 21612, 21614].includes(Number(code));
  return failed(aboutNumber ? 'invalid_recipient' : 'configuration', code ?? `http_${status}`, detail);
}
