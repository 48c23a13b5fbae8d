/** What lists of assignments share: rows "a" that give something to a user, a group or an organizational unit. */
import { limitPathsOf, pathWithin, userWithinLimit } from '../directory/index.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { SubjectKind } from './application-roles/schemas.ts';

export interface ListedSubject {
  readonly subjectType: SubjectKind;
  readonly subjectId: string;
  readonly subjectName: string;
  readonly withDescendants: boolean;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
}

/** SQL: the columns of a ListedSubject, with the joins below. */
export const subjectColumns = Prisma.sql`a."subjectId", a."withDescendants", a."expiresAt", a."createdAt", COALESCE(u."displayName", g."name", o."name") AS "subjectName",
      CASE WHEN a."userId" IS NOT NULL THEN 'user' WHEN a."groupId" IS NOT NULL THEN 'group' ELSE 'organizational_unit' END AS "subjectType"`;

export const subjectJoins = Prisma.sql`
    LEFT JOIN "User" u ON u."instanceId" = a."instanceId" AND u."id" = a."userId"
    LEFT JOIN "Group" g ON g."instanceId" = a."instanceId" AND g."id" = a."groupId"
    LEFT JOIN "OrganizationalUnit" o ON o."instanceId" = a."instanceId" AND o."id" = a."organizationalUnitId"`;

/** What the ids of each kind begin with: a range of the primary key. */
const ranges: Record<SubjectKind, readonly [string, string]> = { user: ['user_', 'user`'], group: ['group_', 'group`'], organizational_unit: ['ou_', 'ou`'] };

/** SQL: subjects of one kind, or all, behind the one that the page before ended with. */
export function subjectsBehind(after: unknown, kind: SubjectKind | undefined): Prisma.Sql {
  const [from, to] = kind ? ranges[kind] : ['', '~'];
  return Prisma.sql`a."subjectId" >= ${from} AND a."subjectId" < ${to} AND a."subjectId" > ${String(after ?? '')}`;
}

/** SQL: those within the principal's limit. The members of a group may be anywhere: whoever is limited to units does not see it here. */
export function subjectsWithinLimit(context: InstanceContext): Prisma.Sql {
  const paths = limitPathsOf(context);
  return paths === undefined ? Prisma.sql`TRUE` : Prisma.sql`((a."userId" IS NOT NULL AND ${userWithinLimit(context, Prisma.sql`a."userId"`)}) OR (o."path" IS NOT NULL AND ${pathWithin(paths, Prisma.sql`o."path"`)}))`;
}
