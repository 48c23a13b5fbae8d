/** What there is of a counted quota, by looking. */
import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../context.ts';
import type { CountedQuota } from './quotas.ts';

/** The rows of each counted quota; undefined while there is no such thing in the product. */
function rowsOf(context: InstanceContext, quota: CountedQuota): Prisma.Sql | undefined {
  const { id } = context.instance;
  switch (quota) {
    case 'users': return Prisma.sql`FROM "User" WHERE "instanceId" = ${id}`;
    case 'applications': return Prisma.sql`FROM "Application" WHERE "instanceId" = ${id} AND "kind" <> 'machine' AND NOT "builtIn"`;
    case 'machineApplications': return Prisma.sql`FROM "Application" WHERE "instanceId" = ${id} AND "kind" = 'machine' AND NOT "builtIn"`;
    case 'identitySources': return Prisma.sql`FROM "IdentitySource" WHERE "instanceId" = ${id}`;
  }
}

/** All of them: for jobs, and once for an instance that gets a limit. */
export async function countRows(context: InstanceContext, quota: CountedQuota): Promise<number> {
  const rows = rowsOf(context, quota);
  if (!rows) return 0;
  const [row] = await context.db.$queryRaw<{ count: bigint }[]>`SELECT count(*) AS "count" ${rows}`;
  return Number(row?.count ?? 0);
}

/** No more than `most`: for requests, whose work must not grow with the instance. */
export async function countRowsUpTo(context: InstanceContext, quota: CountedQuota, most: number): Promise<number> {
  const rows = rowsOf(context, quota);
  if (!rows) return 0;
  const [row] = await context.db.$queryRaw<{ count: bigint }[]>`SELECT count(*) AS "count" FROM (SELECT 1 ${rows} LIMIT ${most}) AS "some"`;
  return Number(row?.count ?? 0);
}
