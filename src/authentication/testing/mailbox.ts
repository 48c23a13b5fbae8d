/** What was sent: the messages of an instance, as their recipients would read them. */
import type { InstanceContext } from '../../tenancy/index.ts';

export interface Mail { readonly template: string; readonly to: string | null; readonly variables: Readonly<Record<string, string>>; readonly status: string }

/** The messages that can still be read, the oldest first; also those to nobody. */
export async function mails(context: InstanceContext): Promise<Mail[]> {
  const rows = await context.db.notificationMessage.findMany({ orderBy: { id: 'asc' } });
  return rows.flatMap(({ id, template, sealedContent, status }) => {
    // Erased once it was delivered, or went to nobody.
    if (sealedContent === null) return [];
    const content = JSON.parse(context.core.keyring.open(sealedContent, `${context.instance.id}/NotificationMessage/${id}/content`).toString('utf8')) as Pick<Mail, 'to' | 'variables'>;
    return [{ template, status, ...content }];
  });
}

/** The last message to an address. */
export async function lastMail(context: InstanceContext, to: string): Promise<Mail> {
  const mail = (await mails(context)).findLast((one) => one.to === to);
  if (!mail) throw new Error(`nothing was sent to ${to}`);
  return mail;
}

export const lastCode = async (context: InstanceContext, to: string): Promise<string> => (await lastMail(context, to)).variables['code'] ?? '';
