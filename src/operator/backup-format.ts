/**
 * The backup file: gzip over lines of text, so that `gunzip -c` shows it. First a manifest in JSON; then for each table
 * a line of JSON, its rows as PostgreSQL's COPY writes them (one line each), the line `\.`, and a line with their number
 * and SHA-256; at the end a line that says so. A file that was cut or changed is noticed before anything is committed.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';

export const manifestSchema = z.object({
  format: z.literal('postern-backup'),
  formatVersion: z.literal(1),
  createdAt: z.iso.datetime(),
  version: z.string(),
  /** The migrations of the database, in their order. */
  migrations: z.array(z.string()).min(1),
  /** Which master key its secrets are sealed under (an id, not the key). */
  masterKeyId: z.string(),
  /** The months that have a partition of the event log. */
  eventMonths: z.array(z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/)),
  sequences: z.record(z.string(), z.string().regex(/^\d+$/)),
});
export type Manifest = z.infer<typeof manifestSchema>;

export const tableSchema = z.object({ table: z.string(), columns: z.array(z.string()).min(1) });
export type Table = z.infer<typeof tableSchema>;

export const summarySchema = z.object({ rows: z.int().min(0), sha256: z.string() });
export type Summary = z.infer<typeof summarySchema>;

export const endSchema = z.object({ end: z.literal('postern-backup'), tables: z.int().min(1) });

export const endOfRows = '\\.';

/** Counts and hashes the rows of a table, on the way out as on the way in. */
export class RowSum {
  readonly #hash = createHash('sha256');
  #rows = 0;

  /** Takes bytes of whole or partial lines. */
  add(bytes: Buffer): void {
    this.#hash.update(bytes);
    // A line feed inside a value is written as \n by COPY: each one that is left ends a row.
    for (let index = bytes.indexOf(10); index !== -1; index = bytes.indexOf(10, index + 1)) this.#rows += 1;
  }

  summary(): Summary {
    return { rows: this.#rows, sha256: this.#hash.digest('base64url') };
  }
}

export const toLine = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

/** A quoted identifier for SQL. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
