/** The operators of CEL on values whose kinds the type check could not always know. */
import type { Budget } from './budget.ts';
import { Duration, EvaluationFailure, isEqual, isList, isMap, isNumber, kindOf, toValue, type Value } from './values.ts';

const smallestInt = -(2n ** 63n);
const largestInt = 2n ** 63n - 1n;

/** Applies a binary operator that evaluates both sides. */
export function applyOperator(operator: string, left: Value, right: Value, budget: Budget): Value {
  switch (operator) {
    case '==': return isEqual(left, right, budget);
    case '!=': return !isEqual(left, right, budget);
    case 'in': return isMember(left, right, budget);
    case '<': return compare(left, right, operator, budget) < 0;
    case '<=': return compare(left, right, operator, budget) <= 0;
    case '>': return compare(left, right, operator, budget) > 0;
    case '>=': return compare(left, right, operator, budget) >= 0;
    case '+': return add(left, right, budget);
    default: return calculate(operator, left, right);
  }
}

/** Also for the keys of maps. */
function isMember(value: Value, collection: Value, budget: Budget): boolean {
  if (isList(collection)) {
    for (const item of collection) if (isEqual(value, toValue(item, false), budget)) return true;
    return false;
  }
  if (isMap(collection)) return typeof value === 'string' && Object.hasOwn(collection, value);
  throw new EvaluationFailure(`"in" looks into a list or a map, but there is ${kindOf(collection)}.`);
}

function compare(left: Value, right: Value, operator: string, budget: Budget): number {
  if (isNumber(left) && isNumber(right)) return left < right ? -1 : left > right ? 1 : left <= right ? 0 : NaN;
  if (typeof left === 'string' && typeof right === 'string') {
    budget.spendCharacters(Math.min(left.length, right.length));
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right);
  if (left instanceof Date && right instanceof Date) return left.getTime() - right.getTime();
  if (left instanceof Duration && right instanceof Duration) return left.milliseconds - right.milliseconds;
  throw mismatch(operator, left, right);
}

function add(left: Value, right: Value, budget: Budget): Value {
  if (typeof left === 'string' && typeof right === 'string') {
    budget.spendString(left.length + right.length);
    return left + right;
  }
  if (isList(left) && isList(right)) {
    budget.spendList(left.length + right.length);
    return [...left, ...right];
  }
  if (left instanceof Date && right instanceof Duration) return timestamp(left.getTime() + right.milliseconds);
  if (left instanceof Duration && right instanceof Date) return timestamp(left.milliseconds + right.getTime());
  if (left instanceof Duration && right instanceof Duration) return new Duration(left.milliseconds + right.milliseconds);
  return calculate('+', left, right);
}

function calculate(operator: string, left: Value, right: Value): Value {
  if (typeof left === 'bigint' && typeof right === 'bigint') return int(calculateInt(operator, left, right));
  // An int beside a double can only come from a value of type dyn; numbers in JSON are of one kind.
  if (isNumber(left) && isNumber(right)) return calculateDouble(operator, Number(left), Number(right));
  if (operator === '-' && left instanceof Date) {
    if (right instanceof Date) return new Duration(left.getTime() - right.getTime());
    if (right instanceof Duration) return timestamp(left.getTime() - right.milliseconds);
  }
  if (operator === '-' && left instanceof Duration && right instanceof Duration) return new Duration(left.milliseconds - right.milliseconds);
  throw mismatch(operator, left, right);
}

function calculateInt(operator: string, left: bigint, right: bigint): bigint {
  if ((operator === '/' || operator === '%') && right === 0n) throw new EvaluationFailure('Division by zero.');
  switch (operator) {
    case '+': return left + right;
    case '-': return left - right;
    case '*': return left * right;
    case '/': return left / right;
    default: return left % right;
  }
}

function calculateDouble(operator: string, left: number, right: number): number {
  switch (operator) {
    case '+': return left + right;
    case '-': return left - right;
    case '*': return left * right;
    case '/': return left / right;
    default: throw new EvaluationFailure('"%" is for ints.');
  }
}

/** An int of CEL has 64 bits. */
export function int(value: bigint): bigint {
  if (value < smallestInt || value > largestInt) throw new EvaluationFailure('An int gets larger than 64 bits.');
  return value;
}

/** From 0001-01-01 to 9999-12-31, as CEL has it. */
export function timestamp(milliseconds: number): Date {
  if (!(milliseconds >= -62_135_596_800_000 && milliseconds <= 253_402_300_799_999)) throw new EvaluationFailure('That is no time between the years 1 and 9999.');
  return new Date(milliseconds);
}

const mismatch = (operator: string, left: Value, right: Value): EvaluationFailure =>
  new EvaluationFailure(`"${operator}" does not work on ${kindOf(left)} and ${kindOf(right)}.`);
