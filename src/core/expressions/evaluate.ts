/**
 * Walks a checked tree. Ours, not the library's, for the budget: every operation pays before it runs, so neither nested
 * macros nor doubled texts get far, and nothing in the expression can catch that it is over.
 */
import type { Budget } from './budget.ts';
import { callMethod, forgiving, functions } from './functions.ts';
import { applyOperator, int } from './operators.ts';
import { macros, type Node } from './tree.ts';
import { EvaluationFailure, isList, isMap, kindOf, mapOf, member, MissingKey, toValue, type Value, type ValueMap } from './values.ts';
import type { RE2JS } from 're2js';

export interface Run {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly budget: Budget;
  readonly patterns: ReadonlyMap<string, RE2JS>;
  /** The variable of the macro around, and what is outside of it. */
  readonly scope?: Scope | undefined;
}

interface Scope { readonly name: string; readonly value: Value; readonly outer: Scope | undefined }

/** The library notes on each node the type that it found. */
const isInt = (node: Node): boolean => (node as { checkedType?: { name: string } }).checkedType?.name === 'int';

export function evaluate(node: Node, run: Run): Value {
  run.budget.spend(1);
  try {
    return evaluateNode(node, run);
  } catch (error) {
    if (error instanceof EvaluationFailure) error.offset ??= node.pos;
    throw error;
  }
}

function evaluateNode(node: Node, run: Run): Value {
  switch (node.op) {
    case 'value': return literal(node.args);
    case 'id': return variable(node.args, isInt(node), run);
    case '.': return select(evaluate(node.args[0], run), node.args[1], isInt(node));
    case '[]': return elementOf(evaluate(node.args[0], run), evaluate(node.args[1], run), isInt(node));
    case '?:': return evaluate(condition(node.args[0], run) ? node.args[1] : node.args[2], run);
    case '||': return either(node.args, true, run);
    case '&&': return either(node.args, false, run);
    case '!_': return !condition(node.args, run);
    case '-_': return negate(evaluate(node.args, run));
    case 'list': {
      run.budget.spendList(node.args.length);
      return node.args.map((item) => evaluate(item, run));
    }
    case 'map': {
      run.budget.spendList(node.args.length);
      return mapOf(node.args.map(([key, value]) => [keyOf(evaluate(key, run)), evaluate(value, run)]));
    }
    case 'call': return call(node.args[0], node.args[1], run);
    case 'rcall': return callOn(node.args[0], node.args[1], node.args[2], run);
    case '.?': case '[?]': throw new EvaluationFailure('Optional access is not supported.');
    default: return applyOperator(node.op, evaluate(node.args[0], run), evaluate(node.args[1], run), run.budget);
  }
}

function literal(value: unknown): Value {
  if (typeof value === 'object' && value !== null) throw new EvaluationFailure('Bytes and unsigned ints are not supported.');
  return value as Value;
}

function variable(name: string, asInt: boolean, { scope, variables }: Run): Value {
  for (let around = scope; around; around = around.outer) if (around.name === name) return around.value;
  const given = member(variables as ValueMap, name);
  if (given === undefined) throw new MissingKey(`"${name}" has no value.`);
  return toValue(given, asInt);
}

function select(from: Value, key: string, asInt: boolean): Value {
  if (!isMap(from)) throw new EvaluationFailure(`"${key}" is wanted of ${kindOf(from)}.`);
  const found = member(from, key);
  if (found === undefined) throw new MissingKey(`There is no "${key}".`);
  return toValue(found, asInt);
}

function elementOf(from: Value, key: Value, asInt: boolean): Value {
  if (!isList(from)) return select(from, keyOf(key), asInt);
  const at = typeof key === 'bigint' || Number.isInteger(key) ? Number(key) : NaN;
  const found: unknown = at >= 0 && at < from.length ? from[at] : undefined;
  if (found === undefined) throw new MissingKey(`A list of ${from.length} has no element ${String(key)}.`);
  return toValue(found, asInt);
}

function keyOf(key: Value): string {
  if (typeof key === 'string') return key;
  throw new EvaluationFailure(`Keys are strings, but there is ${kindOf(key)}.`);
}

function condition(node: Node, run: Run): boolean {
  const value = evaluate(node, run);
  if (typeof value === 'boolean') return value;
  throw new EvaluationFailure(`True or false is wanted, but there is ${kindOf(value)}.`, node.pos);
}

