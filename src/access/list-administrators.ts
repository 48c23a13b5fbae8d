import { decodeCursor, pageFrom } from '../core/http/paging.ts';
import { userWithinLimit } from '../directory/index.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { Assignment } from './administrators.ts';

export interface AdministratorFilters { userId?: string | undefined; role?: string | undefined }

interface Row { userId: string; role: string; limited: boolean; units: string[]; createdAt: Date; version: number }

/** A page of assignments by user and role; for a limited administrator those of users within the limit. */
export async function listAdministrators(context: InstanceContext, { limit, cursor, ...filters }: AdministratorFilters & { limit: number; cursor?: string | undefined }): Promise<{ items: Assignment[]; next: string | null }> {
  const { keyring } = context.core;
  const scope = `${context.instance.id}\nadministrators\n${JSON.stringify(filters)}`;
  const after = decodeCursor(keyring, scope, cursor);
  const conditions = [
    Prisma.sql`"assignment"."instanceId" = ${context.instance.id}`,
    userWithinLimit(context, Prisma.sql`"assignment"."userId"`),
    ...(after ? [Prisma.sql`("assignment"."userId", "assignment"."role") > (${String(after[0])}, ${String(after[1])})`] : []),
    ...(filters.userId === undefined ? [] : [Prisma.sql`"assignment"."userId" = ${filters.userId}`]),
    ...(filters.role === undefined ? [] : [Prisma.sql`"assignment"."role" = ${filters.role}`]),
  ];
  const rows = await context.db.$queryRaw<Row[]>(Prisma.sql`
    SELECT "assignment"."userId", "assignment"."role", "assignment"."limited", "assignment"."createdAt", "assignment"."version",
           ARRAY(SELECT "limit"."organizationalUnitId" FROM "AdministratorLimit" AS "limit"
                  WHERE "limit"."instanceId" = "assignment"."instanceId" AND "limit"."userId" = "assignment"."userId" AND "limit"."role" = "assignment"."role" ORDER BY 1) AS "units"
      FROM "AdministratorAssignment" AS "assignment" WHERE ${Prisma.join(conditions, ' AND ')}
     ORDER BY "assignment"."userId", "assignment"."role" LIMIT ${limit + 1}`);
  const page = pageFrom(keyring, scope, rows, limit, ({ userId, role }) => [userId, role]);
  return { items: page.items.map(({ limited, units, ...row }) => ({ ...row, organizationalUnitIds: limited ? units : null })), next: page.next };
}
