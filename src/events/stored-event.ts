/** An event as the log holds it, and its place in the chain. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/canonical-json.ts';

export interface StoredEvent {
  readonly instanceId: string;
  readonly id: string;
  readonly sequence: bigint;
  readonly transactionId: bigint;
  readonly occurredAt: Date;
  readonly type: string;
  readonly actor: unknown;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly address: string | null;
  readonly requestId: string | null;
}

/** The columns of a StoredEvent, for raw SQL. */
export const eventColumns = ['instanceId', 'id', 'sequence', 'transactionId', 'occurredAt', 'type', 'actor', 'subjectType', 'subjectId', 'before', 'after', 'address', 'requestId']
  .map((name) => `"${name}"`).join(', ');

/** A place in the log: events are ordered by transaction, then sequence. */
export interface Position {
  readonly transactionId: bigint;
  readonly sequence: bigint;
}

export const beginning: Position = { transactionId: 0n, sequence: 0n };

/** Negative, zero or positive, as for sorting. */
export function comparePositions(left: Position, right: Position): number {
  return Number(left.transactionId - right.transactionId) || Number(left.sequence - right.sequence);
}

/** The hash before the first event of every chain. */
export const genesisHash = createHash('sha256').update('postern event chain').digest('base64url');

/** SHA-256 over the hash before and the event in its one spelling (RFC 8785), base64url. */
export function chainHash(previous: string, event: StoredEvent): string {
  const spelling = canonicalJson({
    instanceId: event.instanceId,
    id: event.id,
    sequence: event.sequence.toString(),
    transactionId: event.transactionId.toString(),
    occurredAt: event.occurredAt.toISOString(),
    type: event.type,
    actor: event.actor,
    subjectType: event.subjectType,
    subjectId: event.subjectId,
    before: event.before,
    after: event.after,
    address: event.address,
    requestId: event.requestId,
  });
  return createHash('sha256').update(previous).update('\n').update(spelling).digest('base64url');
}
