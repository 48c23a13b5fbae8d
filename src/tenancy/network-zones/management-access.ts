/** From where the console and the management API may be used, and from where people may sign in: `settings.networkAccess`. */
import type { Core } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';
import { instanceSettingsSchema, type InstanceSettings } from '../settings.ts';
import { registerSettingsCheck } from '../settings-checks.ts';
import { readStored } from '../stored-values.ts';
import { callerOutside, outsideManagementZones } from './errors.ts';
import { loadZones, readZones } from './zone-cache.ts';
import { isManagementOpenFromHere, managementLists, permits, signInLists } from './zone-lists.ts';
import { registerZoneUser } from './zone-uses.ts';
import { lockZones, requireZones } from './zones.ts';

type NetworkAccess = InstanceSettings['networkAccess'];
const listNames = ['managementZoneIds', 'managementDeniedZoneIds', 'signInZoneIds', 'signInDeniedZoneIds'] as const satisfies readonly (keyof NetworkAccess)[];

/** Whether the address of this context is in one of the zones; an unknown address is in none (an empty list is no limit). */
export async function isWithinZones(context: InstanceContext, zoneIds: readonly string[]): Promise<boolean> {
  if (zoneIds.length === 0) return true;
  const found = (await loadZones(context)).zonesOf(context.address);
  return found !== undefined && zoneIds.some((id) => found.has(id));
}

/** @throws Problem 403 when the instance keeps its management to other networks */
export async function rejectOutsideManagementZones(context: InstanceContext): Promise<void> {
  if (!await isManagementOpenFromHere(context)) throw outsideManagementZones();
}

/** Makes zones in the settings exist, stay, and not shut out whoever changes them. */
export function guardManagementZones(core: Core): void {
  registerSettingsCheck(core, async (tx, before, after, { allowLockOut }) => {
    const changed = listNames.filter((name) => JSON.stringify(after.networkAccess[name]) !== JSON.stringify(before.networkAccess[name]));
    if (changed.length === 0) return;
    await lockZones(tx);
    for (const name of changed) await requireZones(tx, `networkAccess.${name}`, after.networkAccess[name]);
    if (!allowLockOut) await rejectLockOut(tx, after.networkAccess);
  });
  registerZoneUser(core, {
    async findUses(tx, zoneId) {
      return isNamed(await storedAccess(tx), zoneId) ? [{ type: 'settings', id: null, name: null }] : [];
    },
    async checkChange(tx, zoneId) {
      const access = await storedAccess(tx);
      if (isNamed(access, zoneId)) await rejectLockOut(tx, access);
    },
  });
}

const isNamed = (access: NetworkAccess, zoneId: string): boolean => listNames.some((name) => access[name].includes(zoneId));

/** As stored, not as remembered: asked under the lock. */
async function storedAccess(tx: InstanceContext): Promise<NetworkAccess> {
  const row = await tx.db.instance.findUnique({ where: { id: tx.instance.id }, select: { settings: true } });
  return readStored(instanceSettingsSchema, row?.settings ?? {}).networkAccess;
}

/** Who can no longer sign in is shut out as much as who can no longer call the API. @throws Problem 409 */
async function rejectLockOut(tx: InstanceContext, access: NetworkAccess): Promise<void> {
  if (tx.principal.kind === 'system' || tx.principal.kind === 'operator') return;
  const found = (await readZones(tx)).zonesOf(tx.address);
  if (!permits(managementLists(access), found)) throw callerOutside(tx.address, 'the console and the management API may be used from');
  if (!permits(signInLists(access), found)) throw callerOutside(tx.address, 'people may sign in from');
}
