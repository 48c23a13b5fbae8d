/**
 * What a token request needs of an application, kept in memory: the application, the hashes of its secrets and what
 * it may ask of resource servers. Every change of any of it drops the whole on every server when it commits.
 */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { perCore, type Core } from '../core/core.ts';
import { instanceContext, key, type InstanceContext } from '../tenancy/index.ts';
import { fromRow, type Application } from './application.ts';

export interface KnownSecret {
  readonly id: string;
  readonly hash: string;
  readonly sealedSecret: string | null;
  readonly expiresAt: Date | null;
}

export interface KnownApplication {
  readonly application: Application;
  readonly secrets: readonly KnownSecret[];
  /** Scopes by the id of the resource server. */
  readonly grants: ReadonlyMap<string, readonly string[]>;
  /** Network zones that people may open it from, and that it may call from itself; none: from everywhere. */
  readonly networkZones: { readonly people: readonly string[]; readonly client: readonly string[] };
}

const channel = 'application';
const clientIdChannel = 'application-client-id';
const ttlMs = 60_000;

const cachesOf = perCore((core) => ({
  byId: createInstanceCache<KnownApplication>({
    signals: core.signals, channel, max: 20_000, ttlMs,
    load: async (instanceId, applicationId) => {
      const context = await instanceContext(core, instanceId);
      return context && readApplication(context, applicationId);
    },
  }),
  /** A clientId never changes its application; only its coming and going is told. */
  idByClientId: createInstanceCache<string>({
    signals: core.signals, channel: clientIdChannel, max: 40_000, ttlMs,
    load: async (instanceId, clientId) => {
      const context = await instanceContext(core, instanceId);
      const row = await context?.db.application.findUnique({ where: { instanceId_clientId: { instanceId, clientId } }, select: { id: true } });
      return row?.id;
    },
  }),
}) satisfies Record<string, InstanceCache<NonNullable<unknown>>>);

/** Reads past the cache, within a transaction for what that has written. */
export async function readApplication(context: InstanceContext, applicationId: string): Promise<KnownApplication | undefined> {
  const [row, secrets, grants, networkZones] = await Promise.all([
    context.db.application.findUnique({ where: key(context, applicationId) }),
    context.db.clientSecret.findMany({ where: { applicationId }, select: { id: true, hash: true, sealedSecret: true, expiresAt: true } }),
    context.db.applicationResource.findMany({ where: { applicationId } }),
    readNetworkZones(context, applicationId),
  ]);
  return row ? { application: fromRow(row), secrets, networkZones, grants: new Map(grants.map((grant) => [grant.resourceServerId, grant.scopes])) } : undefined;
}

/** The ids of its zones, past the cache. */
export async function readNetworkZones(context: InstanceContext, applicationId: string): Promise<KnownApplication['networkZones']> {
  const rows = await context.db.applicationNetworkZone.findMany({ where: { applicationId }, orderBy: { networkZoneId: 'asc' } });
  const of = (use: string) => rows.filter((row) => row.use === use).map((row) => row.networkZoneId);
  return { people: of('people'), client: of('client') };
}

export function findKnownApplication(context: InstanceContext, applicationId: string): Promise<KnownApplication | undefined> {
  return cachesOf(context.core).byId.get(context.instance.id, applicationId);
}

export async function findApplicationId(context: InstanceContext, clientId: string): Promise<string | undefined> {
  return cachesOf(context.core).idByClientId.get(context.instance.id, clientId);
}

/** Calls `handler` on this server after an application, its secrets or its grants changed, wherever that happened. */
export function onApplicationChanged(core: Core, handler: (instanceId: string, applicationId: string) => void): () => void {
  return core.signals.subscribe(channel, (payload) => {
    const [instanceId, applicationId] = JSON.parse(payload) as [string, string?];
    if (applicationId !== undefined) handler(instanceId, applicationId);
  });
}

/** Within the transaction of the change. `clientId`: it came or went. */
export async function announceApplication(tx: InstanceContext, applicationId: string, clientId?: string): Promise<void> {
  const { byId, idByClientId } = cachesOf(tx.core);
  await byId.invalidate(tx.db, tx.instance.id, applicationId);
  if (clientId !== undefined) await idByClientId.invalidate(tx.db, tx.instance.id, clientId);
}

/** After the change, so that this server does not wait for its own signal. */
export function forgetApplication(context: InstanceContext, applicationId: string, clientId?: string): void {
  const { byId, idByClientId } = cachesOf(context.core);
  byId.forget(context.instance.id, applicationId);
  if (clientId !== undefined) idByClientId.forget(context.instance.id, clientId);
}
