/**
 * Where a user belongs, in effect: for tokens, roles and decisions, so kept in memory and dropped on every server when
 * a change of it commits. Bigger changes (a move, a nesting, a name) drop what is kept of the whole instance.
 */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { type Core, perCore } from '../core/core.ts';
import { instanceContext, type InstanceContext } from '../tenancy/index.ts';

export interface OrganizationalUnitMembership {
  readonly id: string;
  readonly name: string;
  /** Ids from the root down to the unit itself. */
  readonly path: readonly string[];
  readonly isPrimary: boolean;
}

export interface GroupMembership {
  readonly id: string;
  readonly name: string;
  /** For an indirect member: the group nested in this one that the user is a member of. */
  readonly through?: string;
}

/** The units a user is in (the root, where in none) and the groups, also those that theirs are nested in. By id. */
export interface Memberships {
  readonly organizationalUnits: readonly OrganizationalUnitMembership[];
  readonly groups: readonly GroupMembership[];
}

/** `userId` undefined: any user of the instance. May be called twice for one change. */
export type MembershipsListener = (instanceId: string, userId: string | undefined) => void;

interface State {
  readonly cache: InstanceCache<Memberships>;
  readonly listeners: MembershipsListener[];
}

const channel = 'directory.memberships';
/** An id is written in at most 36 characters, and a signal takes 7,999. */
const idsInSignal = 180;
const none: Memberships = { organizationalUnits: [], groups: [] };

const stateOf = perCore((core): State => {
  const state: State = {
    listeners: [],
    cache: createInstanceCache<Memberships>({
      signals: core.signals, channel: `${channel}.cache`, max: 20_000, ttlMs: 60_000,
      load: async (instanceId, userId) => {
        const context = await instanceContext(core, instanceId);
        return context && readMemberships(context, userId);
      },
    }),
  };
  core.signals.subscribe(channel, (payload) => {
    const [instanceId, ...userIds] = JSON.parse(payload) as [string, ...string[]];
    forget(state, instanceId, userIds.length > 0 ? userIds : 'everybody');
  });
  return state;
});

/** Without I/O when known; true of any server's change within a second. A user who does not exist belongs nowhere. */
export async function loadMemberships(context: InstanceContext, userId: string): Promise<Memberships> {
  return await stateOf(context.core).cache.get(context.instance.id, userId) ?? none;
}

/** Calls `listener` on this server after a change of what `loadMemberships` answers, wherever it happened. */
export function onMembershipsChanged(core: Core, listener: MembershipsListener): void {
  stateOf(core).listeners.push(listener);
}

/** Within the transaction of the change. */
export async function announceMemberships(tx: InstanceContext, userIds: readonly string[] | 'everybody'): Promise<void> {
  const { id } = tx.instance;
  if (userIds === 'everybody') return tx.core.signals.publish(tx.db, channel, JSON.stringify([id]));
  for (let from = 0; from < userIds.length; from += idsInSignal) {
    await tx.core.signals.publish(tx.db, channel, JSON.stringify([id, ...userIds.slice(from, from + idsInSignal)]));
  }
}

/** After the change, so that this server does not wait for its own signal. */
export function forgetMemberships(context: InstanceContext, userIds: readonly string[] | 'everybody'): void {
  forget(stateOf(context.core), context.instance.id, userIds);
}

function forget({ cache, listeners }: State, instanceId: string, userIds: readonly string[] | 'everybody'): void {
  if (userIds === 'everybody') cache.forgetInstance(instanceId);
  else for (const userId of userIds) cache.forget(instanceId, userId);
  for (const userId of userIds === 'everybody' ? [undefined] : userIds) {
    for (const listener of listeners) listener(instanceId, userId);
  }
}

interface Row { kind: 'unit' | 'group'; id: string; name: string; detail: string | null; isPrimary: boolean }

/** Reads past the cache: within a transaction, for what that has written. */
export async function readMemberships(context: InstanceContext, userId: string): Promise<Memberships> {
  const instanceId = context.instance.id;
  const rows = await context.db.$queryRaw<Row[]>`
    WITH RECURSIVE "reached" AS (
        SELECT "groupId", NULL::text AS "through" FROM "GroupMember" WHERE "instanceId" = ${instanceId} AND "userId" = ${userId}
      UNION
        SELECT "nesting"."groupId", COALESCE("reached"."through", "reached"."groupId")
          FROM "reached" JOIN "GroupNesting" AS "nesting" ON "nesting"."instanceId" = ${instanceId} AND "nesting"."childGroupId" = "reached"."groupId"
    )
    SELECT 'unit' AS "kind", "unit"."id", "unit"."name", "unit"."path" AS "detail", "member"."isPrimary"
      FROM "OrganizationalUnitMember" AS "member"
      JOIN "OrganizationalUnit" AS "unit" ON "unit"."instanceId" = "member"."instanceId" AND "unit"."id" = "member"."organizationalUnitId"
     WHERE "member"."instanceId" = ${instanceId} AND "member"."userId" = ${userId}
    UNION ALL
    SELECT 'unit', "id", "name", "path", true FROM "OrganizationalUnit"
     WHERE "instanceId" = ${instanceId} AND "id" = 'ou_root'
       AND EXISTS (SELECT 1 FROM "User" WHERE "instanceId" = ${instanceId} AND "id" = ${userId})
       AND NOT EXISTS (SELECT 1 FROM "OrganizationalUnitMember" WHERE "instanceId" = ${instanceId} AND "userId" = ${userId})
    UNION ALL
    SELECT 'group', "id", "name", "through", false FROM (
      SELECT DISTINCT ON ("reached"."groupId") "group"."id", "group"."name", "reached"."through"
        FROM "reached" JOIN "Group" AS "group" ON "group"."instanceId" = ${instanceId} AND "group"."id" = "reached"."groupId"
       ORDER BY "reached"."groupId", "reached"."through" NULLS FIRST
    ) AS "groups"
    ORDER BY 1, 2`;
  return {
    organizationalUnits: rows.filter(({ kind }) => kind === 'unit').map(({ id, name, detail, isPrimary }) => ({ id, name, path: pathIds(detail ?? ''), isPrimary })),
    groups: rows.filter(({ kind }) => kind === 'group').map(({ id, name, detail }) => ({ id, name, ...(detail !== null && { through: detail }) })),
  };
}

/** The ids of a stored path, from the root down. */
export function pathIds(path: string): readonly string[] {
  return path.split('/').filter(Boolean);
}
