/**
 * Readers of the log: each has a cursor per instance that never skips an event. An event shows up only when every
 * transaction that began before its own has ended, so nothing can appear behind a cursor.
 */
import type { InstanceContext } from '../tenancy/index.ts';
import { eventColumns, type StoredEvent } from './stored-event.ts';

export type EventHandler = (tx: InstanceContext, events: readonly StoredEvent[]) => Promise<void>;

/**
 * Hands the next events to `handler`, in commit order, inside a transaction that also moves the cursor: what the
 * handler writes through `tx` happens exactly once, anything else at least once (if it throws, the same events come
 * again). One server at a time works for a reader; to the others there is nothing to do.
 * @returns how many events were handed over; `limit` of them means that there may be more
 */
export async function readEvents(context: InstanceContext, reader: string, handler: EventHandler, limit = 100): Promise<number> {
  const instanceId = context.instance.id;
  await context.db.$executeRawUnsafe(`
    INSERT INTO "EventCursor" ("instanceId", "reader", "transactionId", "sequence", "updatedAt") VALUES ($1, $2, 0, 0, now())
    ON CONFLICT ("instanceId", "reader") DO NOTHING`, instanceId, reader);
  return context.transaction(async (tx) => {
    const [cursor] = await tx.db.$queryRawUnsafe<{ transactionId: bigint; sequence: bigint }[]>(`
      SELECT "transactionId", "sequence" FROM "EventCursor" WHERE "instanceId" = $1 AND "reader" = $2 FOR UPDATE SKIP LOCKED`, instanceId, reader);
    if (!cursor) return 0;
    const events = await tx.db.$queryRawUnsafe<StoredEvent[]>(`
      SELECT ${eventColumns} FROM "Event"
      WHERE "instanceId" = $1 AND ("transactionId", "sequence") > ($2::bigint, $3::bigint) AND "transactionId" < event_horizon()
      ORDER BY "transactionId", "sequence" LIMIT $4::int`, instanceId, cursor.transactionId, cursor.sequence, limit);
    const last = events.at(-1);
    if (!last) return 0;
    await handler(tx, events);
    await tx.db.eventCursor.update({
      where: { instanceId_reader: { instanceId, reader } }, data: { transactionId: last.transactionId, sequence: last.sequence },
    });
    return events.length;
  });
}
