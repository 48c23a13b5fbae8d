/** The sources of an instance, kept in memory by every server until one changes. Their secrets stay sealed. */
import { createInstanceCache, type InstanceCache } from '../core/cache.ts';
import { type Core, perCore } from '../core/core.ts';
import { instanceContext, type InstanceContext } from '../tenancy/index.ts';
import { fromRow, type IdentitySource } from './source.ts';

const cacheKey = 'sources';

const cacheOf = perCore((core: Core): InstanceCache<readonly IdentitySource[]> => createInstanceCache({
  signals: core.signals, channel: 'federation.sources', max: 1_000, ttlMs: 60_000,
  load: async (instanceId) => {
    const context = await instanceContext(core, instanceId);
    return context && readSources(context);
  },
}));

/** All of them, in the order of the sign-in page; true of any server's change within a second. */
export const loadSources = (context: InstanceContext): Promise<readonly IdentitySource[]> =>
  cacheOf(context.core).getThrough(context.instance.id, cacheKey, () => readSources(context));

/** Past the cache: within a transaction, what that sees. */
export async function readSources(context: InstanceContext): Promise<IdentitySource[]> {
  const rows = await context.db.identitySource.findMany({ omit: { logo: true }, orderBy: [{ position: 'asc' }, { id: 'asc' }] });
  return rows.map(fromRow);
}

export const announceSources = (tx: InstanceContext): Promise<void> => cacheOf(tx.core).invalidate(tx.db, tx.instance.id);
export const forgetSources = (context: InstanceContext): void => { cacheOf(context.core).forgetInstance(context.instance.id); };
