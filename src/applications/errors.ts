import { conflict, type FieldError, invalidParameters, Problem } from '../core/errors.ts';

export const applicationNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Application.Not.Exist', detail: 'There is no such application in this instance.' });
export const clientIdTaken = () => conflict('Operation.Failure.Application.Already.Exist', 'Another application has this clientId.',
  [{ field: 'clientId', code: 'taken', detail: 'choose another one, or leave it out' }]);
export const builtInStays = (what: string) => conflict('Operation.Failure.Built.In', `This ${what} is part of the product and cannot be deleted. You can disable an application.`);
export const settingsRefused = (errors: FieldError[]) => invalidParameters(errors);

export const secretNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Client.Secret.Not.Exist', detail: 'This application has no such secret.' });
export const secretNotUsed = () => conflict('Operation.Failure.Client.Secret.Not.Used',
  'This application does not authenticate with a secret. Set oidc.tokenEndpointAuthMethod to client_secret_basic, client_secret_post or client_secret_jwt first.');
export const tooManySecrets = (most: number) => conflict('Operation.Failure.Client.Secret.Limit', `An application has at most ${most} secrets. Delete one first.`);

export const resourceServerNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Resource.Server.Not.Exist', detail: 'There is no such resource server in this instance.' });
export const resourceServerTaken = () => conflict('Operation.Failure.Resource.Server.Already.Exist', 'Another resource server has this identifier.',
  [{ field: 'identifier', code: 'taken', detail: 'choose another one' }]);
export const builtInUnchangeable = () => conflict('Operation.Failure.Built.In', 'This resource server is part of the product and cannot be changed or deleted.');
export const unknownScopes = (scopes: string[]) => invalidParameters(scopes.map((scope) => ({
  field: 'scopes', code: 'unknown', detail: `${scope} is not a scope of this resource server` })));
export const grantNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Resource.Grant.Not.Exist', detail: 'The application has no grant for this resource server.' });

export const callerOutsideZones = (address: string | undefined) => conflict('Operation.Failure.Network.Zone.Excludes.Caller',
  `Your own address (${address ?? 'unknown'}) would be outside of the zones that this application may call from, and it is the one that asks. Add a zone that holds it, or send allowLockOut=true if that is meant.`);
