import type { Core } from '../core/core.ts';
import { SealBroken } from '../core/keyring.ts';
import { sealedColumns, type SealedColumn, type SealedRow } from './sealed-columns.ts';

export interface Resealed {
  readonly count: number;
  /** Rows whose sealed text opens under none of the keys; they are left as they are. */
  readonly broken: readonly string[];
}

const batchSize = 200;

/**
 * Seals every secret anew that is under an older master key. May be stopped and run again, and beside running servers
 * that know both keys: a row that changes meanwhile is left to its writer.
 */
export async function resealAll(core: Core): Promise<Resealed> {
  let count = 0;
  const broken: string[] = [];
  for (const column of sealedColumns) {
    const done = await resealColumn(core, column);
    count += done.count;
    broken.push(...done.broken);
  }
  return { count, broken };
}

async function resealColumn({ database, keyring }: Core, column: SealedColumn): Promise<Resealed> {
  const { table, key, place } = column;
  const text = textOf(column);
  const keyColumns = key.map((name) => `"${name}"`).join(', ');
  let count = 0;
  const broken: string[] = [];
  for (let after: string[] | undefined; ;) {
    // By key, so that a row that cannot be resealed is not met again.
    const beyond = after ? `AND (${keyColumns}) > (${key.map((_name, index) => `$${index + 2}`).join(', ')})` : '';
    const rows = await database.$queryRawUnsafe<(SealedRow & { sealed: string })[]>(`
      SELECT ${keyColumns}, ${text} AS sealed FROM "${table}"
      WHERE ${text} IS NOT NULL AND ${text} NOT LIKE $1 ${filterOf(column)} ${beyond} ORDER BY ${keyColumns} LIMIT ${batchSize}`,
    `v1.${keyring.currentKeyId.replace(/[\\_%]/g, '\\$&')}.%`, ...after ?? []);
    for (const row of rows) {
      try {
        const fresh = keyring.seal(keyring.open(row.sealed, place(row)), place(row));
        count += await database.$executeRawUnsafe(`
          UPDATE "${table}" SET ${assignmentOf(column)} WHERE ${text} = $2 AND ${key.map((name, index) => `"${name}" = $${index + 3}`).join(' AND ')}`,
        fresh, row.sealed, ...key.map((name) => row[name]));
      } catch (error) {
        if (!(error instanceof SealBroken)) throw error;
        broken.push(`${table} ${key.map((name) => row[name]).join('/')}: ${error.message}`);
      }
    }
    const last = rows.at(-1);
    if (!last || rows.length < batchSize) return { count, broken };
    after = key.map((name) => last[name] ?? '');
  }
}

const textOf = ({ column, member }: SealedColumn) => (member === undefined ? `"${column}"` : `("${column}" ->> '${member}')`);

const filterOf = ({ only }: SealedColumn) => (only === undefined ? '' : `AND "${only.column}" = '${only.value}'`);

const assignmentOf = ({ column, member }: SealedColumn) =>
  `"${column}" = ${member === undefined ? '$1' : `jsonb_set("${column}", '{${member}}', to_jsonb($1::text))`}`;
