/**
 * The rows of the OpenID provider (codes, tokens, grants, interactions), read and written in batches over all
 * instances: one reader, one writer and one consumer for each server. Durable, and as fast as memory at eight callers
 * or more (docs/decisions/0006-provider-mounting.md has the figures). The only file beside core and tenancy that may use
 * the unscoped client: every statement carries the instance with each key.
 */
import { createCoalescingReader, createCoalescingWriter } from '../../core/coalesce.ts';
import type { BatchStatement } from '../../core/batch-statements.ts';
import { type Core, perCore } from '../../core/core.ts';
import { isRowError } from '../../core/sql-state.ts';

/** A record's key. `id` is already hashed where the identifier is a secret. */
export interface RecordKey {
  readonly instanceId: string;
  readonly model: string;
  readonly id: string;
}

export interface RecordContent {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly grantId?: string | undefined;
  readonly uid?: string | undefined;
  readonly userCode?: string | undefined;
  readonly userId?: string | undefined;
  readonly applicationId?: string | undefined;
  readonly expiresAt?: Date | undefined;
}

export interface StoredRecord {
  readonly payload: Record<string, unknown>;
  readonly uid: string | null;
  readonly consumedAt: Date | null;
  /** The payload of the grant that it was issued under: whoever asks for a code or token asks for that next. */
  readonly grant: Record<string, unknown> | null;
}

interface UsedProofKey {
  readonly instanceId: string;
  readonly kind: string;
  readonly hash: string;
  readonly expiresAt: Date;
}

export interface RecordStore {
  /** Resolves after COMMIT. Leaves `consumedAt` as it is. */
  write(key: RecordKey, content: RecordContent): Promise<void>;
  /** Finds a record, expired and consumed ones too. */
  find(key: RecordKey): Promise<StoredRecord | undefined>;
  /** Takes a record once: true for exactly one of all callers on all servers. */
  consume(key: RecordKey): Promise<boolean>;
  /** Uses a one-time proof (an assertion's or DPoP proof's `jti`): true the first time. */
  useProof(proof: UsedProofKey): Promise<boolean>;
}

const statement = (name: string, text: string): BatchStatement => ({ name, text });

const keyText = (key: RecordKey) => `${key.instanceId}\0${key.model}\0${key.id}`;

const write = statement('oidc-write', `
INSERT INTO "OidcRecord" ("instanceId", "model", "id", "payload", "grantId", "uid", "userCode", "userId", "applicationId", "expiresAt")
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::jsonb[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
ON CONFLICT ("instanceId", "model", "id") DO UPDATE SET "payload" = excluded."payload", "grantId" = excluded."grantId",
  "uid" = coalesce(excluded."uid", "OidcRecord"."uid"), "userCode" = excluded."userCode", "userId" = excluded."userId",
  "applicationId" = excluded."applicationId", "expiresAt" = excluded."expiresAt"`);

const read = statement('oidc-read', `
SELECT r."instanceId", r."model", r."id", r."payload", r."uid", r."consumedAt", g."payload" AS "grant"
FROM unnest($1::text[], $2::text[], $3::text[]) AS k("instanceId", "model", "id")
JOIN "OidcRecord" r ON r."instanceId" = k."instanceId" AND r."model" = k."model" AND r."id" = k."id"
LEFT JOIN "OidcRecord" g ON g."instanceId" = r."instanceId" AND g."model" = 'Grant' AND g."id" = r."grantId"`);

// Rows are locked in one order, so that two servers that take the same two rows cannot deadlock.
const consume = statement('oidc-consume', `
WITH locked AS (
  SELECT r."instanceId", r."model", r."id" FROM "OidcRecord" r
  JOIN unnest($1::text[], $2::text[], $3::text[]) AS k("instanceId", "model", "id")
    ON r."instanceId" = k."instanceId" AND r."model" = k."model" AND r."id" = k."id"
  WHERE r."consumedAt" IS NULL ORDER BY 1, 2, 3 FOR UPDATE OF r)
UPDATE "OidcRecord" r SET "consumedAt" = now() FROM locked l
WHERE r."instanceId" = l."instanceId" AND r."model" = l."model" AND r."id" = l."id" AND r."consumedAt" IS NULL
RETURNING r."instanceId", r."model", r."id"`);

