import { Problem } from '../../core/errors.ts';

export const termsNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Terms.Not.Exist', detail: 'There are no such terms in this instance.' });
