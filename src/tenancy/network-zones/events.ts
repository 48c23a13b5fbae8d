/** What happens to network zones, in the words of the log. */
import type { NewEvent } from '../../events/index.ts';
import { viewZone, type NetworkZone } from './zone.ts';

const ofZone = (type: string, id: string, { before, after }: { before?: NetworkZone; after?: NetworkZone }): NewEvent => ({
  type, subject: { type: 'network_zone', id }, ...(before && { before: viewZone(before) }), ...(after && { after: viewZone(after) }) });

export const zoneCreated = (after: NetworkZone) => ofZone('network_zone.created', after.id, { after });
export const zoneUpdated = (before: NetworkZone, after: NetworkZone) => ofZone('network_zone.updated', after.id, { before, after });
export const zoneDeleted = (before: NetworkZone) => ofZone('network_zone.deleted', before.id, { before });
