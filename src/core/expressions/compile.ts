/** From a source to an expression that can be evaluated, or to what is wrong with it. */
import { LRUCache } from 'lru-cache';
import { Budget, BudgetExhausted } from './budget.ts';
import { createEnvironments, typeName } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { toResult } from './results.ts';
import { checkTree, suggestion, type Node } from './tree.ts';
import { ExpressionError, positionAt, type Expression, type ExpressionDeclaration, type ExpressionResult, type ExpressionType } from './types.ts';
import { EvaluationFailure } from './values.ts';

const longestSource = 4_096;
/** Expressions kept, and characters of their sources: a tree takes up to 300 bytes for each. */
const keptExpressions = 2_000;
const keptCharacters = 200_000;

// Neither holds anything of a server or an instance: the same source with the same types is always the same expression.
const environmentFor = createEnvironments();
const compiled = new LRUCache<string, Expression>({ max: keptExpressions, maxSize: keptCharacters, sizeCalculation: ({ source }) => source.length + 1 });
/** What is declared, as a key; declarations are constants of their features. */
const keys = new WeakMap<ExpressionDeclaration, string>();

/**
 * Parses and type-checks a source in CEL. One that was compiled before is found again, so callers keep sources, not
 * expressions. Throws ExpressionError with the place and, where it can be told, what would be right.
 */
export function compileExpression(source: string, declaration: ExpressionDeclaration): Expression {
  const key = `${keyOf(declaration)}\0${source}`;
  const known = compiled.get(key);
  if (known) return known;
  const made = compile(source, declaration);
  compiled.set(key, made);
  return made;
}

function keyOf(declaration: ExpressionDeclaration): string {
  const known = keys.get(declaration);
  if (known !== undefined) return known;
  const key = JSON.stringify(declaration);
  keys.set(declaration, key);
  return key;
}

function compile(source: string, declaration: ExpressionDeclaration): Expression {
  if (source.length > longestSource) throw new ExpressionError(`It has ${source.length.toLocaleString('en')} characters; at most ${longestSource.toLocaleString('en')} are taken.`, positionAt(source, longestSource));
  const wanted = wantedOf(declaration);
  try {
    const parsed = environmentFor(declaration.variables).parse(source);
    const patterns = checkTree(source, parsed.ast);
    const { type, error } = parsed.check();
    if (error) throw error;
    if (!wanted.some((one) => fits(type ?? 'dyn', typeName(one)))) throw new ExpressionError(`It gives ${readable(type ?? 'dyn')}, but ${wanted.map((one) => readable(typeName(one))).join(' or ')} is wanted.`, positionAt(source, 0));
    return { source, evaluate: (variables) => run(source, parsed.ast, { variables, patterns, wanted }) };
  } catch (error) {
    throw explain(error, source, declaration);
  }
}

type Prepared = Pick<Parameters<typeof evaluate>[1], 'variables' | 'patterns'> & { readonly wanted: readonly ExpressionType[] };

function run(source: string, tree: Node, { variables, patterns, wanted }: Prepared): ExpressionResult {
  const budget = new Budget();
  try {
    return { ok: true, value: toResult(evaluate(tree, { variables, patterns, budget }), wanted, budget) };
  } catch (error) {
    if (error instanceof EvaluationFailure) {
      return { ok: false, error: { message: error.message, ...(error.offset !== undefined && { position: positionAt(source, error.offset) }) } };
    }
    // What else may come (a stack that is full because the caller's is deep) is no value either.
    return { ok: false, error: { message: error instanceof BudgetExhausted ? error.message : 'It could not be evaluated.' } };
  }
}

function wantedOf({ result }: ExpressionDeclaration): readonly ExpressionType[] {
  return Array.isArray(result) ? result as readonly ExpressionType[] : [result as ExpressionType];
}

/** What is known only when it runs is checked there (results.ts). */
function fits(found: string, wanted: string): boolean {
  if (found === wanted || found.startsWith('dyn') || wanted === 'dyn') return true;
  if (found === 'list' || found === 'list<T>' || found.startsWith('list<dyn')) return wanted.startsWith('list<');
  if (found === 'map' || found.startsWith('map<K') || /^map<[^,]+, dyn/.test(found)) return wanted.startsWith('map<');
  return wanted === 'list<dyn>' ? found.startsWith('list<') : wanted === 'map<string, dyn>' && found.startsWith('map<string,');
}

function explain(error: unknown, source: string, declaration: ExpressionDeclaration): ExpressionError {
  if (error instanceof ExpressionError) return error;
  const { code, summary, range } = error as { code?: string; summary?: string; range?: { start: number } };
  // A stack that is full: so many signs before one operand that the parser did not come back.
  if (code === undefined || summary === undefined) return new ExpressionError('It is nested too deep.', positionAt(source, 0));
  return new ExpressionError(code === 'limit_exceeded' ? tooLarge(summary) : readable(summary), positionAt(source, range?.start ?? source.length), hintFor(code, summary, declaration));
}

/** The library names the option that it read the limit from. */
function tooLarge(summary: string): string {
  const [, name = '', most = ''] = /(\w+) \((\d+)\)/.exec(summary) ?? [];
  const parts: Readonly<Record<string, string>> = { maxDepth: 'levels of nesting', maxListElements: 'elements in a list', maxMapEntries: 'entries in a map', maxCallArguments: 'arguments in a call' };
  return `It has more than ${Number(most).toLocaleString('en')} ${parts[name] ?? 'parts'}.`;
}

function hintFor(code: string, summary: string, { variables }: ExpressionDeclaration): string | undefined {
  const name = /: (\w+)$/.exec(summary)?.[1] ?? '';
  if (code === 'unknown_variable') return suggestion(name, Object.keys(variables)) ?? `Known here: ${Object.keys(variables).join(', ')}.`;
  if (code === 'no_such_key') return suggestion(name, Object.values(variables).flatMap(fieldsOf));
  if (code === 'unexpected_character' && summary.endsWith('=')) return 'Equality is written "==".';
  if (code === 'incompatible_ternary_branches') return 'Both results of "? :" must be of one type.';
  return undefined;
}

function fieldsOf(type: ExpressionType): readonly string[] {
  if (typeof type === 'string') return [];
  if ('object' in type) return Object.entries(type.object).flatMap(([name, inner]) => [name, ...fieldsOf(inner)]);
  return 'list' in type ? fieldsOf(type.list) : fieldsOf(type.map);
}

/** The library's words for types, as our documents write them. */
function readable(text: string): string {
  return text.replaceAll(/'?\$(\w+)'?/g, '$1').replaceAll('google.protobuf.', '').replaceAll('Timestamp', 'timestamp').replaceAll('Duration', 'duration').replaceAll(/dyn<(\w+)>/g, '$1');
}
