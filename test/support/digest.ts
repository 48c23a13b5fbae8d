/** Everything that an instance is, a value for each table: two digests are equal when nothing of it was changed between them. */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { scopedModels } from '../../src/core/database.ts';

/** The log is sealed, and calls are counted, in their own time. */
const ownPace = new Set(['EventSeal', 'EventChainHead', 'MonthlyUsage', 'MonthlyUsageSubject']);

export async function digestOf(databaseUrl: string, instanceId: string): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const digest: Record<string, string> = {};
  const hashOf = (rows: unknown) => createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  for (const table of [...scopedModels].sort()) {
    if (ownPace.has(table)) continue;
    digest[table] = hashOf((await client.query<{ row: string }>(`SELECT t::text AS row FROM "${table}" t WHERE "instanceId" = $1 ORDER BY 1`, [instanceId])).rows);
  }
  digest['Instance'] = hashOf((await client.query(`SELECT * FROM "Instance" WHERE id = $1`, [instanceId])).rows);
  await client.end();
  return digest;
}
