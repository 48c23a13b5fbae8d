import { decodeCursor, pageFrom } from '../../core/http/paging.ts';
import { Prisma } from '../../generated/prisma/client.ts';
import { key, type InstanceContext } from '../../tenancy/index.ts';
import { userNotFound } from '../errors.ts';
import { limitPathsOf, pathWithin } from '../limits.ts';
import { pathIds } from '../memberships.ts';

interface Row { id: string; name: string; path: string; isPrimary: boolean }

/** A page of the units that a user is in, by their ids; of those that the principal may see. @throws Problem 404 */
export async function listUnitsOfUser(context: InstanceContext, userId: string, { limit, cursor }: { limit: number; cursor?: string | undefined }) {
  const user = await context.db.user.findUnique({ where: key(context, userId), select: { recycledAt: true } });
  if (!user || user.recycledAt) throw userNotFound();
  const { keyring } = context.core;
  const scope = `${context.instance.id}\norganizational-units-of-user\n${userId}`;
  const [after = ''] = decodeCursor(keyring, scope, cursor) ?? [];
  const limitPaths = limitPathsOf(context);
  const isVisible = limitPaths ? pathWithin(limitPaths, Prisma.sql`"unit"."path"`) : Prisma.sql`TRUE`;
  const rows = await context.db.$queryRaw<Row[]>`
    SELECT "unit"."id", "unit"."name", "unit"."path", "member"."isPrimary"
      FROM "OrganizationalUnitMember" AS "member" JOIN "OrganizationalUnit" AS "unit" ON "unit"."instanceId" = "member"."instanceId" AND "unit"."id" = "member"."organizationalUnitId"
     WHERE "member"."instanceId" = ${context.instance.id} AND "member"."userId" = ${userId} AND "member"."organizationalUnitId" > ${String(after)} AND ${isVisible}
     ORDER BY "member"."organizationalUnitId" LIMIT ${limit + 1}`;
  const page = pageFrom(keyring, scope, rows, limit, (row) => [row.id]);
  return { items: page.items.map(({ path, ...unit }) => ({ ...unit, path: [...pathIds(path)] })), next: page.next };
}
