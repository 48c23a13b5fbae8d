/**
 * Instances: found by their id (the slug), made, renamed, suspended and resumed. Every request reads its instance
 * from memory; a change raises the version and tells every server.
 */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { type Core, perCore } from '../core/core.ts';
import type { Instance as InstanceRow } from '../generated/prisma/client.ts';
import { append } from '../events/index.ts';
import { instanceSlug, isReservedSlug, issuerOf } from './addresses.ts';
import { type ContextOptions, createContext, type Instance, type InstanceContext } from './context.ts';
import { firstInstanceStays, instanceIsNot, instanceNotFound, slugReserved, slugTaken } from './errors.ts';
import * as events from './events.ts';
import { newInstanceKeys } from './new-instance-keys.ts';
import { prepareNewInstance } from './new-instances.ts';
import { brandingSchema, instanceSettingsSchema } from './settings.ts';
import { readStored } from './stored-values.ts';

/** The instance of the server's own administrators: it exists from the first start and is never deleted. */
export const firstInstanceId = 'default';

const cacheKey = 'instance';
const cacheOf = perCore((core): InstanceCache<Instance> => createInstanceCache({
  signals: core.signals, channel: 'tenancy.instance', max: 5_000, ttlMs: 10_000,
  load: async (id) => {
    const row = await core.database.instance.findUnique({ where: { id } });
    return row ? toInstance(core, row) : undefined;
  },
}));

/** Finds an instance, suspended and deleted ones too. What is no slug is not looked up. */
export async function loadInstance(core: Core, id: string): Promise<Instance | undefined> {
  return instanceSlug.test(id) ? cacheOf(core).get(id, cacheKey) : undefined;
}

/** A context for work outside a request, or undefined when there is no such instance (deleted counts as none). */
export async function instanceContext(core: Core, id: string, options: ContextOptions = { principal: { kind: 'system' } }): Promise<InstanceContext | undefined> {
  const instance = await loadInstance(core, id);
  return instance && instance.status !== 'deleted' ? createContext(core, instance, options) : undefined;
}

/** An instance as its row tells it, without the cache: for what must show its own write. */
export function toInstance(core: Core, row: InstanceRow): Instance {
  return {
    id: row.id,
    name: row.name,
    status: row.status as Instance['status'],
    version: row.version,
    issuer: issuerOf(core.config, row),
    settings: readStored(instanceSettingsSchema, row.settings),
    branding: readStored(brandingSchema, row.branding),
  };
}

/** The row of the context's own instance. @throws Problem 404 */
export async function loadInstanceRow(context: InstanceContext): Promise<InstanceRow> {
  const row = await context.db.instance.findUnique({ where: { id: context.instance.id } });
  if (!row) throw instanceNotFound();
  return row;
}

/**
 * Raises the version of the instance and tells every server when the transaction commits: signal `instance` with the
 * id as its payload. Also a lock: until the commit nobody else changes this instance. Returns the row as it is now.
 */
export async function touchInstance(tx: InstanceContext): Promise<InstanceRow> {
  const { id } = tx.instance;
  const row = await tx.db.instance.update({ where: { id }, data: { version: { increment: 1 } } });
  await cacheOf(tx.core).invalidate(tx.db, id);
  await tx.core.signals.publish(tx.db, 'instance', id);
  return row;
}

/** Runs a change of the instance in one transaction that holds its row; this server forgets the old state at once. */
export async function changeInstance<Result>(context: InstanceContext, work: (tx: InstanceContext, row: InstanceRow) => Promise<Result>): Promise<Result> {
  try {
    return await context.transaction(async (tx) => work(tx, await touchInstance(tx)));
  } finally {
    cacheOf(context.core).forgetInstance(context.instance.id);
  }
}

export interface NewInstance {
  /** The slug: lower-case letters, digits and dashes; part of every address, never changed, never given out again. */
  id: string;
  name: string;
}

/**
 * Creates an instance with its signing keys. `prepare` runs in the same transaction and puts in what else every
 * instance needs.
 * @throws Problem 409 when the slug was ever used, 400 when it is an address of the server
 */
