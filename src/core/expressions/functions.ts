/** Functions called by name, beside the methods; the vendor's spellings among them. */
import type { Budget } from './budget.ts';
import { readTimestamp, timestampMethods } from './calendar.ts';
import { int, timestamp } from './operators.ts';
import { listMethods, stringMethods } from './strings.ts';
import { Duration, EvaluationFailure, isEqual, isList, isMap, kindOf, toValue, type Value } from './values.ts';

type Call = (values: readonly Value[], budget: Budget) => Value;

/** Those whose missing arguments count as "no value" instead of failing. */
export const forgiving: ReadonlySet<string> = new Set(['Append', 'Equals', 'IsNullOrEmpty', 'ObjectToJsonString']);

export const functions: Readonly<Record<string, Call>> = {
  size: ([value], budget) => callMethod('size', value ?? null, [], budget),
  dyn: ([value]) => value ?? null,
  string: ([value], budget) => text(value ?? null, budget),
  bool: ([value]) => {
    if (typeof value === 'boolean') return value;
    if (value === 'true' || value === 'false') return value === 'true';
    throw new EvaluationFailure('bool() takes true, false, "true" and "false".');
  },
  int: ([value]) => {
    if (typeof value === 'bigint') return value;
    if (typeof value === 'number' && Number.isFinite(value) && Math.abs(value) < 2 ** 63) return BigInt(Math.trunc(value));
    if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) return int(BigInt(value));
    if (value instanceof Date) return BigInt(Math.floor(value.getTime() / 1_000));
    throw new EvaluationFailure(`int() makes no int of ${kindOf(value ?? null)} like this.`);
  },
  double: ([value]) => {
    if (typeof value === 'number' || typeof value === 'bigint') return Number(value);
    if (typeof value === 'string' && /^-?\d{1,40}(\.\d{1,40})?$/.test(value)) return Number(value);
    throw new EvaluationFailure(`double() makes no double of ${kindOf(value ?? null)} like this.`);
  },
  timestamp: ([value]) => {
    if (value instanceof Date) return value;
    if (typeof value === 'bigint') return timestamp(Number(value) * 1_000);
    if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(value)) return timestamp(Date.parse(value));
    throw new EvaluationFailure('timestamp() takes a text such as "2026-01-31T08:00:00Z", or seconds since 1970.');
  },
  duration: ([value]) => {
    if (value instanceof Duration) return value;
    const parts = typeof value === 'string' && /^(-?)(?:(\d{1,7})h)?(?:(\d{1,9})m)?(?:(\d{1,11}(?:\.\d{1,9})?)s)?$/.exec(value);
    if (!parts || parts[0] === '' || parts[0] === '-') throw new EvaluationFailure('duration() takes a text such as "90m" or "1h30m".');
    const seconds = Number(parts[2] ?? 0) * 3_600 + Number(parts[3] ?? 0) * 60 + Number(parts[4] ?? 0);
    return new Duration(seconds * (parts[1] === '-' ? -1_000 : 1_000));
  },
  Append: (values, budget) => {
    const parts = values.map((value) => (value === null ? '' : text(value, budget)));
    budget.spendString(parts.reduce((sum, part) => sum + part.length, 0));
    return parts.join('');
  },
  Equals: ([left, right], budget) => isEqual(left ?? null, right ?? null, budget),
  IsNullOrEmpty: ([value]) => value === null || value === '' || (isList(value) && value.length === 0) || (isMap(value) && Object.keys(value).length === 0),
  ObjectToJsonString: ([value], budget) => {
    const json = JSON.stringify(toJson(value ?? null, budget, 0));
    budget.spendString(json.length);
    return json;
  },
};

/** Calls `receiver.name(values)`. */
export function callMethod(name: string, receiver: Value, values: readonly Value[], budget: Budget): Value {
  budget.spend(1);
  if (typeof receiver === 'string') {
    if (Object.hasOwn(stringMethods, name)) return stringMethods[name]?.(receiver, values, budget) ?? null;
  } else if (isList(receiver)) {
    if (Object.hasOwn(listMethods, name)) return listMethods[name]?.(receiver, values, budget) ?? null;
  } else if (receiver instanceof Date) {
    if (timestampMethods.includes(name)) return readTimestamp(name, receiver, values[0], budget);
  } else if (receiver instanceof Duration) {
    const unit = { getHours: 3_600_000, getMinutes: 60_000, getSeconds: 1_000, getMilliseconds: 1 }[name];
    if (unit !== undefined) return BigInt(Math.trunc(receiver.milliseconds / unit));
  } else if (isMap(receiver) && name === 'size') {
    return BigInt(Object.keys(receiver).length);
  }
  throw new EvaluationFailure(`There is no ${name}() of ${kindOf(receiver)}.`);
}

function text(value: Value, budget: Budget): string {
  if (typeof value === 'string') {
    budget.spendString(value.length);
    return value;
  }
  if (typeof value === 'bigint' || typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Duration) return `${value.milliseconds / 1_000}s`;
  throw new EvaluationFailure(`A text cannot be made of ${kindOf(value)}.`);
}

/** As deep as a value may reasonably be; one that holds itself ends here, too. */
const deepestJson = 16;

/** A value of expressions as JSON has it; ints beyond what a number holds become text. */
export function toJson(value: Value, budget: Budget, depth: number): unknown {
  budget.spend(1);
  if (depth > deepestJson) throw new EvaluationFailure(`A value is nested deeper than ${deepestJson}.`);
  if (typeof value === 'string') {
    budget.spendCharacters(value.length);
    return value;
  }
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date || value instanceof Duration) return text(value, budget);
  if (isList(value)) return value.map((item) => toJson(toValue(item, false), budget, depth + 1));
  if (isMap(value)) {
    const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    for (const [key, item] of Object.entries(value)) copy[key] = toJson(toValue(item, false), budget, depth + 1);
    return copy;
  }
  return value;
}
