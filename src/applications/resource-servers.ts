/** The verbs on resource servers. */
import { createInstanceCache } from '../core/cache.ts';
import { perCore } from '../core/core.ts';
import { isUniqueViolation } from '../core/database.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { newId } from '../core/ids.ts';
import { append } from '../events/index.ts';
import { instanceContext, isOwnAddress, key, type InstanceContext } from '../tenancy/index.ts';
import { invalidParameters } from '../core/errors.ts';
import { builtInUnchangeable, resourceServerNotFound, resourceServerTaken } from './errors.ts';
import { resourceServerCreated, resourceServerDeleted, resourceServerUpdated } from './events.ts';
import { builtInResourceServers, fromRow, type ResourceServer } from './resource-server.ts';
import type { CreateResourceServer, UpdateResourceServer } from './resource-server-schemas.ts';

/** By identifier, for token requests; the built-in ones need no look-up. */
const cacheOf = perCore((core) => createInstanceCache<ResourceServer>({
  signals: core.signals, channel: 'resource-server', max: 20_000, ttlMs: 60_000,
  load: async (instanceId, identifier) => {
    const context = await instanceContext(core, instanceId);
    const row = await context?.db.resourceServer.findUnique({ where: { instanceId_identifier: { instanceId, identifier } } });
    return row && !row.builtIn ? fromRow(row) : undefined;
  },
}));

/** Finds a resource server by its resource indicator (RFC 8707), compared character by character. Without I/O when known. */
export async function findResourceServer(context: InstanceContext, identifier: string): Promise<ResourceServer | undefined> {
  const builtIn = builtInResourceServers(context).find((server) => server.identifier === identifier);
  return builtIn ?? cacheOf(context.core).get(context.instance.id, identifier);
}

/** @throws Problem 404 */
export async function loadResourceServer(context: InstanceContext, id: string): Promise<ResourceServer> {
  const builtIn = builtInResourceServers(context).find((server) => server.id === id);
  if (builtIn) return builtIn;
  const row = await context.db.resourceServer.findUnique({ where: key(context, id) });
  if (!row || row.builtIn) throw resourceServerNotFound();
  return fromRow(row);
}

/** A page of resource servers, the built-in ones first. */
export async function listResourceServers(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }): Promise<{ items: ResourceServer[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nresource-servers`;
  const [after = ''] = decodeCursor(keyring, scope, cursor) ?? [];
  const builtIn = builtInResourceServers(context).filter((server) => server.id > String(after));
  const rows = await context.db.resourceServer.findMany({ where: { builtIn: false, id: { gt: String(after) } }, orderBy: { id: 'asc' }, take: limit + 1 });
  return pageFrom(keyring, scope, [...builtIn, ...rows.map(fromRow)], limit, (server) => [server.id]);
}

/** @throws Problem 409 when the identifier is taken, 400 when it is an address of this server */
export async function createResourceServer(context: InstanceContext, server: CreateResourceServer): Promise<ResourceServer> {
  const url = URL.parse(server.identifier);
  if (url && isOwnAddress(context.core, url)) {
    throw invalidParameters([{ field: 'identifier', code: 'invalid', detail: 'must not be an address of this server: tokens for it would be tokens for us' }]);
  }
  try {
    return await context.transaction(async (tx) => {
      const now = tx.now();
      const row = await tx.db.resourceServer.create({
        data: { ...server, scopes: [...server.scopes], instanceId: tx.instance.id, id: newId('rsrc', now.getTime()), createdAt: now, updatedAt: now },
      });
      const created = fromRow(row);
      await append(tx, resourceServerCreated(created));
      await cacheOf(tx.core).invalidate(tx.db, tx.instance.id, created.identifier);
      return created;
    });
  } catch (error) {
    throw isUniqueViolation(error) ? resourceServerTaken() : error;
  } finally {
    cacheOf(context.core).forget(context.instance.id, server.identifier);
  }
}

/** Changes what `change` names. Scopes that go are no longer given; what applications were granted of them sleeps. @throws Problem 404, 409, 412 */
export function updateResourceServer(context: InstanceContext, id: string, change: UpdateResourceServer, options: { ifMatch?: string | undefined } = {}): Promise<ResourceServer> {
  return changing(context, id, options, async (tx, before) => {
    const { scopes, ...rest } = change;
    const named = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const row = await tx.db.resourceServer.update({
      where: key(tx, id), data: { ...named, ...(scopes && { scopes: [...scopes] }), version: before.version + 1, updatedAt: tx.now() } });
    const after = fromRow(row);
    await append(tx, resourceServerUpdated(before, after));
    return after;
  });
}

/** @throws Problem 404, 409, 412 */
export async function deleteResourceServer(context: InstanceContext, id: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await changing(context, id, options, async (tx, before) => {
    await tx.db.resourceServer.delete({ where: key(tx, id) });
    await append(tx, resourceServerDeleted(before));
    return before;
  });
}

async function changing(
  context: InstanceContext, id: string, options: { ifMatch?: string | undefined }, work: (tx: InstanceContext, before: ResourceServer) => Promise<ResourceServer>,
): Promise<ResourceServer> {
  const server = await context.transaction(async (tx) => {
    await tx.db.$queryRaw`SELECT 1 FROM "ResourceServer" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${id} FOR UPDATE`;
    const before = await loadResourceServer(tx, id);
    if (before.builtIn) throw builtInUnchangeable();
    checkEntityTag(options.ifMatch, before.version);
    const after = await work(tx, before);
    await cacheOf(tx.core).invalidate(tx.db, tx.instance.id, before.identifier);
    return after;
  });
  cacheOf(context.core).forget(context.instance.id, server.identifier);
  return server;
}
