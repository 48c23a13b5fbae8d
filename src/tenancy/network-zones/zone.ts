import type { NetworkZone as Row } from '../../generated/prisma/client.ts';
import { omit } from '../../core/omit.ts';
import { coverEverything } from './cidrs.ts';
import { rangesOf } from './zone-map.ts';

export type NetworkZone = Omit<Row, 'instanceId'>;

export const fromRow = (row: Row): NetworkZone => omit(row, 'instanceId');

/** As the REST API and the event log show it. */
export function viewZone(zone: NetworkZone) {
  return {
    ...omit(zone, 'version'), coversEverything: coverEverything(rangesOf(zone)),
    createdAt: zone.createdAt.toISOString(), updatedAt: zone.updatedAt.toISOString(),
  };
}
