/** Queues messages. They leave after the commit, by a job (deliver.ts): no answer waits for a mail server. */
import { randomBytes } from 'node:crypto';
import { newId } from '../core/ids.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { numberNotAllowed } from './errors.ts';
import { findLimit, isAllowedNumber, refuseLimited } from './limits.ts';
import { sealContent } from './message.ts';
import { checkRecipient, maskRecipient, prefixOf } from './recipients.ts';
import { type Channel, definitionOf, localeFor, type TemplateName, variablesOf } from './template-list.ts';

export const sendJob = 'notifications.send';

export interface Message {
  readonly template: TemplateName;
  readonly channel: Channel;
  /** A checked mailbox, or a number in E.164. Undefined: nobody gets it, with the same writes and work. */
  readonly to: string | undefined;
  /** BCP 47; the default of the instance where it is left out or has no words here. */
  readonly locale?: string | null | undefined;
  /** A value for each variable of the template. Codes and links are sealed at rest; only the message and the outbox show them. */
  readonly variables: Readonly<Record<string, string>>;
  /**
   * When the address or number had too many: refuse (a Problem 429), or write it down as `limited` and send nothing.
   * Before the first proof only `drop` tells nothing about an account: a limit that strikes real addresses alone would.
   */
  readonly whenLimited?: 'refuse' | 'drop';
}

/**
 * Queues one message in the transaction of the change: it leaves exactly if that commits, at least once.
 * @throws Problem 400 (no address, or a number that nothing is sent to), 429 with Retry-After (see `whenLimited`)
 */
export async function sendNotification(tx: InstanceContext, message: Message): Promise<{ id: string }> {
  const { template, channel, to } = message;
  const definition = definitionOf(template);
  if (!definition.channels.includes(channel)) throw new Error(`The template ${template} is not for ${channel}`);
  const missing = Object.keys(variablesOf(template)).filter((name) => name !== 'instance' && !Object.hasOwn(message.variables, name));
  if (missing.length > 0) throw new Error(`A message ${template} needs ${missing.join(', ')}`);
  if (to !== undefined) checkRecipient(channel, to);

  const now = tx.now();
  const id = newId('msg', now.getTime());
  // For nobody the same question is asked about an address that nobody has.
  const counted = { channel, recipientHash: hashRecipient(tx, channel, to ?? randomBytes(16).toString('hex')), prefix: to === undefined ? '' : prefixOf(channel, to) };
  const allowed = to === undefined || channel === 'email' || isAllowedNumber(tx, to);
  const limited = allowed ? await findLimit(tx, counted) : { retryAfterSeconds: 3_600 };
  if (limited && message.whenLimited !== 'drop') throw allowed ? refuseLimited(limited) : numberNotAllowed();

  await tx.db.notificationMessage.create({ data: {
    id, template, channel, locale: localeFor(message.locale, tx.instance.settings.defaultLocale),
    recipientHash: to === undefined ? null : counted.recipientHash, recipient: to === undefined ? null : maskRecipient(channel, to), prefix: to === undefined ? null : counted.prefix,
    sealedContent: limited ? null : sealContent(tx, id, { to: to ?? null, variables: message.variables }),
    status: limited ? 'limited' : 'queued', ...(limited && { finishedAt: now }),
    createdAt: now, expiresAt: new Date(now.getTime() + definition.lifetimeSeconds * 1_000),
  } });
  await tx.core.jobs.enqueue(tx.db, sendJob, { instanceId: tx.instance.id, messageId: id });
  return { id };
}

/** Case counts for nobody but the mail server; two spellings would be two limits. */
const hashRecipient = (context: InstanceContext, channel: Channel, to: string): string =>
  context.core.keyring.hmac('notification-recipient', `${context.instance.id}/${channel}/${to.toLowerCase()}`);
