import { conflict, type FieldError, invalidParameters, Problem } from '../../core/errors.ts';
import type { ZoneUse } from './zone-uses.ts';

export const zoneNotFound = () => new Problem({
  status: 404, code: 'Operation.Failure.Network.Zone.Not.Exist', detail: 'There is no such network zone in this instance.' });
export const zoneNameTaken = () => conflict('Operation.Failure.Network.Zone.Already.Exist', 'Another network zone has this name.',
  [{ field: 'name', code: 'taken', detail: 'choose another one' }]);
export const rangesRefused = (errors: FieldError[]) => invalidParameters(errors);
export const tooManyZones = (most: number, what: string) => conflict('Operation.Failure.Network.Zone.Limit', `An instance has at most ${most} ${what}.`);

const describeUse = ({ type, name }: ZoneUse) => (type === 'settings' ? 'the settings (networkAccess)' : `the ${type.replaceAll('_', ' ')} "${name ?? ''}"`);
export const zoneInUse = (uses: readonly ZoneUse[]) => new Problem({
  status: 409, code: 'Operation.Failure.Network.Zone.In.Use', members: { uses: uses.slice(0, 100) },
  detail: `This zone is used by ${uses.slice(0, 5).map(describeUse).join(', ')}${uses.length > 5 ? ` and ${uses.length - 5} more` : ''}. Take it out there first.`,
});

/** For lists of zones in other features. */
export const unknownZones = (field: string, ids: readonly string[]) => invalidParameters(ids.map((id): FieldError => ({
  field, code: 'unknown', detail: `${id} is not a network zone of this instance` })));

export const callerOutside = (address: string | undefined, what: string) => conflict('Operation.Failure.Network.Zone.Excludes.Caller',
  `Your own address (${address ?? 'unknown'}) would be outside of the zones that ${what}. Add a zone that holds it, or send allowLockOut=true if that is meant.`);
export const outsideManagementZones = () => new Problem({
  status: 403, code: 'Operation.Denied', members: { reason: 'network_zone' },
  detail: 'The management API of this instance may not be used from this network.',
});
