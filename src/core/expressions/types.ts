/** What an expression works on, what it gives, and how it fails. */

/** `dyn` is known only when it runs. An object has these fields and no others; a map has whatever it has. */
export type ExpressionType =
  | 'string' | 'bool' | 'int' | 'double' | 'timestamp' | 'duration' | 'dyn'
  | { readonly list: ExpressionType }
  | { readonly map: ExpressionType }
  | { readonly object: { readonly [field: string]: ExpressionType } };

export interface ExpressionDeclaration {
  readonly variables: Readonly<Record<string, ExpressionType>>;
  /** One of several is given as a list; ask `typeof` of the value. */
  readonly result: ExpressionType | readonly ExpressionType[];
}

/** Where in the source: `line` and `column` count from 1, `offset` from 0, in UTF-16 units. */
export interface ExpressionPosition { readonly line: number; readonly column: number; readonly offset: number }

/** An int and a double come as a number, a timestamp as a Date, a map as an object without prototype. */
export type ExpressionResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: { readonly message: string; readonly position?: ExpressionPosition } };

export interface Expression {
  readonly source: string;
  /**
   * Never throws, and ends within 50 ms. `ok: false` (an error, a value that is not there, an exhausted budget) is to
   * be taken as "no": it denies and it gives nothing. What is `undefined` or `null` in `variables` is not there.
   */
  evaluate(variables: Readonly<Record<string, unknown>>): ExpressionResult;
}

/** The source cannot be used: syntax, types, names or size. */
export class ExpressionError extends Error {
  readonly position: ExpressionPosition;
  /** What would be right, where that can be told. */
  readonly hint: string | undefined;

  constructor(message: string, position: ExpressionPosition, hint?: string) {
    super(message);
    this.name = 'ExpressionError';
    this.position = position;
    this.hint = hint;
  }
}

export function positionAt(source: string, offset: number): ExpressionPosition {
  const before = source.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: before.length - lineStart + 1, offset: before.length };
}
