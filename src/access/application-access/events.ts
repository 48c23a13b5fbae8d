/** What happens to who may open an application, in the words of the log. One event names all subjects of one kind of change. */
import type { NewEvent } from '../../events/index.ts';
import type { AccessMode } from './schemas.ts';

const ofApplication = (type: string, id: string, states: Pick<NewEvent, 'before' | 'after'>): NewEvent => ({
  type: `application_access.${type}`, subject: { type: 'application', id }, ...states });

export const modeChanged = (applicationId: string, before: AccessMode, after: AccessMode) => ofApplication('mode_changed', applicationId, { before: { mode: before }, after: { mode: after } });

/** The terms of an assignment. */
export interface Terms { readonly expiresAt: Date | null; readonly withDescendants: boolean }

export interface AccessChange { readonly kind: 'added' | 'changed' | 'removed'; readonly subjectId: string; readonly before?: Terms; readonly after?: Terms }

const viewTerms = ({ expiresAt, withDescendants }: Terms) => ({ expiresAt: expiresAt?.toISOString() ?? null, ...(withDescendants && { withDescendants }) });

export function accessEvents(applicationId: string, changes: readonly AccessChange[]): NewEvent[] {
  const nameOf = ({ kind, before, after }: AccessChange) => [kind, ...[before, after].map((terms) => terms && JSON.stringify(viewTerms(terms)))].join(' ');
  return [...Map.groupBy(changes, nameOf).values()].map((group) => {
    const [{ kind, before, after }] = group as [AccessChange];
    const subjects = { subjects: group.map(({ subjectId }) => subjectId) };
    return ofApplication(kind, applicationId, {
      ...(before && { before: { ...(after ? {} : subjects), ...viewTerms(before) } }),
      ...(after && { after: { ...subjects, ...viewTerms(after) } }),
    });
  });
}
