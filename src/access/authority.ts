/**
 * Nobody gives more than they hold, and nobody acts on who holds more. What a person holds is read from the database in
 * the transaction of the change, and bounded by the scopes of the token besides: an application that somebody lent a
 * narrow token must not make itself a wide one. What an application holds is its scopes.
 */
import type { InstanceContext, Principal } from '../tenancy/index.ts';
import { beyondOwnRights, higherAdministrator, permissionMissing, scopeMissing } from './errors.ts';
import { knownPermissions } from './permissions.ts';
import { type Rights, placesOfPermission, readRights } from './rights.ts';
import { managementScopes } from './scopes.ts';

/** Permissions, and the paths of the units below which they count; undefined: everywhere. */
export interface Grant { readonly permissions: readonly string[]; readonly paths?: readonly string[] | undefined }

const managing = 'access.administrators.manage';

/** @throws Problem 403 when the principal would give what it does not hold itself */
export async function rejectGrantBeyondOwn(tx: InstanceContext, grants: readonly Grant[]): Promise<void> {
  if (isAboveRoles(tx.principal)) return;
  const own = await ownRights(tx);
  const beyond = grants.flatMap((grant) => grant.permissions.filter((permission) => !covers(tx, own, permission, grant.paths)));
  if (beyond.length > 0) throw beyondOwnRights([...new Set(beyond)]);
}

/**
 * An administrator's account is changed, ended or moved only by who may make administrators, and holds all that this one
 * holds: a password or an address given to an administrator is a way to be that administrator. One statement for a batch
 * of ordinary users.
 * @throws Problem 403
 */
export async function rejectActingOnHigher(tx: InstanceContext, userIds: readonly string[]): Promise<void> {
  const { principal } = tx;
  // A person in a flow has proved who they are in other ways; the flow decides.
  if (isAboveRoles(principal) || principal.kind === 'anonymous') return;
  const administrators = await readRights(tx, userIds);
  if (administrators.size === 0) return;
  if (!principal.scopes.includes('administrator:manage')) throw scopeMissing('administrator:manage');
  const own = await ownRights(tx);
  if (own && placesOfPermission(own, managing) === undefined) throw permissionMissing(managing);
  for (const { everywhere, parts } of administrators.values()) {
    const held: Grant[] = [...(everywhere.length > 0 ? [{ permissions: [managing, ...everywhere] }] : []), ...parts.map(({ path, permissions }) => ({ permissions: [managing, ...permissions], paths: [path] }))];
    if (held.length === 0 && own && placesOfPermission(own, managing) !== 'everywhere') throw higherAdministrator();
    for (const grant of held) if (!grant.permissions.every((permission) => covers(tx, own, permission, grant.paths))) throw higherAdministrator();
  }
}

/**
 * An application with a scope may do what every permission behind that scope allows, everywhere: a person hands on a
 * scope of the management API only when they hold all of these.
 * @throws Problem 403
 */
export async function rejectScopesBeyondOwn(tx: InstanceContext, scopes: readonly string[]): Promise<void> {
  const own = await ownRights(tx);
  if (!own) return;
  for (const scope of scopes) {
    const permissions = [...knownPermissions(tx.core)].filter(([, needed]) => needed.has(scope)).map(([name]) => name);
    const missing = (permissions.length > 0 ? permissions : ['*']).filter((permission) => placesOfPermission(own, permission) !== 'everywhere');
    if (missing.length > 0) throw beyondOwnRights(missing);
  }
}

/** The server's own work and its operator. */
const isAboveRoles = (principal: Principal): principal is Extract<Principal, { kind: 'system' | 'operator' }> => principal.kind === 'system' || principal.kind === 'operator';

/** Of a person; undefined for an application. */
async function ownRights(tx: InstanceContext): Promise<Rights | undefined> {
  const { principal } = tx;
  if (principal.kind !== 'user') return undefined;
  return (await readRights(tx, [principal.id])).get(principal.id) ?? { everywhere: [], parts: [] };
}

function covers(tx: InstanceContext, own: Rights | undefined, permission: string, paths: readonly string[] | undefined): boolean {
  const { principal } = tx;
  if (principal.kind !== 'user' && principal.kind !== 'application') return false;
  if (!scopesOf(tx, permission).every((scope) => principal.scopes.includes(scope))) return false;
  if (principal.kind === 'application') return true;
  const places = own && placesOfPermission(own, permission);
  if (places === 'everywhere' || places === undefined) return places === 'everywhere';
  return paths !== undefined && paths.every((path) => places.some((start) => path.startsWith(start)));
}

/** The scopes with which a permission can be used; a permission that no route asks for is taken for any. */
function scopesOf(tx: InstanceContext, permission: string): readonly string[] {
  const scopes = permission === '*' ? undefined : knownPermissions(tx.core).get(permission);
  return scopes ? [...scopes] : managementScopes.map(({ name }) => name);
}