const useProof = statement('oidc-proof', `
INSERT INTO "UsedProof" ("instanceId", "kind", "hash", "expiresAt")
SELECT DISTINCT ON (1, 2, 3) * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) ORDER BY 1, 2, 3
ON CONFLICT DO NOTHING RETURNING "instanceId", "kind" AS "model", "hash" AS "id"`);

/** The records of one server. */
export const recordsOf = perCore((core: Core): RecordStore => {
  const { batches } = core;

  const writer = createCoalescingWriter<{ key: RecordKey; content: RecordContent }>({
    keyOf: ({ key }) => keyText(key),
    isRowError,
    onBatch: core.metrics.batchSizesOf('oidc-write'),
    async writeBatch(rows) {
      await batches.run(write, [
        rows.map(({ key }) => key.instanceId), rows.map(({ key }) => key.model), rows.map(({ key }) => key.id),
        rows.map(({ content }) => JSON.stringify(content.payload)),
        rows.map(({ content }) => content.grantId ?? null), rows.map(({ content }) => content.uid ?? null),
        rows.map(({ content }) => content.userCode ?? null), rows.map(({ content }) => content.userId ?? null),
        rows.map(({ content }) => content.applicationId ?? null), rows.map(({ content }) => content.expiresAt ?? null),
      ]);
    },
  });

  const reader = createCoalescingReader<RecordKey, StoredRecord>({
    keyOf: keyText,
    onBatch: core.metrics.batchSizesOf('oidc-read'),
    async readBatch(keys) {
      const rows = await batches.run<RecordKey & StoredRecord>(read, [keys.map((key) => key.instanceId), keys.map((key) => key.model), keys.map((key) => key.id)]);
      return new Map(rows.map((row) => [keyText(row), row]));
    },
  });

  const consumer = createTaker<RecordKey>(keyText, core.metrics.batchSizesOf('oidc-consume'), (keys) =>
    batches.run<RecordKey>(consume, [keys.map((key) => key.instanceId), keys.map((key) => key.model), keys.map((key) => key.id)]));

  const proofs = createTaker<UsedProofKey>(
    (proof) => keyText({ instanceId: proof.instanceId, model: proof.kind, id: proof.hash }),
    core.metrics.batchSizesOf('oidc-proof'),
    (keys) => batches.run<RecordKey>(useProof, [keys.map((key) => key.instanceId), keys.map((key) => key.kind), keys.map((key) => key.hash), keys.map((key) => key.expiresAt)]));

  return {
    write: (key, content) => writer.write({ key, content }),
    find: (key) => reader.read(key),
    consume: consumer,
    useProof: proofs,
  };
});

/**
 * Takes rows in batches. Each call counts for itself, also when many calls of one batch name the same row: then the
 * first of them gets it, if the database gave it at all.
 */
function createTaker<Key>(textOf: (key: Key) => string, onBatch: (size: number) => void, take: (keys: Key[]) => Promise<RecordKey[]>): (key: Key) => Promise<boolean> {
  let calls = 0;
  const queue = createCoalescingReader<{ key: Key; call: number }, true>({
    keyOf: ({ call }) => String(call),
    onBatch,
    async readBatch(requests) {
      const firstCalls = new Map<string, number>();
      for (const { key, call } of requests) if (!firstCalls.has(textOf(key))) firstCalls.set(textOf(key), call);
      const taken = await take(requests.map(({ key }) => key));
      return new Map(taken.map((row) => [String(firstCalls.get(keyText(row))), true as const]));
    },
  });
  return async (key) => {
    calls += 1;
    return (await queue.read({ key, call: calls })) === true;
  };
}

/** Removes what has ended, in steps that hold no lock for long. Consumed tokens stay until their end: their return is an alarm. */
export async function purgeRecords(core: Core): Promise<number> {
  let removed = 0;
  for (const table of ['OidcRecord', 'UsedProof']) {
    for (let step = 1_000; step === 1_000; removed += step) {
      step = await core.database.$executeRawUnsafe(
        `DELETE FROM "${table}" WHERE ctid IN (SELECT ctid FROM "${table}" WHERE "instanceId" <> '' AND "expiresAt" < $1::timestamptz LIMIT 1000)`,
        new Date(core.now().getTime() - 60_000));
    }
  }
  return removed;
}
