/** Whether a sign-in would work on this server now. */
import type { Core } from '../core/core.ts';
import { createContext } from './context.ts';
import { firstInstanceId, toInstance } from './instances.ts';
import { loadKeySet } from './signing-keys.ts';

/** What is missing, in words for the operator; empty when nothing is. Always asks the database. */
export async function missingForSignIn(core: Core): Promise<string[]> {
  try {
    const row = await core.database.instance.findUnique({ where: { id: firstInstanceId } });
    if (!row) return ['the first instance: the server has not finished its first start'];
    const context = createContext(core, toInstance(core, row), { principal: { kind: 'system' } });
    const hasKeys = await loadKeySet(context).then((keys) => keys.privateJwks.length > 0, () => false);
    return [
      ...(hasKeys ? [] : ['signing keys: none can be opened; is MASTER_KEY the one that sealed them?']),
      ...(core.signals.healthy ? [] : ['signals between servers: the connection is lost']),
    ];
  } catch (error) {
    core.log.warn({ err: error }, 'Not ready');
    return ['the database: it does not answer'];
  }
}
