/** The failures of this feature. */
import { conflict, type FieldError, invalidParameters, Problem } from '../core/errors.ts';

export const sourceNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Identity.Source.Not.Exist', detail: 'There is no such identity source in this instance.' });
export const sourceNameTaken = () => conflict('Operation.Failure.Identity.Source.Already.Exist', 'Another identity source has this name.',
  [{ field: 'name', code: 'taken', detail: 'choose another one' }]);
export const tooManySources = (most: number) => conflict('Operation.Failure.Identity.Source.Limit', `An instance has at most ${most} identity sources.`);
export const settingsRefused = (errors: FieldError[]) => invalidParameters(errors);

export const secretNeeded = () => invalidParameters([{ field: 'secret', code: 'required', detail: 'this kind of source needs a secret' }]);
export const secretRefused = (detail: string) => invalidParameters([{ field: 'secret', code: 'invalid', detail }]);
export const secretNeededAgain = () => invalidParameters([{
  field: 'secret', code: 'required', detail: 'the address or the client changes, and the stored secret is for the old one: send the secret again' }]);

export const domainNotVerified = (domains: readonly string[]) => conflict('Operation.Failure.Domain.Not.Verified',
  `A source speaks for domains that this instance has verified, and no other source has; not for ${domains.join(', ')}.`,
  domains.map((domain): FieldError => ({ field: 'domains', code: 'not_verified', detail: `${domain}: claim and verify it under /api/v1/domains, or take it from the source that has it` })));

export const unknownApplications = (ids: readonly string[]) => invalidParameters(ids.map((id): FieldError => ({
  field: 'applicationIds', code: 'unknown', detail: `${id} is not an application of this instance` })));

export const linkNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Linked.Identity.Not.Exist', detail: 'This user is not connected with this identity source.' });
export const identityTaken = () => conflict('Operation.Failure.Linked.Identity.Already.Exist', 'This account at the source, or this source for the user, is connected already. Take the old connection away first.');

export const lastWayIn = () => conflict('Operation.Failure.Last.Way.In', 'This is the only way to sign in to the account. Choose a password or set up a passkey first.');

/** For answers that no trip of this instance waits for: forged, repeated, late, or of another source. */
export const answerRefused = () => new Problem({
  status: 403, code: 'Operation.Denied', detail: 'This answer of an identity source does not belong to a sign-in that waits for it here. It may have been used already, or took too long. Start the sign-in again.' });
