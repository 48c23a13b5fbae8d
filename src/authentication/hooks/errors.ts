import { conflict, invalidParameters, Problem } from '../../core/errors.ts';

export const hookNotFound = () => new Problem({ status: 404, code: 'Operation.Failure.Flow.Hook.Not.Exist', detail: 'There is no such flow webhook in this instance.' });
export const tooManyHooks = (most: number) => conflict('Operation.Failure.Flow.Hook.Limit', `An instance has at most ${most} flow webhooks.`);
export const secretNeeded = () => invalidParameters([{ field: 'secret', code: 'required', detail: 'give the secret, the same or a new one: the URL changed, and the stored one was not given for the new place' }]);
export const urlRefused = (detail: string) => invalidParameters([{ field: 'url', code: 'invalid', detail }]);
