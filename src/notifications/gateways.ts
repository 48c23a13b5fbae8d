/** The verbs on gateways, and which of them a message takes. */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { type Core, perCore } from '../core/core.ts';
import { invalidParameters } from '../core/errors.ts';
import { checkEntityTag } from '../core/http/entity-tag.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { newId } from '../core/ids.ts';
import { append } from '../events/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { instanceContext, key, type InstanceContext } from '../tenancy/index.ts';
import { gatewayNotFound, secretNeeded, settingsRefused, tooManyGateways } from './errors.ts';
import * as events from './events.ts';
import { fromRow, type Gateway } from './gateway.ts';
import { type GatewayKind, kindOf } from './gateway-settings.ts';
import type { CreateGateway, UpdateGateway } from './schemas.ts';
import type { Channel } from './template-list.ts';

const mostGateways = 50;

const cacheOf = perCore((core: Core): InstanceCache<readonly Gateway[]> => createInstanceCache({
  signals: core.signals, channel: 'notifications.gateways', max: 1_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && (await context.db.notificationGateway.findMany({ where: { enabled: true }, orderBy: { id: 'asc' } })).map(fromRow);
  },
}));

/** The gateway for an address or number: the longest beginning that fits; undefined when the message stays in the outbox. */
export async function findGateway(context: InstanceContext, channel: Channel, to: string): Promise<Gateway | undefined> {
  const fit = (gateway: Gateway) => (gateway.prefixes.length === 0 ? 0 : Math.max(-1, ...gateway.prefixes.filter((prefix) => to.startsWith(prefix)).map(({ length }) => length)));
  const gateways = (await cacheOf(context.core).get(context.instance.id, 'all') ?? []).filter((gateway) => gateway.channel === channel && fit(gateway) >= 0);
  return gateways.reduce<Gateway | undefined>((best, gateway) => (best === undefined || fit(gateway) > fit(best) ? gateway : best), undefined);
}

/** Whether messages of this channel can leave. */
export async function hasGateway(context: InstanceContext, channel: Channel): Promise<boolean> {
  return (await cacheOf(context.core).get(context.instance.id, 'all') ?? []).some((gateway) => gateway.channel === channel);
}

const place = (context: InstanceContext, id: string) => `${context.instance.id}/NotificationGateway/${id}/secret`;
/** For the call only. */
export const openSecret = (context: InstanceContext, gateway: Gateway): string | undefined =>
  (gateway.sealedSecret === null ? undefined : context.core.keyring.open(gateway.sealedSecret, place(context, gateway.id)).toString('utf8'));

/** @throws Problem 400, 409 (too many) */
export async function createGateway(context: InstanceContext, input: CreateGateway): Promise<Gateway> {
  const settings = readSettings(input.kind, input.settings, input.secret !== undefined, input.prefixes ?? []);
  return changing(context, async (tx) => {
    if (await tx.db.notificationGateway.count({}) >= mostGateways) throw tooManyGateways(mostGateways);
    const now = tx.now();
    const id = newId('gate', now.getTime());
    const after = fromRow(await tx.db.notificationGateway.create({ data: {
      id, name: input.name, kind: input.kind, channel: kindOf(input.kind).channel, enabled: input.enabled ?? true, prefixes: input.prefixes ?? [],
      settings: settings as Prisma.InputJsonObject, sealedSecret: input.secret === undefined ? null : tx.core.keyring.seal(input.secret, place(tx, id)),
      costMicros: input.costMicros ?? 0, currency: input.currency ?? 'USD', createdAt: now, updatedAt: now,
    } }));
    await append(tx, events.gatewayCreated(after));
    return after;
  });
}

/**
 * Changes what `change` names; in `settings` too (null clears). A new host or URL needs the secret again: who may
 * change a gateway, but never saw its secret, could have it sent to themselves.
 * @throws Problem 404, 400, 412
 */
