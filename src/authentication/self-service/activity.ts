/** What happened to an account lately, from the event log. */
import type { Account } from './account.ts';

export interface Activity {
  readonly id: string;
  readonly at: Date;
  /** Pages have words for it; what has none is not shown. */
  readonly type: string;
  readonly address: string | null;
  /** Done by somebody else: an administrator or a program. */
  readonly byOthers: boolean;
  readonly application: string | undefined;
}

const mostShown = 60;

/** Newest first; what is about the person, and about their sessions of the last weeks. */
export async function viewActivity({ context, user }: Pick<Account, 'context' | 'user'>, types: readonly string[]): Promise<Activity[]> {
  const sessions = await context.db.session.findMany({ where: { userId: user.id }, orderBy: { createdAt: 'desc' }, take: mostShown, select: { id: true } });
  const rows = await context.db.event.findMany({
    where: { subjectId: { in: [user.id, ...sessions.map(({ id }) => id)] }, type: { in: [...types] } }, orderBy: { sequence: 'desc' }, take: mostShown });
  return rows.map(({ id, occurredAt, type, address, actor, after }) => {
    const by = actor as { kind?: string; id?: string };
    return {
      id, at: occurredAt, type,
      // The address of an administrator is not the person's to know.
      ...(isByOthers(by, user.id) ? { address: null, byOthers: true } : { address, byOthers: false }),
      application: (after as { applicationId?: string } | null)?.applicationId ?? undefined };
  });
}

const isByOthers = (by: { kind?: string; id?: string }, userId: string) => (by.kind === 'user' && by.id !== userId) || by.kind === 'application' || by.kind === 'operator';
