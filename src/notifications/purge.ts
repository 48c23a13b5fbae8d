/** Housekeeping: what is in messages goes first, then the messages. */
import type { Core } from '../core/core.ts';
import { forEachInstance, type InstanceContext } from '../tenancy/index.ts';
import { outboxMilliseconds } from './log.ts';

const keptDays = 30;
const portion = 1_000;

export const purgeNotifications = (core: Core): Promise<void> => forEachInstance(core, purgeInstance);

export async function purgeInstance(context: InstanceContext): Promise<void> {
  const { db, instance } = context;
  const ago = (milliseconds: number) => new Date(context.now().getTime() - milliseconds);
  await db.$executeRaw`UPDATE "NotificationMessage" SET "sealedContent" = NULL WHERE "instanceId" = ${instance.id} AND "createdAt" < ${ago(outboxMilliseconds)} AND "sealedContent" IS NOT NULL AND "expiresAt" < ${context.now()}`;
  // Those to nobody, or too many, say little; strangers can make many of them.
  await inPortions(() => db.$executeRaw`
    DELETE FROM "NotificationMessage" WHERE "instanceId" = ${instance.id} AND "id" IN (SELECT "id" FROM "NotificationMessage" WHERE "instanceId" = ${instance.id}
      AND ("createdAt" < ${ago(keptDays * 86_400_000)} OR ("status" IN ('limited', 'nobody') AND "createdAt" < ${ago(86_400_000)})) LIMIT ${portion})`);
}

async function inPortions(work: () => Promise<number>): Promise<void> {
  while (await work() === portion);
}
