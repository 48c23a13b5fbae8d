import { conflict, invalidParameters, Problem } from '../../core/errors.ts';

export const organizationalUnitNotFound = (field?: string) => new Problem({
  status: 404, code: 'Operation.Failure.Organizational.Unit.Not.Exist', detail: 'There is no such organizational unit in this instance.',
  ...(field !== undefined && { errors: [{ field, code: 'unknown', detail: 'is no organizational unit of this instance' }] }),
});
export const siblingNameTaken = () => conflict('Operation.Failure.Organizational.Unit.Already.Exist', 'Another organizational unit under the same parent has this name, or one that looks the same.',
  [{ field: 'name', code: 'taken', detail: 'choose another one' }]);
export const rootStays = (verb: 'moved' | 'deleted') => conflict('Operation.Failure.Built.In', `The root of the tree cannot be ${verb}.`);
export const moveIntoItself = () => conflict('Operation.Failure.Organizational.Unit.Cycle', 'An organizational unit cannot be moved below itself.',
  [{ field: 'parentId', code: 'cycle', detail: 'is the organizational unit itself or lies below it; choose one outside of it' }]);
export const treeTooDeep = (most: number) => conflict('Operation.Failure.Organizational.Unit.Too.Deep', `The tree has at most ${most} levels, the root included.`,
  [{ field: 'parentId', code: 'too_deep', detail: 'choose one further up' }]);
export const tooManyUnits = (most: number) => conflict('Operation.Failure.Organizational.Unit.Limit', `A user is in at most ${most} organizational units.`);
export const primaryNotAmong = () => invalidParameters([{ field: 'primaryId', code: 'invalid', detail: 'must be one of organizationalUnitIds' }]);
export const notAMember = () => new Problem({
  status: 404, code: 'Operation.Failure.Organizational.Unit.Member.Not.Exist', detail: 'The user is not a member of this organizational unit.' });
