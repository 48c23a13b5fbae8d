/** Filters of user lists as SQL over "User" AS "user". */
import { invalidParameters } from '../core/errors.ts';
import { firstIdOf } from '../core/ids.ts';
import { Prisma } from '../generated/prisma/client.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { loadCustomFields } from './custom-fields/definitions.ts';
import { valueKeys } from './custom-fields/values.ts';
import { foldIdentifier } from './identifiers.ts';
import { userWithinLimit } from './limits.ts';
import type { UserFilters } from './schemas.ts';

/**
 * Users of the instance, within the principal's limit, not deleted, that meet all filters but search and startsWith.
 * @throws Problem 400 for a custom field that there is none of
 */
export async function userConditions(context: InstanceContext, filters: UserFilters): Promise<Prisma.Sql> {
  const { instance } = context;
  const conditions = [
    Prisma.sql`"user"."instanceId" = ${instance.id} AND "user"."recycledAt" IS NULL AND ${userWithinLimit(context, Prisma.sql`"user"."id"`)}`,
    ...(filters.username === undefined ? [] : [Prisma.sql`("user"."usernameKey" COLLATE "C") LIKE ${`${likeText(foldIdentifier(filters.username))}%`}`]),
    ...(filters.email === undefined ? [] : [Prisma.sql`("user"."emailKey" COLLATE "C") LIKE ${`${likeText(foldIdentifier(filters.email))}%`}`]),
    ...(filters.phone === undefined ? [] : [Prisma.sql`"user"."phone" = ${filters.phone}`]),
    ...(filters.externalId === undefined ? [] : [Prisma.sql`"user"."externalId" = ${filters.externalId}`]),
    ...(filters.sourceType === undefined ? [] : [Prisma.sql`"user"."sourceType" = ${filters.sourceType}`]),
    ...(filters.sourceId === undefined ? [] : [Prisma.sql`"user"."sourceId" = ${filters.sourceId}`]),
    ...(filters.status === undefined ? [] : [statusCondition(filters.status, context.now())]),
    ...(filters.organizationalUnitId === undefined ? [] : [Prisma.sql`"user"."id" IN (SELECT "userId" FROM "OrganizationalUnitMember" WHERE "instanceId" = ${instance.id} AND "organizationalUnitId" = ${filters.organizationalUnitId})`]),
    ...(filters.groupId === undefined ? [] : [Prisma.sql`"user"."id" IN (SELECT "userId" FROM "GroupMember" WHERE "instanceId" = ${instance.id} AND "groupId" = ${filters.groupId})`]),
    ...(filters.customField === undefined ? [] : [await customFieldCondition(context, filters.customField)]),
    // Ids are made with the user and begin with the time: the list starts where the range does.
    ...(filters.createdAfter === undefined ? [] : [Prisma.sql`"user"."createdAt" > ${new Date(filters.createdAfter)} AND "user"."id" >= ${firstIdOf('user', Date.parse(filters.createdAfter))}`]),
    ...(filters.createdBefore === undefined ? [] : [Prisma.sql`"user"."createdAt" < ${new Date(filters.createdBefore)} AND "user"."id" <= ${firstIdOf('user', Date.parse(filters.createdBefore) + 1)}`]),
  ];
  return Prisma.join(conditions, ' AND ');
}

/** An account past its end is `expired` whatever the column says (user.ts). */
function statusCondition(status: NonNullable<UserFilters['status']>, now: Date): Prisma.Sql {
  if (status === 'enabled') return Prisma.sql`"user"."status" = 'enabled' AND ("user"."expiresAt" IS NULL OR "user"."expiresAt" > ${now})`;
  if (status === 'expired') return Prisma.sql`("user"."status" = 'expired' OR ("user"."status" = 'enabled' AND "user"."expiresAt" <= ${now}))`;
  return Prisma.sql`"user"."status" = ${status}`;
}

async function customFieldCondition(context: InstanceContext, filter: string): Promise<Prisma.Sql> {
  const [key = '', value] = [filter.slice(0, filter.indexOf(':')), filter.slice(filter.indexOf(':') + 1)];
  const field = (await loadCustomFields(context)).find((each) => each.key === key && each.state === 'active');
  if (!field) throw invalidParameters([{ field: 'customField', code: 'unknown', detail: `${key} is no custom field of this instance; see /custom-fields` }]);
  const wanted = field.type === 'number' ? String(Number(value)) : value;
  const [valueKey = ''] = valueKeys(wanted);
  return Prisma.sql`"user"."id" IN (SELECT "userId" FROM "CustomFieldValue" WHERE "instanceId" = ${context.instance.id} AND "fieldId" = ${field.id} AND "valueKey" = ${valueKey})`;
}

/** For LIKE, in which `%` and `_` stand for others. */
export function likeText(value: string): string {
  return value.replace(/[\\%_]/g, '\\$&');
}
