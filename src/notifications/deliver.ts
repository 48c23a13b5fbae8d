/** The job that sends one queued message. It may run twice: then the message arrives twice at worst, never not at all. */
import type { Core } from '../core/core.ts';
import { instanceContext, key, type InstanceContext } from '../tenancy/index.ts';
import type { Gateway } from './gateway.ts';
import { callGateway } from './gateway-call.ts';
import { findGateway } from './gateways.ts';
import { openContent, renderMessage, templateOf } from './message.ts';
import { isWorthAnotherTry } from './outcome.ts';
import type { Channel, Locale } from './template-list.ts';

/** Tries after the first: over about ten minutes, as long as a code is good for. */
export const retryLimit = 6;
export const retryDelaySeconds = 5;
/** Longer than any service is waited for, shorter than pg-boss takes to give the job of a dead server to another. */
const busySeconds = 60;

/** @throws when it is to be tried again */
export async function deliver(core: Core, instanceId: string, messageId: string): Promise<void> {
  const context = await instanceContext(core, instanceId);
  const row = await context?.db.notificationMessage.findUnique({ where: key(context, messageId) });
  if (!context || row?.status !== 'queued' || row.sealedContent === null) return;
  const template = templateOf(row.template);
  if (template === undefined || row.expiresAt <= context.now()) return finish(context, messageId, { status: 'expired' });
  const { to, variables } = openContent(context, messageId, row.sealedContent);
  if (to === null) return finish(context, messageId, { status: 'nobody' });
  const [channel, locale] = [row.channel as Channel, row.locale as Locale];
  const gateway = await findGateway(context, channel, to);
  if (!gateway) return keepInOutbox(context, messageId, channel, row.template);

  // Two workers with one job (a server that was thought dead): only one goes on, the other looks again later.
  const now = context.now();
  const { count } = await context.db.notificationMessage.updateMany({
    where: { id: messageId, status: 'queued', attempts: row.attempts, OR: [{ busyUntil: null }, { busyUntil: { lte: now } }] },
    data: { attempts: row.attempts + 1, gatewayId: gateway.id, busyUntil: new Date(now.getTime() + busySeconds * 1_000) } });
  if (count === 0) throw new DeliveryPostponed('another server is at it');
  const rendered = await renderMessage(context, { template, channel, locale, variables });
  const outcome = await callGateway(context, gateway, { to, template, locale, variables, messageId, rendered });
  if (outcome.result === 'sent') return finish(context, messageId, { status: 'sent', ...(outcome.vendorId !== undefined && { vendorId: outcome.vendorId.slice(0, 200) }) }, { gateway, prefix: row.prefix ?? '' });
  const error = { errorCode: outcome.code, errorDetail: withoutSecrets(outcome.detail, [to, ...Object.values(variables)]) };
  if (!isWorthAnotherTry(outcome)) return finish(context, messageId, { status: 'failed', ...error }, { gateway, prefix: row.prefix ?? '' });
  await context.db.notificationMessage.update({ where: key(context, messageId), data: { ...error, busyUntil: null } });
  throw new DeliveryPostponed(`${outcome.result}, ${outcome.code}`);
}

/** After the last try. */
export async function giveUp(core: Core, instanceId: string, messageId: string): Promise<void> {
  const context = await instanceContext(core, instanceId);
  const row = await context?.db.notificationMessage.findUnique({ where: key(context, messageId) });
  if (!context || row?.status !== 'queued') return;
  const gateway = row.gatewayId === null ? null : await context.db.notificationGateway.findUnique({ where: key(context, row.gatewayId) });
  await finish(context, messageId, { status: 'failed' }, gateway ? { gateway, prefix: row.prefix ?? '' } : undefined);
}

/** For the log of the server: the code of the service, never the address. */
class DeliveryPostponed extends Error {
  constructor(because: string) { super(`A message could not be sent: ${because}`); }
}

/** Mail servers like to quote what they refuse. */
const withoutSecrets = (detail: string, secrets: readonly string[]): string =>
  secrets.filter(({ length }) => length >= 4).reduce((text, secret) => text.replaceAll(secret, '…'), detail);

interface End { readonly status: 'sent' | 'failed' | 'expired' | 'nobody'; readonly vendorId?: string; readonly errorCode?: string; readonly errorDetail?: string }

/** The end of a message, and what it cost; its content is erased. */
async function finish(context: InstanceContext, id: string, end: End, by?: { gateway: Pick<Gateway, 'id' | 'costMicros' | 'currency'>; prefix: string }): Promise<void> {
  await context.transaction(async (tx) => {
    const { count } = await tx.db.notificationMessage.updateMany({ where: { id, status: 'queued' }, data: { ...end, sealedContent: null, busyUntil: null, finishedAt: tx.now() } });
    if (count === 0 || !by) return;
    const sent = end.status === 'sent' ? 1 : 0;
    await tx.db.$executeRaw`
      INSERT INTO "NotificationCost" AS "cost" ("instanceId", "month", "channel", "gatewayId", "prefix", "currency", "messages", "failures", "costMicros")
      SELECT ${tx.instance.id}, ${tx.now().toISOString().slice(0, 7)}, "channel", ${by.gateway.id}, CASE WHEN "channel" = 'sms' THEN ${by.prefix} ELSE '' END, ${by.gateway.currency}, ${sent}::int, ${1 - sent}::int, ${sent * by.gateway.costMicros}::bigint
        FROM "NotificationMessage" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${id}
      ON CONFLICT ("instanceId", "month", "channel", "gatewayId", "prefix", "currency") DO UPDATE
        SET "messages" = "cost"."messages" + excluded."messages", "failures" = "cost"."failures" + excluded."failures", "costMicros" = "cost"."costMicros" + excluded."costMicros"`;
  });
}

async function keepInOutbox(context: InstanceContext, id: string, channel: Channel, template: string): Promise<void> {
  await context.db.notificationMessage.updateMany({ where: { id, status: 'queued' }, data: { status: 'outbox', finishedAt: context.now() } });
  context.core.log.info({ instanceId: context.instance.id, messageId: id, channel, template }, `No gateway takes this message: it waits in the outbox of the instance, ${context.instance.issuer}/api/v1/outbox`);
}
