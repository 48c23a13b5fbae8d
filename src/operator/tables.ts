import type pg from 'pg';
import type { Table } from './backup-format.ts';

/** All tables of our schema that hold data (not single partitions), those first that others refer to. */
export async function listTables(client: pg.ClientBase): Promise<Table[]> {
  const { rows } = await client.query<Table>(`
    SELECT c.relname::text AS "table", array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> '_prisma_migrations'
    GROUP BY c.relname ORDER BY c.relname`);
  const references = await client.query<{ from: string; to: string }>(`
    SELECT f.relname::text AS "from", t.relname::text AS "to" FROM pg_constraint k JOIN pg_class f ON f.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
    WHERE k.contype = 'f' AND k.conrelid <> k.confrelid AND f.relnamespace = current_schema()::regnamespace`);
  return inOrder(rows, references.rows);
}

function inOrder(tables: Table[], references: readonly { from: string; to: string }[]): Table[] {
  const ordered: Table[] = [];
  let left = tables;
  while (left.length > 0) {
    const ready = left.filter(({ table }) => !references.some(({ from, to }) => from === table && left.some((other) => other.table === to)));
    if (ready.length === 0) throw new Error(`the tables ${left.map(({ table }) => table).join(', ')} refer to each other in a circle`);
    ordered.push(...ready);
    left = left.filter((table) => !ready.includes(table));
  }
  return ordered;
}

/** The sequences of our schema, by name. */
export async function readSequences(client: pg.ClientBase): Promise<Record<string, string>> {
  const { rows } = await client.query<{ name: string }>(`SELECT relname::text AS name FROM pg_class WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace ORDER BY 1`);
  const values: Record<string, string> = {};
  for (const { name } of rows) {
    const { rows: [row] } = await client.query<{ value: string }>(`SELECT last_value::text AS value FROM "${name}"`);
    values[name] = row?.value ?? '0';
  }
  return values;
}
