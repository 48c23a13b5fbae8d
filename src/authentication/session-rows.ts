/**
 * The rows of live sessions, read for many callers in one statement over all instances: each key carries its instance.
 * The only file of this folder that works past the scoped client.
 */
import type { BatchStatement } from '../core/batch-statements.ts';
import { type CoalescingReader, createCoalescingReader } from '../core/coalesce.ts';
import { type Core, perCore } from '../core/core.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { Participant } from './types.ts';

/** A session that has not ended, of a user who may sign in. Its time limits are the caller's to check. */
export interface SessionRow {
  retiredAt: Date | null;
  id: string;
  userId: string;
  browserId: string | null;
  proofs: unknown;
  authTime: Date;
  remember: boolean;
  protocolState: unknown;
  idleExpiresAt: Date;
  absoluteExpiresAt: Date;
  createdAt: Date;
  lastSeenAt: Date;
  address: string | null;
  userAgent: string | null;
  participants: Participant[] | null;
}

interface SessionKey { readonly instanceId: string; readonly asked: string }

const columns = `k."instanceId", k.asked, s.id, s."userId", s."browserId", s.proofs, s."authTime", s.remember, s."protocolState",
       s."idleExpiresAt", s."absoluteExpiresAt", s."createdAt", s."lastSeenAt", s.address, s."userAgent", p.participants`;
const keys = 'unnest($1::text[], $2::text[]) AS k("instanceId", asked)';
const userAndParticipants = `
  JOIN "User" u ON u."instanceId" = s."instanceId" AND u.id = s."userId" AND u.status = 'enabled' AND (u."expiresAt" IS NULL OR u."expiresAt" > $3::timestamptz)
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('id', q.id, 'applicationId', q."applicationId", 'protocol', q.protocol, 'sid', q.sid, 'grantId', q."grantId")) AS participants
      FROM "SessionParticipant" q WHERE q."instanceId" = s."instanceId" AND q."sessionId" = s.id) p ON true`;

/** `asked` is the hash of a session token. */
const byToken: BatchStatement = {
  name: 'session-by-token',
  text: `SELECT ${columns}, t."retiredAt"
  FROM ${keys}
  JOIN "SessionToken" t ON t."instanceId" = k."instanceId" AND t.hash = k.asked
  JOIN "Session" s ON s."instanceId" = t."instanceId" AND s.id = t."sessionId" AND s."endedAt" IS NULL${userAndParticipants}`,
};

/** `asked` is the id of the session. */
const byId: BatchStatement = {
  name: 'session-by-id',
  text: `SELECT ${columns}, NULL::timestamptz AS "retiredAt"
  FROM ${keys}
  JOIN "Session" s ON s."instanceId" = k."instanceId" AND s.id = k.asked AND s."endedAt" IS NULL${userAndParticipants}`,
};

const readersOf = perCore((core) => ({ byToken: createReader(core, byToken), byId: createReader(core, byId) }));

function createReader(core: Core, statement: BatchStatement): CoalescingReader<SessionKey, SessionRow> {
  const keyOf = ({ instanceId, asked }: SessionKey) => `${instanceId}\0${asked}`;
  return createCoalescingReader<SessionKey, SessionRow>({
    keyOf,
    onBatch: core.metrics.batchSizesOf(statement.name),
    async readBatch(wanted) {
      const rows = await core.batches.run<SessionRow & SessionKey>(statement, [wanted.map((key) => key.instanceId), wanted.map((key) => key.asked), core.now()]);
      return new Map(rows.map((row) => [keyOf(row), row]));
    },
  });
}

export function findSessionRowByToken({ core, instance }: InstanceContext, tokenHash: string): Promise<SessionRow | undefined> {
  return readersOf(core).byToken.read({ instanceId: instance.id, asked: tokenHash });
}

export function findSessionRowById({ core, instance }: InstanceContext, sessionId: string): Promise<SessionRow | undefined> {
  return readersOf(core).byId.read({ instanceId: instance.id, asked: sessionId });
}

/** Inside a transaction, which sees what it has written itself. */
export async function findSessionRowInTransaction(tx: InstanceContext, sessionId: string): Promise<SessionRow | undefined> {
  const [row] = await tx.db.$queryRawUnsafe<SessionRow[]>(byId.text, [tx.instance.id], [sessionId], tx.now());
  return row;
}
