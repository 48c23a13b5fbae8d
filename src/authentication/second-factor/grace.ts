/** The days in which somebody who has no second factor may put it off, counted from when they first did. */
import type { InstanceContext } from '../../tenancy/index.ts';

/** Undefined: it cannot be put off here. For who never did, the time would begin now. */
export async function findGraceEnd(context: InstanceContext, userId: string | undefined): Promise<Date | undefined> {
  const { graceDays } = context.instance.settings.secondFactor;
  if (graceDays === 0) return undefined;
  const row = userId === undefined ? null : await context.db.secondFactorGrace.findUnique({ where: { instanceId_userId: { instanceId: context.instance.id, userId } } });
  return new Date((row?.startedAt ?? context.now()).getTime() + graceDays * 86_400_000);
}

/** False: it began before. */
export async function startGrace(tx: InstanceContext, userId: string): Promise<boolean> {
  const { count } = await tx.db.secondFactorGrace.createMany({ data: [{ userId, startedAt: tx.now() }], skipDuplicates: true });
  return count > 0;
}
