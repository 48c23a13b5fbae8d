/**
 * Housekeeping: rows whose time has passed, in small portions so that no lock is held for long. Nothing depends on it:
 * every read tests the time itself. Sessions that ran out, and those of accounts whose time is over, end here, so that
 * their applications hear of it.
 */
import type { Core } from '../core/core.ts';
import { forEachInstance, type InstanceContext } from '../tenancy/index.ts';
import { endAllOfUser, end } from './sessions.ts';

const portion = 1_000;
const hour = 3_600_000;
const day = 24 * hour;

/** Sessions stay readable for a while after their end, with how their logout notices went. */
const keptSessionDays = 30;
const unusedBrowserDays = 400;

export const purgeAll = (core: Core): Promise<void> => forEachInstance(core, purgeInstance);

export async function purgeInstance(context: InstanceContext): Promise<void> {
  await endExpiredSessions(context);
  await endSessionsOfClosedAccounts(context);
  await endSessionsWithoutGrant(context);
  await purgeRows(context);
}

/** Ends what has run out, so that applications with a back channel hear of it. */
async function endExpiredSessions(context: InstanceContext): Promise<void> {
  const now = context.now();
  const expired = await context.db.session.findMany({
    where: { endedAt: null, OR: [{ idleExpiresAt: { lte: now } }, { absoluteExpiresAt: { lte: now } }] }, select: { id: true }, take: portion });
  for (const { id } of expired) await end(context, id, 'expired');
}

async function endSessionsOfClosedAccounts(context: InstanceContext): Promise<void> {
  const rows = await context.db.$queryRaw<{ userId: string }[]>`
    SELECT DISTINCT s."userId" FROM "Session" s
      JOIN "User" u ON u."instanceId" = s."instanceId" AND u.id = s."userId" AND (u.status <> 'enabled' OR u."expiresAt" <= ${context.now()})
     WHERE s."instanceId" = ${context.instance.id} AND s."endedAt" IS NULL LIMIT ${portion}`;
  for (const { userId } of rows) await endAllOfUser(context, userId, 'user_disabled');
}

/** The longest that an access token lives which is not stored (settings of applications and APIs). */
const longestTokenMilliseconds = day;

/** A sign-in that a program drew lives as long as what was granted: when nothing of it can be used any more, it ends. */
async function endSessionsWithoutGrant(context: InstanceContext): Promise<void> {
  const now = context.now();
  const rows = await context.db.$queryRaw<{ id: string }[]>`
    SELECT s.id FROM "Session" s
     WHERE s."instanceId" = ${context.instance.id} AND s."browserId" IS NULL AND s."endedAt" IS NULL AND s."lastSeenAt" < ${new Date(now.getTime() - longestTokenMilliseconds)}
       AND NOT EXISTS (
         SELECT 1 FROM "SessionParticipant" p
           JOIN "OidcRecord" r ON r."instanceId" = p."instanceId" AND r."grantId" = p."grantId" AND r."consumedAt" IS NULL AND r."expiresAt" > ${now}
          WHERE p."instanceId" = s."instanceId" AND p."sessionId" = s.id)
     LIMIT ${portion}`;
  for (const { id } of rows) await end(context, id, 'expired');
}

async function purgeRows(context: InstanceContext): Promise<void> {
  const { db, instance } = context;
  const now = context.now();
  const ago = (milliseconds: number) => new Date(now.getTime() - milliseconds);
  const id = instance.id;
  await inPortions(() => db.$executeRaw`DELETE FROM "Flow" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "Flow" WHERE "instanceId" = ${id} AND "expiresAt" < ${ago(day)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "Challenge" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "Challenge" WHERE "instanceId" = ${id} AND "expiresAt" < ${ago(hour)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "UsedProof" WHERE "instanceId" = ${id} AND (kind, hash) IN (SELECT kind, hash FROM "UsedProof" WHERE "instanceId" = ${id} AND "expiresAt" < ${ago(hour)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "Throttle" WHERE "instanceId" = ${id} AND (kind, "keyHash") IN (SELECT kind, "keyHash" FROM "Throttle" WHERE "instanceId" = ${id} AND "windowEndsAt" < ${ago(hour)} AND ("blockedUntil" IS NULL OR "blockedUntil" < ${now}) LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "CrossSitePost" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "CrossSitePost" WHERE "instanceId" = ${id} AND "expiresAt" < ${ago(60_000)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "SessionToken" WHERE "instanceId" = ${id} AND hash IN (SELECT hash FROM "SessionToken" WHERE "instanceId" = ${id} AND "retiredAt" < ${ago(hour)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "Session" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "Session" WHERE "instanceId" = ${id} AND "endedAt" < ${ago(keptSessionDays * day)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "RememberedDevice" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "RememberedDevice" WHERE "instanceId" = ${id} AND "expiresAt" < ${now} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "Recovery" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "Recovery" WHERE "instanceId" = ${id} AND "expiresAt" < ${ago(day)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "AddressChange" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "AddressChange" WHERE "instanceId" = ${id} AND "expiresAt" < ${ago(day)} LIMIT ${portion})`);
  await inPortions(() => db.$executeRaw`DELETE FROM "SetupLink" WHERE "instanceId" = ${id} AND id IN (SELECT id FROM "SetupLink" WHERE "instanceId" = ${id} AND "expiresAt" < ${ago(keptSessionDays * day)} LIMIT ${portion})`);
  // A browser that never signed in is of no use once its flows are gone.
  await inPortions(() => db.$executeRaw`
    DELETE FROM "Browser" WHERE "instanceId" = ${id} AND id IN (
      SELECT b.id FROM "Browser" b
       WHERE b."instanceId" = ${id} AND (b."lastSeenAt" < ${ago(unusedBrowserDays * day)}
          OR (b."lastSeenAt" < ${ago(2 * day)} AND NOT EXISTS (SELECT 1 FROM "KnownBrowser" k WHERE k."instanceId" = b."instanceId" AND k."browserId" = b.id)))
         AND NOT EXISTS (SELECT 1 FROM "Session" s WHERE s."instanceId" = b."instanceId" AND s."browserId" = b.id AND s."endedAt" IS NULL)
       LIMIT ${portion})`);
}

async function inPortions(deletePortion: () => Promise<number>): Promise<void> {
  let deleted: number;
  do deleted = await deletePortion(); while (deleted === portion);
}
