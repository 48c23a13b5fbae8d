/** What authentication reads of the event log: notices to people, and flow webhooks that are told afterwards. */
import type { Core } from '../core/core.ts';
import { readEvents } from '../events/index.ts';
import { forEachInstance, type InstanceContext } from '../tenancy/index.ts';
import { enqueueTelling } from './hooks/after.ts';
import { sendSecurityNotices } from './security-notices.ts';

const reader = 'authentication';
const portion = 200;
/** What is older was over when this reader first saw the log, or the server was away for long: nobody is told of it now. */
const oldestMilliseconds = 6 * 3_600_000;

export const readNewEvents = (core: Core): Promise<void> => forEachInstance(core, readOfInstance);

export async function readOfInstance(context: InstanceContext): Promise<void> {
  const since = context.now().getTime() - oldestMilliseconds;
  while (await readEvents(context, reader, async (tx, events) => {
    for (const event of events) {
      if (event.occurredAt.getTime() < since) continue;
      await sendSecurityNotices(tx, event);
      await enqueueTelling(tx, event);
    }
  }, portion) === portion);
}
