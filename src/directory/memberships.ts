/**
 * Where a user belongs, in effect: for tokens, roles and decisions, so kept in memory and dropped on every server when
 * a change of it commits. Bigger changes (a move, a nesting, a name) drop what is kept of the whole instance.
 */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { createMembershipReader, type MembershipRow, readMembershipRows } from './membership-rows.ts';

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
const none: Memberships = { organizationalUnits: [], groups: [] };

const stateOf = perCore((core): State => {
  const reader = createMembershipReader(core);
  const state: State = {
    listeners: [],
    cache: createInstanceCache<Memberships>({
      signals: core.signals, channel, max: 20_000, ttlMs: 60_000,
      load: async (instanceId, userId) => {
        const rows = await reader.read({ instanceId, userId });
        return rows && toMemberships(rows);
      },
    }),
  };
  // The cache has heard it first.
  core.signals.subscribe(channel, (payload) => {
    const [instanceId, ...userIds] = JSON.parse(payload) as [string, ...string[]];
    tell(state, instanceId, userIds.length > 0 ? userIds : 'everybody');
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
export function announceMemberships(tx: InstanceContext, userIds: readonly string[] | 'everybody'): Promise<void> {
  return stateOf(tx.core).cache.invalidate(tx.db, tx.instance.id, userIds === 'everybody' ? undefined : userIds);
}

/** After the change, so that this server does not wait for its own signal. */
export function forgetMemberships(context: InstanceContext, userIds: readonly string[] | 'everybody'): void {
  const state = stateOf(context.core);
  const { id } = context.instance;
  if (userIds === 'everybody') state.cache.forgetInstance(id);
  else for (const userId of userIds) state.cache.forget(id, userId);
  tell(state, id, userIds);
}

function tell({ listeners }: State, instanceId: string, userIds: readonly string[] | 'everybody'): void {
  for (const userId of userIds === 'everybody' ? [undefined] : userIds) {
    for (const listener of listeners) listener(instanceId, userId);
  }
}

/** Reads past the cache: within a transaction, for what that has written. */
export async function readMemberships(context: InstanceContext, userId: string): Promise<Memberships> {
  return toMemberships(await readMembershipRows(context, userId));
}

function toMemberships(rows: readonly MembershipRow[]): Memberships {
  const sorted = rows.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  return {
    organizationalUnits: sorted.filter(({ kind }) => kind === 'unit').map(({ id, name, detail, isPrimary }) => ({ id, name, path: pathIds(detail ?? ''), isPrimary })),
    groups: sorted.filter(({ kind }) => kind === 'group').map(({ id, name, detail }) => ({ id, name, ...(detail !== null && { through: detail }) })),
  };
}

/** The ids of a stored path, from the root down. */
export function pathIds(path: string): readonly string[] {
  return path.split('/').filter(Boolean);
}
