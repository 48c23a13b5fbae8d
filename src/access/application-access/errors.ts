import { conflict, Problem } from '../../core/errors.ts';

export const alwaysOpen = () => conflict('Operation.Failure.Application.Access.Built.In',
  'This application is a part of the product and open to everyone. What administrators may do in it is said by their roles.');
export const accessNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Application.Access.Not.Exist', detail: 'The application is not assigned to this subject itself.' });
