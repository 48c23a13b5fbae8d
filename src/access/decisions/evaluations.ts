/** Several questions in one request (§7). */
import { invalidParameters, Problem } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { judge } from './judge.ts';
import type { Decision, Evaluation, Evaluations } from './schemas.ts';

/** §7.1: without evaluations it is one question. @throws Problem 400 when that one is not whole, 403 beyond the caller's scope */
export async function judgeAll(context: InstanceContext, { evaluations, options, ...defaults }: Evaluations): Promise<Decision | { evaluations: Decision[] }> {
  if (evaluations === undefined || evaluations.length === 0) {
    const whole = wholeOf(defaults);
    if ('missing' in whole) throw invalidParameters([{ field: whole.missing, code: 'missing', detail: 'is needed where there are no evaluations' }]);
    return judge(context, whole);
  }
  const stopAt = stops[options?.evaluations_semantic ?? 'execute_all'];
  const decisions: Decision[] = [];
  for (const evaluation of evaluations) {
    const decision = await judgeOne(context, { ...defaults, ...evaluation });
    decisions.push(decision);
    if (decision.decision === stopAt) break;
  }
  return { evaluations: decisions };
}

/** §7.1.2: the answer after which the others need not be asked. */
const stops = { execute_all: undefined, deny_on_first_deny: false, permit_on_first_permit: true } as const;

/** §7.2.1: what cannot be answered is a "no" of its own and keeps the others from nothing. */
async function judgeOne(context: InstanceContext, parts: Parts): Promise<Decision> {
  const whole = wholeOf(parts);
  if ('missing' in whole) return failed(400, `${whole.missing} is missing`);
  try {
    return await judge(context, whole);
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return failed(error.status, error.detail);
    throw error;
  }
}

const failed = (status: number, message: string): Decision => ({ decision: false, context: { code: 'not_evaluated', error: { status, message } } });

type Parts = { readonly [Name in keyof Evaluation]?: Evaluation[Name] | undefined };

function wholeOf({ subject, action, resource, context }: Parts): Evaluation | { missing: string } {
  if (!subject) return { missing: 'subject' };
  if (!action) return { missing: 'action' };
  if (!resource) return { missing: 'resource' };
  return { subject, action, resource, context };
}
