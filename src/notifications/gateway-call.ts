/** One message through one gateway: the only place that knows all kinds. */
import type { InstanceContext } from '../tenancy/index.ts';
import type { Gateway } from './gateway.ts';
import { aliyunSettings, httpSettings, smtpSettings, tencentSettings, twilioSettings } from './gateway-settings.ts';
import { openSecret } from './gateways.ts';
import type { Rendered } from './message.ts';
import type { Outcome } from './outcome.ts';
import { sendMail } from './smtp.ts';
import { sendByAliyun } from './sms/aliyun.ts';
import { sendByHttp } from './sms/http.ts';
import { sendByTencent } from './sms/tencent.ts';
import { sendByTwilio } from './sms/twilio.ts';
import { explainCall, type TextMessage } from './sms/text-message.ts';

export interface Outgoing extends Omit<TextMessage, 'text'> { readonly rendered: Rendered }

/** Outside of transactions: it waits for somebody else's server. */
export async function callGateway(context: InstanceContext, gateway: Gateway, { rendered, ...message }: Outgoing): Promise<Outcome> {
  const secret = openSecret(context, gateway);
  if (gateway.kind === 'smtp') return sendMail(context, smtpSettings.parse(gateway.settings), secret, { ...rendered, to: message.to, messageId: message.messageId });
  const text = { ...message, text: rendered.text };
  try {
    switch (gateway.kind) {
      case 'aliyun': return await sendByAliyun(context, aliyunSettings.parse(gateway.settings), secret ?? '', text);
      case 'tencent': return await sendByTencent(context, tencentSettings.parse(gateway.settings), secret ?? '', text);
      case 'twilio': return await sendByTwilio(context, twilioSettings.parse(gateway.settings), secret ?? '', text);
      case 'http': return await sendByHttp(context, httpSettings.parse(gateway.settings), secret ?? '', text);
    }
  } catch (error) {
    return explainCall(error);
  }
}
