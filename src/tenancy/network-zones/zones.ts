/** The verbs on network zones. A change holds the lock of `lockZones`: rules that name zones are saved under it too. */
import { isUniqueViolation } from '../../core/database.ts';
import type { FieldError } from '../../core/errors.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { newId } from '../../core/ids.ts';
import { append, type NewEvent } from '../../events/index.ts';
import { key, type InstanceContext } from '../context.ts';
import { type Family, readAddress, readCidr } from './cidrs.ts';
import { rangesRefused, tooManyZones, unknownZones, zoneInUse, zoneNameTaken, zoneNotFound } from './errors.ts';
import * as events from './events.ts';
import type { CreateZone, UpdateZone } from './schemas.ts';
import { announceZones, forgetZones, loadZones, readZones } from './zone-cache.ts';
import type { KnownZone } from './zone-map.ts';
import { checkZoneChange, findZoneUses, type ZoneUse } from './zone-uses.ts';
import { fromRow, type NetworkZone } from './zone.ts';

export const mostZones = 500;
/** Of all zones together: all of an instance lie in memory. */
const mostRangesInAll = 20_000;

/** Until the commit nobody else changes zones, or rules that name them, of this instance. */
export async function lockZones(tx: InstanceContext): Promise<void> {
  await tx.db.$queryRaw`SELECT "id" AS "instanceId" FROM "Instance" WHERE "id" = ${tx.instance.id} FOR NO KEY UPDATE`;
}

/** @throws Problem 400 (ranges), 409 (name taken, too many) */
export async function createZone(context: InstanceContext, input: CreateZone): Promise<NetworkZone> {
  const ranges = canonicalRanges({ ipv4Cidrs: input.ipv4Cidrs ?? [], ipv6Cidrs: input.ipv6Cidrs ?? [] });
  return changing(context, async (tx) => {
    const now = tx.now();
    const row = await tx.db.networkZone.create({ data: { id: newId('zone', now.getTime()), name: input.name, description: input.description ?? null, ...ranges, createdAt: now, updatedAt: now } });
    await rejectTooMany(tx);
    const zone = fromRow(row);
    return { result: zone, event: events.zoneCreated(zone) };
  });
}

/**
 * Changes what `change` names. What relies on the zone has a say: a policy that would lock every owner out is refused.
 * @throws Problem 404, 400, 409, 412
 */
export async function updateZone(context: InstanceContext, zoneId: string, change: UpdateZone, options: { ifMatch?: string | undefined } = {}): Promise<NetworkZone> {
  return changing(context, async (tx) => {
    const before = await readZone(tx, zoneId);
    checkEntityTag(options.ifMatch, before.version);
    const ranges = canonicalRanges({ ipv4Cidrs: change.ipv4Cidrs ?? before.ipv4Cidrs, ipv6Cidrs: change.ipv6Cidrs ?? before.ipv6Cidrs });
    const row = await tx.db.networkZone.update({
      where: key(tx, zoneId),
      data: {
        ...(change.name !== undefined && { name: change.name }), ...(change.description !== undefined && { description: change.description }),
        ...ranges, version: before.version + 1, updatedAt: tx.now(),
      } });
    await rejectTooMany(tx);
    await checkZoneChange(tx, zoneId);
    const after = fromRow(row);
    return { result: after, event: events.zoneUpdated(before, after) };
  });
}

/** @throws Problem 404, 412, 409 with what uses it */
export async function deleteZone(context: InstanceContext, zoneId: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await changing(context, async (tx) => {
    const before = await readZone(tx, zoneId);
    checkEntityTag(options.ifMatch, before.version);
    const uses = await findZoneUses(tx, zoneId);
    if (uses.length > 0) throw zoneInUse(uses);
    await tx.db.networkZone.delete({ where: key(tx, zoneId) });
    return { result: undefined, event: events.zoneDeleted(before) };
  });
}

/** From the database. @throws Problem 404 */
export async function readZone(context: InstanceContext, zoneId: string): Promise<NetworkZone> {
  const row = await context.db.networkZone.findUnique({ where: key(context, zoneId) });
  if (!row) throw zoneNotFound();
  return fromRow(row);
}

