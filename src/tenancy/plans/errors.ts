/** The refusals of this folder. */
import { conflict, notFound, Problem } from '../../core/errors.ts';
import type { Plan } from './plan.ts';
import type { Quota } from './quotas.ts';

export interface QuotaState { readonly quota: Quota; readonly plan: Plan; readonly limit: number; readonly used: number }

/** 403: there can be no more of it until some are removed or the plan changes; nothing comes back by waiting. */
export const quotaExceeded = ({ quota, plan, limit, used }: QuotaState) => new Problem({
  status: 403, code: 'Quota.Exceeded', title: 'The plan allows no more',
  detail: `The plan "${plan.name}" has room for ${limit} in "${quota}" and ${used} are there. Remove some, or ask the operator of the server for another plan.`,
  members: { quota, plan: plan.id, limit, used, resetsAt: null },
});

/** 429: it is there again when the month is over. */
export const usageExceeded = ({ quota, plan, limit, used }: QuotaState, resetsAt: Date, now: Date) => new Problem({
  status: 429, code: 'Quota.Exceeded', title: 'The plan allows no more this month',
  detail: `The plan "${plan.name}" has room for ${limit} in "${quota}" each month and ${used} are used. It begins anew at ${resetsAt.toISOString()}; the operator of the server can give another plan before.`,
  headers: { 'retry-after': String(Math.max(1, Math.ceil((resetsAt.getTime() - now.getTime()) / 1000))) },
  members: { quota, plan: plan.id, limit, used, resetsAt: resetsAt.toISOString() },
});

export const planNotFound = () => notFound('plan');
export const planNameTaken = () => conflict('Operation.Failure.Plan.Already.Exist', 'Another plan has this name.', [{ field: 'name', code: 'taken', detail: 'choose another one' }]);
export const builtInPlanStays = () => conflict('Operation.Failure.Plan.Is.Built.In', 'This plan is part of the product; make one of your own.');
export const planInUse = (instances: number) => conflict('Operation.Failure.Plan.In.Use', `${instances} instances have this plan. Give them another one first.`);

export const statementNotFound = () => notFound('statement');

