/** The log's tables: one partition a month, made ahead of time. */
import type { Core } from '../core/core.ts';
import type { Database } from '../core/database.ts';

const monthsAhead = 3;
const advisoryLock = 7_262_018_313;

/** Makes the log ready for appending; at every start, before anything is appended. */
export async function prepareEventLog(core: Core): Promise<void> {
  await moveTransactionOffset(core);
  await ensurePartitions(core);
}

/** Makes tomorrow's partitions without a restart. */
export function registerEventWorkers(core: Core): void {
  core.jobs.schedule('events.partitions', '17 3 * * *', () => ensurePartitions(core));
}

/** Makes the partitions of this month and the next ones that are absent. */
export async function ensurePartitions(core: Core): Promise<void> {
  const months = Array.from({ length: monthsAhead + 1 }, (_, ahead) => monthOf(core.now(), ahead));
  const present = new Set((await core.database.$queryRawUnsafe<{ month: string }[]>(selectPartitionMonths)).map((row) => row.month));
  for (const month of months.filter((wanted) => !present.has(wanted))) {
    try {
      await makePartition(core.database, month);
    } catch (error) {
      // The default partition holds events of that month (a clock that ran ahead): they stay there, which costs speed only.
      core.log.warn({ err: error, month }, 'A partition of the event log could not be made; its events stay in the default one');
    }
  }
}

/** Which months have a partition: `month`, such as 2026-11. */
export const selectPartitionMonths = `
  SELECT replace(right(c.relname::text, 7), '_', '-') AS month FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = '"Event"'::regclass AND c.relname ~ '^Event_[0-9]{4}_[0-9]{2}$' ORDER BY 1`;

/** Makes the partition of a month, such as 2026-11. */
export function createPartitionSql(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  const next = monthOf(new Date(Date.UTC(year, number - 1)), 1);
  return `CREATE TABLE IF NOT EXISTS "Event_${month.replace('-', '_')}" PARTITION OF "Event" FOR VALUES FROM ('${month}-01T00:00:00Z') TO ('${next}-01T00:00:00Z')`;
}

async function makePartition(database: Database, month: string): Promise<void> {
  await database.$transaction(async (tx) => {
    // Waiting for the lock on the log would make every writer wait behind us.
    await tx.$executeRawUnsafe(`SET LOCAL lock_timeout = '3s'`);
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(${advisoryLock})`);
    await tx.$executeRawUnsafe(createPartitionSql(month));
  });
}

function monthOf(now: Date, ahead: number): string {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead, 1)).toISOString().slice(0, 7);
}

/**
 * Transaction ids are the cluster's own. In a database that was restored into a younger cluster, new events would come
 * before the restored ones and no reader would see them: the offset moves them behind.
 */
async function moveTransactionOffset(core: Core): Promise<void> {
  await core.database.$transaction(async (tx) => {
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(${advisoryLock})`);
    // The statement's snapshot is older than the transaction id that it takes: what it sees has a smaller one.
    const [row] = await tx.$queryRawUnsafe<{ highest: bigint; current: bigint }[]>(`
      SELECT GREATEST((SELECT max("transactionId") FROM "Event"), (SELECT max("transactionId") FROM "EventChainHead"), 0) AS highest, event_transaction_id() AS current`);
    if (!row || row.highest < row.current) return;
    const gap = row.highest - row.current + 1n;
    await tx.$executeRawUnsafe(`SELECT setval('event_transaction_offset', (SELECT last_value FROM event_transaction_offset) + $1::bigint)`, gap);
    core.log.info({ gap: String(gap) }, 'This database was restored into another cluster: the order of the event log goes on behind its end');
  });
}
