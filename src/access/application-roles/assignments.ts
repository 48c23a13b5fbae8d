/** Single assignments, as the management API changes them: the same work as for a thousand, with a refusal as a Problem. */
import { Problem } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { changeAssignments } from './change-assignments.ts';
import { assignmentNotFound, subjectNotFound } from './errors.ts';
import { isFailure, resolveSubjects, type RowFailure, type Subject } from './resolve.ts';
import { loadRole } from './roles.ts';
import type { Operation, Row } from './rows.ts';
import type { SubjectKind } from './schemas.ts';

/** What kind of subject an id is of. */
export function subjectKindOf(id: string): SubjectKind {
  return id.startsWith('user_') ? 'user' : id.startsWith('group_') ? 'group' : 'organizational_unit';
}

export const referenceFields = { user: 'userId', group: 'groupId', organizational_unit: 'organizationalUnitId' } as const;

/** @throws Problem 404 when there is no such user, group or unit, or not within the principal's limit */
export async function loadSubject(context: InstanceContext, id: string): Promise<Subject> {
  const [subject] = await resolveSubjects(context, [{ [referenceFields[subjectKindOf(id)]]: id }], { lock: false });
  if (!subject || isFailure(subject)) throw subject ? refusalOf(subject) : subjectNotFound();
  return subject;
}

/** Gives the subject the role with these terms. A second time changes nothing. @throws Problem 404, 403 (limit), 400 */
export async function putAssignment(
  context: InstanceContext, { applicationId, roleId, subjectId }: AssignmentName, terms: { expiresAt?: string | null | undefined; withDescendants: boolean },
): Promise<{ subjectType: SubjectKind }> {
  await changeOne(context, 'assign', { applicationId, roleId, subjectId }, terms);
  return { subjectType: subjectKindOf(subjectId) };
}

/** @throws Problem 404 when the subject does not have it itself */
export async function removeAssignment(context: InstanceContext, name: AssignmentName): Promise<void> {
  if (await changeOne(context, 'revoke', name) === 0) throw assignmentNotFound();
}

export interface AssignmentName { readonly applicationId: string; readonly roleId: string; readonly subjectId: string }

async function changeOne(context: InstanceContext, operation: Operation, { applicationId, roleId, subjectId }: AssignmentName, terms: Pick<Row, 'expiresAt' | 'withDescendants'> = {}): Promise<number> {
  await loadRole(context, applicationId, roleId);
  const row: Row = { [referenceFields[subjectKindOf(subjectId)]]: subjectId, roles: [roleId], ...terms };
  const changes = await context.transaction((tx) => changeAssignments(tx, applicationId, operation, [row]));
  changes.forget();
  const [result] = changes.results;
  if (result?.failure) throw refusalOf(result.failure);
  return changes.count;
}

/** A row's failure as an answer of its own. */
export function refusalOf({ code, detail }: RowFailure): Problem {
  return new Problem({ status: code.endsWith('.Not.Exist') ? 404 : code === 'Operation.Denied' ? 403 : 400, code, detail });
}
