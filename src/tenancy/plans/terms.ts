/** The terms of a plan as they are stored, and as requests name them. */
import { z } from 'zod';
import { pricePattern } from './money.ts';
import { kindOf, quotaNames, quotas, type Quota } from './quotas.ts';

/** Far beyond everything, and exact in JavaScript. */
const most = 1_000_000_000_000;
/** A bucket takes no higher rate (settings, applications). */
const highestRate = 100_000;

const count = z.int().min(0).max(most);
const included = count.nullable().default(null).describe('The free part; null: all of it.');
const price = z.string().regex(pricePattern, 'must be a decimal in text with at most nine places, such as "0.001"').nullable().default(null)
  .describe('Of each unit beyond the free part, as a decimal in text; null: nothing is billed.');

function termsSchema(quota: Quota) {
  const { limitable, description } = quotas[quota];
  const limit = z.int().min(kindOf(quota) === 'rate' ? 1 : 0).max(kindOf(quota) === 'rate' ? highestRate : most).nullable().default(null).describe('The most there can be; null: no limit.');
  const noLimit = z.null().default(null).describe('Always null: it is billed, never refused.');
  const nothing = z.null().default(null).describe('Always null: rates are not billed.');
  const terms = kindOf(quota) === 'rate' ? { limit, included: nothing, price: nothing } : { limit: limitable ? limit : noLimit, included, price };
  return z.strictObject(terms)
    .refine((named) => named.price === null || named.included !== null, { path: ['included'], message: 'must be named where there is a price; 0: every unit is billed' })
    .optional().describe(description);
}

/** What a request names: of each quota limit, free part and price; what is left out is without limit and free. */
export const termsByQuota = z.strictObject(Object.fromEntries(quotaNames.map((quota) => [quota, termsSchema(quota)])));

const storedTerm = z.object({ limit: z.int().nullable().default(null), included: z.int().nullable().default(null), price: z.string().nullable().default(null) });

/** Quotas that this version does not know are passed over: the next version may have written them. */
export const storedTerms = z.object(Object.fromEntries(quotaNames.map((quota) => [quota, storedTerm.optional()])) as Record<Quota, z.ZodOptional<typeof storedTerm>>);
