/** Which scopes of which resource server an application may ask for. */
import { append } from '../events/index.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { perCore } from '../core/core.ts';
import { announceApplication, findKnownApplication, forgetApplication, type KnownApplication } from './application-cache.ts';
import { loadApplicationForUpdate } from './application-lock.ts';
import { grantNotFound, unknownScopes } from './errors.ts';
import { resourceGranted, resourceGrantRemoved } from './events.ts';
import { rejectBeyondOwnRights } from './own-rights.ts';
import { builtInResourceServers, fromRow, type ResourceServer } from './resource-server.ts';
import { loadResourceServer } from './resource-servers.ts';

export interface ResourceGrant { readonly resourceServer: ResourceServer; readonly scopes: readonly string[] }

/**
 * The scopes of this resource server that the application may have, of those the resource server still has. Empty:
 * it may not ask for tokens for it. Without I/O when the application is known.
 */
export async function grantedScopes(context: InstanceContext, applicationId: string, resourceServer: ResourceServer): Promise<readonly string[]> {
  const known = await findKnownApplication(context, applicationId);
  if (!known) return [];
  const grants = grantsOf(context.core);
  const ofApplication = grants.get(known) ?? new WeakMap<ResourceServer, readonly string[]>();
  grants.set(known, ofApplication);
  let scopes = ofApplication.get(resourceServer);
  if (!scopes) {
    scopes = stillThere(resourceServer, known.grants.get(resourceServer.id) ?? []);
    ofApplication.set(resourceServer, scopes);
  }
  return scopes;
}

/** Worked out once for an application and a resource server as they are now: asked at every request. */
const grantsOf = perCore(() => new WeakMap<KnownApplication, WeakMap<ResourceServer, readonly string[]>>());

/** All grants of an application, built-in resource servers first. */
export async function listResourceGrants(context: InstanceContext, applicationId: string): Promise<ResourceGrant[]> {
  const rows = await context.db.applicationResource.findMany({ where: { applicationId }, orderBy: { resourceServerId: 'asc' } });
  const ids = rows.map((row) => row.resourceServerId);
  const servers = await context.db.resourceServer.findMany({ where: { id: { in: ids }, builtIn: false } });
  const byId = new Map([...builtInResourceServers(context), ...servers.map(fromRow)].map((server) => [server.id, server]));
  return rows.flatMap((row) => {
    const resourceServer = byId.get(row.resourceServerId);
    return resourceServer ? [{ resourceServer, scopes: stillThere(resourceServer, row.scopes) }] : [];
  });
}

/**
 * Replaces what the application may ask of the resource server.
 * @throws Problem 404, 400 (a scope that the resource server does not have), 403 (a scope of our own APIs that the principal has not)
 */
export async function putResourceGrant(context: InstanceContext, applicationId: string, resourceServerId: string, scopes: string[]): Promise<ResourceGrant> {
  const grant = await context.transaction(async (tx) => {
    await loadApplicationForUpdate(tx, applicationId);
    const resourceServer = await loadResourceServer(tx, resourceServerId);
    const unknown = scopes.filter((scope) => !resourceServer.scopes.some(({ name }) => name === scope));
    if (unknown.length > 0) throw unknownScopes(unknown);
    if (resourceServer.builtIn) {
      await rejectBeyondOwnRights(tx, scopes);
      await keepBuiltInRow(tx, resourceServer);
    }
    const where = grantKey(tx, applicationId, resourceServerId);
    const before = await tx.db.applicationResource.findUnique({ where });
    await tx.db.applicationResource.upsert({ where, create: { applicationId, resourceServerId, scopes, createdAt: tx.now() }, update: { scopes } });
    await append(tx, resourceGranted(applicationId, resourceServerId, before?.scopes, scopes));
    await announceApplication(tx, applicationId);
    return { resourceServer, scopes };
  });
  forgetApplication(context, applicationId);
  return grant;
}

/** @throws Problem 404, 403 (scopes of our own APIs that the principal has not) */
export async function removeResourceGrant(context: InstanceContext, applicationId: string, resourceServerId: string): Promise<void> {
  await context.transaction(async (tx) => {
    await loadApplicationForUpdate(tx, applicationId);
    const where = grantKey(tx, applicationId, resourceServerId);
    const before = await tx.db.applicationResource.findUnique({ where });
    if (!before) throw grantNotFound();
    await tx.db.applicationResource.delete({ where });
    if (builtInResourceServers(tx).some(({ id }) => id === resourceServerId)) await rejectBeyondOwnRights(tx, before.scopes);
    await append(tx, resourceGrantRemoved(applicationId, resourceServerId, before.scopes));
    await announceApplication(tx, applicationId);
  });
  forgetApplication(context, applicationId);
}

/** The row that a grant of a built-in API refers to. Its content is not read (resource-server.ts). */
async function keepBuiltInRow(tx: InstanceContext, { id, name }: ResourceServer): Promise<void> {
  await tx.db.resourceServer.upsert({ where: key(tx, id), create: { id, name, identifier: `urn:postern:built-in:${id}`, builtIn: true }, update: {} });
}

function grantKey(context: InstanceContext, applicationId: string, resourceServerId: string) {
  return { instanceId_applicationId_resourceServerId: { instanceId: context.instance.id, applicationId, resourceServerId } };
}

function stillThere(resourceServer: ResourceServer, scopes: readonly string[]): string[] {
  const names = new Set(resourceServer.scopes.map(({ name }) => name));
  return scopes.filter((scope) => names.has(scope));
}
