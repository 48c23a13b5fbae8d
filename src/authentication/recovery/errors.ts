import { conflict, Problem } from '../../core/errors.ts';

export const recoveryRequestNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Recovery.Request.Not.Exist', detail: 'There is no such recovery request in this instance.' });
export const recoveryRequestClosed = () => conflict('Operation.Failure.Recovery.Request.Closed', 'The request was decided or used already, or its time has passed.');
export const recoveryOvertaken = () => conflict('Operation.Failure.Recovery.Void', 'This recovery was used already, or a newer one took its place. Start again.');
