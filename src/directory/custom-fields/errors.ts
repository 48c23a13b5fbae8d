import { conflict, type FieldError, Problem } from '../../core/errors.ts';

export const customFieldNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.CustomField.Not.Exist', detail: 'There is no such custom field in this instance.' });

export const customFieldKeyTaken = (key: string) => conflict(
  'Operation.Failure.CustomField.Already.Exist', `There is a custom field ${key} already, or one whose values are still being removed.`,
  [{ field: 'key', code: 'taken', detail: 'is the key of another custom field' }]);

export const tooManyCustomFields = (most: number) => conflict('Operation.Failure.CustomField.Too.Many', `An instance has at most ${most} custom fields.`);

/** 409: somebody else has the value of a unique field. Who, is not said. */
export const customFieldTaken = (keys: readonly string[]) => conflict(
  'Operation.Failure.CustomField.Value.Taken', `Another user already has this value of ${keys.join(' and ')}, or one that looks the same.`,
  keys.map((key): FieldError => ({ field: `customFields.${key}`, code: 'taken', detail: 'must be unique, and another user has it' })));

/** 409: what the change would do to whom. */
export const customFieldInUse = (detail: string, errors?: FieldError[]) => conflict('Operation.Failure.CustomField.In.Use', detail, errors);
