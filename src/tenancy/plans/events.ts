/** What happens to plans, in the words of the log: plans themselves in that of the first instance, as they belong to none. */
import type { NewEvent } from '../../events/index.ts';

const ofPlan = (type: string) => (planId: string, change: { before?: object; after?: object }): NewEvent => ({ type, subject: { type: 'plan', id: planId }, ...change });

export const planCreated = ofPlan('plan.created');
export const planUpdated = ofPlan('plan.updated');
export const planDeleted = ofPlan('plan.deleted');

/** In the log of the instance. */
export const planAssigned = (instanceId: string, before: string, after: string): NewEvent =>
  ({ type: 'instance.plan_assigned', subject: { type: 'instance', id: instanceId }, before: { planId: before }, after: { planId: after } });

export const statementClosed = (instanceId: string, after: { month: string; planId: string; currency: string; total: string }): NewEvent =>
  ({ type: 'statement.closed', subject: { type: 'instance', id: instanceId }, after });
/** A counter did not say what is there. */
export const quotaCorrected = (instanceId: string, quota: string, before: number, after: number): NewEvent =>
  ({ type: 'quota.corrected', subject: { type: 'instance', id: instanceId }, before: { quota, used: before }, after: { quota, used: after } });
