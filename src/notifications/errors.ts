import { conflict, invalidParameters, Problem, tooManyRequests, type FieldError } from '../core/errors.ts';

export const gatewayNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Notification.Gateway.Not.Exist', detail: 'There is no such gateway in this instance.' });
export const templateNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Notification.Template.Not.Exist', detail: 'There is no such template in this channel and language.' });
export const messageNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Notification.Not.Exist', detail: 'There is no such message in this instance.' });
export const tooManyGateways = (most: number) => conflict('Operation.Failure.Notification.Gateway.Limit', `An instance has at most ${most} gateways.`);
export const secretNeeded = (changed: readonly string[]) => invalidParameters([{ field: 'secret', code: 'required',
  detail: `give the secret again: ${changed.join(', ')} changed, and the stored one is not sent to a place that it was not given for` }]);
export const settingsRefused = (errors: FieldError[]) => invalidParameters(errors);
export const numberNotAllowed = () => invalidParameters([{ field: 'to', code: 'not_allowed', detail: 'no text messages go to this country: see settings.notifications.allowedPrefixes' }]);
export const tooManyMessages = (seconds: number) => tooManyRequests('Too many messages to this address or number. Try again later.', { 'retry-after': String(seconds) });
