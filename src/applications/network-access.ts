/**
 * From which network zones an application may be used: by people who open it, and by its own calls (the token endpoint,
 * our APIs). Two lists, because a person's browser and the server of an application are in different places.
 */
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { append } from '../events/index.ts';
import { isWithinZones, key, type KnownZone, lockZones, referToZones, registerZoneUser, requireZones, type InstanceContext } from '../tenancy/index.ts';
import type { Core } from '../core/core.ts';
import { announceApplication, findKnownApplication, forgetApplication, type KnownApplication, readNetworkZones } from './application-cache.ts';
import { loadApplicationForUpdate } from './application-lock.ts';
import { fromRow, type Application } from './application.ts';
import { callerOutsideZones } from './errors.ts';
import { networkZonesChanged } from './events.ts';

/** Ids of zones; an empty list is no limit. */
export type NetworkAccess = KnownApplication['networkZones'];

/** Whether people may open the application from the address of this context. Without I/O when known. */
export async function isOpenFromHere(context: InstanceContext, applicationId: string): Promise<boolean> {
  return isWithinZones(context, (await findKnownApplication(context, applicationId))?.networkZones.people ?? []);
}

/** Whether the application itself may call us from the address of this context. */
export async function isCalledFromHere(context: InstanceContext, applicationId: string): Promise<boolean> {
  return isWithinZones(context, (await findKnownApplication(context, applicationId))?.networkZones.client ?? []);
}

/** @throws Problem 404 */
export async function readNetworkAccess(context: InstanceContext, application: Application): Promise<{ people: KnownZone[]; client: KnownZone[] }> {
  const { people, client } = await readNetworkZones(context, application.id);
  return { people: await referToZones(context, people), client: await referToZones(context, client) };
}

/**
 * Replaces both lists.
 * @throws Problem 404, 400 (an unknown zone), 412, 409 when the application would shut itself out
 */
export async function setNetworkAccess(context: InstanceContext, applicationId: string, wanted: NetworkAccess, options: { ifMatch?: string | undefined; allowLockOut?: boolean } = {}): Promise<Application> {
  const application = await context.transaction(async (tx) => {
    const before = await loadApplicationForUpdate(tx, applicationId);
    checkEntityTag(options.ifMatch, before.version);
    await lockZones(tx);
    await requireZones(tx, 'people', wanted.people);
    await requireZones(tx, 'client', wanted.client);
    if (tx.principal.kind === 'application' && tx.principal.id === applicationId && !options.allowLockOut && !await isWithinZones(tx, wanted.client)) throw callerOutsideZones(tx.address);
    const zonesBefore = await readNetworkZones(tx, applicationId);
    await tx.db.applicationNetworkZone.deleteMany({ where: { applicationId } });
    await tx.db.applicationNetworkZone.createMany({ data: (['people', 'client'] as const).flatMap((use) => [...new Set(wanted[use])].map((networkZoneId) => ({ applicationId, use, networkZoneId }))) });
    const row = await tx.db.application.update({ where: key(tx, applicationId), data: { version: before.version + 1, updatedAt: tx.now() } });
    await append(tx, networkZonesChanged(applicationId, zonesBefore, wanted));
    await announceApplication(tx, applicationId);
    return fromRow(row);
  });
  forgetApplication(context, applicationId);
  return application;
}

/** A zone that an application relies on stays. */
export function keepZonesOfApplications(core: Core): void {
  registerZoneUser(core, {
    async findUses(tx, networkZoneId) {
      const rows = await tx.db.applicationNetworkZone.findMany({ where: { networkZoneId }, select: { applicationId: true }, distinct: ['applicationId'], take: 100 });
      const applications = await tx.db.application.findMany({ where: { id: { in: rows.map(({ applicationId }) => applicationId) } }, select: { id: true, name: true } });
      return applications.map(({ id, name }) => ({ type: 'application', id, name }));
    },
  });
}
