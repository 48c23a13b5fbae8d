/**
 * Which users are in which units. Each change is for up to a thousand users at once: their memberships are read, the
 * wanted ones worked out, and the difference written in a few statements, with an event for each.
 */
import { append, type NewEvent } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { keepDynamicGroups } from '../groups/keep-dynamic-groups.ts';
import { guardUsers } from '../guards.ts';
import { beyondLimit, limitPathsOf, rejectChangeOutsideLimit, rejectUnitOutsideLimit } from '../limits.ts';
import { lockUsers } from '../lock-users.ts';
import type { BatchResult } from '../member-schemas.ts';
import { announceMemberships, forgetMemberships } from '../memberships.ts';
import { notAMember, organizationalUnitNotFound, primaryNotAmong, tooManyUnits } from './errors.ts';
import { primaryUnitChanged, unitMemberAdded, unitMemberRemoved } from './events.ts';

/** Units of one user, the longest-standing first. */
export interface UnitOfUser { readonly id: string; readonly isPrimary: boolean }

const mostUnitsOfUser = 100;

/**
 * Adds users to a unit. The first unit of a user is the primary one.
 * @throws Problem 404 (no such unit or user)
 */
export function addUnitMembers(context: InstanceContext, organizationalUnitId: string, userIds: readonly string[], options: { primary?: boolean; leaveOthers?: boolean } = {}): Promise<BatchResult> {
  return changeUnits(context, userIds, [organizationalUnitId], (before) => {
    const kept = options.leaveOthers ? before.filter(({ id }) => id === organizationalUnitId) : before;
    const after = kept.some(({ id }) => id === organizationalUnitId) ? kept : [...kept, { id: organizationalUnitId, isPrimary: false }];
    return options.primary ? withPrimary(after, organizationalUnitId) : after;
  });
}

/** Takes users out of a unit. Where it was the primary one, the longest-standing of the others becomes it. @throws Problem 404 */
export function removeUnitMembers(context: InstanceContext, organizationalUnitId: string, userIds: readonly string[]): Promise<BatchResult> {
  return changeUnits(context, userIds, [organizationalUnitId], (before) => before.filter(({ id }) => id !== organizationalUnitId));
}

/** The units of a user are these and no others. @throws Problem 404, 400 (the primary one is not among them) */
export function putUnitsOfUser(context: InstanceContext, userId: string, unitIds: readonly string[], primaryId?: string): Promise<BatchResult> {
  if (primaryId !== undefined && !unitIds.includes(primaryId)) throw primaryNotAmong();
  return changeUnits(context, [userId], unitIds, (before) => {
    const after = unitIds.map((id) => before.find((unit) => unit.id === id) ?? { id, isPrimary: false });
    return primaryId === undefined ? after : withPrimary(after, primaryId);
  });
}

/** @throws Problem 404 (no such user or unit, or the user is not in it) */
export function putPrimaryUnit(context: InstanceContext, userId: string, organizationalUnitId: string): Promise<BatchResult> {
  return changeUnits(context, [userId], [organizationalUnitId], (before) => {
    if (!before.some(({ id }) => id === organizationalUnitId)) throw notAMember();
    return withPrimary(before, organizationalUnitId);
  });
}

const withPrimary = (units: readonly UnitOfUser[], primaryId: string) => units.map(({ id }) => ({ id, isPrimary: id === primaryId }));

/** A user with units has a primary one. */
const ensurePrimary = (units: readonly UnitOfUser[]) => (units.length === 0 || units.some(({ isPrimary }) => isPrimary) ? units : withPrimary(units, units[0]?.id ?? ''));

const primaryOf = (units: readonly UnitOfUser[]) => units.find(({ isPrimary }) => isPrimary)?.id;

interface Pair { userId: string; unitId: string; isPrimary: boolean }

