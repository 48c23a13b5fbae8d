import { conflict, type FieldError, invalidParameters, Problem } from '../../core/errors.ts';

export const policyNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Access.Policy.Not.Exist', detail: 'There is no such access policy in this instance.' });
export const policyNameTaken = () => conflict('Operation.Failure.Access.Policy.Already.Exist', 'Another access policy has this name.',
  [{ field: 'name', code: 'taken', detail: 'choose another one' }]);
export const tooManyPolicies = (most: number) => conflict('Operation.Failure.Access.Policy.Limit', `An instance has at most ${most} access policies. Delete one first.`);
export const addressRefused = () => invalidParameters([{ field: 'address', code: 'invalid', detail: 'is not an IPv4 or IPv6 address' }]);
export const policyRefused = (errors: FieldError[]) => invalidParameters(errors);

/** What one owner would meet. */
export interface LockedOut { readonly userId: string; readonly username: string; readonly because: string }

/** 409: nobody could undo it any more. */
export const locksOut = (owners: readonly LockedOut[], address: string | undefined) => new Problem({
  status: 409, code: 'Operation.Failure.Access.Policy.Locks.Out', members: { owners: owners.slice(0, 5) },
  detail: `After this change no owner could sign in to the console from your address (${address ?? 'unknown'}). ${owners[0] === undefined ? '' : `${owners[0].username}: ${owners[0].because}.`} `
    + 'Take an owner out (exclude.users), or begin with status report_only.',
});
