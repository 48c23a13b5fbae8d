import type { User as UserRow } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';

/** Writes whole rows of users that the caller holds, in one statement. */
export async function writeRows(tx: InstanceContext, rows: readonly UserRow[]): Promise<void> {
  await tx.db.$executeRaw`
    UPDATE "User" AS "user" SET
      "username" = "new"."username", "usernameKey" = "new"."usernameKey", "displayName" = "new"."displayName", "givenName" = "new"."givenName", "familyName" = "new"."familyName",
      "email" = "new"."email", "emailKey" = "new"."emailKey", "emailVerified" = "new"."emailVerified", "phone" = "new"."phone", "phoneRegion" = "new"."phoneRegion", "phoneVerified" = "new"."phoneVerified",
      "locale" = "new"."locale", "timeZone" = "new"."timeZone", "externalId" = "new"."externalId", "description" = "new"."description", "customFields" = "new"."customFields",
      "status" = "new"."status", "expiresAt" = "new"."expiresAt", "version" = "new"."version", "updatedAt" = "new"."updatedAt",
      "recycledAt" = "new"."recycledAt", "erasesAt" = "new"."erasesAt", "statusBeforeRecycling" = "new"."statusBeforeRecycling"
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS "new"(
        "id" text, "username" text, "usernameKey" text, "displayName" text, "givenName" text, "familyName" text, "email" text, "emailKey" text, "emailVerified" boolean,
        "phone" text, "phoneRegion" text, "phoneVerified" boolean, "locale" text, "timeZone" text, "externalId" text, "description" text, "customFields" jsonb,
        "status" text, "expiresAt" timestamptz, "version" integer, "updatedAt" timestamptz, "recycledAt" timestamptz, "erasesAt" timestamptz, "statusBeforeRecycling" text)
     WHERE "user"."instanceId" = ${tx.instance.id} AND "user"."id" = "new"."id"`;
}
