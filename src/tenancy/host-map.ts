/** The primary custom domains of all instances, in memory, so that the host of a request is read without a query. */
import { type Core, perCore } from '../core/core.ts';

export interface HostMap {
  /** Lower-case host to instance id. */
  readonly hosts: ReadonlyMap<string, string>;
  /** The same for verified domains that passkeys are bound to: they serve /.well-known/webauthn alone (docs/passkeys.md). */
  readonly relyingParties: ReadonlyMap<string, string>;
  /** Reads all of them; resolves when the map is true. */
  load(): Promise<void>;
  close(): void;
}

export const hostMap = perCore((core): HostMap => createHostMap(core));

function createHostMap(core: Core): HostMap {
  const hosts = new Map<string, string>();
  const relyingParties = new Map<string, string>();
  let latest: Promise<void> | undefined;

  /** A read that was overtaken waits for the later one, which knows more: what it resolves with is true either way. */
  function load(): Promise<void> {
    const mine: Promise<void> = Promise.all([read(), readRelyingParties()]).then(([rows, parties]) => {
      if (latest !== mine) return latest;
      hosts.clear();
      for (const { id, primaryDomain } of rows) if (primaryDomain) hosts.set(primaryDomain, id);
      relyingParties.clear();
      for (const { hostname, instanceId } of parties) relyingParties.set(hostname, instanceId);
      return undefined;
    });
    latest = mine;
    return mine;
  }

  const read = () => core.database.instance.findMany({
    where: { primaryDomain: { not: null }, status: { not: 'deleted' } }, select: { id: true, primaryDomain: true },
  });

  const readRelyingParties = () => core.database.$queryRaw<{ hostname: string; instanceId: string }[]>`
    SELECT "InstanceDomain"."hostname", "InstanceDomain"."instanceId" FROM "InstanceDomain" JOIN "Instance" ON "Instance"."id" = "InstanceDomain"."instanceId"
     WHERE "InstanceDomain"."status" = 'verified' AND "Instance"."status" <> 'deleted' AND "Instance"."settings" -> 'passkeys' ->> 'rpId' = "InstanceDomain"."hostname"`;

  function loadAgain(attempt = 0): void {
    load().catch((error: unknown) => {
      core.log.warn({ err: error }, 'Custom domains could not be read; trying again');
      setTimeout(() => loadAgain(attempt + 1), Math.min(5_000, 100 * 2 ** attempt)).unref();
    });
  }

  const unsubscribe = core.signals.subscribe('tenancy.domains', () => loadAgain());
  const stopWatching = core.signals.onReconnect(() => loadAgain());
  return {
    hosts, relyingParties, load,
    close() {
      unsubscribe();
      stopWatching();
      hosts.clear();
      relyingParties.clear();
    },
  };
}
