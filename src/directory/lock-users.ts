import { Problem } from '../core/errors.ts';
import type { InstanceContext } from '../tenancy/index.ts';

/**
 * Holds the users until the transaction ends, always in the same order, so that two batches do not wait for each other
 * in a circle. References to them can be added meanwhile.
 * @param field the part of the request that names them
 * @throws Problem 404 that lists those who are not there
 */
export async function lockUsers(tx: InstanceContext, userIds: readonly string[], field = 'userIds'): Promise<void> {
  const rows = await tx.db.$queryRaw<{ id: string }[]>`
    SELECT "id" FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "id" = ANY (${userIds}::text[]) AND "recycledAt" IS NULL ORDER BY "id" FOR NO KEY UPDATE`;
  rejectAbsent(userIds, new Set(rows.map(({ id }) => id)), field);
}

/** @throws Problem 404 that lists those who are not there */
export function rejectAbsent(userIds: readonly string[], found: ReadonlySet<string>, field = 'userIds'): void {
  const errors = userIds.flatMap((id, index) => (found.has(id) ? [] : [{ field: `${field}.${index}`, code: 'unknown', detail: 'is no user of this instance' }]));
  if (errors.length === 0) return;
  throw new Problem({
    status: 404, code: 'Operation.Failure.User.Not.Exist', errors: errors.slice(0, 100),
    detail: `${errors.length === 1 ? 'One user is' : `${errors.length} users are`} not in this instance. Nothing was changed.`,
  });
}
