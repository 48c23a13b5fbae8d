/** A plan: what an instance may hold and use, and what is billed. Two are built in; the operator makes others. */
import type { Plan as PlanRow } from '../../generated/prisma/client.ts';
import type { Quota } from './quotas.ts';
import { storedTerms } from './terms.ts';

/** Of one quota. Null: no limit; all of it free; no price. */
export interface Terms {
  /** The most there can be; beyond it is refused. */
  readonly limit: number | null;
  /** The free part; what is beyond it costs `price` a unit. */
  readonly included: number | null;
  /** A decimal such as `0.001`. */
  readonly price: string | null;
}

export interface Plan {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly builtIn: boolean;
  /** ISO 4217. */
  readonly currency: string;
  readonly quotas: Readonly<Partial<Record<Quota, Terms>>>;
  readonly version: number;
  readonly createdAt: Date | null;
  readonly updatedAt: Date | null;
}

const none: Terms = { limit: null, included: null, price: null };

export const termsOf = (plan: Plan, quota: Quota): Terms => plan.quotas[quota] ?? none;
export const limitOf = (plan: Plan, quota: Quota): number | undefined => termsOf(plan, quota).limit ?? undefined;

const builtIn = { builtIn: true, version: 1, createdAt: null, updatedAt: null } as const;

/** What an instance has that nobody gave a plan: the server is its owner's own. */
export const unlimitedPlan: Plan = { ...builtIn, id: 'unlimited', name: 'Unlimited', description: 'No limits and no prices: for servers of one owner.', currency: 'USD', quotas: {} };

export const freePlan: Plan = {
  ...builtIn, id: 'free', name: 'Free', currency: 'USD',
  description: 'Two machine applications, 100 identity sources, 55 federation trust sources and 10,000 free SCIM calls a month, 100 requests a second.',
  quotas: {
    machineApplications: { ...none, limit: 2 },
    identitySources: { ...none, limit: 100 },
    federationTrustSources: { ...none, limit: 55 },
    scimCalls: { limit: null, included: 10_000, price: '0.001' },
    requestsPerSecond: { ...none, limit: 100 },
    webhookCallsPerMinute: { ...none, limit: 100 },
  },
};

/** In the order of lists: before all that somebody made. */
export const builtInPlans: readonly Plan[] = [freePlan, unlimitedPlan];
export const findBuiltInPlan = (planId: string): Plan | undefined => builtInPlans.find(({ id }) => id === planId);

export function planFromRow(row: PlanRow): Plan {
  const { id, name, description, currency, version, createdAt, updatedAt } = row;
  return { id, name, description, currency, version, createdAt, updatedAt, builtIn: false, quotas: storedTerms.parse(row.quotas) as Plan['quotas'] };
}
