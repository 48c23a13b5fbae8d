import { conflict, Problem } from '../../core/errors.ts';

export const roleNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Application.Role.Not.Exist', detail: 'There is no such role of this application.' });
export const roleKeyTaken = () => conflict('Operation.Failure.Application.Role.Already.Exist', 'The application has a role with this key.',
  [{ field: 'key', code: 'taken', detail: 'choose another one' }]);
export const tooManyRoles = (most: number) => conflict('Operation.Failure.Application.Role.Limit', `An application has at most ${most} roles. Delete one first.`);

/** How many subjects of each kind have a role. */
export interface RoleUse { readonly users: number; readonly groups: number; readonly organizationalUnits: number }

export const roleInUse = (use: RoleUse) => new Problem({
  status: 409, code: 'Operation.Failure.Application.Role.In.Use', members: { usedBy: { ...use } },
  detail: `The role is assigned to ${use.users} users, ${use.groups} groups and ${use.organizationalUnits} organizational units. Take it back first, or delete it with ?force=true.`,
});

export const assignmentNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Role.Assignment.Not.Exist', detail: 'This subject does not have this role itself.' });
export const subjectNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Subject.Not.Exist', detail: 'There is no such user, group or organizational unit here.' });

export const batchNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Role.Batch.Not.Exist', detail: 'There is no such batch of this application. Batches are kept for 30 days.' });
export const batchFinished = (status: string) => conflict('Operation.Failure.Role.Batch.Finished', `The batch is ${status}; there is nothing left to cancel.`);
export const tooManyBatches = (most: number) => conflict('Operation.Failure.Role.Batch.Limit', `The application has ${most} batches that are not finished. Wait for one of them, or cancel it.`);
export const batchTooLarge = (detail: string) => new Problem({ status: 413, code: 'Params.Illegal', detail });
export const batchUnreadable = (detail: string) => new Problem({ status: 400, code: 'Params.Illegal', detail });
