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

/** Appends one or many events in one statement, inside the transaction of the change. */
export async function append(tx: InstanceContext, ...events: NewEvent[]): Promise<void> {
  await tx.db.event.createMany({
    data: events.map((event) => ({
      instanceId: tx.instance.id,
      id: newId('evnt'),
      occurredAt: tx.now(),
      type: event.type,
      actor: actorOf(tx.principal),
      subjectType: event.subject.type,
      subjectId: event.subject.id,
      ...(event.before && { before: event.before as Prisma.InputJsonObject }),
      ...(event.after && { after: event.after as Prisma.InputJsonObject }),
      address: tx.address ?? null,
      requestId: tx.requestId,
    })),
  });
}

function actorOf(principal: Principal): Prisma.InputJsonObject {
  switch (principal.kind) {
    case 'user': return { kind: 'user', id: principal.id, ...(principal.sessionId && { sessionId: principal.sessionId }), ...(principal.applicationId && { applicationId: principal.applicationId }) };
    case 'application': return { kind: 'application', id: principal.id };
    case 'operator': return { kind: 'operator', ...(principal.id && { id: principal.id }) };
    default: return { kind: principal.kind };
  }
}
