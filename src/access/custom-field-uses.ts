/** Policies, claims and role mappings that speak of a custom field keep it from being deleted: without it they would silently change what they say. */
import type { Core } from '../core/core.ts';
import { namesCustomField, onCustomFieldUse } from '../directory/index.ts';

const mostNamed = 5;

export function describeCustomFieldUses(core: Core): void {
  onCustomFieldUse(core, async (tx, fieldKey) => {
    const pattern = namesCustomField(fieldKey);
    const policies = await tx.db.$queryRaw<{ name: string }[]>`
      SELECT "name" FROM "AccessPolicy" WHERE "instanceId" = ${tx.instance.id} AND "condition" ~ ${pattern} ORDER BY "id" LIMIT ${mostNamed}`;
    const claims = await tx.db.$queryRaw<{ name: string }[]>`
      SELECT a."name" FROM "ApplicationClaimSettings" c JOIN "Application" a ON a."instanceId" = c."instanceId" AND a."id" = c."applicationId"
       WHERE c."instanceId" = ${tx.instance.id} AND (c."roleMapping" ~ ${pattern} OR c."claims"::text ~ ${pattern}) ORDER BY a."id" LIMIT ${mostNamed}`;
    return [
      ...policies.map(({ name }) => ({ kind: `the access policy ${name}`, count: 1 })),
      ...claims.map(({ name }) => ({ kind: `the claims of the application ${name}`, count: 1 })),
    ];
  });
}
