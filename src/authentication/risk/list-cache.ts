/** The address lists of an instance, kept in memory by every server until one changes. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { type Core, perCore } from '../../core/core.ts';
import { createZoneMap, instanceContext, type InstanceContext } from '../../tenancy/index.ts';
import { parseAddress } from '../../core/addresses.ts';

export interface ListMap {
  /** The name of a list that holds the address; `undefined`: none does, or it is no address. */
  nameOf(address: string | undefined): string | undefined;
  /** False: no list is there to ask. */
  readonly isEmpty: boolean;
}

const cacheOf = perCore((core): InstanceCache<ListMap> => createInstanceCache({
  signals: core.signals, channel: 'authentication.address-lists', max: 200, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && readLists(context);
  },
}));

const noLists: ListMap = { nameOf: () => undefined, isEmpty: true };

/** All enabled lists; true of any server's change within a second. */
export const loadLists = async (context: InstanceContext): Promise<ListMap> => await cacheOf(context.core).get(context.instance.id, 'lists') ?? noLists;

async function readLists(context: InstanceContext): Promise<ListMap> {
  const rows = await context.db.addressList.findMany({ where: { enabled: true }, select: { id: true, name: true, ranges: true } });
  if (rows.length === 0) return noLists;
  const map = createZoneMap(rows.map(({ id, name, ranges }) => {
    const cidrs = ranges.split('\n').filter((line) => line !== '');
    return { id, name, ipv4Cidrs: cidrs.filter((text) => !text.includes(':')), ipv6Cidrs: cidrs.filter((text) => text.includes(':')) };
  }));
  return {
    isEmpty: false,
    nameOf(address) {
      if (address === undefined || !parseAddress(address)) return undefined;
      const [id] = map.zonesOf(address) ?? [];
      return id === undefined ? undefined : map.zones.get(id)?.name;
    },
  };
}

/** Within the transaction of the change. */
export const announceLists = (tx: InstanceContext): Promise<void> => cacheOf(tx.core).invalidate(tx.db, tx.instance.id);

/** After the change, so that this server does not wait for its own signal. */
export const forgetLists = ({ core, instance }: { core: Core; instance: { id: string } }): void => cacheOf(core).forgetInstance(instance.id);
