/** What the type check knows: the variables of a declaration, and functions beside those of CEL. */
import { Environment, type ObjectSchema } from '@marcbachmann/cel-js';
import { LRUCache } from 'lru-cache';
import type { ExpressionDeclaration, ExpressionType } from './types.ts';

/** Their work is done in functions.ts; the library has no part in it. */
const signatures = [
  'Append(dyn, dyn): string', 'Append(dyn, dyn, dyn): string', 'Append(dyn, dyn, dyn, dyn): string', 'Append(dyn, dyn, dyn, dyn, dyn): string',
  'Append(dyn, dyn, dyn, dyn, dyn, dyn): string', 'Append(dyn, dyn, dyn, dyn, dyn, dyn, dyn): string', 'Append(dyn, dyn, dyn, dyn, dyn, dyn, dyn, dyn): string',
  'Equals(dyn, dyn): bool', 'IsNullOrEmpty(dyn): bool', 'ObjectToJsonString(dyn): string',
  'string.replace(string, string): string', 'string.charAt(int): string',
  'list<T>.distinct(): list<T>', 'list<string>.sort(): list<string>',
] as const;

const limits = { maxAstNodes: 1_000, maxDepth: 64, maxListElements: 256, maxMapEntries: 64, maxCallArguments: 8 };

/** Kept by what is declared: to make one costs more than to parse with it. */
export function createEnvironments(): (variables: ExpressionDeclaration['variables']) => Environment {
  const kept = new LRUCache<string, Environment>({ max: 100 });
  const base = new Environment({ limits, homogeneousAggregateLiterals: false });
  for (const signature of signatures) base.registerFunction(signature, notRunHere, { async: false });
  return (variables) => {
    const key = JSON.stringify(variables);
    const known = kept.get(key);
    if (known) return known;
    const made = base.clone();
    for (const [name, type] of Object.entries(variables)) declare(made, name, type);
    kept.set(key, made);
    return made;
  };
}

function notRunHere(): never {
  throw new Error('Expressions are evaluated by evaluate.ts.');
}

function declare(environment: Environment, name: string, type: ExpressionType): void {
  if (typeof type === 'object' && 'object' in type) environment.registerVariable(name, { schema: schemaOf(type.object) });
  else environment.registerVariable(name, typeName(type));
}

function schemaOf(fields: Readonly<Record<string, ExpressionType>>): ObjectSchema {
  return Object.fromEntries(Object.entries(fields).map(([name, type]) =>
    [name, typeof type === 'object' && 'object' in type ? schemaOf(type.object) : typeName(type)]));
}

/** Objects within lists and maps are maps: their members are found when it runs. */
export function typeName(type: ExpressionType): string {
  if (typeof type === 'string') return { timestamp: 'google.protobuf.Timestamp', duration: 'google.protobuf.Duration' }[type as string] ?? type;
  if ('list' in type) return `list<${typeName(type.list)}>`;
  if ('map' in type) return `map<string, ${typeName(type.map)}>`;
  return 'map<string, dyn>';
}
