import { omit } from '../../core/omit.ts';
import type { Plan } from './plan.ts';
import type { Statement } from './statements.ts';
import type { readQuotas } from './usage.ts';

/** A plan as the APIs and the event log show it. */
export const viewPlan = ({ createdAt, updatedAt, id, name, description, builtIn, currency, quotas }: Plan) => ({
  id, name, description, builtIn, currency, quotas, createdAt: createdAt?.toISOString() ?? null, updatedAt: updatedAt?.toISOString() ?? null,
});

export const viewQuotas = ({ plan: { id, name, currency }, items }: Awaited<ReturnType<typeof readQuotas>>) => ({ plan: { id, name, currency }, items, next: null });

export const viewStatement = ({ plan: { id, name }, closedAt, lines, ...statement }: Statement) =>
  ({ ...statement, plan: { id, name }, lines: [...lines], closedAt: closedAt?.toISOString() ?? null });

/** In lists the lines are left out. */
export const viewStatements = ({ items, next }: { items: Statement[]; next: string | null }) => ({ items: items.map((statement) => omit(viewStatement(statement), 'lines')), next });
