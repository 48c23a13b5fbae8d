/** Regular expressions of `matches`: RE2, so the time is linear in the text. Written out in the source, never computed. */
import { RE2JS } from 're2js';

const longestPattern = 256;
const mostInstructions = 2_000;

/** The compiled pattern, or why there is none. */
export function compilePattern(pattern: string): RE2JS | string {
  if (pattern.length > longestPattern) return `A pattern has at most ${longestPattern} characters.`;
  // Counted repetitions multiply what is compiled before its size can be known.
  const counted = [...pattern.matchAll(/\{(\d*)(?:,(\d*))?\}/g)].reduce((sum, [, from, to]) => sum + Math.max(Number(from), Number(to ?? 0)), 0);
  if (counted > 300) return 'The counts of a pattern, such as in x{20}, may not sum up to more than 300.';
  try {
    const compiled = RE2JS.compile(pattern);
    return compiled.programSize() > mostInstructions ? 'The pattern is too large.' : compiled;
  } catch (error) {
    return `That is no pattern: ${error instanceof Error ? error.message : 'unknown reason'}.`;
  }
}