export async function updateGateway(context: InstanceContext, id: string, change: UpdateGateway, options: { ifMatch?: string | undefined } = {}): Promise<Gateway> {
  return changing(context, async (tx) => {
    const before = await readGatewayForUpdate(tx, id);
    checkEntityTag(options.ifMatch, before.version);
    const secretAfter = change.secret === undefined ? before.sealedSecret !== null : change.secret !== null;
    const settings = readSettings(before.kind, { ...before.settings, ...change.settings }, secretAfter, change.prefixes ?? before.prefixes);
    const moved = kindOf(before.kind).place.filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(before.settings[name]));
    if (moved.length > 0 && before.sealedSecret !== null && change.secret === undefined) throw secretNeeded(moved.map((name) => `settings.${name}`));
    const { name, enabled, prefixes, costMicros, currency } = change;
    const after = fromRow(await tx.db.notificationGateway.update({ where: key(tx, id), data: {
      ...(name !== undefined && { name }), ...(enabled !== undefined && { enabled }), ...(prefixes !== undefined && { prefixes }),
      ...(costMicros !== undefined && { costMicros }), ...(currency !== undefined && { currency }),
      settings: settings as Prisma.InputJsonObject,
      ...(change.secret !== undefined && { sealedSecret: change.secret === null ? null : tx.core.keyring.seal(change.secret, place(tx, id)) }),
      version: before.version + 1, updatedAt: tx.now(),
    } }));
    await append(tx, events.gatewayUpdated(before, after));
    return after;
  });
}

/** @throws Problem 404, 412 */
export async function deleteGateway(context: InstanceContext, id: string, options: { ifMatch?: string | undefined } = {}): Promise<void> {
  await changing(context, async (tx) => {
    const before = await readGatewayForUpdate(tx, id);
    checkEntityTag(options.ifMatch, before.version);
    await tx.db.notificationGateway.delete({ where: key(tx, id) });
    await append(tx, events.gatewayDeleted(before));
  });
}

/** @throws Problem 404 */
export async function readGateway(context: InstanceContext, id: string): Promise<Gateway> {
  const row = await context.db.notificationGateway.findUnique({ where: key(context, id) });
  if (!row) throw gatewayNotFound();
  return fromRow(row);
}

/** Oldest first. */
export async function listGateways(context: InstanceContext, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}/notification-gateways`;
  const [after] = decodeCursor(keyring, scope, cursor) ?? [];
  const rows = await context.db.notificationGateway.findMany({ ...(after !== undefined && { where: { id: { gt: String(after) } } }), orderBy: { id: 'asc' }, take: limit + 1 });
  return pageFrom(keyring, scope, rows.map(fromRow), limit, ({ id }) => [id]);
}

async function readGatewayForUpdate(tx: InstanceContext, id: string): Promise<Gateway> {
  await tx.db.$queryRaw`SELECT "id" FROM "NotificationGateway" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${id} FOR NO KEY UPDATE`;
  return readGateway(tx, id);
}

/** Settings with their defaults. @throws Problem 400 with a field for each mistake */
function readSettings(kind: GatewayKind, settings: Record<string, unknown>, hasSecret: boolean, prefixes: readonly string[]): Record<string, unknown> {
  const { schema, needsSecret, channel } = kindOf(kind);
  const read = schema.safeParse(settings);
  if (!read.success) throw settingsRefused(read.error.issues.map(({ path, code, message }) => ({ field: ['settings', ...path].join('.'), code, detail: message })));
  if (needsSecret && !hasSecret) throw invalidParameters([{ field: 'secret', code: 'required', detail: 'this kind of gateway needs a secret' }]);
  if (kind === 'smtp' && (typeof read.data['username'] === 'string') !== hasSecret) throw invalidParameters([{ field: hasSecret ? 'settings.username' : 'secret', code: 'required', detail: 'a mail server takes user name and password together' }]);
  if (kind === 'smtp' && hasSecret && read.data['security'] === 'none') throw invalidParameters([{ field: 'settings.security', code: 'invalid', detail: 'without encryption no password is sent: use starttls or tls, or leave out user name and secret' }]);
  if (channel === 'email' && prefixes.length > 0) throw invalidParameters([{ field: 'prefixes', code: 'invalid', detail: 'is for numbers only' }]);
  return read.data;
}

async function changing<Result>(context: InstanceContext, work: (tx: InstanceContext) => Promise<Result>): Promise<Result> {
  const cache = cacheOf(context.core);
  const result = await context.transaction(async (tx) => {
    const made = await work(tx);
    await cache.invalidate(tx.db, tx.instance.id);
    return made;
  });
  cache.forgetInstance(context.instance.id);
  return result;
}