/** Oldest first. */
export async function listZones(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}/network-zones`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.networkZone.findMany({ ...(after !== undefined && { where: { id: { gt: String(after) } } }), orderBy: { id: 'asc' }, take: limit + 1 });
  return pageFrom(keyring, scope, rows.map(fromRow), limit, ({ id }) => [id]);
}

/** @throws Problem 404 without such a zone */
export async function listZoneUses(context: InstanceContext, zoneId: string): Promise<ZoneUse[]> {
  return context.transaction(async (tx) => {
    await readZone(tx, zoneId);
    return findZoneUses(tx, zoneId);
  });
}

/** Which zones an address is in. @throws Problem 400 when it is none */
export async function zonesContaining(context: InstanceContext, address: string | undefined): Promise<{ address: string; zones: KnownZone[] }> {
  const read = address === undefined ? undefined : readAddress(address);
  if (!read) throw rangesRefused([{ field: 'address', code: 'invalid', detail: 'is not an IPv4 or IPv6 address' }]);
  const map = await loadZones(context);
  return { address: read.text, zones: knownZones(map, [...map.zonesOf(read.text) ?? []]) };
}

/** @throws Problem 400 when one of the ids is no zone of this instance */
export async function requireZones(tx: InstanceContext, field: string, zoneIds: readonly string[]): Promise<void> {
  if (zoneIds.length === 0) return;
  const found = await tx.db.networkZone.findMany({ where: { id: { in: [...zoneIds] } }, select: { id: true } });
  const missing = zoneIds.filter((id) => !found.some((zone) => zone.id === id));
  if (missing.length > 0) throw unknownZones(field, missing);
}

/** The zones of a list as views show them, by name. What is gone is left out. */
export async function referToZones(context: InstanceContext, zoneIds: readonly string[]): Promise<KnownZone[]> {
  return zoneIds.length === 0 ? [] : knownZones(await readZones(context), zoneIds);
}

function knownZones({ zones }: { zones: ReadonlyMap<string, KnownZone> }, ids: readonly string[]): KnownZone[] {
  return ids.flatMap((id) => zones.get(id) ?? []).sort((left, right) => left.name.localeCompare(right.name));
}

function canonicalRanges(lists: { ipv4Cidrs: readonly string[]; ipv6Cidrs: readonly string[] }): { ipv4Cidrs: string[]; ipv6Cidrs: string[] } {
  const errors: FieldError[] = [];
  const read = (field: 'ipv4Cidrs' | 'ipv6Cidrs', family: Family) => [...new Set(lists[field].map((text, index) => {
    const cidr = readCidr(text.trim(), family);
    if (!('fault' in cidr)) return cidr.text;
    errors.push({ field: `${field}.${index}`, code: 'invalid', detail: cidr.fault });
    return '';
  }))];
  const ranges = { ipv4Cidrs: read('ipv4Cidrs', 'ipv4'), ipv6Cidrs: read('ipv6Cidrs', 'ipv6') };
  if (ranges.ipv4Cidrs.length + ranges.ipv6Cidrs.length === 0) errors.push({ field: 'ipv4Cidrs', code: 'empty', detail: 'a zone needs at least one range, in ipv4Cidrs or ipv6Cidrs' });
  if (errors.length > 0) throw rangesRefused(errors);
  return ranges;
}

async function rejectTooMany(tx: InstanceContext): Promise<void> {
  const [sum] = await tx.db.$queryRaw<{ zones: bigint; ranges: bigint | null }[]>`
    SELECT count(*) AS zones, sum(cardinality("ipv4Cidrs") + cardinality("ipv6Cidrs")) AS ranges FROM "NetworkZone" WHERE "instanceId" = ${tx.instance.id}`;
  if (Number(sum?.zones) > mostZones) throw tooManyZones(mostZones, 'network zones');
  if (Number(sum?.ranges ?? 0) > mostRangesInAll) throw tooManyZones(mostRangesInAll, 'ranges in all network zones together');
}

async function changing<Result>(context: InstanceContext, work: (tx: InstanceContext) => Promise<{ result: Result; event: NewEvent }>): Promise<Result> {
  try {
    const result = await context.transaction(async (tx) => {
      await lockZones(tx);
      const { result: made, event } = await work(tx);
      await append(tx, event);
      await announceZones(tx);
      return made;
    });
    forgetZones(context);
    return result;
  } catch (error) {
    throw isUniqueViolation(error) ? zoneNameTaken() : error;
  }
}
