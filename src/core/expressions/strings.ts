/** The methods of strings, and of lists. */
import type { Budget } from './budget.ts';
import { EvaluationFailure, isEqual, kindOf, toValue, type Value } from './values.ts';

type Method = (receiver: string, values: readonly Value[], budget: Budget) => Value;

/** ASCII only, whatever the language says: two names must not become one by it (CEL strings extension). */
export const stringMethods: Readonly<Record<string, Method>> = {
  size: (text, _values, budget) => { budget.spendCharacters(text.length); return BigInt([...text].length); },
  contains: (text, [part], budget) => { budget.spendCharacters(text.length * 2); return text.includes(string(part)); },
  startsWith: (text, [part], budget) => { budget.spendCharacters(string(part).length); return text.startsWith(string(part)); },
  endsWith: (text, [part], budget) => { budget.spendCharacters(string(part).length); return text.endsWith(string(part)); },
  lowerAscii: (text, _values, budget) => { budget.spendString(text.length); return text.replace(/[A-Z]+/g, (part) => part.toLowerCase()); },
  upperAscii: (text, _values, budget) => { budget.spendString(text.length); return text.replace(/[a-z]+/g, (part) => part.toUpperCase()); },
  trim: (text, _values, budget) => { budget.spendString(text.length); return text.trim(); },
  indexOf: (text, [part, from], budget) => { budget.spendCharacters(text.length * 2); return BigInt(text.indexOf(string(part), from === undefined ? 0 : index(from, text.length))); },
  lastIndexOf: (text, [part], budget) => { budget.spendCharacters(text.length * 2); return BigInt(text.lastIndexOf(string(part))); },
  charAt: (text, [at]) => text.charAt(index(at, text.length)),
  substring: (text, [start, end], budget) => {
    const from = index(start, text.length);
    const to = end === undefined ? text.length : index(end, text.length);
    if (to < from) throw new EvaluationFailure(`A part cannot end at ${to} when it starts at ${from}.`);
    budget.spendString(to - from);
    return text.slice(from, to);
  },
  replace: (text, [found, put], budget) => {
    budget.spendCharacters(text.length * 2);
    const parts = split(text, string(found), budget);
    budget.spendString(text.length + parts.length * string(put).length);
    return parts.join(string(put));
  },
  split: (text, [separator, most], budget) => {
    budget.spendCharacters(text.length * 2);
    const parts = split(text, string(separator), budget);
    if (most === undefined || Number(most) < 0 || parts.length <= Number(most)) return parts;
    const limit = Number(most);
    return limit === 0 ? [] : [...parts.slice(0, limit - 1), parts.slice(limit - 1).join(string(separator))];
  },
};

export const listMethods: Readonly<Record<string, (receiver: readonly Value[], values: readonly Value[], budget: Budget) => Value>> = {
  size: (list) => BigInt(list.length),
  join: (list, [separator], budget) => {
    const between = separator === undefined ? '' : string(separator);
    budget.spendList(list.length);
    const parts = list.map((item) => string(toValue(item, false)));
    budget.spendString(parts.reduce((sum, part) => sum + part.length, between.length * parts.length));
    return parts.join(between);
  },
  distinct: (list, _values, budget) => {
    const kept: Value[] = [];
    const seen = new Set<string>();
    for (const given of list) {
      const item = toValue(given, false);
      if (typeof item === 'string') {
        budget.spendCharacters(item.length);
        if (seen.has(item)) continue;
        seen.add(item);
      } else if (kept.some((other) => isEqual(item, other, budget))) {
        continue;
      }
      kept.push(item);
    }
    return kept;
  },
  sort: (list, _values, budget) => {
    const parts = list.map((item) => string(toValue(item, false)));
    budget.spend(parts.length * Math.ceil(Math.log2(parts.length + 1)));
    budget.spendCharacters(parts.reduce((sum, part) => sum + part.length, 0) * 16);
    return parts.toSorted((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  },
};

/** Counted before it is made: an empty separator parts every character. */
function split(text: string, separator: string, budget: Budget): string[] {
  let parts = separator === '' ? text.length : 1;
  if (separator !== '') for (let at = text.indexOf(separator); at !== -1; at = text.indexOf(separator, at + separator.length)) parts += 1;
  budget.spendList(parts);
  return text.split(separator);
}

export function string(value: Value | undefined): string {
  if (typeof value === 'string') return value;
  throw new EvaluationFailure(`A string is wanted, but there is ${kindOf(value ?? null)}.`);
}

export function index(value: Value | undefined, length: number): number {
  const at = Number(value);
  if (typeof value !== 'bigint' && !Number.isInteger(value)) throw new EvaluationFailure('A place in a text is an int.');
  if (at < 0 || at > length) throw new EvaluationFailure(`Place ${at} is outside of a text of ${length}.`);
  return at;
}

