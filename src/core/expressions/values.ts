/**
 * Values of expressions: string, bigint (int), number (double), boolean, null, Date (timestamp), Duration, arrays and
 * plain objects (maps). Members of an object are its own ones only, so nothing of a prototype is ever reached, and
 * what is none of these (functions, instances of classes) is refused.
 */
import type { Budget } from './budget.ts';

export class Duration {
  readonly milliseconds: number;
  constructor(milliseconds: number) {
    this.milliseconds = milliseconds;
  }
}

export interface ValueMap { readonly [key: string]: Value }
export type Value = string | bigint | number | boolean | null | Date | Duration | readonly Value[] | ValueMap;

/** An error of the expression, such as a missing key: `||` and `&&` may absorb it (CEL, "Logical Operators"). */
export class EvaluationFailure extends Error {
  offset: number | undefined;
  constructor(message: string, offset?: number) {
    super(message);
    this.offset = offset;
  }
}

/** A key that is not there. */
export class MissingKey extends EvaluationFailure {}

export const isList = (value: unknown): value is readonly Value[] => Array.isArray(value);

export function isMap(value: unknown): value is ValueMap {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Takes what the caller gave, as deep as it is looked at. `int` where the declaration says so. */
export function toValue(given: unknown, asInt: boolean): Value {
  switch (typeof given) {
    case 'string': case 'boolean': case 'bigint': return given;
    case 'number':
      if (!asInt) return given;
      if (!Number.isSafeInteger(given)) throw new EvaluationFailure(`${given} is no int.`);
      return BigInt(given);
    case 'undefined': return null;
    case 'object':
      if (given === null || given instanceof Date || given instanceof Duration || isList(given) || isMap(given)) return given;
      break;
    default:
  }
  throw new EvaluationFailure('A value is of a kind that expressions do not know.');
}

/** Undefined: not there. */
export function member(map: ValueMap, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

export function mapOf(entries: Iterable<readonly [string, Value]>): ValueMap {
  const map: Record<string, Value> = Object.create(null) as Record<string, Value>;
  for (const [key, value] of entries) map[key] = value;
  return map;
}

/** Equal as CEL has it: 1 and 1.0 are, and what is of different kinds is not. */
export function isEqual(left: Value, right: Value, budget: Budget): boolean {
  budget.spend(0.25);
  if (typeof left === 'string' || typeof right === 'string') {
    if (typeof left !== typeof right || (left as string).length !== (right as string).length) return false;
    budget.spend((left as string).length / 64);
    return left === right;
  }
  if (isNumber(left) && isNumber(right)) return left <= right && left >= right;
  if (left instanceof Date && right instanceof Date) return left.getTime() === right.getTime();
  if (left instanceof Duration && right instanceof Duration) return left.milliseconds === right.milliseconds;
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((item, index) => isEqual(toValue(item, false), toValue(right[index], false), budget));
  }
  if (isMap(left) && isMap(right)) {
    const keys = Object.keys(left);
    budget.spend(keys.length);
    return keys.length === Object.keys(right).length
      && keys.every((key) => Object.hasOwn(right, key) && isEqual(toValue(left[key], false), toValue(right[key], false), budget));
  }
  return left === right;
}

export const isNumber = (value: Value): value is bigint | number => typeof value === 'bigint' || typeof value === 'number';

/** How a message names a value's kind. */
export function kindOf(value: Value): string {
  if (value === null) return 'no value';
  switch (typeof value) {
    case 'string': return 'a string';
    case 'bigint': return 'an int';
    case 'number': return 'a double';
    case 'boolean': return 'a bool';
    default:
      if (value instanceof Date) return 'a timestamp';
      if (value instanceof Duration) return 'a duration';
      return isList(value) ? 'a list' : 'a map';
  }
}
