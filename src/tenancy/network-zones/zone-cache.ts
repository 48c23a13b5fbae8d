/** The zones of an instance, kept in memory by every server until one changes. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { type Core, perCore } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';
import { instanceContext } from '../instances.ts';
import { createZoneMap, type ZoneMap } from './zone-map.ts';

const channel = 'tenancy.network-zones';
const cacheKey = 'zones';

const cacheOf = perCore((core): InstanceCache<ZoneMap> => createInstanceCache({
  signals: core.signals, channel, max: 1_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && readZones(context);
  },
}));

const none = createZoneMap([]);

/** All zones, without I/O when known; true of any server's change within a second. */
export async function loadZones(context: InstanceContext): Promise<ZoneMap> {
  return await cacheOf(context.core).get(context.instance.id, cacheKey) ?? none;
}

/** Past the cache: within a transaction, what that has written. */
export async function readZones(context: InstanceContext): Promise<ZoneMap> {
  return createZoneMap(await context.db.networkZone.findMany({ select: { id: true, name: true, ipv4Cidrs: true, ipv6Cidrs: true } }));
}

/** Within the transaction of the change. */
export const announceZones = (tx: InstanceContext): Promise<void> => cacheOf(tx.core).invalidate(tx.db, tx.instance.id);

/** After the change, so that this server does not wait for its own signal. */
export const forgetZones = (context: InstanceContext): void => cacheOf(context.core).forgetInstance(context.instance.id);

/** Calls `handler` on this server after a zone changed, wherever that happened. */
export function onZonesChanged(core: Core, handler: (instanceId: string) => void): void {
  core.signals.subscribe(channel, (payload) => { handler((JSON.parse(payload) as [string])[0]); });
}
