/** For calls that show of a user what the caller asks, though the route is about something else. */
import { loadUser, type User, userNotFound } from '../directory/index.ts';
import { type InstanceContext, withPrincipal } from '../tenancy/index.ts';
import { findRights, placesOfPermission } from './rights.ts';

const permission = 'directory.users.read';
const scope = 'user:read';

/** @throws Problem 404 when there is no such user, or the principal may not read it: no scope, no permission, outside of its units */
export async function loadReadableUser(context: InstanceContext, userId: string): Promise<User> {
  const { principal } = context;
  if (principal.kind === 'anonymous' || ('scopes' in principal && !principal.scopes.includes(scope))) throw userNotFound();
  if (principal.kind !== 'user') return loadUser(context, userId);
  const places = placesOfPermission(await findRights(context, principal.id), permission);
  if (places === undefined) throw userNotFound();
  const user = await loadUser(context, userId);
  // The limit of the route's own permission was met; this is the one of reading users.
  return places === 'everywhere' ? user : loadUser(withPrincipal(context, { ...principal, limit: { organizationalUnitPaths: places } }), userId);
}
