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
  const rows = await core.database.$queryRawUnsafe<{ name: string }[]>(`
    SELECT c.relname::text AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = '"Event"'::regclass`);
  const present = new Set(rows.map((row) => row.name));
  for (const { name, from, to } of months.filter((month) => !present.has(month.name))) {
    try {
      await makePartition(core.database, name, from, to);
    } catch (error) {
      // The default partition holds events of that month (a clock that ran ahead): they stay there, which costs speed only.
      core.log.warn({ err: error, partition: name }, 'A partition of the event log could not be made; its events stay in the default one');
    }
  }
}

async function makePartition(database: Database, name: string, from: string, to: string): Promise<void> {
  await database.$transaction(async (tx) => {
    // Waiting for the lock on the log would make every writer wait behind us.
    await tx.$executeRawUnsafe(`SET LOCAL lock_timeout = '3s'`);
    await tx.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(${advisoryLock})`);
    await tx.$executeRawUnsafe(`CREATE TABLE IF NOT EXISTS "${name}" PARTITION OF "Event" FOR VALUES FROM ('${from}') TO ('${to}')`);
  });
}

function monthOf(now: Date, ahead: number): { name: string; from: string; to: string } {
  const firstDay = (months: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1)).toISOString().slice(0, 10);
  const from = firstDay(ahead);
  return { name: `Event_${from.slice(0, 7).replace('-', '_')}`, from: `${from}T00:00:00Z`, to: `${firstDay(ahead + 1)}T00:00:00Z` };
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
