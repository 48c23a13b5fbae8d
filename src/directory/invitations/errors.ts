import { conflict, invalidParameters, Problem } from '../../core/errors.ts';

export const invitationNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Invitation.Not.Exist', detail: 'There is no such invitation in this instance.' });

/** 409: it has done its work, or there is nobody to invite any more. */
export const invitationClosed = (detail: string) => conflict('Operation.Failure.Invitation.Closed', detail);

export const usernameNeeded = () => invalidParameters([{ field: 'username', code: 'required', detail: 'must be given: the e-mail address cannot be a username (at most 64 letters, digits and . _ - + @)' }]);
