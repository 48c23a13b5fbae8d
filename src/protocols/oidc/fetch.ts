/** The provider's outgoing calls (keys of clients, sector documents, logout notices) through our one door out. */
import { LRUCache } from 'lru-cache';
import type { Core } from '../../core/core.ts';

/** After a failure an address is left alone for this long: nobody can make us call it once for each request. */
const pauseMs = 30_000;

export function createFetch(core: Core): typeof fetch {
  const failures = new LRUCache<string, true>({ max: 5_000, ttl: pauseMs });
  const [read, notify] = [core.outbound.asFetch('oidc-document'), core.outbound.asFetch('oidc-logout')];
  return async (input, init) => {
    const address = String(input instanceof Request ? input.url : input);
    const reads = (init?.method ?? 'GET') === 'GET';
    if (reads && failures.has(address)) throw new Error('the address failed a moment ago');
    try {
      const answer = await (reads ? read : notify)(input, init);
      if (reads && !(await isDocument(answer))) failures.set(address, true);
      return answer;
    } catch (error) {
      if (reads) failures.set(address, true);
      throw error;
    }
  };
}

/** What the library reads is JSON; an answer that is none would be fetched again for each request. */
async function isDocument(answer: Response): Promise<boolean> {
  if (answer.status !== 200) return false;
  try {
    JSON.parse(await answer.clone().text());
    return true;
  } catch {
    return false;
  }
}
