/** Who would feel a change of a definition. Counts stop at a limit: no request grows with the number of users. */
import type { InstanceContext } from '../../tenancy/index.ts';
import { namesCustomField } from '../in-use.ts';
import type { CustomField } from './definitions.ts';
import { valueKeys } from './values.ts';

export interface Counted { readonly count: number; readonly isAtLeast: boolean }

const mostCounted = 10_000;
const mostScanned = 100_000;
/** Values whose uniqueness is changed within one request. */
export const mostReindexed = 50_000;

export const sayCount = ({ count, isAtLeast }: Counted) => `${isAtLeast ? 'more than ' : ''}${count} ${count === 1 ? 'user' : 'users'}`;

export const sayHave = (users: Counted) => `${sayCount(users)} ${users.count === 1 ? 'has' : 'have'}`;

const counted = (rows: readonly { count: bigint }[], most: number): Counted => {
  const count = Number(rows[0]?.count ?? 0);
  return { count: Math.min(count, most), isAtLeast: count > most };
};

/** Users with a value. */
export async function countValues(tx: InstanceContext, field: CustomField, most = mostCounted): Promise<Counted> {
  const scanned = field.type === 'list' ? most * 5 : most + 1;
  return counted(await tx.db.$queryRaw<{ count: bigint }[]>`
    SELECT count(DISTINCT "userId") AS "count" FROM (
      SELECT "userId" FROM "CustomFieldValue" WHERE "instanceId" = ${tx.instance.id} AND "fieldId" = ${field.id} LIMIT ${scanned}) AS "some"`, most);
}

/** Users without one; of a large instance those among its first hundred thousand. */
export async function countUsersWithout(tx: InstanceContext, field: CustomField): Promise<Counted> {
  const rows = await tx.db.$queryRaw<{ count: bigint; scanned: bigint }[]>`
    SELECT count(*) FILTER (WHERE NOT jsonb_exists("customFields", ${field.key})) AS "count", count(*) AS "scanned" FROM (
      SELECT "customFields" FROM "User" WHERE "instanceId" = ${tx.instance.id} AND "recycledAt" IS NULL ORDER BY "id" LIMIT ${mostScanned}) AS "some"`;
  return { count: Number(rows[0]?.count ?? 0), isAtLeast: Number(rows[0]?.scanned ?? 0) === mostScanned };
}

export async function findUsedChoices(tx: InstanceContext, field: CustomField, choices: readonly string[]): Promise<{ choice: string; users: Counted }[]> {
  const used: { choice: string; users: Counted }[] = [];
  for (const choice of choices) {
    const [valueKey = ''] = valueKeys(choice);
    const users = counted(await tx.db.$queryRaw<{ count: bigint }[]>`
      SELECT count(*) AS "count" FROM (
        SELECT 1 FROM "CustomFieldValue" WHERE "instanceId" = ${tx.instance.id} AND "fieldId" = ${field.id} AND "valueKey" = ${valueKey} LIMIT ${mostCounted + 1}) AS "some"`, mostCounted);
    if (users.count > 0) used.push({ choice, users });
    if (used.length === 5) break;
  }
  return used;
}

/** How many share one value, of the first value that several have; 0 when none do. The caller has bounded the values. */
export async function findDuplicate(tx: InstanceContext, field: CustomField): Promise<number> {
  const rows = await tx.db.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) AS "count" FROM (
      SELECT "valueKey" FROM "CustomFieldValue" WHERE "instanceId" = ${tx.instance.id} AND "fieldId" = ${field.id} ORDER BY "valueKey" LIMIT ${mostReindexed + 1}) AS "some"
     GROUP BY "valueKey" HAVING count(*) > 1 LIMIT 1`;
  return Number(rows[0]?.count ?? 0);
}

/** Dynamic groups whose rule speaks of the field. */
export function groupsThatName(tx: InstanceContext, field: CustomField): Promise<{ id: string; name: string }[]> {
  return tx.db.$queryRaw<{ id: string; name: string }[]>`
    SELECT "id", "name" FROM "Group" WHERE "instanceId" = ${tx.instance.id} AND "kind" = 'dynamic' AND "rule" ~ ${namesCustomField(field.key)} ORDER BY "id" LIMIT 5`;
}
