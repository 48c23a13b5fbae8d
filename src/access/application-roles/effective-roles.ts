/**
 * What a user has in an application, and why: by itself, by its groups and those that they are nested in, by its
 * organizational units and those above them. Asked at every token and decision, so kept in memory; whatever changes it
 * drops it on every server when it commits, and the end of an assignment at its time.
 */
import { onApplicationChanged } from '../../applications/index.ts';
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { type Core, perCore } from '../../core/core.ts';
import { onMembershipsChanged, onUserChanged } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { createEffectiveReader, type EffectiveReader, type EffectiveRow } from './effective-rows.ts';
import { byDirectness, direct, type Reason, through, usersAmong } from '../reasons.ts';

/** One way in which somebody has a role. */
export type RoleReason = Reason;

export interface EffectiveRole {
  readonly id: string;
  readonly key: string;
  readonly name: string;
  readonly applicationId: string;
  readonly through: readonly RoleReason[];
}

interface Known { readonly roles: readonly EffectiveRole[]; /** The first end of an assignment, in milliseconds. */ readonly until: number }

/** What is known of a user, by application. A holder that was dropped is not asked again, whatever is still being read into it. */
type Holder = Map<string, Promise<Known>>;

interface State { readonly reader: EffectiveReader; readonly cache: InstanceCache<Holder> }

/** Applications kept for one user. */
const mostApplications = 50;

const stateOf = perCore((core): State => {
  const cache = createInstanceCache<Holder>({
    // Signals tell at once; the time to live bounds how long a lost one can hurt.
    signals: core.signals, channel: 'access.application-roles', max: 20_000, ttlMs: 30_000, load: () => Promise.resolve(new Map()),
  });
  const state = { reader: createEffectiveReader(core), cache };
  onUserChanged(core, (instanceId, userId) => { cache.forget(instanceId, userId); });
  onMembershipsChanged(core, (instanceId, userId) => { forget(state, instanceId, userId === undefined ? undefined : [userId]); });
  onApplicationChanged(core, (instanceId) => { cache.forgetInstance(instanceId); });
  return state;
});

/**
 * The roles that the user has in the application at this moment, by key; none for users or applications that do not
 * exist. Without I/O when known; true of other servers' changes within a second. Whether the user may act is not asked.
 */
export async function effectiveRoles(context: InstanceContext, applicationId: string, userId: string): Promise<readonly EffectiveRole[]> {
  const { cache, reader } = stateOf(context.core);
  const holder = await cache.get(context.instance.id, userId) ?? new Map<string, Promise<Known>>();
  const known = await holder.get(applicationId)?.catch(() => undefined);
  if (known && known.until > context.now().getTime()) return known.roles;
  if (holder.size >= mostApplications) holder.clear();
  const loading = reader.read({ instanceId: context.instance.id, userId, applicationId }).then(knownOf);
  holder.set(applicationId, loading);
  return (await loading).roles;
}

/** The same for many users, past the memory, in few statements. In their order. */
export function effectiveRolesOfMany(context: InstanceContext, applicationId: string, userIds: readonly string[]): Promise<(readonly EffectiveRole[])[]> {
  const { reader } = stateOf(context.core);
  return Promise.all(userIds.map(async (userId) => knownOf(await reader.read({ instanceId: context.instance.id, userId, applicationId })).roles));
}

/** In all applications, by application and key; past the memory. */
export async function effectiveRolesOfUser(context: InstanceContext, userId: string): Promise<readonly EffectiveRole[]> {
  return knownOf(await stateOf(context.core).reader.read({ instanceId: context.instance.id, userId, applicationId: '' })).roles;
}

function knownOf(rows: readonly EffectiveRow[] = []): Known {
  const roles = new Map<string, EffectiveRole & { through: RoleReason[] }>();
  for (const row of rows) {
    const { roleId, key, name, applicationId } = row;
    const role = roles.get(roleId) ?? { id: roleId, key, name, applicationId, through: [] };
    role.through.push(reasonOf(row));
    roles.set(roleId, role);
  }
  const orderOf = ({ applicationId, key }: EffectiveRole) => `${applicationId} ${key}`;
  for (const { through } of roles.values()) through.sort(byDirectness);
  return {
    roles: [...roles.values()].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)),
    until: Math.min(...rows.map(({ expiresAt }) => expiresAt?.getTime() ?? Infinity)),
  };
}

function reasonOf({ kind, sourceId, sourceName, viaId, viaName, expiresAt }: EffectiveRow): RoleReason {
  if (kind === 'user' || sourceId === null) return direct(expiresAt);
  return through({ type: kind, source: { id: sourceId, name: sourceName ?? sourceId }, via: viaId === null ? undefined : { id: viaId, name: viaName ?? viaId }, expiresAt });
}

/** Within the transaction of the change. */
export const announceRoles = (tx: InstanceContext, subjectIds: readonly string[]): Promise<void> =>
  stateOf(tx.core).cache.invalidate(tx.db, tx.instance.id, usersAmong(subjectIds));

export const announceAllRoles = (tx: InstanceContext): Promise<void> => stateOf(tx.core).cache.invalidate(tx.db, tx.instance.id);

/** After the commit, so that this server does not wait for its own signal. */
export const forgetRoles = (context: InstanceContext, subjectIds: readonly string[]): void => { forget(stateOf(context.core), context.instance.id, usersAmong(subjectIds)); };

export const forgetAllRoles = (context: InstanceContext): void => { forget(stateOf(context.core), context.instance.id, undefined); };

/** Undefined: everybody of the instance. */
function forget({ cache }: State, instanceId: string, userIds: readonly string[] | undefined): void {
  if (userIds === undefined) cache.forgetInstance(instanceId);
  else for (const userId of userIds) cache.forget(instanceId, userId);
}

/** Begins to listen for changes; what is asked first would do so, too. */
export const watchRoles = (core: Core): void => { stateOf(core); };