/** `||` and `&&`: one side that decides is enough, even where the other fails (CEL, "Logical Operators"). */
function either([left, right]: readonly [Node, Node], decisive: boolean, run: Run): boolean {
  let failure: EvaluationFailure | undefined;
  try {
    if (condition(left, run) === decisive) return decisive;
  } catch (error) {
    if (!(error instanceof EvaluationFailure)) throw error;
    failure = error;
  }
  if (condition(right, run) === decisive) return decisive;
  if (failure) throw failure;
  return !decisive;
}

function negate(value: Value): Value {
  if (typeof value === 'bigint') return int(-value);
  if (typeof value === 'number') return -value;
  throw new EvaluationFailure(`"-" does not work on ${kindOf(value)}.`);
}

function call(name: string, given: readonly Node[], run: Run): Value {
  if (name === 'has') return has(given, run);
  const work = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (!work) throw new EvaluationFailure(`There is no function ${name}().`);
  return work(given.map((node) => (forgiving.has(name) ? valueOrNone(node, run) : evaluate(node, run))), run.budget);
}

function valueOrNone(node: Node, run: Run): Value {
  try {
    return evaluate(node, run);
  } catch (error) {
    if (error instanceof MissingKey) return null;
    throw error;
  }
}

/** Of a field: whether it is there and has a value. */
function has([node]: readonly Node[], run: Run): boolean {
  if (node?.op !== '.') throw new EvaluationFailure('has() takes a field, such as has(user.email).');
  const from = evaluate(node.args[0], run);
  if (!isMap(from)) throw new EvaluationFailure(`"${node.args[1]}" is wanted of ${kindOf(from)}.`);
  return (member(from, node.args[1]) ?? null) !== null;
}

function callOn(name: string, receiver: Node, given: readonly Node[], run: Run): Value {
  const [first, second, third] = given;
  if (name === 'bind' && first?.op === 'id' && second && third) {
    return evaluate(third, { ...run, scope: { name: first.args, value: evaluate(second, run), outer: run.scope } });
  }
  if (macros.has(name) && first?.op === 'id' && second) return comprehend(name, evaluate(receiver, run), first.args, second, third, run);
  const on = evaluate(receiver, run);
  if (name === 'matches' && first?.op === 'value') return matches(on, String(first.args), run);
  return callMethod(name, on, given.map((node) => evaluate(node, run)), run.budget);
}

function matches(text: Value, pattern: string, { patterns, budget }: Run): boolean {
  const compiled = patterns.get(pattern);
  if (typeof text !== 'string' || !compiled) throw new EvaluationFailure(`matches() is for a string, but there is ${kindOf(text)}.`);
  // The worst case of an automaton: each instruction at each character.
  budget.spend(1 + (text.length * compiled.programSize()) / 4);
  return compiled.matcher(text).find();
}

function comprehend(macro: string, range: Value, name: string, body: Node, transform: Node | undefined, run: Run): Value {
  if (!isList(range) && !isMap(range)) throw new EvaluationFailure(`${macro}() goes through a list or the keys of a map, but there is ${kindOf(range)}.`);
  const items: readonly unknown[] = isList(range) ? range : Object.keys(range);
  const within = (item: unknown): Run => ({ ...run, scope: { name, value: toValue(item, false), outer: run.scope } });
  if (macro === 'all') return quantify(items, body, false, within);
  if (macro === 'exists') return quantify(items, body, true, within);
  if (macro === 'exists_one') return items.filter((item) => condition(body, within(item))).length === 1;
  const kept: Value[] = [];
  for (const item of items) {
    const inside = within(item);
    if (macro === 'filter' || transform) {
      if (!condition(body, inside)) continue;
      kept.push(macro === 'filter' ? toValue(item, false) : evaluate(transform ?? body, inside));
    } else {
      kept.push(evaluate(body, inside));
    }
    run.budget.spend(1);
  }
  run.budget.spendList(kept.length);
  return kept;
}

/** An element that decides is enough, even where others fail. */
function quantify(items: readonly unknown[], body: Node, decisive: boolean, within: (item: unknown) => Run): boolean {
  let failure: EvaluationFailure | undefined;
  for (const item of items) {
    try {
      if (condition(body, within(item)) === decisive) return decisive;
    } catch (error) {
      if (!(error instanceof EvaluationFailure)) throw error;
      failure ??= error;
    }
  }
  if (failure) throw failure;
  return !decisive;
}

