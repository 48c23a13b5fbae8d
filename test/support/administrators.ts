/** Administrators of all kinds, and the parts of the tree that they are limited to, for tests of what each may do. */
import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { assignRole, managementAudience, managementScopes } from '../../src/access/index.ts';
import { createUser, foldIdentifier } from '../../src/directory/index.ts';
import { newId } from '../../src/core/ids.ts';
import { type InstanceContext, signingKeyFor, withPrincipal } from '../../src/tenancy/index.ts';

export interface Unit { readonly id: string; readonly path: string }

/** An organizational unit below another one, or below the root. */
export async function createUnit(context: InstanceContext, name: string, parent: Unit = { id: 'ou_root', path: '/ou_root/' }): Promise<Unit> {
  const id = newId('ou');
  const unit = { id, path: `${parent.path}${id}/` };
  await context.db.organizationalUnit.create({ data: { ...unit, parentId: parent.id, name, nameKey: foldIdentifier(name) } });
  return unit;
}

/** A user in these units; the first one is primary. */
export async function createMember(context: InstanceContext, username: string, ...units: readonly Unit[]): Promise<string> {
  const { id } = await createUser(withPrincipal(context, { kind: 'system' }), { username });
  await context.db.organizationalUnitMember.createMany({ data: units.map((unit, place) => ({ userId: id, organizationalUnitId: unit.id, isPrimary: place === 0 })) });
  return id;
}

/** A user with a role, everywhere or in these units. */
export async function createAdministrator(context: InstanceContext, username: string, role: string, ...units: readonly Unit[]): Promise<string> {
  const system = withPrincipal(context, { kind: 'system' });
  const { id } = await createUser(system, { username });
  await assignRole(system, id, role, units.length === 0 ? {} : { organizationalUnitIds: units.map((unit) => unit.id) });
  return id;
}

/** An access token for the management API as the instance issues it. `clientId` is of an application that was granted the scopes. */
export async function signAccessToken(context: InstanceContext, clientId: string, { subject = clientId, scopes = managementScopes.map(({ name }) => name), audience = managementAudience(context.instance.issuer) }: { subject?: string; scopes?: readonly string[]; audience?: string } = {}): Promise<string> {
  const { kid, key } = await signingKeyFor(context, 'ES256');
  const { issuer } = context.instance;
  const now = Math.floor(context.now().getTime() / 1000);
  return new SignJWT({ iss: issuer, aud: audience, sub: subject, client_id: clientId, jti: randomUUID(), iat: now, exp: now + 600, scope: scopes.join(' ') })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid }).sign(key);
}
