/** Lists of addresses as they are published: one address or CIDR range a line, with comments. */
import { readCidr } from '../../tenancy/index.ts';

/** Of one list. */
export const mostRanges = 50_000;

/**
 * Canonical ranges, each once, in their order. The first word of a line counts; what follows `#` or `;` is a comment.
 * A range with host bits set is taken as the range: lists of others are not ours to correct. `fault` names the line.
 */
export function readRanges(text: string): { readonly ranges: readonly string[] } | { readonly fault: string } {
  const found = new Set<string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const [word = ''] = line.replace(/[#;].*$/, '').trim().split(/[\s,]+/);
    if (word === '') continue;
    const range = canonical(word);
    if (range === undefined) return { fault: `line ${index + 1} has ${JSON.stringify(word.slice(0, 60))}, which is no address or range such as 203.0.113.0/24` };
    if (/\/0$/.test(range)) return { fault: `line ${index + 1} has ${range}, which is every address` };
    if (found.add(range).size > mostRanges) return { fault: `has more than ${mostRanges} ranges` };
  }
  return { ranges: [...found] };
}

function canonical(word: string): string | undefined {
  const read = readCidr(word, word.includes(':') ? 'ipv6' : 'ipv4');
  if (!('fault' in read)) return read.text;
  // What readCidr would write instead is the range itself.
  const [, whole] = /write (\S+) for the range/.exec(read.fault) ?? [];
  return whole;
}
