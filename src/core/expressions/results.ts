/** What an expression gives, to the rest of the program; of one of the wanted types or an error. */
import type { Budget } from './budget.ts';
import { typeName } from './environment.ts';
import type { ExpressionType } from './types.ts';
import { Duration, EvaluationFailure, isList, isMap, kindOf, toValue, type Value } from './values.ts';

export function toResult(value: Value, wanted: readonly ExpressionType[], budget: Budget): unknown {
  const type = wanted.find((one) => isOf(value, one, budget));
  if (type === undefined) throw new EvaluationFailure(`It gives ${kindOf(value)}, but ${wanted.map(typeName).join(' or ')} is wanted.`);
  return plain(value, budget, 0);
}

function isOf(value: Value, type: ExpressionType, budget: Budget): boolean {
  budget.spend(0.25);
  switch (type) {
    case 'dyn': return true;
    case 'string': return typeof value === 'string';
    case 'bool': return typeof value === 'boolean';
    case 'int': return typeof value === 'bigint' || Number.isSafeInteger(value);
    case 'double': return typeof value === 'number' || typeof value === 'bigint';
    case 'timestamp': return value instanceof Date;
    case 'duration': return value instanceof Duration;
  }
  if ('list' in type) return isList(value) && value.every((item) => isOf(toValue(item, false), type.list, budget));
  if ('map' in type) return isMap(value) && Object.values(value).every((item) => isOf(toValue(item, false), type.map, budget));
  return isMap(value) && Object.entries(value).every(([name, item]) => {
    const field = Object.hasOwn(type.object, name) ? type.object[name] : undefined;
    return field !== undefined && isOf(toValue(item, false), field, budget);
  });
}

/** Copies, so that nobody holds what was given in. An int becomes a number; beyond what a number holds, an error. */
function plain(value: Value, budget: Budget, depth: number): unknown {
  budget.spend(0.25);
  if (depth > 16) throw new EvaluationFailure('The result is nested too deep.');
  if (typeof value === 'bigint') {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new EvaluationFailure('The result is an int that JSON cannot hold.');
    return number;
  }
  if (value instanceof Duration) return value.milliseconds;
  if (isList(value)) return value.map((item) => plain(toValue(item, false), budget, depth + 1));
  if (!isMap(value)) return value;
  const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [key, item] of Object.entries(value)) copy[key] = plain(toValue(item, false), budget, depth + 1);
  return copy;
}