export async function createInstance(core: Core, input: NewInstance, options: ContextOptions & { prepare?: (tx: InstanceContext) => Promise<void> } = {}): Promise<InstanceContext> {
  if (!instanceSlug.test(input.id) || isReservedSlug(core.config, input.id)) throw slugReserved(input.id);
  const { id, name } = input;
  const context = createContext(core, {
    id, name, status: 'active', version: 1,
    issuer: issuerOf(core.config, { id, primaryDomain: null }),
    settings: instanceSettingsSchema.parse({}), branding: brandingSchema.parse({}),
  }, options);
  const keys = await newInstanceKeys(context);       // before the transaction: RSA keys take their time
  await context.transaction(async (tx) => {
    // Raw, because a scoped client makes no instances; everything after it is inside the scope of the new one.
    const made = await tx.db.$queryRaw<{ instanceId: string }[]>`
      INSERT INTO "Instance" ("id", "name", "updatedAt") VALUES (${id}, ${name}, now()) ON CONFLICT DO NOTHING RETURNING "id" AS "instanceId"`;
    if (made.length === 0) throw slugTaken(id);
    await tx.db.signingKey.createMany({ data: keys });
    await append(tx, events.instanceCreated(id, { after: { name } }), ...keys.map((key) => events.keyCreated(key.id, key.algorithm, { after: { status: key.status } })));
    await prepareNewInstance(tx);
    await options.prepare?.(tx);
    await cacheOf(core).invalidate(tx.db, id);        // "there is none" may be kept somewhere
    await core.signals.publish(tx.db, 'instance', id);
  });
  cacheOf(core).forgetInstance(id);
  return context;
}

/** Changes the name that people see. */
export function renameInstance(context: InstanceContext, name: string): Promise<InstanceRow> {
  return changeInstance(context, async (tx, before) => {
    const after = await tx.db.instance.update({ where: { id: before.id }, data: { name } });
    if (before.name !== name) await append(tx, events.instanceRenamed(before.id, { before: { name: before.name }, after: { name } }));
    return after;
  });
}

/** From the commit on every protocol, page and API of the instance refuses. @throws Problem 409 */
export function suspendInstance(context: InstanceContext): Promise<InstanceRow> {
  if (context.instance.id === firstInstanceId) throw firstInstanceStays();
  return changeInstance(context, async (tx, before) => {
    if (before.status !== 'active') throw instanceIsNot('active', before.status);
    await append(tx, events.instanceSuspended(before.id));
    return tx.db.instance.update({ where: { id: before.id }, data: { status: 'suspended', suspendedAt: tx.now() } });
  });
}

/** @throws Problem 409 when the instance is not suspended */
export function resumeInstance(context: InstanceContext): Promise<InstanceRow> {
  return changeInstance(context, async (tx, before) => {
    if (before.status !== 'suspended') throw instanceIsNot('suspended', before.status);
    await append(tx, events.instanceResumed(before.id));
    return tx.db.instance.update({ where: { id: before.id }, data: { status: 'active', suspendedAt: null } });
  });
}

/** A page of instances in the order of their ids, without deleted ones. For the platform API and workers. */
export function listInstances(core: Core, options: { after?: string | undefined; limit: number }): Promise<InstanceRow[]> {
  return core.database.instance.findMany({
    where: { status: { not: 'deleted' }, ...(options.after !== undefined && { id: { gt: options.after } }) },
    orderBy: { id: 'asc' }, take: options.limit,
  });
}

/** Runs `work` in the context of each instance, one after the other: for housekeeping, which is nobody's request. */
export async function forEachInstance(core: Core, work: (context: InstanceContext) => Promise<void>): Promise<void> {
  let after: string | undefined;
  do {
    const rows = await listInstances(core, { after, limit: 100 });
    for (const { id } of rows) {
      const context = await instanceContext(core, id, { principal: { kind: 'system' } });
      if (context) await work(context);
    }
    after = rows.at(-1)?.id;
  } while (after !== undefined);
}
