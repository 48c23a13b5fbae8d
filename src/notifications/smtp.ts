/** Mails over SMTP (RFC 5321), encrypted unless the gateway says otherwise; the server's address passes the outbound guard. */
import { createTransport } from 'nodemailer';
import { OutboundBlocked } from '../core/outbound-errors.ts';
import { Problem } from '../core/errors.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { SmtpSettings } from './gateway-settings.ts';
import { failed, type Outcome } from './outcome.ts';
import type { Rendered } from './message.ts';
import { checkRecipient } from './recipients.ts';

export interface Mail extends Rendered { readonly to: string; readonly messageId: string }

/** Hands one mail to the server of a gateway. What the server says against it comes as an outcome, never as an exception. */
export async function sendMail(context: InstanceContext, settings: SmtpSettings, password: string | undefined, mail: Mail): Promise<Outcome> {
  checkRecipient('email', mail.to); // once more, at the last place: nothing but one mailbox becomes RCPT TO
  try {
    const [checked] = await context.core.outbound.checkAddress(settings.host, settings.port);
    if (!checked) return failed('temporary', 'no_address', 'the mail server has no address');
    const encrypted = settings.security !== 'none';
    const { replyTo } = settings;
    const transport = createTransport({
      host: checked.address, port: settings.port, name: new URL(context.instance.issuer).hostname,
      secure: settings.security === 'tls', requireTLS: settings.security === 'starttls', ignoreTLS: !encrypted,
      ...(encrypted && { tls: { servername: settings.host, rejectUnauthorized: true, minVersion: 'TLSv1.2' as const, ...(settings.certificateAuthority !== null && { ca: settings.certificateAuthority }) } }),
      ...(settings.username !== null && password !== undefined && { auth: { user: settings.username, pass: password } }),
      connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000, disableFileAccess: true, disableUrlAccess: true, logger: false,
    });
    try {
      const sent = await transport.sendMail({
        envelope: { from: settings.from, to: [mail.to] }, from: { name: senderName(context), address: settings.from }, to: { name: '', address: mail.to },
        ...(replyTo !== null && { replyTo: { name: '', address: replyTo } }),
        subject: mail.subject, text: mail.text, html: `<!doctype html><html><body style="font-family:sans-serif;line-height:1.5;max-width:36em">${mail.html}</body></html>`,
        messageId: `<${mail.messageId}@${settings.from.slice(settings.from.lastIndexOf('@') + 1)}>`,
        headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834: no holiday answers
      });
      return { result: 'sent', vendorId: sent.messageId };
    } finally {
      transport.close();
    }
  } catch (error) {
    return explain(error);
  }
}

/** The name beside the address; the mailer encodes it, these could still end it early in careless programs. */
const senderName = ({ instance }: InstanceContext): string =>
  (instance.settings.notifications.from ?? instance.branding.displayName ?? instance.name).replace(/[\p{Cc}\p{Cf}<>"@,;:\\]/gu, ' ').trim();

function explain(error: unknown): Outcome {
  if (error instanceof OutboundBlocked) return failed('configuration', error.code, error.detail);
  if (error instanceof Problem) return failed('temporary', error.code, error.detail);
  const { code, responseCode, response, command } = error as { code?: string; responseCode?: number; response?: string; command?: string };
  const detail = response ?? (error instanceof Error ? error.message : '');
  if (code === 'EAUTH' || code === 'ETLS') return failed('configuration', code, detail);
  if (responseCode !== undefined && responseCode >= 500) return failed(command === 'RCPT TO' ? 'invalid_recipient' : 'configuration', String(responseCode), detail);
  // Certificates do not mend themselves between two tries.
  if (typeof code === 'string' && /CERT|SELF_SIGNED|UNABLE_TO|ESOCKET/.test(code) && /certif|self-signed|altname/i.test(detail)) return failed('configuration', code, detail);
  return failed('temporary', responseCode === undefined ? code ?? 'connection' : String(responseCode), detail);
}
