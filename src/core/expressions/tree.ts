/**
 * The syntax tree, before its types are checked: how large it may be, and that it calls nothing but what evaluate.ts
 * knows. The library would know more, among it functions that are neither bounded nor part of CEL.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { RE2JS } from 're2js';
import { functions } from './functions.ts';
import { compilePattern } from './patterns.ts';
import { timestampMethods } from './calendar.ts';
import { listMethods, stringMethods } from './strings.ts';
import { ExpressionError, positionAt } from './types.ts';

export type Node = ASTNode;

export const macros: ReadonlySet<string> = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);
const methods: ReadonlySet<string> = new Set([
  ...macros, 'bind', 'matches', 'getMilliseconds', ...Object.keys(stringMethods), ...Object.keys(listMethods), ...timestampMethods,
]);
const deepestTree = 200;
const deepestMacros = 3;
const deepestType = 4;
/** Nothing of JavaScript is behind these; they are refused so that nobody hopes for it. */
const hostNames: ReadonlySet<string> = new Set(['constructor', '__proto__', 'prototype', '__defineGetter__', '__lookupGetter__']);

/** The nodes right below. */
export function childrenOf(node: Node): readonly Node[] {
  switch (node.op) {
    case 'value': case 'id': return [];
    case '.': case '.?': return [node.args[0]];
    case 'call': return node.args[1];
    case 'rcall': return [node.args[1], ...node.args[2]];
    case 'map': return node.args.flat();
    case '!_': case '-_': return [node.args];
    default: return node.args;
  }
}

/**
 * Refuses what is too deep or calls what there is not. Without recursion: how deep it is comes out only here.
 * Returns the compiled patterns of matches().
 */
export function checkTree(source: string, root: Node): ReadonlyMap<string, RE2JS> {
  const patterns = new Map<string, RE2JS>();
  const open: { node: Node; depth: number; macrosAround: number }[] = [{ node: root, depth: 1, macrosAround: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, depth } = next;
    const refuse = (message: string, hint?: string): never => { throw new ExpressionError(message, positionAt(source, node.pos), hint); };
    if (depth > deepestTree) refuse(`It is nested deeper than ${deepestTree}.`, 'Use a list and "in" in place of a long chain.');
    const isMacro = node.op === 'rcall' && macros.has(node.args[0]);
    const macrosAround = next.macrosAround + (isMacro ? 1 : 0);
    if (macrosAround > deepestMacros) refuse(`Macros such as map() and exists() may be nested ${deepestMacros} deep.`);
    checkNode(node, refuse);
    const pattern = patternOf(node, refuse);
    if (pattern) patterns.set(pattern.source, pattern.compiled);
    limitType(source, node);
    for (const child of childrenOf(node)) {
      // A chain a.map(…).filter(…) runs one after the other: only what is in the parentheses is nested.
      const inMacro = isMacro && child === node.args[1] ? next.macrosAround : macrosAround;
      open.push({ node: child, depth: depth + 1, macrosAround: inMacro });
    }
  }
  return patterns;
}

function checkNode(node: Node, refuse: (message: string, hint?: string) => never): void {
  switch (node.op) {
    case 'value':
      if (typeof node.args === 'object' && node.args !== null) refuse('Bytes and unsigned ints are not supported.');
      return;
    case 'id':
      if (hostNames.has(node.args)) refuse(`There is no "${node.args}".`);
      return;
    case '.':
      if (hostNames.has(node.args[1])) refuse(`There is no "${node.args[1]}".`);
      return;
    case 'call': {
      const [name] = node.args;
      if (name !== 'has' && !Object.hasOwn(functions, name)) refuse(`There is no function ${name}().`, suggestion(name, ['has', ...Object.keys(functions)], '()'));
      return;
    }
    case 'rcall': {
      const [name, receiver] = node.args;
      if (!methods.has(name) || (name === 'bind') !== (receiver.op === 'id' && receiver.args === 'cel')) refuse(`There is no method ${name}().`, suggestion(name, [...methods], '()'));
      return;
    }
    default:
  }
}

function patternOf(node: Node, refuse: (message: string) => never): { source: string; compiled: RE2JS } | undefined {
  if (node.op !== 'rcall' || node.args[0] !== 'matches') return undefined;
  const [pattern] = node.args[2];
  if (pattern?.op !== 'value' || typeof pattern.args !== 'string') return refuse('The pattern of matches() is written out as a text, not computed.');
  const compiled = compilePattern(pattern.args);
  return typeof compiled === 'string' ? refuse(compiled) : { source: pattern.args, compiled };
}

interface Checkable { check(this: unknown, checker: unknown, node: unknown, context: unknown): { readonly name: string } }

/** The library keeps every type that it ever saw, so deep ones are refused as they come up. The attack tests watch this. */
function limitType(source: string, node: Node): void {
  const checkable = node as unknown as Checkable;
  const { check } = checkable;
  checkable.check = function limited(checker, checked, context) {
    const type = check.call(this, checker, checked, context);
    if (type.name.split('<').length - 1 > deepestType) throw new ExpressionError(`Lists and maps may be nested ${deepestType} deep.`, positionAt(source, node.pos));
    return type;
  };
}

/** The name that is meant, if one is nearly the same. */
export function suggestion(name: string, known: readonly string[], after = ''): string | undefined {
  const best = known.map((other) => ({ other, distance: editDistance(name.toLowerCase(), other.toLowerCase()) })).toSorted((left, right) => left.distance - right.distance)[0];
  return best && best.distance <= Math.max(1, Math.floor(name.length * 0.4)) ? `Did you mean "${best.other}${after}"?` : undefined;
}

function editDistance(left: string, right: string): number {
  if (Math.abs(left.length - right.length) > 4) return 5;
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [index, character] of [...left].entries()) {
    const next = [index + 1];
    for (let column = 1; column <= right.length; column += 1) {
      next.push(Math.min((next[column - 1] ?? 0) + 1, (row[column] ?? 0) + 1, (row[column - 1] ?? 0) + (right[column - 1] === character ? 0 : 1)));
    }
    row = next;
  }
  return row[right.length] ?? 5;
}
