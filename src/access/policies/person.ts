/** The person as conditions see them, kept for a moment: asked again before a second is over, so no change need be told. */
import { createInstanceCache, type InstanceCache } from '../../core/cache.ts';
import { perCore } from '../../core/core.ts';
import { Problem } from '../../core/errors.ts';
import { type ExpressionUser, expressionUser } from '../../directory/index.ts';
import { instanceContext, type InstanceContext } from '../../tenancy/index.ts';

const personCache = perCore((core): InstanceCache<ExpressionUser> => createInstanceCache({
  signals: core.signals, channel: 'access.person', max: 20_000, ttlMs: 750, absentTtlMs: 750,
  load: async (instanceId, userId) => {
    const context = await instanceContext(core, instanceId);
    return context && expressionUser(context, userId).catch((error: unknown) => {
      if (error instanceof Problem && error.status === 404) return undefined;
      throw error;
    });
  },
}));

/** Undefined: there is no such person. */
export function findPerson(context: InstanceContext, userId: string): Promise<ExpressionUser | undefined> {
  return personCache(context.core).get(context.instance.id, userId);
}
