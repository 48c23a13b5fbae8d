import { newId } from '../core/ids.ts';
import { tooManyRequests } from '../core/errors.ts';
import { append } from '../events/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { gatewayTested } from './events.ts';
import { callGateway } from './gateway-call.ts';
import { readGateway } from './gateways.ts';
import { renderMessage } from './message.ts';
import { checkRecipient } from './recipients.ts';

/** An instance's tests in a minute: each may cost money, and says something about the network of the server. */
const perMinute = 6;

/** Sends the template `test` at once, past the queue. @throws Problem 404, 400, 429 */
export async function testGateway(context: InstanceContext, id: string, to: string) {
  const gateway = await readGateway(context, id);
  checkRecipient(gateway.channel, to);
  const decision = await context.core.rateLimiter.take(`notification-test:${context.instance.id}`, { ratePerSecond: perMinute / 60, burst: perMinute });
  if (!decision.allowed) throw tooManyRequests(`At most ${perMinute} tests a minute.`, { 'retry-after': String(decision.retryAfterSeconds) });
  const locale = context.instance.settings.defaultLocale;
  // Services in China send approved templates only, of which a test has none: the one for sign-in shows that it works.
  const approvedOnly = gateway.kind === 'aliyun' || gateway.kind === 'tencent';
  const message = { template: approvedOnly ? 'sign_in_code' as const : 'test' as const, channel: gateway.channel, locale, variables: approvedOnly ? { code: '000000', minutes: '10' } : {} };
  const rendered = await renderMessage(context, message);
  const outcome = await callGateway(context, gateway, { ...message, to, messageId: newId('msg'), rendered });
  await context.transaction((tx) => append(tx, gatewayTested(gateway, outcome.result)));
  return outcome.result === 'sent'
    ? { result: outcome.result, vendorId: outcome.vendorId ?? null, code: null, detail: null }
    : { result: outcome.result, vendorId: null, code: outcome.code, detail: outcome.detail };
}
