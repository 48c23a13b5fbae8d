/** Which zones an address is in: one look-up for each prefix length that occurs, however many zones there are. */
import { LRUCache } from 'lru-cache';
import { bitsOf, type Cidr, coverEverything, type Family, prefixOf, readAddress, readCidr } from './cidrs.ts';

/** A zone as rules see it. */
export interface KnownZone {
  readonly id: string;
  readonly name: string;
  /** It leaves nobody out: a rule that relies on it restricts nothing. */
  readonly coversEverything: boolean;
}

/** All zones of an instance. */
export interface ZoneMap {
  readonly zones: ReadonlyMap<string, KnownZone>;
  /** Ids of the zones that the address is in; undefined when there is no address to judge. */
  zonesOf(address: string | undefined): ReadonlySet<string> | undefined;
}

export interface ZoneRanges { readonly id: string; readonly name: string; readonly ipv4Cidrs: readonly string[]; readonly ipv6Cidrs: readonly string[] }

/** Addresses whose answer is kept: the people of one office come from few. */
const keptAddresses = 1_000;
const nowhere: ReadonlySet<string> = new Set();

export function createZoneMap(stored: readonly ZoneRanges[]): ZoneMap {
  const tables: Record<Family, Map<number, Map<bigint, string[]>>> = { ipv4: new Map(), ipv6: new Map() };
  const zones = new Map<string, KnownZone>();
  for (const zone of stored) {
    const cidrs = rangesOf(zone);
    zones.set(zone.id, { id: zone.id, name: zone.name, coversEverything: coverEverything(cidrs) });
    for (const { family, length, value } of cidrs) {
      const table = tables[family].get(length) ?? new Map<bigint, string[]>();
      tables[family].set(length, table);
      table.set(value, [...table.get(value) ?? [], zone.id]);
    }
  }
  const answers = new LRUCache<string, ReadonlySet<string>>({ max: keptAddresses });

  function look(address: string): ReadonlySet<string> | undefined {
    const read = readAddress(address);
    if (!read) return undefined;
    const found = new Set<string>();
    for (const [length, table] of tables[read.family]) {
      for (const id of table.get(prefixOf(read.value, length, bitsOf[read.family])) ?? []) found.add(id);
    }
    return found.size > 0 ? found : nowhere;
  }

  return {
    zones,
    zonesOf(address) {
      if (address === undefined) return undefined;
      const known = answers.get(address);
      if (known) return known;
      const found = look(address);
      if (found) answers.set(address, found);
      return found;
    },
  };
}

/** The ranges of a stored zone; they were canonical when they were saved. */
export function rangesOf({ ipv4Cidrs, ipv6Cidrs }: Pick<ZoneRanges, 'ipv4Cidrs' | 'ipv6Cidrs'>): Cidr[] {
  const read = (texts: readonly string[], family: Family) => texts.map((text) => readCidr(text, family));
  return [...read(ipv4Cidrs, 'ipv4'), ...read(ipv6Cidrs, 'ipv6')].flatMap((cidr) => ('fault' in cidr ? [] : [cidr]));
}
