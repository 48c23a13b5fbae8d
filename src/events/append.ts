/** Writes events. Every change of an instance appends one in its own transaction; there is no other way to write them. */
import { newId } from '../core/ids.ts';
import type { InstanceContext, Principal } from '../tenancy/index.ts';
import type { Prisma } from '../generated/prisma/client.ts';

export interface NewEvent {
  /** Past tense: `user.disabled`. Each feature defines its own in its events.ts. */
  type: string;
  subject: { type: string; id: string };
  /** The state that the change found and left, without secrets. */
  before?: object;
  after?: object;
}

/**
 * Appends one or many events in one statement, inside the transaction of the change; their order is that of the
 * arguments. All travel as one parameter: a thousand cost PostgreSQL and us a fraction of a thousand rows of parameters.
 */
export async function append(tx: InstanceContext, ...events: NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(({ type, subject, before, after }) => ({ id: newId('evnt'), type, subjectType: subject.type, subjectId: subject.id, before, after }));
  await tx.db.$executeRaw`
    INSERT INTO "Event" ("instanceId", "id", "occurredAt", "type", "actor", "subjectType", "subjectId", "before", "after", "address", "requestId")
    SELECT ${tx.instance.id}, "new"."id", ${tx.now()}, "new"."type", ${JSON.stringify(actorOf(tx.principal))}::jsonb, "new"."subjectType", "new"."subjectId",
           "new"."before", "new"."after", ${tx.address ?? null}, ${tx.requestId}
      FROM ROWS FROM (jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS ("id" text, "type" text, "subjectType" text, "subjectId" text, "before" jsonb, "after" jsonb))
      WITH ORDINALITY AS "new" ORDER BY "new"."ordinality"`;
}

function actorOf(principal: Principal): Prisma.InputJsonObject {
  switch (principal.kind) {
    case 'user': return { kind: 'user', id: principal.id, ...(principal.sessionId && { sessionId: principal.sessionId }), ...(principal.applicationId && { applicationId: principal.applicationId }) };
    case 'application': return { kind: 'application', id: principal.id };
    case 'operator': return { kind: 'operator', ...(principal.id && { id: principal.id }) };
    default: return { kind: principal.kind };
  }
}
