import { conflict, Problem } from '../core/errors.ts';

export const userNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.User.Not.Exist', detail: 'There is no such user in this instance.' });

/** 409: the name, or one that looks like it, belongs to somebody. Whose it is, is not said. */
export const identifierTaken = (fields: string[]) => conflict(
  'Operation.Failure.User.Already.Exist', `Another user already has this ${fields.join(' and ')}, or one that looks the same.`,
  fields.map((field) => ({ field, code: 'taken', detail: 'belongs to another user, or looks the same as that of another user' })));

