import { conflict, invalidParameters, Problem } from '../../core/errors.ts';

export const groupNotFound = (field?: string) => new Problem({
  status: 404, code: 'Operation.Failure.Group.Not.Exist', detail: 'There is no such group in this instance.',
  ...(field !== undefined && { errors: [{ field, code: 'unknown', detail: 'is no group of this instance' }] }),
});
export const groupNameTaken = () => conflict('Operation.Failure.Group.Already.Exist', 'Another group has this name, or one that looks the same.', [{ field: 'name', code: 'taken', detail: 'choose another one' }]);
export const membersFollowTheRule = () => conflict('Operation.Failure.Group.Dynamic', 'The members of a dynamic group follow from its rule and are not edited by hand. Change the rule.');
export const noRuleHere = () => conflict('Operation.Failure.Group.Static', 'A static group has no rule. Create a dynamic group.');
export const ruleMissing = () => invalidParameters([{ field: 'rule', code: 'required', detail: 'a dynamic group has a rule, such as user.email.endsWith("@example.com")' }]);
export const ruleOfStatic = () => invalidParameters([{ field: 'rule', code: 'invalid', detail: 'a static group has no rule; leave it out, or set kind to dynamic' }]);
export const tooManyMembers = (most: number, verb: 'replaced' | 'deleted') => conflict('Operation.Failure.Group.Too.Large',
  `A group with more than ${most} members is not ${verb} in one call. ${verb === 'replaced' ? 'Add and remove members instead.' : 'Remove its members first; in a dynamic group by the rule false.'}`);
export const nestingCircle = () => conflict('Operation.Failure.Group.Cycle', 'A group cannot be nested in itself, not by way of others either.',
  [{ field: 'groupId', code: 'cycle', detail: 'holds this group already, directly or through others' }]);
export const nestedTooDeep = (most: number) => conflict('Operation.Failure.Group.Too.Deep', `Groups are nested at most ${most} deep.`);
export const nestingNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Group.Nesting.Not.Exist', detail: 'That group is not nested in this one.' });

/** 400 with the place in the rule, for an editor to mark. */
export const ruleRefused = (message: string, position: { line: number; column: number; offset: number } | undefined) => new Problem({
  status: 400, code: 'Params.Illegal', detail: `rule: ${message}${position ? ` (line ${position.line}, column ${position.column})` : ''}`,
  errors: [{ field: 'rule', code: 'invalid', detail: message }],
  ...(position && { members: { position } }),
});
