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
import type { SubjectKind } from './schemas.ts';

/** One way in which somebody has a role. */
export interface RoleReason {
  readonly type: SubjectKind;
  /** Of the group or organizational unit. */
  readonly id?: string;
  readonly name?: string;
  /** The nested group, or the unit below, by which the user belongs to it. */
  readonly via?: { readonly id: string; readonly name: string };
  /** For people: `directly`, `through OU Sales`, `through group Admins (via Ops)`. */
  readonly text: string;
  readonly expiresAt: Date | null;
}

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

const channel = 'access.application-roles';
/** A signal takes 7,999 bytes, of which a user takes 27: the id without its prefix, and a comma. */
const usersInSignal = 280;
const prefix = 'user_';
/** Applications kept for one user. */
const mostApplications = 50;

const stateOf = perCore((core): State => {
  const cache = createInstanceCache<Holder>({
    // Signals tell at once; the time to live bounds how long a lost one can hurt.
    signals: core.signals, channel: `${channel}.cache`, max: 20_000, ttlMs: 30_000, load: () => Promise.resolve(new Map()),
  });
  const state = { reader: createEffectiveReader(core), cache };
  core.signals.subscribe(channel, (payload) => {
    const [instanceId = '', users = ''] = payload.split(' ');
    forget(state, instanceId, users === '' ? [] : users.split(',').map((end) => prefix + end));
  });
  onUserChanged(core, (instanceId, userId) => { cache.forget(instanceId, userId); });
  onMembershipsChanged(core, (instanceId, userId) => { forget(state, instanceId, userId === undefined ? [] : [userId]); });
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
  for (const { through } of roles.values()) through.sort((a, b) => (rank[a.type] - rank[b.type] || (a.text < b.text ? -1 : 1)));
  return {
    roles: [...roles.values()].sort((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1)),
    until: Math.min(...rows.map(({ expiresAt }) => expiresAt?.getTime() ?? Infinity)),
  };
}

const rank = { user: 0, group: 1, organizational_unit: 2 } as const;

function reasonOf({ kind, sourceId, sourceName, viaId, viaName, expiresAt }: EffectiveRow): RoleReason {
  if (kind === 'user' || sourceId === null) return { type: 'user', text: 'directly', expiresAt };
  const name = sourceName ?? sourceId;
  const via = viaId === null ? undefined : { id: viaId, name: viaName ?? viaId };
  return {
    type: kind, id: sourceId, name, ...(via && { via }), expiresAt,
    text: `through ${kind === 'group' ? 'group' : 'OU'} ${name}${via ? ` (via ${via.name})` : ''}`,
  };
}

/** Within the transaction of the change. Of a group or unit, everybody may be meant. */
export async function announceRoles(tx: InstanceContext, subjectIds: readonly string[]): Promise<void> {
  if (!areUsers(subjectIds)) return announceAllRoles(tx);
  for (let from = 0; from < subjectIds.length; from += usersInSignal) {
    const users = subjectIds.slice(from, from + usersInSignal).map((id) => id.slice(prefix.length));
    await tx.core.signals.publish(tx.db, channel, `${tx.instance.id} ${users.join(',')}`);
  }
}

export const announceAllRoles = (tx: InstanceContext): Promise<void> => tx.core.signals.publish(tx.db, channel, tx.instance.id);

/** After the commit, so that this server does not wait for its own signal. */
export function forgetRoles(context: InstanceContext, subjectIds: readonly string[]): void {
  if (subjectIds.length > 0) forget(stateOf(context.core), context.instance.id, areUsers(subjectIds) ? subjectIds : []);
}

export const forgetAllRoles = (context: InstanceContext): void => { forget(stateOf(context.core), context.instance.id, []); };

const areUsers = (subjectIds: readonly string[]) => subjectIds.every((id) => id.startsWith(prefix));

/** Without ids: everybody of the instance. */
function forget({ cache }: State, instanceId: string, userIds: readonly string[]): void {
  if (userIds.length === 0) cache.forgetInstance(instanceId);
  for (const userId of userIds) cache.forget(instanceId, userId);
}

/** Begins to listen for changes; what is asked first would do so, too. */
export const watchRoles = (core: Core): void => { stateOf(core); };
