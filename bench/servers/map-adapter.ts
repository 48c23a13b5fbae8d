/**
 * The yardstick's storage: a Map for each model. The library's own in-memory adapter keeps 1,000 records and goes
 * through all tokens of a grant at every write; this one is quicker, so the yardstick is the stricter.
 */
import type { Adapter, AdapterPayload } from 'oidc-provider';

/** Sessions, grants and clients stay; tokens beyond this go, the oldest first, so that memory has an end. */
const keptTokens = 50_000;
const lasting = new Set(['Session', 'Grant', 'Client']);

export function createMapAdapters(): (model: string) => Adapter {
  const stores = new Map<string, Map<string, AdapterPayload>>();
  const sessionIds = new Map<string, string>();
  return (model) => {
    const store = stores.get(model) ?? new Map<string, AdapterPayload>();
    stores.set(model, store);
    return {
      async upsert(id, payload) {
        store.set(id, payload);
        if (model === 'Session' && payload.uid !== undefined) sessionIds.set(payload.uid, id);
        if (lasting.has(model) || store.size <= keptTokens) return;
        for (const oldest of store.keys()) {
          store.delete(oldest);
          break;
        }
      },
      find: async (id) => store.get(id),
      findByUid: async (uid) => store.get(sessionIds.get(uid) ?? ''),
      findByUserCode: async () => undefined,
      async consume(id) {
        const payload = store.get(id);
        if (payload) payload['consumed'] = Math.floor(Date.now() / 1000);
      },
      async destroy(id) { store.delete(id); },
      /** Only after misuse, of which a run has none. */
      async revokeByGrantId(grantId) {
        for (const [id, payload] of store) if (payload.grantId === grantId) store.delete(id);
      },
    };
  };
}
