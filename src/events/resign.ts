import type { Core } from '../core/core.ts';
import { isHeadGenuine, signHead } from './chain-head.ts';

/**
 * Signs every head anew under the current master key, after it was checked under the one it was signed with.
 * May be run again, and beside running servers.
 * @returns the instances whose head was not genuine; it is left as it is
 */
export async function resignChainHeads(core: Core): Promise<string[]> {
  const notGenuine: string[] = [];
  const ids = await core.database.eventChainHead.findMany({ select: { instanceId: true }, orderBy: { instanceId: 'asc' } });
  for (const { instanceId } of ids) {
    await core.database.$transaction(async (tx) => {
      await tx.$executeRawUnsafe('SELECT FROM "EventChainHead" WHERE "instanceId" = $1 FOR UPDATE', instanceId); // the sealer waits
      const head = await tx.eventChainHead.findUnique({ where: { instanceId } });
      if (!head) return;
      const { signature } = signHead(core.keyring, head);
      if (signature === head.signature) return;
      if (isHeadGenuine(core.keyring, head)) await tx.eventChainHead.update({ where: { instanceId }, data: { signature } });
      else notGenuine.push(instanceId);
    });
  }
  return notGenuine;
}
