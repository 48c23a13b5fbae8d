/**
 * Text as every input takes it. Refused everywhere: what a database, a log line or a consent page could be broken or
 * faked with (NUL and other control characters, lone surrogates, marks that turn the direction of writing).
 */
import { z } from 'zod';

/** Unicode UAX #9 §2 (embeddings, overrides, isolates, marks), the byte order mark, and line separators. */
const refused = '\\p{Cs}\\u061C\\u200E\\u200F\\u2028\\u2029\\u202A-\\u202E\\u2066-\\u2069\\uFEFF\\uFFFE\\uFFFF';

const oneLine = new RegExp(`^[^\\p{Cc}${refused}]*$`, 'u');
const severalLines = new RegExp(`^(?:[\\n\\t]|[^\\p{Cc}${refused}])*$`, 'u');

/** One line of 1 to `longest` characters (UTF-16 units, as JavaScript and JSON Schema count). */
export const text = (longest: number) => z.string()
  .min(1, 'must not be empty')
  .max(longest, `must have at most ${longest} characters`)
  .regex(oneLine, 'must not contain control characters, line breaks, lone surrogates or marks that turn the direction of writing');

/** The same with line breaks and tabs; may be empty. */
export const longText = (longest: number) => z.string()
  .max(longest, `must have at most ${longest} characters`)
  .regex(severalLines, 'must not contain control characters other than line breaks and tabs, lone surrogates or marks that turn the direction of writing');

/** Whether a text would pass `text`: for what arrives outside of a body that zod reads. */
export const isCleanText = (value: string) => oneLine.test(value);
