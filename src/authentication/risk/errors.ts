import { conflict, invalidParameters, notFound } from '../../core/errors.ts';

export const listNotFound = () => notFound('address list');
export const listNameTaken = () => conflict('Operation.Failure.Address.List.Already.Exist', 'Another address list has this name.', [{ field: 'name', code: 'taken', detail: 'choose another one' }]);
export const tooManyLists = (most: number) => conflict('Operation.Failure.Address.List.Limit', `An instance has at most ${most} address lists.`);
export const rangesRefused = (detail: string) => invalidParameters([{ field: 'ranges', code: 'invalid', detail }]);
export const listHasAddress = () => conflict('Operation.Failure.Address.List.Fetched', 'This list is fetched from its address; its ranges are not uploaded. Make another list for them.');
export const listHasNoAddress = () => conflict('Operation.Failure.Address.List.Uploaded', 'This list has no address that it could be fetched from; send its ranges.');
export const addressRefused = () => invalidParameters([{ field: 'url', code: 'invalid', detail: 'must be an https address of a text with one address or range a line' }]);
export const replayNotFound = () => notFound('risk replay');
