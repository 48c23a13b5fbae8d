import type { Plan } from './plan.ts';

/** A plan as the APIs and the event log show it. */
export const viewPlan = ({ createdAt, updatedAt, id, name, description, builtIn, currency, quotas }: Plan) => ({
  id, name, description, builtIn, currency, quotas, createdAt: createdAt?.toISOString() ?? null, updatedAt: updatedAt?.toISOString() ?? null,
});
