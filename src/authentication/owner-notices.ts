/** Mails to the owner of an account about what was changed of it, so that somebody else's change is seen. */
import { findUserById } from '../directory/index.ts';
import { isRecipient, sendNotification, type TemplateName } from '../notifications/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { describeAgent } from './second-factor/agent.ts';

export type NoticeTemplate = Extract<TemplateName, 'factor_added' | 'factor_removed' | 'recovery_codes_changed' | 'recovery_codes_low'>;

/** Queues the notice in the transaction of the change. Who has no address gets none, and too many are dropped: a notice refuses no change. */
export async function tellOwner(tx: InstanceContext, userId: string, template: NoticeTemplate, more: Readonly<Record<string, string>> = {}): Promise<void> {
  const user = await findUserById(tx, userId);
  if (!user?.email || !user.emailVerified || !isRecipient('email', user.email)) return;
  await sendNotification(tx, {
    template, channel: 'email', to: user.email, locale: user.locale, whenLimited: 'drop',
    variables: { displayName: user.displayName, time: `${tx.now().toISOString().slice(0, 16).replace('T', ' ')} UTC`, address: tx.address ?? '–', device: describeAgent(tx.userAgent) || '–', ...more } });
}
