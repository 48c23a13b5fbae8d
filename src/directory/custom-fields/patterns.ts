/**
 * Patterns that administrators write for values. RE2 matches in linear time (no backtracking, no back references), and
 * pattern and value are bounded, so that no pair of them holds up the server.
 */
import { RE2JS } from 're2js';

export const longestPattern = 200;
/** The longest value of a field with a pattern. */
export const longestMatched = 256;

/** Instructions of the compiled pattern: with the length of a value they bound the time of a match. */
const largestProgram = 500;
/** Counted repetitions are unrolled: this bounds what compiling may cost before the size is known. */
const mostRepetitions = 500;

/** Says why a pattern is not taken; undefined for one that is. */
export function findPatternFault(source: string): string | undefined {
  if (source.length > longestPattern) return `must have at most ${longestPattern} characters`;
  if (repetitions(source) > mostRepetitions) return `must not repeat more than ${mostRepetitions} times in all`;
  try {
    return RE2JS.compile(source).programSize() > largestProgram ? 'is too large when its repetitions are unrolled' : undefined;
  } catch (error) {
    return `is not a pattern of RE2 (no look-around, no back references): ${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'}`;
  }
}

/** A test of the whole value. The pattern was checked when it was saved. */
export function compilePattern(source: string): (value: string) => boolean {
  const pattern = RE2JS.compile(source);
  return (value) => value.length <= longestMatched && pattern.matcher(value).matches();
}

/** All counts multiplied: more than nesting can unroll. */
function repetitions(source: string): number {
  return [...source.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g)].reduce((product, [, least = '1', most = '']) => product * Math.max(1, Number(least), Number(most)), 1);
}
