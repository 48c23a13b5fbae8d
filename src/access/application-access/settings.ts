/** Whether an application is open to everyone. Kept in memory, also that it is: asked at every sign-in and token. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { perCore } from '../../core/core.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { append } from '../../events/index.ts';
import { applicationNotFound } from '../../applications/index.ts';
import { instanceContext, type InstanceContext } from '../../tenancy/index.ts';
import { alwaysOpen } from './errors.ts';
import { modeChanged } from './events.ts';
import type { AccessMode } from './schemas.ts';

export interface AccessSettings { readonly mode: AccessMode; /** 0: never said. */ readonly version: number }

const settingsCache = perCore((core): InstanceCache<AccessSettings> => createInstanceCache<AccessSettings>({
  signals: core.signals, channel: 'access.application-access-settings', max: 20_000, ttlMs: 60_000,
  load: async (instanceId, applicationId) => {
    const context = await instanceContext(core, instanceId);
    return context && readAccessSettings(context, applicationId);
  },
}));

/** Without I/O when known; true of any server's change within a second. */
export async function findAccessMode(context: InstanceContext, applicationId: string): Promise<AccessMode> {
  // An instance that is gone has nobody to let in.
  return (await settingsCache(context.core).get(context.instance.id, applicationId))?.mode ?? 'assigned';
}

/** Past the memory. */
export async function readAccessSettings(context: InstanceContext, applicationId: string): Promise<AccessSettings> {
  const row = await context.db.applicationAccessSettings.findUnique({ where: { instanceId_applicationId: { instanceId: context.instance.id, applicationId } } });
  return row ? { mode: row.mode as AccessMode, version: row.version } : { mode: 'everyone', version: 0 };
}

/** @throws Problem 404, 409 (a part of the product), 412 */
export async function putAccessMode(context: InstanceContext, applicationId: string, mode: AccessMode, options: { ifMatch?: string | undefined } = {}): Promise<AccessSettings> {
  const settings = await context.transaction(async (tx) => {
    const { builtIn } = await lockApplication(tx, applicationId);
    const before = await readAccessSettings(tx, applicationId);
    checkEntityTag(options.ifMatch, before.version);
    if (builtIn && mode !== 'everyone') throw alwaysOpen();
    if (before.mode === mode) return before;
    const written = { mode, version: before.version + 1, updatedAt: tx.now() };
    await tx.db.applicationAccessSettings.upsert({ where: { instanceId_applicationId: { instanceId: tx.instance.id, applicationId } }, create: { applicationId, ...written }, update: written });
    await append(tx, modeChanged(applicationId, before.mode, mode));
    await settingsCache(tx.core).invalidate(tx.db, tx.instance.id, applicationId);
    return { mode, version: written.version };
  });
  settingsCache(context.core).forget(context.instance.id, applicationId);
  return settings;
}

/** Changes of one application's access come one after the other. @throws Problem 404 */
export async function lockApplication(tx: InstanceContext, applicationId: string): Promise<{ builtIn: boolean }> {
  const [row] = await tx.db.$queryRaw<{ builtIn: boolean }[]>`
    SELECT "builtIn" FROM "Application" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${applicationId} FOR NO KEY UPDATE`;
  if (!row) throw applicationNotFound();
  return row;
}
