import { conflict, Problem } from '../../core/errors.ts';

export const registrationNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Registration.Not.Exist', detail: 'There is no such registration in this instance.' });
export const registrationDecided = () => conflict('Operation.Failure.Registration.Decided', 'The registration was decided already, or its account was changed meanwhile.');
