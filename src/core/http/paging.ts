/**
 * Keyset pages: `{ items, next }` with `limit` and `cursor`. A cursor names the last row seen; it is signed, and bound
 * to the list and its filters, so that it cannot be used to look elsewhere.
 */
import { z } from 'zod';
import { invalidParameters } from '../errors.ts';
import type { Keyring } from '../keyring.ts';

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('How many at most, 1 to 200.'),
  cursor: z.string().max(2000).optional().describe('The `next` of the page before.'),
});

/** The schema of a list of `item`. */
export const pageOf = <Item extends z.ZodType>(item: Item) => z.object({
  items: z.array(item),
  next: z.string().nullable().describe('The cursor of the next page; null on the last one.'),
});

/** The position in a list: the values of its sort key at the last row. */
export type Position = readonly (string | number)[];

/** `scope` says which list of which instance with which filters the cursor is for. */
export function encodeCursor(keyring: Keyring, scope: string, position: Position): string {
  const text = Buffer.from(JSON.stringify(position)).toString('base64url');
  return `${text}.${keyring.hmac('cursor', `${scope}\n${text}`)}`;
}

/** @throws Problem 400 for a cursor that was not made for this list */
export function decodeCursor(keyring: Keyring, scope: string, cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const [text, mac, ...rest] = cursor.split('.');
  if (text && mac && rest.length === 0 && keyring.verifyHmac('cursor', `${scope}\n${text}`, mac)) {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as Position;
  }
  throw invalidParameters([{ field: 'cursor', code: 'invalid', detail: 'is not a cursor of this list with these filters; start again without it' }]);
}

/** Cuts a result that was read with `limit + 1` rows into a page. */
export function pageFrom<Row>(keyring: Keyring, scope: string, rows: Row[], limit: number, positionOf: (row: Row) => Position): { items: Row[]; next: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? encodeCursor(keyring, scope, positionOf(last)) : null };
}
