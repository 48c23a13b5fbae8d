import { notFound } from '../core/errors.ts';
import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { EventFilters } from './schemas.ts';
import { eventColumns, type StoredEvent } from './stored-event.ts';

/** A page of the log, newest first. */
export async function listEvents(
  context: InstanceContext, { limit, cursor, ...filters }: EventFilters & { limit: number; cursor?: string | undefined },
): Promise<{ items: StoredEvent[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nevents\n${JSON.stringify(filters)}`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const conditions = [
    Prisma.sql`"instanceId" = ${context.instance.id}`,
    ...(before === undefined ? [] : [Prisma.sql`"sequence" < ${String(before)}::bigint`]),
    ...(filters.type === undefined ? [] : [Prisma.sql`"type" = ${filters.type}`]),
    ...(filters.actorId === undefined ? [] : [Prisma.sql`"actor" ->> 'id' = ${filters.actorId}`]),
    ...(filters.from === undefined ? [] : [Prisma.sql`"occurredAt" >= ${new Date(filters.from)}`]),
    ...(filters.to === undefined ? [] : [Prisma.sql`"occurredAt" < ${new Date(filters.to)}`]),
  ];
  const columns = Prisma.raw(eventColumns);
  const newest = Prisma.sql`ORDER BY "sequence" DESC LIMIT ${limit + 1}`;
  const all = Prisma.join(conditions, ' AND ');
  const { subjectId } = filters;
  // One event may name many subjects. Those are few of all events: found by their index first, whatever the order.
  const rows = await context.db.$queryRaw<StoredEvent[]>(subjectId === undefined ? Prisma.sql`SELECT ${columns} FROM "Event" WHERE ${all} ${newest}` : Prisma.sql`
    SELECT ${columns} FROM (
      (SELECT ${columns} FROM "Event" WHERE "subjectId" = ${subjectId} AND ${all} ${newest})
      UNION ALL
      (SELECT ${columns} FROM (
        SELECT ${columns} FROM "Event" WHERE "subjectType" = 'application_role' AND (COALESCE("after", "before") -> 'subjects') @> jsonb_build_array(${subjectId}::text) AND ${all} OFFSET 0) AS "naming" ${newest})
    ) AS "found" ${newest}`);
  return pageFrom(keyring, scope, rows, limit, (event) => [event.sequence.toString()]);
}

/** @throws Problem 404 */
export async function loadEvent(context: InstanceContext, eventId: string): Promise<StoredEvent> {
  const [event] = await context.db.$queryRaw<StoredEvent[]>(Prisma.sql`
    SELECT ${Prisma.raw(eventColumns)} FROM "Event" WHERE "instanceId" = ${context.instance.id} AND "id" = ${eventId} LIMIT 1`);
  if (!event) throw notFound('event');
  return event;
}
