/** What was sent and how that went, without words and addresses; and the outbox, which has them. */
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { messageNotFound } from './errors.ts';
import { openContent, renderMessage, templateOf } from './message.ts';
import type { Channel, Locale } from './template-list.ts';

/** Everything but what is sealed, and the hash that limits count by. */
const columns = {
  id: true, template: true, channel: true, locale: true, recipient: true, prefix: true, status: true, attempts: true, gatewayId: true,
  vendorId: true, errorCode: true, errorDetail: true, createdAt: true, expiresAt: true, finishedAt: true,
} as const satisfies Prisma.NotificationMessageSelect;
export type MessageStatus = 'queued' | 'sent' | 'outbox' | 'failed' | 'expired' | 'limited' | 'nobody';
type LoggedRow = Prisma.NotificationMessageGetPayload<{ select: typeof columns }>;

export interface LogFilter { readonly status?: string | undefined; readonly channel?: string | undefined; readonly template?: string | undefined; readonly gatewayId?: string | undefined }
interface Page { readonly limit: number; readonly cursor?: string | undefined }

/** Newest first. */
export async function listMessages(context: InstanceContext, { limit, cursor, ...filter }: LogFilter & Page) {
  const { keyring } = context.core;
  const { status, channel, template, gatewayId } = filter;
  const scope = `${context.instance.id}/notifications/${JSON.stringify([status, channel, template, gatewayId])}`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.notificationMessage.findMany({
    where: { ...(status && { status }), ...(channel && { channel }), ...(template && { template }), ...(gatewayId && { gatewayId }), ...(before !== undefined && { id: { lt: String(before) } }) },
    select: columns, orderBy: { id: 'desc' }, take: limit + 1 });
  const page = pageFrom(keyring, scope, rows, limit, ({ id }) => [id]);
  return { items: page.items.map(viewMessage), next: page.next };
}

/** @throws Problem 404 */
export async function readMessage(context: InstanceContext, id: string) {
  const row = await context.db.notificationMessage.findUnique({ where: key(context, id), select: columns });
  if (!row) throw messageNotFound();
  return viewMessage(row);
}

export const viewMessage = (row: LoggedRow) => ({
  ...row, channel: row.channel as Channel, status: row.status as MessageStatus, createdAt: row.createdAt.toISOString(), expiresAt: row.expiresAt.toISOString(), finishedAt: row.finishedAt?.toISOString() ?? null });

/** Messages that no gateway took, as they would have arrived; newest first. Gone after a day. */
export async function listOutbox(context: InstanceContext, { limit, cursor }: Page) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}/outbox`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.notificationMessage.findMany({
    where: { status: 'outbox', sealedContent: { not: null }, createdAt: { gt: new Date(context.now().getTime() - outboxMilliseconds) }, ...(before !== undefined && { id: { lt: String(before) } }) },
    orderBy: { id: 'desc' }, take: limit + 1 });
  const page = pageFrom(keyring, scope, rows, limit, ({ id }) => [id]);
  const items = await Promise.all(page.items.map(async ({ id, template: name, channel, locale, sealedContent, createdAt }) => {
    const template = templateOf(name);
    if (template === undefined || sealedContent === null) return [];
    const { to, variables } = openContent(context, id, sealedContent);
    const { subject, text } = await renderMessage(context, { template, channel: channel as Channel, locale: locale as Locale, variables });
    return [{ id, template, channel: channel as Channel, locale, to: to ?? '', subject: channel === 'email' ? subject : null, text, variables, createdAt: createdAt.toISOString() }];
  }));
  return { items: items.flat(), next: page.next };
}

/** How long the outbox shows a message. */
export const outboxMilliseconds = 86_400_000;

/** What was sent in a month, and what it cost, by gateway and country. */
export async function readCosts(context: InstanceContext, month: string) {
  const rows = await context.db.notificationCost.findMany({ where: { month }, orderBy: [{ channel: 'asc' }, { gatewayId: 'asc' }, { prefix: 'asc' }] });
  return { month, items: rows.map(({ channel, gatewayId, prefix, currency, messages, failures, costMicros }) => ({
    channel: channel as Channel, gatewayId, prefix, currency, messages: Number(messages), failures: Number(failures), costMicros: Number(costMicros) })) };
}
