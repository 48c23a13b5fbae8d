/** The rule of a dynamic group: a CEL expression over the attributes of a user, true for members. */
import { compileExpression, type Expression, ExpressionError, type ExpressionType } from '../../core/expressions/index.ts';
import { ruleRefused } from './errors.ts';

/** What a rule sees of a user. No groups: whether a group has a member would hang on its own answer. */
export const ruleUserType: ExpressionType = {
  object: {
    id: 'string', username: 'string', displayName: 'string', givenName: 'string', familyName: 'string', email: 'string', emailVerified: 'bool',
    phone: 'string', locale: 'string', timeZone: 'string', externalId: 'string', status: 'string',
    dict: { map: 'dyn' }, organizationalUnits: { list: 'string' }, organizationalUnitIds: { list: 'string' },
  },
};

/** @throws Problem 400 that says where the rule is wrong */
export function compileRule(source: string): Expression {
  try {
    return compileExpression(source, { variables: { user: ruleUserType }, result: 'bool' });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw ruleRefused(error.hint === undefined ? error.message : `${error.message} ${error.hint}`, error.position);
  }
}

export interface Evaluation { readonly matches: boolean; readonly error?: string }

/** An error is no member. A rule that this version cannot read any more matches nobody. */
export function evaluateRule(source: string, user: object): Evaluation {
  let rule: Expression;
  try {
    rule = compileRule(source);
  } catch (error) {
    return { matches: false, error: error instanceof Error ? error.message : 'The rule cannot be read.' };
  }
  const result = rule.evaluate({ user });
  return result.ok ? { matches: result.value === true } : { matches: false, error: result.error.message };
}
