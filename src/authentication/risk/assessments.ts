/** Assessments as administrators see them. */
import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { userWithinLimit, limitPathsOf } from '../../directory/index.ts';
import { Prisma, type RiskAssessment } from '../../generated/prisma/client.ts';
import type { Core } from '../../core/core.ts';
import { forEachInstance, type InstanceContext } from '../../tenancy/index.ts';
import { judge, measurementsSchema, type RiskAction } from './policy.ts';

export interface AssessmentFilters {
  userId?: string | undefined;
  flowId?: string | undefined;
  action?: RiskAction | undefined;
  minimumScore?: number | undefined;
  since?: string | undefined;
  until?: string | undefined;
}

/** Newest first. */
export async function listAssessments(context: InstanceContext, { limit, cursor, ...filters }: AssessmentFilters & { limit: number; cursor?: string | undefined }) {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nrisk-assessments\n${JSON.stringify(filters)}`;
  const [before] = decodeCursor(keyring, scope, cursor) ?? [];
  const { userId, flowId, action, minimumScore, since, until } = filters;
  const when = (condition: boolean, sql: Prisma.Sql) => (condition ? sql : Prisma.sql`TRUE`);
  const rows = await context.db.$queryRaw<{ id: string }[]>`
    SELECT a."id" FROM "RiskAssessment" a
     WHERE a."instanceId" = ${context.instance.id}
       AND ${when(before !== undefined, Prisma.sql`a."id" < ${String(before)}`)}
       AND ${when(userId !== undefined, Prisma.sql`a."userId" = ${userId}`)}
       AND ${when(flowId !== undefined, Prisma.sql`a."flowId" = ${flowId}`)}
       AND ${when(action !== undefined, Prisma.sql`a."action" = ${action}`)}
       AND ${when(minimumScore !== undefined, Prisma.sql`a."score" >= ${minimumScore}`)}
       AND ${when(since !== undefined, Prisma.sql`a."createdAt" >= ${new Date(since ?? 0)}`)}
       AND ${when(until !== undefined, Prisma.sql`a."createdAt" < ${new Date(until ?? 0)}`)}
       AND ${when(limitPathsOf(context) !== undefined, userWithinLimit(context, Prisma.sql`a."userId"`))}
     ORDER BY a."id" DESC LIMIT ${limit + 1}`;
  const found = await context.db.riskAssessment.findMany({ where: { id: { in: rows.map(({ id }) => id) } }, orderBy: { id: 'desc' } });
  const page = pageFrom(keyring, scope, found, limit, ({ id }) => [id]);
  return { items: page.items.map((row) => view(context, row)), next: page.next };
}

/** Explained by the limits of now: what was measured stays as it was. */
function view(context: InstanceContext, row: RiskAssessment) {
  const measurements = measurementsSchema.parse(row.measurements);
  const texts = new Map(judge(measurements, { ...context.instance.settings.risk, weights: allWeigh }).reasons.map(({ signal, text }) => [signal as string, text]));
  return {
    id: row.id, flowId: row.flowId, userId: row.userId, applicationId: row.applicationId, channel: row.channel, purpose: row.purpose,
    createdAt: row.createdAt.toISOString(), completedAt: row.completedAt?.toISOString() ?? null,
    address: row.address, userAgent: row.userAgent, country: row.country, city: row.city,
    score: row.score, action: row.action as RiskAction, enforced: row.enforced,
    reasons: row.reasons.map((signal) => ({ signal, text: texts.get(signal) ?? signal })),
    signals: Object.fromEntries(Object.entries(measurements).map(([name, found]) => [name, found.state === 'measured' ? Math.round(found.value * 100) / 100 : found.state])) };
}

const allWeigh = { new_device: 1, new_place: 1, impossible_travel: 1, bad_address: 1, bot_agent: 1, velocity_address: 1, velocity_name: 1, velocity_user: 1, failure_burst: 1, breached_password: 1 };

const portion = 1_000;

/** Housekeeping: assessments past their days, counters past their windows, replays of a week ago. */
export const purgeRisk = (core: Core): Promise<void> => forEachInstance(core, async ({ db, instance, now }) => {
  const ago = (seconds: number) => new Date(now().getTime() - seconds * 1_000);
  const { id } = instance;
  const inPortions = async (remove: () => Promise<number>) => { while (await remove() === portion); };
  await inPortions(() => db.$executeRaw`DELETE FROM "RiskAssessment" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "RiskAssessment" WHERE "instanceId" = ${id} AND "createdAt" < ${ago(instance.settings.risk.keepDays * 86_400)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "RiskCounter" WHERE "instanceId" = ${id} AND (kind, "keyHash") IN (SELECT kind, "keyHash" FROM "RiskCounter" WHERE "instanceId" = ${id} AND "windowStartsAt" < ${ago(3_600)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "RiskReplay" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "RiskReplay" WHERE "instanceId" = ${id} AND "createdAt" < ${ago(7 * 86_400)} LIMIT ${portion})`);
});
