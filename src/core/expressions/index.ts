/** The one expression language: CEL (docs/decisions), type-checked when saved, bounded when run. */
export { compileExpression } from './compile.ts';
export { ExpressionError, type Expression, type ExpressionDeclaration, type ExpressionPosition, type ExpressionResult, type ExpressionType } from './types.ts';
