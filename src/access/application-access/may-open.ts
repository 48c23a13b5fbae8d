/**
 * Whether an application is open to a user, and by which assignments: by the user's own, those of its groups and of
 * those that they are nested in, those of its organizational units and of the ones above. From memory when known.
 */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { type Core, perCore } from '../../core/core.ts';
import { loadMemberships, type Memberships, onMembershipsChanged } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { byDirectness, direct, type Reason, through, usersAmong } from '../reasons.ts';
import { findAccessMode } from './settings.ts';

/** In the same words as the reason of a role. */
export type AccessReason = Reason;

/** What is known of a user, by application; see application-roles/effective-roles.ts for how it is dropped. */
type Holder = Map<string, Promise<readonly AccessReason[]>>;

/** Applications kept for one user. */
const mostApplications = 200;

const cacheOf = perCore((core): InstanceCache<Holder> => {
  const cache = createInstanceCache<Holder>({
    // Signals tell at once; the time to live bounds how long a lost one can hurt.
    signals: core.signals, channel: 'access.application-access', max: 20_000, ttlMs: 30_000, load: () => Promise.resolve(new Map()),
  });
  onMembershipsChanged(core, (instanceId, userId) => { forget(cache, instanceId, userId === undefined ? undefined : [userId]); });
  return cache;
});

/** Begins to listen for changes; what is asked first would do so, too. */
export const watchAccess = (core: Core): void => { cacheOf(core); };

/** Whether the application is open to the user. Whether the user may act at all is not asked here. */
export async function mayOpenApplication(context: InstanceContext, applicationId: string, userId: string): Promise<boolean> {
  return await findAccessMode(context, applicationId) === 'everyone' || (await accessReasons(context, applicationId, userId)).length > 0;
}

/** The assignments that let the user in at this moment, whatever the mode; directly first. */
export async function accessReasons(context: InstanceContext, applicationId: string, userId: string): Promise<readonly AccessReason[]> {
  const holder = await cacheOf(context.core).get(context.instance.id, userId) ?? new Map<string, Promise<readonly AccessReason[]>>();
  let known = holder.get(applicationId);
  if (!known) {
    if (holder.size >= mostApplications) holder.clear();
    known = readReasons(context, applicationId, userId);
    holder.set(applicationId, known);
    known.catch(() => holder.delete(applicationId));
  }
  const now = context.now().getTime();
  return (await known).filter(({ expiresAt }) => expiresAt === null || expiresAt.getTime() > now);
}

interface Row {
  subjectId: string;
  type: AccessReason['type'];
  name: string | null;
  withDescendants: boolean;
  expiresAt: Date | null;
}

/** Also those that have ended by now are read: the clock decides when they are asked. */
async function readReasons(context: InstanceContext, applicationId: string, userId: string): Promise<readonly AccessReason[]> {
  const memberships = await loadMemberships(context, userId);
  const subjectIds = [userId, ...memberships.groups.map(({ id }) => id), ...new Set(memberships.organizationalUnits.flatMap(({ path }) => path))];
  const rows = await context.db.$queryRaw<Row[]>`
    SELECT a."subjectId", a."withDescendants", a."expiresAt", COALESCE(g."name", o."name") AS "name",
      CASE WHEN a."userId" IS NOT NULL THEN 'user' WHEN a."groupId" IS NOT NULL THEN 'group' ELSE 'organizational_unit' END AS "type"
    FROM "ApplicationAccess" a
    LEFT JOIN "Group" g ON g."instanceId" = a."instanceId" AND g."id" = a."groupId"
    LEFT JOIN "OrganizationalUnit" o ON o."instanceId" = a."instanceId" AND o."id" = a."organizationalUnitId"
    WHERE a."instanceId" = ${context.instance.id} AND a."applicationId" = ${applicationId} AND a."subjectId" = ANY (${subjectIds}::text[])`;
  return rows.flatMap((row) => reasonOf(row, memberships) ?? []).toSorted(byDirectness);
}

/** Undefined: a unit above, which was assigned without those below it. */
function reasonOf({ type, subjectId: id, name, withDescendants, expiresAt }: Row, memberships: Memberships): AccessReason | undefined {
  if (type === 'user') return direct(expiresAt);
  const source = { id, name: name ?? id };
  if (type === 'group') {
    const nested = memberships.groups.find((group) => group.id === id)?.through;
    const via = memberships.groups.find((group) => group.id === nested);
    return through({ type, source, via, expiresAt });
  }
  const own = memberships.organizationalUnits.some((unit) => unit.id === id);
  if (!own && !withDescendants) return undefined;
  const below = own ? undefined : memberships.organizationalUnits.find(({ path }) => path.includes(id));
  return through({ type, source, via: below, expiresAt });
}

/** Within the transaction of a change. */
export const announceAccess = (tx: InstanceContext, subjectIds: readonly string[]): Promise<void> =>
  cacheOf(tx.core).invalidate(tx.db, tx.instance.id, usersAmong(subjectIds));

/** After the commit, so that this server does not wait for its own signal. */
export const forgetAccess = (context: InstanceContext, subjectIds: readonly string[]): void => { forget(cacheOf(context.core), context.instance.id, usersAmong(subjectIds)); };

/** Undefined: everybody of the instance. */
function forget(cache: InstanceCache<Holder>, instanceId: string, userIds: readonly string[] | undefined): void {
  if (userIds === undefined) cache.forgetInstance(instanceId);
  else for (const userId of userIds) cache.forget(instanceId, userId);
}
