/** What relies on zones: features that do say it here, so that no zone goes or changes under them unnoticed. */
import { type Core, perCore } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';

export interface ZoneUse {
  readonly type: 'access_policy' | 'application' | 'settings';
  readonly id: string | null;
  readonly name: string | null;
}

export interface ZoneUser {
  /** What uses the zone now; asked in the transaction that is to delete it. */
  findUses(tx: InstanceContext, zoneId: string): Promise<readonly ZoneUse[]>;
  /** In the transaction that changed the zone, after it was written; refuses by throwing. */
  checkChange?(tx: InstanceContext, zoneId: string): Promise<void>;
}

const usersOf = perCore((): ZoneUser[] => []);

/** Call it when the feature is registered. */
export function registerZoneUser(core: Core, user: ZoneUser): void {
  usersOf(core).push(user);
}

export async function findZoneUses(tx: InstanceContext, zoneId: string): Promise<ZoneUse[]> {
  const uses: ZoneUse[] = [];
  for (const user of usersOf(tx.core)) uses.push(...await user.findUses(tx, zoneId));
  return uses;
}

export async function checkZoneChange(tx: InstanceContext, zoneId: string): Promise<void> {
  for (const user of usersOf(tx.core)) await user.checkChange?.(tx, zoneId);
}
