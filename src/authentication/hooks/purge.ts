/** Housekeeping: calls are kept for a week, marks of flows for a day (no flow lives so long). */
import type { Core } from '../../core/core.ts';
import { forEachInstance } from '../../tenancy/index.ts';

const day = 86_400_000;
const portion = 1_000;

export const purgeHooks = (core: Core): Promise<void> => forEachInstance(core, async ({ db, instance, now }) => {
  const ago = (days: number) => new Date(now().getTime() - days * day);
  const id = instance.id;
  while (await db.$executeRaw`DELETE FROM "FlowHookCall" WHERE "instanceId" = ${id} AND "id" IN (SELECT "id" FROM "FlowHookCall" WHERE "instanceId" = ${id} AND "createdAt" < ${ago(7)} LIMIT ${portion})` === portion);
  while (await db.$executeRaw`DELETE FROM "FlowHookRun" WHERE "instanceId" = ${id} AND ctid = ANY (ARRAY(SELECT ctid FROM "FlowHookRun" WHERE "instanceId" = ${id} AND "startedAt" < ${ago(1)} LIMIT ${portion}))` === portion);
});
