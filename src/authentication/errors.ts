/** The failures of this feature. */
import { type FieldError, invalidParameters, Problem, tooManyRequests } from '../core/errors.ts';

export const purposeNotAvailable = (purpose: string) => new Problem({
  status: 400, code: 'Operation.Failure.Purpose.Not.Available', detail: `Flows for "${purpose}" are not available here.` });

export const channelNotAvailable = () => new Problem({
  status: 400, code: 'Operation.Failure.Channel.Not.Available', detail: 'Sign-in through the API is not available here; use the hosted pages.' });

export const tooManyFlows = (headers: Record<string, string>) => tooManyRequests('Too many sign-ins were started from your network. Wait a little and try again.', headers);

/** The password breaks the instance's policy. */
export const passwordRefused = (codes: readonly string[]) => invalidParameters(
  codes.map((code): FieldError => ({ field: 'password', code, detail: passwordFaults[code] ?? 'breaks the password policy' })));

/** What each code of the password policy means, for those who call the API. */
export const passwordFaults: Readonly<Record<string, string>> = {
  'Password.Empty': 'must not be empty',
  'Password.Too.Long': 'is longer than 1024 bytes',
  'Password.Not.Text': 'must be text without control characters',
  'Password.Too.Short': 'is shorter than the policy of this instance asks for',
  'Password.Too.Weak': 'is too easy to guess',
  'Password.Used.Before': 'was used for this account before',
  'Password.Breached': 'is on a list of passwords that leaked elsewhere',
};

export const credentialNotFound = (credentialId: string) => new Problem({
  status: 404, code: 'Operation.Failure.Credential.Not.Exist', detail: `The user has no credential ${credentialId}.` });

export const credentialWithoutName = () => new Problem({
  status: 400, code: 'Operation.Failure.Credential.Without.Name', detail: 'Recovery codes have no names of their own.' });
