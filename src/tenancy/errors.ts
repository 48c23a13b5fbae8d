/** The refusals of this folder. */
import { conflict, invalidParameters, notFound, Problem } from '../core/errors.ts';

export const instanceNotFound = () => notFound('instance');

export const instanceSuspended = () => new Problem({
  status: 403, code: 'Operation.Denied', title: 'This instance is suspended',
  detail: 'This instance is suspended. Ask the operator of the server.', members: { reason: 'instance_suspended' } });

export const slugTaken = (id: string) => conflict('Operation.Failure.Instance.Already.Exist',
  `"${id}" is taken, or belonged to an instance that was deleted; names of instances are never given out again.`,
  [{ field: 'id', code: 'taken', detail: 'choose another one' }]);

export const slugReserved = (id: string) => invalidParameters([{ field: 'id', code: 'reserved', detail: `"${id}" is an address of the server itself; choose another one` }]);

export const instanceSharesOrigin = () => conflict('Operation.Failure.Instance.Shares.Origin',
  'Instances under one address share one origin, which no browser separates: they are for one owner. Set INSTANCE_HOSTS, or ALLOW_SEVERAL_OWNERS_ON_ONE_ORIGIN=true when you accept that.');

export const firstInstanceStays = () => conflict('Operation.Failure.Instance.Is.First',
  'The first instance holds the administrators of this server; it can be neither suspended nor deleted.');

export const instanceIsNot = (wanted: string, status: string) => conflict('Operation.Failure.Instance.Status', `Only an instance that is ${wanted} can do this; this one is ${status}.`);

/** 421 (RFC 9110 §15.5.20): the host belongs to nobody here. */
export const misdirected = () => new Problem({ status: 421, code: 'Resource.NotFound', title: 'Misdirected Request', detail: 'This server does not serve the host that was asked for.' });

export const keyNotFound = () => notFound('key');
export const keyIsActive = () => conflict('Operation.Failure.Key.Active', 'This key signs at the moment. Rotate first: then the next key signs and this one can be retired.');
export const keyIsRetired = () => conflict('Operation.Failure.Key.Retired', 'This key is retired already.');
export const nextKeyTooYoung = (algorithm: string, usableAt: Date) => conflict('Operation.Failure.Key.Too.Young',
  `The next ${algorithm} key was published too recently for all applications to know it; it may sign from ${usableAt.toISOString()} on. Send "urgent": true to rotate now.`);

export const domainNotFound = () => notFound('domain');
export const domainTaken = (hostname: string) => conflict('Operation.Failure.Domain.Already.Exist', `${hostname} belongs to an instance of this server.`,
  [{ field: 'hostname', code: 'taken', detail: 'choose another host name' }]);
export const hostnameRefused = (detail: string) => invalidParameters([{ field: 'hostname', code: 'invalid', detail }]);
export const domainNotVerified = () => conflict('Operation.Failure.Domain.Not.Verified', 'Prove the ownership of this domain first.');
export const domainProofMissing = (name: string, value: string, found: string) => conflict('Operation.Failure.Domain.Proof.Missing',
  `The DNS has no TXT record ${name} with the value ${value} (${found}). Add it, wait until it is visible, and try again.`);

export const imageTypeRefused = () => new Problem({ status: 415, code: 'Unsupported.Media.Type', detail: 'Send a PNG, JPEG or WebP image with its own media type.' });
export const imageRefused = (detail: string) => new Problem({ status: 400, code: 'Params.Illegal', detail });

