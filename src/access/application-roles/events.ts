/** What happens to application roles, in the words of the log. One event names all subjects of one change of one role. */
import type { NewEvent } from '../../events/index.ts';
import type { RoleUse } from './errors.ts';
import { type ApplicationRole, viewRole } from './role.ts';

const ofRole = (type: string, id: string, states: Pick<NewEvent, 'before' | 'after'>): NewEvent => ({
  type: `application_role.${type}`, subject: { type: 'application_role', id }, ...states });

export const roleCreated = (after: ApplicationRole) => ofRole('created', after.id, { after: viewRole(after) });
export const roleUpdated = (before: ApplicationRole, after: ApplicationRole) => ofRole('updated', after.id, { before: viewRole(before), after: viewRole(after) });
/** Assignments that went with it are counted, not named. */
export const roleDeleted = (before: ApplicationRole, use: RoleUse) => ofRole('deleted', before.id, { before: { ...viewRole(before), usedBy: { ...use } } });

/** The terms of an assignment. */
export interface Terms { readonly expiresAt: Date | null; readonly withDescendants: boolean }

/** One role, one kind of change, the same terms: the events' own unit, whatever number of subjects it has. */
export interface AssignmentChange {
  readonly kind: 'assigned' | 'changed' | 'revoked';
  readonly role: { readonly id: string; readonly key: string; readonly applicationId: string };
  readonly subjectId: string;
  readonly before?: Terms;
  readonly after?: Terms;
}

const types = { assigned: 'assigned', changed: 'assignment_changed', revoked: 'revoked' } as const;
const viewTerms = ({ expiresAt, withDescendants }: Terms) => ({ expiresAt: expiresAt?.toISOString() ?? null, ...(withDescendants && { withDescendants }) });

/**
 * The events of many changes. The log finds each by its role and by each of its subjects (`subjects` is indexed).
 * `batchId`: the upload that they come from.
 */
export function assignmentEvents(changes: readonly AssignmentChange[], batchId?: string): NewEvent[] {
  const groups = new Map<string, AssignmentChange[]>();
  for (const change of changes) {
    const terms = [change.before, change.after].map((state) => state && `${state.expiresAt?.getTime() ?? ''}/${state.withDescendants}`);
    const name = [change.kind, change.role.id, ...terms].join(' ');
    const group = groups.get(name);
    if (group) group.push(change);
    else groups.set(name, [change]);
  }
  return [...groups.values()].map((group) => {
    const [{ kind, role, before, after }] = group as [AssignmentChange];
    const facts = { applicationId: role.applicationId, role: role.key, subjects: group.map(({ subjectId }) => subjectId), ...(batchId !== undefined && { batchId }) };
    return ofRole(types[kind], role.id, {
      ...(before && { before: { ...(after ? {} : facts), ...viewTerms(before) } }),
      ...(after && { after: { ...facts, ...viewTerms(after) } }),
    });
  });
}
