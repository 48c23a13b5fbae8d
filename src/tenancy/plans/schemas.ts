/** Plans, quotas and statements as the REST APIs take and show them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { longText, text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { isCurrency } from './money.ts';
import { monthPattern } from './months.ts';
import { builtInPlans } from './plan.ts';
import { quotaNames } from './quotas.ts';
import { termsByQuota } from './terms.ts';

const timestamp = z.string().describe('RFC 3339, UTC.');
const builtInIds = builtInPlans.map(({ id }) => id).join('|');
export const planIdSchema = z.string().regex(new RegExp(`^(?:${builtInIds})$|${idPattern('plan').source}`), 'must be `free`, `unlimited` or the id of a plan, such as plan_01k9v6z3x4p5q6r7s8t9v0w1x2');
const currency = z.string().regex(/^[A-Z]{3}$/, 'must be a code of ISO 4217, such as USD').refine(isCurrency, 'must be a code of ISO 4217 that is in use, such as USD').describe('ISO 4217.');

const example = {
  name: 'Business', currency: 'USD',
  quotas: { users: { limit: 5000, included: 1000, price: '0.02' }, machineApplications: { limit: 20 }, scimCalls: { included: 10_000, price: '0.001' }, requestsPerSecond: { limit: 200 } },
};
const profile = { name: text(80), description: longText(500).nullable(), currency, quotas: termsByQuota };
export const createPlanSchema = z.strictObject({ ...profile, description: profile.description.optional(), quotas: termsByQuota.default({}) }).meta({ id: 'CreatePlan', examples: [example] });
export type CreatePlan = z.infer<typeof createPlanSchema>;
export const updatePlanSchema = z.strictObject(profile).partial().meta({ id: 'UpdatePlan', description: 'Only what is named changes; `quotas` is replaced as a whole.', examples: [{ quotas: example.quotas }] });
export type UpdatePlan = z.infer<typeof updatePlanSchema>;

const quotaSchema = z.enum(quotaNames);
const price = z.string().nullable().describe('Of each unit beyond the free part, a decimal in text; null: nothing is billed.');
const included = z.int().nullable().describe('The free part; null: all of it.');
const termsView = z.object({ limit: z.int().nullable(), included, price });

export const planSchema = z.object({
  id: z.string(), name: z.string(), description: z.string().nullable(),
  builtIn: z.boolean().describe('Part of the product; neither changed nor deleted.'),
  currency: z.string(),
  quotas: z.partialRecord(quotaSchema, termsView).describe('A quota that is not named has no limit and no price.'),
  createdAt: timestamp.nullable(), updatedAt: timestamp.nullable(),
}).meta({ id: 'Plan' });
export const planPage = pageOf(planSchema).meta({ id: 'PlanPage' });
export const planParams = z.object({ planId: planIdSchema });
export const listPlansQuery = z.strictObject({ ...pageQuery.shape });

export const assignPlanSchema = z.strictObject({ planId: planIdSchema }).meta({ id: 'AssignPlan', examples: [{ planId: 'free' }] });
export const assignmentSchema = z.object({ plan: planSchema, since: timestamp.nullable().describe('Null: the instance was never given one.') }).meta({ id: 'InstancePlan' });

export const quotasSchema = z.object({
  plan: z.object({ id: z.string(), name: z.string(), currency: z.string() }),
  items: z.array(z.object({
    quota: quotaSchema, description: z.string(),
    kind: z.enum(['counted', 'monthly', 'distinct', 'rate']).describe('counted: what there is now. monthly: what was done in the month. distinct: who was seen in the month. rate: how often in a stretch of time.'),
    limit: z.int().nullable().describe('Null: none.'),
    used: z.int().nullable().describe('Null for a rate.'),
    exact: z.boolean().describe('False: more than 10,000 without a limit; then `used` is of the last count, which is up to an hour old.'),
    remaining: z.int().nullable().describe('Null without a limit. 0 also where there is more than the limit, as after a change of the plan.'),
    resetsAt: timestamp.nullable().describe('When a month begins anew; null for what is counted.'),
    included, price,
  })),
  next: z.null(),
}).meta({ id: 'Quotas' });

const statementLine = z.object({
  quota: quotaSchema, used: z.int(), included,
  billed: z.int().describe('What is beyond the free part.'),
  price, amount: z.string().describe('A decimal in text, rounded to the smallest unit of the currency, half of one up.'),
});
export const statementSchema = z.object({
  month: z.string(),
  status: z.enum(['provisional', 'closed']).describe('closed: the month is over and the statement never changes.'),
  plan: z.object({ id: z.string(), name: z.string() }).describe('The one at the end of the month.'),
  currency: z.string(), lines: z.array(statementLine),
  total: z.string().describe('The sum of the amounts.'),
  closedAt: timestamp.nullable(),
}).meta({ id: 'Statement' });
export const statementPage = pageOf(statementSchema.omit({ lines: true })).meta({ id: 'StatementPage' });
export const statementParams = z.object({ month: z.string().regex(monthPattern, 'must be a month such as 2026-11') });
export const listStatementsQuery = z.strictObject({ ...pageQuery.shape });
