/** The job of the month's end: statements of months that are over, and no more names of who was seen in them. */
import type { Core } from '../../core/core.ts';
import type { InstanceContext } from '../context.ts';
import { forEachInstance } from '../instances.ts';
import { monthOf, shiftMonth, startOfMonth } from './months.ts';
import { closeMonth } from './statements.ts';

/** Every server has written its usage by then, with a clock that is a little behind. */
const slackMs = 5 * 60_000;
const portion = 5_000;

export const closeMonths = (core: Core): Promise<void> => forEachInstance(core, closeMonthsOf);

/** Closes what is over and not closed: also months that a server missed because it was off. */
export async function closeMonthsOf(context: InstanceContext): Promise<void> {
  const current = monthOf(new Date(context.now().getTime() - slackMs));
  const previous = shiftMonth(current, -1);
  const instance = await context.db.instance.findUnique({ where: { id: context.instance.id }, select: { createdAt: true } });
  const used = await context.db.$queryRaw<{ month: string }[]>`
    SELECT DISTINCT "month" FROM "MonthlyUsage" AS u WHERE "instanceId" = ${context.instance.id} AND "month" < ${current}
       AND NOT EXISTS (SELECT 1 FROM "MonthlyStatement" s WHERE s."instanceId" = u."instanceId" AND s."month" = u."month")`;
  const months = new Set(used.map(({ month }) => month));
  if (instance && instance.createdAt < startOfMonth(current)) months.add(previous);
  const closed = await context.db.monthlyStatement.findMany({ where: { month: { in: [...months] } }, select: { month: true } });
  for (const { month } of closed) months.delete(month);
  for (const month of [...months].sort()) await closeMonth(context, month);
  await forgetSubjects(context, previous);
}

/** Of months before the last one. */
async function forgetSubjects(context: InstanceContext, before: string): Promise<void> {
  for (let gone = portion; gone === portion;) {
    gone = await context.db.$executeRaw`
      DELETE FROM "MonthlyUsageSubject" WHERE "instanceId" = ${context.instance.id} AND ctid = ANY (ARRAY(
        SELECT ctid FROM "MonthlyUsageSubject" WHERE "instanceId" = ${context.instance.id} AND "month" < ${before} LIMIT ${portion}))`;
  }
}