/** `named`: the units that the change is about; they exist and the principal may see them. */
export async function changeUnits(
  context: InstanceContext, userIds: readonly string[], named: readonly string[], wanted: (before: readonly UnitOfUser[], userId: string) => readonly UnitOfUser[],
): Promise<BatchResult> {
  const { changed, ...result } = await context.transaction(async (tx) => {
    await rejectAbsentUnits(tx, named);
    await lockUsers(tx, userIds);
    await rejectChangeOutsideLimit(tx, userIds);
    const isLimited = limitPathsOf(tx) !== undefined;
    const unitsOf = await readUnitsOf(tx, userIds);
    const added: Pair[] = [];
    const removed: Pair[] = [];
    const raised: Pair[] = [];
    const events: NewEvent[] = [];
    const touched = { added: new Set<string>(), removed: new Set<string>(), changed: new Set<string>() };
    for (const userId of userIds) {
      const before = unitsOf.get(userId) ?? [];
      const after = ensurePrimary(wanted(before, userId));
      if (after.length > mostUnitsOfUser) throw tooManyUnits(mostUnitsOfUser);
      if (after.length === 0 && isLimited) throw beyondLimit('A user of yours stays in at least one of your organizational units.');
      for (const { id: unitId, isPrimary } of after) {
        if (!before.some(({ id }) => id === unitId)) {
          added.push({ userId, unitId, isPrimary });
          events.push(unitMemberAdded(unitId, userId));
          touched.added.add(userId);
        } else if (isPrimary && primaryOf(before) !== unitId) raised.push({ userId, unitId, isPrimary });
      }
      for (const { id: unitId, isPrimary } of before) {
        if (after.some(({ id }) => id === unitId)) continue;
        removed.push({ userId, unitId, isPrimary });
        events.push(unitMemberRemoved(unitId, userId));
        touched.removed.add(userId);
      }
      const [oldPrimary, newPrimary] = [primaryOf(before), primaryOf(after)];
      if (oldPrimary !== newPrimary) {
        events.push(primaryUnitChanged(userId, oldPrimary, newPrimary));
        touched.changed.add(userId);
      }
    }
    const changed = [...new Set([...touched.added, ...touched.removed, ...touched.changed])];
    if (changed.length > 0) {
      await guardUsers(tx, changed);
      await write(tx, { added, removed, raised, lowered: [...touched.changed] });
      await append(tx, ...events);
      await keepDynamicGroups(tx, changed);
      await announceMemberships(tx, changed);
    }
    return { changed, added: touched.added.size, removed: touched.removed.size, unchanged: userIds.length - changed.length };
  });
  if (changed.length > 0) forgetMemberships(context, changed);
  return result;
}

async function rejectAbsentUnits(tx: InstanceContext, named: readonly string[]): Promise<void> {
  if (named.length === 0) return;
  // The reference of a new member would wait for a deletion anyway; so locked, the answer is the same for both.
  const rows = await tx.db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "OrganizationalUnit" WHERE "instanceId" = ${tx.instance.id} AND "id" = ANY (${named}::text[]) ORDER BY "id" FOR KEY SHARE`;
  if (rows.length < named.length) throw organizationalUnitNotFound();
  await rejectUnitOutsideLimit(tx, named, organizationalUnitNotFound);
}

/** The units of each of these users, the longest-standing first. */
async function readUnitsOf(context: InstanceContext, userIds: readonly string[]): Promise<Map<string, UnitOfUser[]>> {
  const rows = await context.db.organizationalUnitMember.findMany({
    where: { userId: { in: [...userIds] } }, orderBy: [{ createdAt: 'asc' }, { organizationalUnitId: 'asc' }], select: { userId: true, organizationalUnitId: true, isPrimary: true },
  });
  const unitsOf = new Map<string, UnitOfUser[]>();
  for (const { userId, organizationalUnitId: id, isPrimary } of rows) unitsOf.set(userId, [...unitsOf.get(userId) ?? [], { id, isPrimary }]);
  return unitsOf;
}

/** In an order in which a user never has two primary units, not for a moment. */
async function write(tx: InstanceContext, { added, removed, raised, lowered }: { added: Pair[]; removed: Pair[]; raised: Pair[]; lowered: string[] }): Promise<void> {
  const { id: instanceId } = tx.instance;
  const columns = (pairs: Pair[]) => [pairs.map(({ userId }) => userId), pairs.map(({ unitId }) => unitId)] as const;
  if (removed.length > 0) {
    const [users, units] = columns(removed);
    await tx.db.$executeRaw`
      DELETE FROM "OrganizationalUnitMember" AS "member" USING unnest(${users}::text[], ${units}::text[]) AS "gone"("userId", "unitId")
       WHERE "member"."instanceId" = ${instanceId} AND "member"."userId" = "gone"."userId" AND "member"."organizationalUnitId" = "gone"."unitId"`;
  }
  if (lowered.length > 0) await tx.db.organizationalUnitMember.updateMany({ where: { userId: { in: lowered }, isPrimary: true }, data: { isPrimary: false } });
  if (added.length > 0) {
    const [users, units] = columns(added);
    await tx.db.$executeRaw`
      INSERT INTO "OrganizationalUnitMember" ("instanceId", "userId", "organizationalUnitId", "isPrimary", "createdAt")
      SELECT ${instanceId}, "userId", "unitId", "isPrimary", ${tx.now()}
        FROM unnest(${users}::text[], ${units}::text[], ${added.map(({ isPrimary }) => isPrimary)}::boolean[]) AS "new"("userId", "unitId", "isPrimary")`;
  }
  if (raised.length > 0) {
    const [users, units] = columns(raised);
    await tx.db.$executeRaw`
      UPDATE "OrganizationalUnitMember" AS "member" SET "isPrimary" = true FROM unnest(${users}::text[], ${units}::text[]) AS "raised"("userId", "unitId")
       WHERE "member"."instanceId" = ${instanceId} AND "member"."userId" = "raised"."userId" AND "member"."organizationalUnitId" = "raised"."unitId"`;
  }
}
