import { setImmediate } from 'node:timers/promises';
import type { InstanceContext } from '../../tenancy/index.ts';
import { userNotFound } from '../errors.ts';
import { viewMember } from '../member-rows.ts';
import { compileRule, evaluateRule } from './rule.ts';
import { rejectRuleBeyondRights } from './rule-rights.ts';
import { readNextRuleUsers, readRuleUsers } from './rule-users.ts';

export interface PreviewRule {
  rule: string;
  userId?: string | undefined;
  limit: number;
  after?: string | undefined;
}

/** Milliseconds of evaluation after which a preview ends early; `next` goes on. */
const longestMs = 500;
const turnMs = 20;

/** Tries a rule without saving it: for one user, or for the next `limit` users. @throws Problem 400 (wrong rule), 403, 404 */
export async function previewRule(context: InstanceContext, { rule, userId, limit, after = '' }: PreviewRule) {
  rejectRuleBeyondRights(context);
  compileRule(rule);
  if (userId !== undefined) return previewForUser(context, rule, userId);
  const users = await readNextRuleUsers(context, after, limit);
  const matches: ReturnType<typeof viewMember>[] = [];
  let [evaluated, errors] = [0, 0];
  let firstError: { userId: string; error: string } | null = null;
  let lastId = after;
  const begun = performance.now();
  let turn = begun;
  for (const { row, variables } of users) {
    lastId = row.id;
    if (row.recycledAt !== null) continue;
    const { matches: isMatch, error } = evaluateRule(rule, variables);
    evaluated += 1;
    if (isMatch) matches.push(viewMember(row, context.now()));
    if (error !== undefined) {
      errors += 1;
      firstError ??= { userId: row.id, error };
    }
    const now = performance.now();
    if (now - begun > longestMs) break;
    if (now - turn < turnMs) continue;
    await setImmediate();
    turn = performance.now();
  }
  const isEnd = users.length < limit && lastId === (users.at(-1)?.row.id ?? after);
  return { evaluated, matches, errors, firstError, user: null, next: isEnd ? null : lastId };
}

async function previewForUser(context: InstanceContext, rule: string, userId: string) {
  const [user] = await readRuleUsers(context, [userId]);
  if (!user || user.row.recycledAt !== null) throw userNotFound();
  const { matches, error } = evaluateRule(rule, user.variables);
  return {
    evaluated: 1, matches: matches ? [viewMember(user.row, context.now())] : [], errors: error === undefined ? 0 : 1,
    firstError: error === undefined ? null : { userId, error }, user: { value: error === undefined ? matches : null, error: error ?? null }, next: null,
  };
}
