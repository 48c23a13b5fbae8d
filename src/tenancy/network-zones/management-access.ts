/** From where the console and the management API may be used: `settings.networkAccess.managementZoneIds`; empty: from everywhere. */
import type { Core } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';
import { registerSettingsCheck } from '../settings-checks.ts';
import { callerOutside, outsideManagementZones } from './errors.ts';
import { loadZones, readZones } from './zone-cache.ts';
import { registerZoneUser } from './zone-uses.ts';
import { lockZones, requireZones } from './zones.ts';

/** Whether the address of this context is in one of the zones; an unknown address is in none (an empty list is no limit). */
export async function isWithinZones(context: InstanceContext, zoneIds: readonly string[]): Promise<boolean> {
  if (zoneIds.length === 0) return true;
  const found = (await loadZones(context)).zonesOf(context.address);
  return found !== undefined && zoneIds.some((id) => found.has(id));
}

/** @throws Problem 403 when the instance keeps its management to other networks */
export async function rejectOutsideManagementZones(context: InstanceContext): Promise<void> {
  const { managementZoneIds } = context.instance.settings.networkAccess;
  if (managementZoneIds.length > 0 && !await isWithinZones(context, managementZoneIds)) throw outsideManagementZones();
}

/** Makes zones in the settings exist, stay, and hold whoever changes them. */
export function guardManagementZones(core: Core): void {
  registerSettingsCheck(core, async (tx, before, after, { allowLockOut }) => {
    const { managementZoneIds } = after.networkAccess;
    if (JSON.stringify(managementZoneIds) === JSON.stringify(before.networkAccess.managementZoneIds)) return;
    await lockZones(tx);
    await requireZones(tx, 'networkAccess.managementZoneIds', managementZoneIds);
    if (!allowLockOut) await rejectLockOut(tx, managementZoneIds);
  });
  registerZoneUser(core, {
    async findUses(tx, zoneId) {
      return (await storedZoneIds(tx)).includes(zoneId) ? [{ type: 'settings', id: null, name: null }] : [];
    },
    async checkChange(tx, zoneId) {
      const zoneIds = await storedZoneIds(tx);
      if (zoneIds.includes(zoneId)) await rejectLockOut(tx, zoneIds);
    },
  });
}

/** As stored, not as remembered: asked under the lock. */
async function storedZoneIds(tx: InstanceContext): Promise<readonly string[]> {
  const row = await tx.db.instance.findUnique({ where: { id: tx.instance.id }, select: { settings: true } });
  const { networkAccess } = (row?.settings ?? {}) as { networkAccess?: { managementZoneIds?: readonly string[] } };
  return networkAccess?.managementZoneIds ?? [];
}

async function rejectLockOut(tx: InstanceContext, zoneIds: readonly string[]): Promise<void> {
  if (zoneIds.length === 0 || tx.principal.kind === 'system' || tx.principal.kind === 'operator') return;
  const found = (await readZones(tx)).zonesOf(tx.address);
  if (!zoneIds.some((id) => found?.has(id) ?? false)) throw callerOutside(tx.address);
}
