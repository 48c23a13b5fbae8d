import { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { memberColumns, type MemberRow, viewMember } from '../member-rows.ts';
import { rootOrganizationalUnitId } from '../organizational-units/root.ts';
import type { ExpressionUser } from '../user-expression.ts';

/** A user as rules see it (rule.ts), and what lists show of it. */
export interface RuleUser { readonly row: MemberRow; readonly variables: Omit<ExpressionUser, 'groups' | 'groupIds'> }

interface Row extends MemberRow {
  givenName: string | null; familyName: string | null; emailVerified: boolean; phone: string | null; locale: string | null; timeZone: string | null;
  externalId: string | null; customFields: ExpressionUser['dict']; unitIds: string[]; unitNames: string[];
}

/** Those of these users who are there, in the order of their ids, read past all caches. */
export const readRuleUsers = (context: InstanceContext, userIds: readonly string[]): Promise<RuleUser[]> =>
  read(context, Prisma.sql`"user"."id" = ANY (${userIds}::text[])`, userIds.length);

/** The next users behind `afterId`, recycled ones among them. */
export const readNextRuleUsers = (context: InstanceContext, afterId: string, limit: number): Promise<RuleUser[]> =>
  read(context, Prisma.sql`"user"."id" > ${afterId}`, limit);

async function read(context: InstanceContext, which: Prisma.Sql, limit: number): Promise<RuleUser[]> {
  const rows = await context.db.$queryRaw<Row[]>`
    SELECT ${memberColumns}, "user"."givenName", "user"."familyName", "user"."emailVerified", "user"."phone", "user"."locale", "user"."timeZone",
           "user"."externalId", "user"."customFields", COALESCE("units"."unitIds", ARRAY["root"."id"]) AS "unitIds", COALESCE("units"."unitNames", ARRAY["root"."name"]) AS "unitNames"
      FROM "User" AS "user" JOIN "OrganizationalUnit" AS "root" ON "root"."instanceId" = "user"."instanceId" AND "root"."id" = ${rootOrganizationalUnitId}
      LEFT JOIN LATERAL (
        SELECT array_agg("unit"."id" ORDER BY "unit"."id") AS "unitIds", array_agg("unit"."name" ORDER BY "unit"."id") AS "unitNames"
          FROM "OrganizationalUnitMember" AS "member" JOIN "OrganizationalUnit" AS "unit" ON "unit"."instanceId" = "member"."instanceId" AND "unit"."id" = "member"."organizationalUnitId"
         WHERE "member"."instanceId" = "user"."instanceId" AND "member"."userId" = "user"."id") AS "units" ON true
     WHERE "user"."instanceId" = ${context.instance.id} AND ${which} ORDER BY "user"."id" LIMIT ${limit}`;
  const now = context.now();
  return rows.map((row) => ({
    row,
    variables: {
      id: row.id, username: row.username, displayName: row.displayName, givenName: row.givenName, familyName: row.familyName,
      email: row.email, emailVerified: row.emailVerified, phone: row.phone, locale: row.locale, timeZone: row.timeZone,
      externalId: row.externalId, status: viewMember(row, now).status, dict: row.customFields,
      organizationalUnits: row.unitNames, organizationalUnitIds: row.unitIds,
    },
  }));
}
