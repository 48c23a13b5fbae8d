/**
 * Mails to people about what happened to their account, from the event log: whoever changed it, by whichever door. (What
 * was done to a credential is told in the transaction of the change, owner-notices.ts: the event does not know its words.)
 */
import type { StoredEvent } from '../events/index.ts';
import { findUserById, type User } from '../directory/index.ts';
import { isRecipient, sendNotification, type TemplateName } from '../notifications/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { describeAgent } from './second-factor/agent.ts';

interface Notice {
  readonly template: Extract<TemplateName, 'password_changed' | 'new_device' | 'email_changed' | 'phone_changed'>;
  /** The user's own address, unless it has just been replaced. */
  readonly to?: string;
  readonly more?: Readonly<Record<string, string>>;
}

type Addresses = { readonly email?: string | null; readonly emailVerified?: boolean; readonly phone?: string | null };

/** What an event is worth telling. A change of the address goes to the old one: its owner did not make it, perhaps. */
function noticesOf({ type, before, after }: StoredEvent): Notice[] {
  if (type === 'password.changed') return [{ template: 'password_changed' }];
  if (type === 'sign_in.new_device') return [{ template: 'new_device' }];
  if (type !== 'user.updated') return [];
  const [old, now] = [(before ?? {}) as Addresses, (after ?? {}) as Addresses];
  const replaced = typeof old.email === 'string' && old.emailVerified === true && old.email !== now.email;
  return [
    ...(replaced && typeof old.email === 'string' ? [{ template: 'email_changed' as const, to: old.email, more: { newAddress: now.email ?? '–' } }] : []),
    ...(typeof old.phone === 'string' && old.phone !== now.phone ? [{ template: 'phone_changed' as const }] : []),
  ];
}

/** Queues the notices of one event, in the transaction that moves the reader: each exactly once. */
export async function sendSecurityNotices(tx: InstanceContext, event: StoredEvent): Promise<void> {
  if (!tx.instance.settings.notifications.securityNotices) return;
  const notices = noticesOf(event);
  if (notices.length === 0) return;
  const user = await findUserById(tx, event.subjectId);
  if (!user) return;
  for (const { template, to = addressOf(user), more = {} } of notices) {
    if (to === undefined || !isRecipient('email', to)) continue;
    await sendNotification(tx, {
      template, channel: 'email', to, locale: user.locale, whenLimited: 'drop',
      variables: { displayName: user.displayName, time: `${event.occurredAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`, address: event.address ?? '–', device: deviceOf(event), ...more } });
  }
}

const addressOf = (user: User): string | undefined => (user.email !== null && user.emailVerified ? user.email : undefined);

/** Events know the agent only where it is what they are about. */
const deviceOf = ({ after }: StoredEvent): string => describeAgent((after as { userAgent?: string } | null)?.userAgent) || '–';
