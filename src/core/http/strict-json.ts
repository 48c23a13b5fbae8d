/**
 * JSON that everybody reads the same way (RFC 8259 §4, RFC 7493): no name twice in an object, no text that is no
 * Unicode or that a database cannot keep, no nesting without end.
 */
import { Problem } from '../errors.ts';

/** Deeper than any body of ours; what recursion bears is far below what a megabyte can nest. */
const deepest = 32;

const refused = (detail: string) => new Problem({ status: 400, code: 'Params.Illegal', detail });

/** @throws Problem 400 that says what is wrong with the text */
export function parseStrictJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refused('The body is not valid JSON.');
  }
  checkStructure(text);
  return value;
}

/** Walks over text that is known to be JSON. */
function checkStructure(text: string): void {
  const open: (Set<string> | undefined)[] = [];      // the names of an object so far; undefined for a list
  let nameExpected = false;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charAt(at)) {
      case '"': {
        const end = endOfString(text, at);
        checkString(text, at, end, nameExpected ? open.at(-1) : undefined);
        nameExpected = false;
        at = end - 1;
        break;
      }
      case '{': case '[':
        open.push(text[at] === '{' ? new Set() : undefined);
        if (open.length > deepest) throw refused(`The body is nested deeper than ${deepest} levels.`);
        nameExpected = text[at] === '{';
        break;
      case '}': case ']':
        open.pop();
        nameExpected = false;
        break;
      case ',':
        nameExpected = open.at(-1) !== undefined;
        break;
      default:                                       // numbers, words, colons and spaces
    }
  }
}

/** The place behind the closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function checkString(text: string, start: number, end: number, names: Set<string> | undefined): void {
  const raw = text.slice(start, end);
  if (!names && !raw.includes('\\u')) return;       // raw text is valid UTF-8 without control characters already
  const value = raw.includes('\\') ? JSON.parse(raw) as string : raw.slice(1, -1);
  if (!value.isWellFormed() || value.includes('\0')) throw refused('The body holds NUL or half of a surrogate pair, which is no text.');
  if (!names) return;
  if (names.has(value)) throw refused(`The name ${JSON.stringify(value).slice(0, 100)} comes twice in one object.`);
  if (value === '__proto__') throw refused('The name "__proto__" is not taken.');
  names.add(value);
}
