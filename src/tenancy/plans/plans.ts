/** The plans that the operator makes. They belong to no instance; their events are in the log of the first one. */
import { isUniqueViolation } from '../../core/database.ts';
import { checkEntityTag } from '../../core/http/entity-tag.ts';
import { newId } from '../../core/ids.ts';
import { sqlStateOf } from '../../core/sql-state.ts';
import { append, type NewEvent } from '../../events/index.ts';
import type { Plan as PlanRow } from '../../generated/prisma/client.ts';
import type { Core } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';
import { builtInPlanStays, planInUse, planNameTaken, planNotFound } from './errors.ts';
import * as events from './events.ts';
import { builtInPlans, findBuiltInPlan, limitOf, type Plan, planFromRow } from './plan.ts';
import { announcePlan, forgetPlan } from './plan-cache.ts';
import { countedQuotas } from './quotas.ts';
import type { CreatePlan, UpdatePlan } from './schemas.ts';
import { viewPlan } from './view.ts';

const keyOfName = (name: string) => name.normalize('NFKC').toLowerCase();
const builtInNames = builtInPlans.map(({ name }) => keyOfName(name));

/** Those that somebody made, by their ids. */
export async function listPlanRows(core: Core, { limit, after }: { limit: number; after?: string | undefined }): Promise<Plan[]> {
  const rows = await core.database.plan.findMany({ ...(after !== undefined && { where: { id: { gt: after } } }), orderBy: { id: 'asc' }, take: limit });
  return rows.map(planFromRow);
}

/** @throws Problem 404 */
export async function readAnyPlan(core: Core, planId: string): Promise<Plan> {
  const builtIn = findBuiltInPlan(planId);
  if (builtIn) return builtIn;
  const row = await core.database.plan.findUnique({ where: { id: planId } });
  if (!row) throw planNotFound();
  return planFromRow(row);
}

/** `context` is of the first instance. @throws Problem 409 (name taken) */
export function createPlan(context: InstanceContext, { name, description, currency, quotas }: CreatePlan): Promise<Plan> {
  return changing(context, async (tx) => {
    rejectBuiltInName(name);
    const id = newId('plan', tx.now().getTime());
    const [row] = await tx.db.$queryRaw<PlanRow[]>`
      INSERT INTO "Plan" ("id", "name", "nameKey", "description", "currency", "quotas", "createdAt", "updatedAt")
      VALUES (${id}, ${name}, ${keyOfName(name)}, ${description ?? null}, ${currency}, ${JSON.stringify(quotas)}::jsonb, ${tx.now()}, ${tx.now()}) RETURNING *`;
    const plan = fromFirst(row);
    return { plan, event: events.planCreated(id, { after: viewPlan(plan) }) };
  });
}

/**
 * Changes what is named; `quotas` is replaced as a whole. Every instance with the plan acts by it within a second.
 * @throws Problem 404, 409 (built in, name taken), 412
 */
export function updatePlan(context: InstanceContext, planId: string, change: UpdatePlan, ifMatch?: string): Promise<Plan> {
  return changing(context, async (tx) => {
    const before = await loadPlanForUpdate(tx, planId);
    checkEntityTag(ifMatch, before.version);
    const { name = before.name, description = before.description, currency = before.currency, quotas = before.quotas } = change;
    if (change.name !== undefined) rejectBuiltInName(name);
    const [row] = await tx.db.$queryRaw<PlanRow[]>`
      UPDATE "Plan" SET "name" = ${name}, "nameKey" = ${keyOfName(name)}, "description" = ${description}, "currency" = ${currency},
             "quotas" = ${JSON.stringify(quotas)}::jsonb, "version" = "version" + 1, "updatedAt" = ${tx.now()}
       WHERE "id" = ${planId} RETURNING *`;
    const plan = fromFirst(row);
    await forgetCounters(tx, before, plan);
    return { plan, event: events.planUpdated(planId, { before: viewPlan(before), after: viewPlan(plan) }) };
  });
}

/** @throws Problem 404, 409 (built in, or an instance has it), 412 */
export async function deletePlan(context: InstanceContext, planId: string, ifMatch?: string): Promise<void> {
  await changing(context, async (tx) => {
    const plan = await loadPlanForUpdate(tx, planId);   // who gives it to an instance holds its row meanwhile
    checkEntityTag(ifMatch, plan.version);
    const [uses] = await tx.db.$queryRaw<{ count: bigint }[]>`SELECT count("instanceId") AS "count" FROM "InstancePlan" WHERE "planId" = ${planId}`;
    if (Number(uses?.count) > 0) throw planInUse(Number(uses?.count));
    await tx.db.$executeRaw`DELETE FROM "Plan" WHERE "id" = ${planId}`;
    return { plan, event: events.planDeleted(planId, { before: viewPlan(plan) }) };
  });
}

/** What had no limit before or has none now is not kept in between: it is counted anew at its next use. */
async function forgetCounters(tx: InstanceContext, before: Plan, after: Plan): Promise<void> {
  const uncounted = countedQuotas.filter((quota) => limitOf(before, quota) === undefined || limitOf(after, quota) === undefined);
  await tx.db.$executeRaw`
    UPDATE "QuotaCounter" c SET "exact" = FALSE FROM "InstancePlan" p
     WHERE c."instanceId" = p."instanceId" AND p."planId" = ${after.id} AND c."quota" = ANY (${uncounted}::text[])`;
}

async function loadPlanForUpdate(tx: InstanceContext, planId: string): Promise<Plan> {
  if (findBuiltInPlan(planId)) throw builtInPlanStays();
  const [row] = await tx.db.$queryRaw<PlanRow[]>`SELECT * FROM "Plan" WHERE "id" = ${planId} FOR UPDATE`;
  if (!row) throw planNotFound();
  return planFromRow(row);
}

function fromFirst(row: PlanRow | undefined): Plan {
  if (!row) throw new Error('the plan was not written');
  return planFromRow(row);
}

function rejectBuiltInName(name: string): void {
  if (builtInNames.includes(keyOfName(name))) throw planNameTaken();
}

async function changing(context: InstanceContext, work: (tx: InstanceContext) => Promise<{ plan: Plan; event: NewEvent }>): Promise<Plan> {
  try {
    const plan = await context.transaction(async (tx) => {
      const made = await work(tx);
      await append(tx, made.event);
      await announcePlan(tx, made.plan.id);
      return made.plan;
    });
    forgetPlan(context.core, plan.id);
    return plan;
  } catch (error) {
    throw isUniqueViolation(error) || sqlStateOf(error) === '23505' ? planNameTaken() : error;
  }
}
